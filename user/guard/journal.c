// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "guard/journal.h"

int journal__init(struct journal *journal, uint64_t base)
{
	journal->base = journal->last = base;
	TAILQ_INIT(&journal->incidents);
	LIST_INIT(&journal->running);
	TAILQ_INIT(&journal->unsent);
	journal->events = calloc(JOURNAL_EVENTS, sizeof(*journal->events));
	return journal->events ? 0 : -ENOMEM;
}

void journal__free(struct journal *journal)
{
	struct incident *incident;

	while ((incident = TAILQ_FIRST(&journal->incidents))) {
		TAILQ_REMOVE(&journal->incidents, incident, all);
		incident__free(incident);
	}
	for (size_t i = 0; journal->events && i < JOURNAL_EVENTS; i++)
		image__put(journal->events[i].image);
	free(journal->events);
}

struct event *journal__add(struct journal *journal, enum event_type type, uint64_t at,
			   const struct tree *tree, struct image *image)
{
	struct event *event = &journal->events[++journal->last % JOURNAL_EVENTS];

	journal->counts[type]++;
	image__put(event->image);
	memset(event, 0, sizeof(*event));
	event->seq = journal->last;
	event->at = at;
	event->type = type;
	event->image = image__ref(image);
	if (tree) {
		event->tree = tree->id;
		event->owner = tree->owner;
		text__copy(event->name, sizeof(event->name), tree->name);
	}
	return event;
}

const struct event *journal__event(const struct journal *journal, uint64_t seq)
{
	const struct event *event = &journal->events[seq % JOURNAL_EVENTS];

	return seq && event->seq == seq ? event : NULL;
}

uint64_t journal__first(const struct journal *journal)
{
	return journal->last - journal->base > JOURNAL_EVENTS - 1
		       ? journal->last - (JOURNAL_EVENTS - 1)
		       : journal->base + 1;
}

void journal__open_incident(struct journal *journal, struct incident *incident)
{
	TAILQ_INSERT_TAIL(&journal->incidents, incident, all);
	LIST_INSERT_HEAD(&journal->running, incident, running);
	journal->incident_count++;
}

void journal__unsent(struct journal *journal, struct incident *incident)
{
	if (incident->is_unsent)
		return;
	incident->is_unsent = true;
	TAILQ_INSERT_TAIL(&journal->unsent, incident, unsent);
}

void journal__sent(struct journal *journal, struct incident *incident)
{
	incident->is_unsent = false;
	TAILQ_REMOVE(&journal->unsent, incident, unsent);
}

/* The oldest closed ones go while there are too many. */
static void make_room(struct journal *journal)
{
	struct incident *incident = TAILQ_FIRST(&journal->incidents);

	while (incident && (journal->incident_count > JOURNAL_INCIDENTS ||
			    journal->survivor_count > JOURNAL_SURVIVORS)) {
		struct incident *next = TAILQ_NEXT(incident, all);

		if (!incident->tree && next) {
			TAILQ_REMOVE(&journal->incidents, incident, all);
			if (incident->is_unsent) {
				journal__sent(journal, incident);
				journal->unsent_dropped++;
			}
			journal->incident_count--;
			journal->survivor_count -= incident->survivors;
			incident__free(incident);
		}
		incident = next;
	}
}

void journal__finish_incident(struct journal *journal, struct incident *incident)
{
	LIST_REMOVE(incident, running);
	incident->tree = NULL;
	journal->survivor_count += incident->survivors;
	journal->totals[incident__outcome(incident)]++;
	make_room(journal);
}

void event__fill(const struct event *event, struct control_event_row *row)
{
	row->seq = event->seq;
	row->at = event->at;
	row->type = event->type;
	row->tree = event->tree;
	row->who = event->who;
	row->parent = event->parent;
	row->exit_code = event->exit_code;
	row->signal = event->signal;
	row->vpid = event->vpid;
	row->outcome = event->outcome;
	text__copy(row->incident, sizeof(row->incident), event->incident);
	text__copy(row->name, sizeof(row->name), event->name);
	image__fill(event->image, &row->image);
}
