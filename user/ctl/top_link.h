/* SPDX-License-Identifier: GPL-2.0 */
/*
 * top_link.h - top's connections to the daemon: one that follows the events, one that asks, one
 * question at a time. Nothing here waits; a daemon that went away is looked for again.
 */
#ifndef ORPHAND_TOP_LINK_H
#define ORPHAND_TOP_LINK_H

#include "ctl/client.h"
#include "ctl/top_data.h"

enum question {
	QUESTION_STATS = 0,
	QUESTION_TREES,
	QUESTION_INCIDENTS, /* the newest */
	QUESTION_INCIDENT,  /* one that an event told of */
	QUESTIONS,
};

struct link {
	struct ctl *ctl;
	struct trees trees;
	struct incidents incidents;
	struct numbers numbers;
	struct numbers next; /* that come in */
	struct client asking;
	struct client following;
	enum question question; /* QUESTIONS: none is asked */
	uint64_t asked_at;
	uint64_t heard_at; /* when a part of an answer last came */
	uint64_t due[QUESTIONS];
	uint64_t changed_at; /* when an event last told that trees have changed */
	uint64_t listed_at;  /* when the list that is shown was asked for */
	uint32_t limit;	     /* so many incidents at once */
	uint64_t lost_at;    /* since when there is no daemon, 0: there is one */
	uint64_t retry_at;
};

/* The first time: without a daemon there is no use in a screen. */
enum exit_status link__open(struct link *link, struct ctl *ctl, uint64_t now);
void link__clear(struct link *link);

/* Asks what is due, looks for a daemon that is away. */
void link__step(struct link *link, uint64_t now);

/* Takes what is there on either connection, a bounded part of it; true when it changes what is
 * shown. */
bool link__take(struct link *link, uint64_t now);

/* How long nothing came of an answer that the daemon owes, ns. */
uint64_t link__silence(const struct link *link, uint64_t now);

#endif
