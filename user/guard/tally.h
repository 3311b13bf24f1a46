/* SPDX-License-Identifier: GPL-2.0 */
/* tally.h - counts of what was done, for the feed's metrics: here, where each thing happens once,
 * and whatever becomes of a recorder. */
#ifndef ORPHAND_TALLY_H
#define ORPHAND_TALLY_H

#include "model/incident.h"

/* Users name their trees as they like: past so many names all others are one. */
#define TALLY_RULES 256
#define TALLY_OTHERS "(others)"

#define TALLY_SIGNALS 65

enum signal_result { SIGNAL_SENT = 0, SIGNAL_GONE, SIGNAL_REFUSED, SIGNAL_RESULTS };

struct rule_tally {
	char rule[NAME_LEN];
	uint64_t incidents[INCIDENT_OUTCOMES];
	uint64_t survivors[SURVIVOR_OUTCOMES];
};

struct tally {
	struct rule_tally rules[TALLY_RULES + 1];
	size_t rule_count;
	uint64_t signals[TALLY_SIGNALS][SIGNAL_RESULTS]; /* of the daemon */
	struct histogram reaction, clear;
};

void tally__signal(struct tally *tally, int signal, int err);

/* Once for each incident, when it is told as closed the first time. */
void tally__closed(struct tally *tally, const struct incident *incident);

#endif
