/* SPDX-License-Identifier: GPL-2.0 */
/* top.h - the live view: what it knows, and what is seen of it. */
#ifndef ORPHAND_TOP_H
#define ORPHAND_TOP_H

#include "ctl/top_job.h"
#include "ctl/top_layout.h"
#include "ctl/top_link.h"

enum pane_id {
	PANE_TREES = 0,
	PANE_INCIDENTS,
	PANES,
};

#define MOST_COLUMNS 10
#define NOTICE_LEN 256

/* A table of which one row is selected. Rows come and go: it is a tree, an incident that is. */
struct pane {
	struct scroll scroll;
	size_t page;		     /* rows that are seen */
	size_t wanted[MOST_COLUMNS]; /* never less than before: columns that jump can't be read */
	uint32_t tree;
	char incident[INCIDENT_ID_LEN];
};

/* What was opened: what a command prints. */
struct reader {
	bool open;
	const char *command;
	uint32_t number;
	char id[INCIDENT_ID_LEN];
	struct job job;
	uint64_t started_at;
	uint64_t due;	      /* when it is looked at again */
	char why[NOTICE_LEN]; /* it can't be looked at again; "": it can */
	char *text;
	size_t *lines; /* where each begins in text, and where the last one ends */
	struct scroll scroll;
	size_t page;
	size_t skip; /* columns of a line left of the screen */
};

struct top {
	struct ctl *ctl;
	struct link link;
	struct pane panes[PANES];
	enum pane_id focus;
	struct reader reader;
	bool help;
	uint32_t asked; /* the process that may be spared, 0: none is asked about */
	struct job sparing;
	char notice[NOTICE_LEN];
	uint64_t notice_until;
	uint64_t now;
	FILE *pad; /* for one text at a time */
	char *pad_text;
	size_t pad_size;
};

/* What was complained about, in one line without our name. */
void top__why(char why[NOTICE_LEN], const char *complaint);

/* Says it in the last line, for a while. */
void top__notice(struct top *top, const char *text);

/* top_reader.c */
void reader__open(struct top *top, const char *command, uint32_t number, const char *id);
void reader__close(struct reader *reader);
/* Begins again what is due; true when there is something new to see. */
bool reader__step(struct top *top);
bool reader__take(struct top *top);
/* The process that the selected line tells of, 0: none. */
uint32_t reader__pid(const struct reader *reader);

/* top_draw.c */
void top__draw(struct top *top);
/* The next order of the focused pane. */
void top__sort(struct top *top);

#endif
