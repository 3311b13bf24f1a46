// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "guard/announce.h"
#include "guard/brake.h"
#include "guard/ender.h"
#include "guard/reflex.h"
#include "model/rules.h"

#define MINUTE (60 * NS_PER_SEC)

bool brake__is_open(const struct guard *guard)
{
	return guard->state.disarmed;
}

static void set(struct guard *guard, bool open, const char *why)
{
	guard->state.disarmed = open;
	text__copy(guard->state.why, sizeof(guard->state.why), why);
	reflex__arm(guard);
	if (kernel__put_state(guard->kernel, &guard->state))
		log_warn("the brake could not be noted: a restart will find it closed");
}

void brake__open(struct guard *guard, const char *why)
{
	struct event *event;

	if (brake__is_open(guard))
		return;
	set(guard, true, why);
	event = journal__add(&guard->journal, EVENT_BRAKE_OPENED, clock__boottime(), NULL, NULL);
	text__copy(event->name, sizeof(event->name), why);
	announce__disarmed(why);
	ender__brake_all(guard);
}

void brake__close(struct guard *guard)
{
	set(guard, false, "");
	log_info("armed");
}

/* Incidents of that owner that had survivors, of the last minute; the journal has the newest last. */
static uint32_t incidents_of_a_minute(const struct journal *journal, uint32_t owner, uint64_t now)
{
	const struct incident *incident = TAILQ_LAST(&journal->incidents, incident_list);
	uint32_t count = 0;

	while (incident && now - incident->opened < MINUTE) {
		count += incident->survivors > 0 && incident->owner == owner;
		incident = TAILQ_PREV(incident, incident_list, all);
	}
	return count;
}

/* What a user other than root asked for disarms nobody else's: that one incident is let be. */
static void hold_back(struct guard *guard, struct incident *incident, const char *why)
{
	if (!incident->owner) {
		brake__open(guard, why);
		return;
	}
	incident->braked = true;
	log_warn("incident %s, a tree of uid %u: %s; nobody is signalled", incident->id,
		 incident->owner, why);
}

uint32_t brake__limit(const struct guard *guard, const struct tree *tree)
{
	return tree->rule && tree->rule->limit ? tree->rule->limit
					       : guard->config.survivors_per_incident;
}

void brake__look(struct guard *guard, struct incident *incident, uint32_t survivors)
{
	uint32_t limit = brake__limit(guard, incident->tree);
	char why[MATCHED_LEN];

	if (survivors > limit) {
		snprintf(why, sizeof(why), "%u survivors of one death, the limit is %u", survivors,
			 limit);
		hold_back(guard, incident, why);
	} else if (survivors &&
		   incidents_of_a_minute(&guard->journal, incident->owner, incident->opened) >=
			   guard->config.incidents_per_minute) {
		snprintf(why, sizeof(why), "more than %u incidents in a minute",
			 guard->config.incidents_per_minute);
		hold_back(guard, incident, why);
	}
}
