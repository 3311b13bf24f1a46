// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "guard/tally.h"
#include "model/histogram.h"

void tally__signal(struct tally *tally, int signal, int err)
{
	if (signal > 0 && signal < TALLY_SIGNALS)
		tally->signals[signal][!err	       ? SIGNAL_SENT
				       : err == -ESRCH ? SIGNAL_GONE
						       : SIGNAL_REFUSED]++;
}

static struct rule_tally *rule_of(struct tally *tally, const char *rule)
{
	struct rule_tally *found = tally->rules;

	for (; found < tally->rules + tally->rule_count; found++) {
		if (strcmp(found->rule, rule) == 0)
			return found;
	}
	if (tally->rule_count < TALLY_RULES) {
		tally->rule_count++;
		text__copy(found->rule, sizeof(found->rule), rule);
		return found;
	}
	found = &tally->rules[TALLY_RULES];
	text__copy(found->rule, sizeof(found->rule), TALLY_OTHERS);
	return found;
}

void tally__closed(struct tally *tally, const struct incident *incident)
{
	struct rule_tally *rule = rule_of(tally, incident->rule);
	uint64_t reaction = incident__reaction(incident), clear = incident__clear(incident);
	const struct fate *fate;

	rule->incidents[incident__outcome(incident)]++;
	TAILQ_FOREACH(fate, &incident->fates, of_incident)
		rule->survivors[fate->outcome]++;
	if (reaction)
		histogram__add(&tally->reaction, reaction, incident->id, incident->death.at);
	if (clear)
		histogram__add(&tally->clear, clear, incident->id, incident->death.at);
}
