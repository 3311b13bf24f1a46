/* SPDX-License-Identifier: GPL-2.0 */
/* journal.h - what happened, kept in memory: the newest events and incidents. */
#ifndef ORPHAND_JOURNAL_H
#define ORPHAND_JOURNAL_H

#include "model/incident.h"

#define JOURNAL_EVENTS 10000
#define JOURNAL_INCIDENTS 10000
/* Incidents are few or large: past so many survivors in all, the oldest go earlier. */
#define JOURNAL_SURVIVORS 200000

struct event {
	uint64_t seq;
	uint64_t at;
	enum event_type type;
	uint32_t tree;
	uint32_t owner; /* uid that may see it */
	struct ident who;
	struct ident parent;
	uint32_t exit_code;
	uint32_t signal;
	uint32_t vpid;
	uint32_t outcome;
	char incident[INCIDENT_ID_LEN];
	char name[NAME_LEN];
	struct image *image;
};

TAILQ_HEAD(incident_list, incident);
LIST_HEAD(running_list, incident);

struct journal {
	struct event *events;		/* JOURNAL_EVENTS, there from the start */
	uint64_t base;			/* seq of none: the first is one more */
	uint64_t last;			/* seq of the newest */
	uint64_t counts[EVENT_TYPES];	/* of events so far */
	struct incident_list incidents; /* in the order of their opening */
	struct running_list running;	/* those of them that wait for somebody to be gone */
	uint32_t incident_count;
	uint32_t survivor_count;
	uint64_t totals[INCIDENT_OUTCOMES];
	struct incident_list
		unsent;		 /* those that the recorder knows too little of, the oldest first */
	uint64_t unsent_dropped; /* that had to make room before they were sent */
};

/* base: above every seq of the daemons before. */
int journal__init(struct journal *journal, uint64_t base);
void journal__free(struct journal *journal);

/* The next event, zeroed but for seq, at, type and what the tree tells (may be NULL). Always there:
 * the oldest makes room. image is taken a reference of. */
struct event *journal__add(struct journal *journal, enum event_type type, uint64_t at,
			   const struct tree *tree, struct image *image);

/* By sequence number, NULL when it is no more or not yet. */
const struct event *journal__event(const struct journal *journal, uint64_t seq);
uint64_t journal__first(const struct journal *journal);

/* An incident is the journal's from its opening on. Only those that run no more make room. */
void journal__open_incident(struct journal *journal, struct incident *incident);
void journal__finish_incident(struct journal *journal, struct incident *incident);

/* Puts an incident among those to be sent, or takes it from there. */
void journal__unsent(struct journal *journal, struct incident *incident);
void journal__sent(struct journal *journal, struct incident *incident);

void event__fill(const struct event *event, struct control_event_row *row);

#endif
