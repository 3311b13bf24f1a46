/* SPDX-License-Identifier: GPL-2.0 */
/* incident.h - the record of one death that asked for action, and what became of each survivor. */
#ifndef ORPHAND_INCIDENT_H
#define ORPHAND_INCIDENT_H

#include <stdbool.h>
#include <sys/queue.h>

#include <orphand/control.h>

#include "model/family.h"

/* One survivor's part in one incident. With nested trees a process may have several. */
struct fate {
	SLIST_ENTRY(fate) of_proc;
	TAILQ_ENTRY(fate) of_incident;
	struct incident *incident;
	struct proc *proc; /* NULL: gone, or let go */
	struct ident who;
	struct ident parent;
	struct ident above; /* its nearest living ancestor when it was added; all zero: none */
	struct image *image;
	enum survivor_outcome outcome; /* SURVIVOR_PENDING until it is known */
	uint32_t exit_code;
	uint64_t gone;
	struct sent_signal first;
	struct sent_signal last;
	const char *reason; /* why it was spared: static text */
	char *stack;	    /* of a stuck one, may be NULL */
	char state[STATE_LEN];
	int pidfd; /* held from the first gentle signal on; -1: none */
};

TAILQ_HEAD(fates, fate);

struct incident {
	TAILQ_ENTRY(incident) all;
	TAILQ_ENTRY(incident) unsent; /* the recorder is to be told */
	bool is_unsent;
	LIST_ENTRY(incident) running; /* until the last survivor is gone */
	char id[INCIDENT_ID_LEN];
	char rule[NAME_LEN];
	char sender_exe[PATH_LEN];
	uint32_t tree_id;
	struct policy policy;
	uint32_t owner;
	struct death death;
	struct image *image;
	struct tree *tree; /* NULL once it runs no more */
	bool whole;	   /* the tree's root died; else one member with scope: any */
	bool observed;
	bool braked;
	bool reconstructed;
	bool has_ended; /* some of its survivors were found in the map of ends */
	bool hard;	/* SIGKILL is due or sent: no newborn may live */
	uint64_t opened;
	uint64_t closed; /* of a stuck one: told as such; again when they went after all */
	uint64_t due;	 /* when to look at it next: the end of grace, another round of SIGKILL */
	uint64_t hard_since;
	uint64_t last_first; /* when the last first signal was sent */
	uint64_t last_gone;
	uint32_t survivors;
	uint32_t pending; /* of them with outcome SURVIVOR_PENDING or SURVIVOR_STUCK */
	struct fates fates;
};

/* NULL without memory. Takes its own reference of image (may be NULL). */
struct incident *incident__new(const struct death *death, const struct tree *tree,
			       struct image *image);
void incident__free(struct incident *incident);

/* A deterministic id: the same death gets the same on every reading, so that a guard that starts
 * again tells nothing twice. realtime: of the death. */
void incident__make_id(struct incident *incident, const char *boot_id, uint64_t realtime);

/* NULL without memory. The fate hangs on the process until it is taken off. */
struct fate *incident__add(struct incident *incident, struct proc *proc);

/* Notes a signal; the first of all, or the first SIGKILL behind a gentler one. */
void fate__signalled(struct fate *fate, uint32_t signal, uint64_t at, enum signal_by by);

/* Its process ended. */
void fate__end(struct fate *fate, const struct death *death);

/* It withstands SIGKILL: its state, and its kernel stack as far as there is memory for it. */
void fate__stuck(struct fate *fate, const char *state, const char *stack);

/* It needs no more looking after: spared, observed, or braked. Leaves it on its process. */
void fate__settle(struct fate *fate, enum survivor_outcome outcome, const char *reason);

/* What can be said now, final once closed. */
enum incident_outcome incident__outcome(const struct incident *incident);

/* ns from the death to the last first signal, and to the last survivor's exit; 0: none. */
uint64_t incident__reaction(const struct incident *incident);
uint64_t incident__clear(const struct incident *incident);

void incident__fill(const struct incident *incident, struct control_incident_row *row);
void fate__fill(const struct fate *fate, struct control_survivor_row *row);

const char *incident_outcome__name(enum incident_outcome outcome);
const char *survivor_outcome__name(enum survivor_outcome outcome);

#endif
