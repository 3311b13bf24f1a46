/* SPDX-License-Identifier: GPL-2.0 */
/*
 * report.h - one incident as a whole: the family as it stood at the death, what became of each
 * member, and what happened when. Gathered from rows, whoever has them; rendered as text, HTML, SVG
 * and DOT, which all show the same folding. Pure: no I/O but to the stream that is given.
 */
#ifndef ORPHAND_REPORT_H
#define ORPHAND_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <orphand/control.h>

#include "model/json.h"
#include "report/forest.h"

/* So many siblings that are alike, with all under them, have a line each; more have one for all. */
#define REPORT_ALIKE_MOST 8
/* Lines of the tree; what is further down is counted only. */
#define REPORT_LINES_MOST 1000
/* Lanes of the timeline chart; with more members, those that are alike share one. */
#define REPORT_LANES_MOST 120
/* Moments are told one by one up to so many; more are folded, and then cut to so many lines. */
#define REPORT_MOMENTS_MOST 120
#define REPORT_MOMENT_LINES_MOST 400
/* Execs that are kept. */
#define REPORT_EXECS_MOST 100000
/* Lines further in than this are drawn no further in. */
#define REPORT_DEEPEST 20

/* Of the members, the dead root is the first. */
#define REPORT_ROOT 0

struct relative {
	struct ident who;
	struct ident parent;			/* who forked it */
	const struct control_survivor_row *row; /* NULL: the root */
	const struct control_image *image;
	uint32_t above; /* a member; of the root FOREST_NONE */
	uint32_t depth;
	uint32_t kind;	/* the same for all of the same program and fate */
	uint64_t shape; /* of its kind and all under it: the same for those that are alike */
	uint32_t line;	/* whose line in the tree tells of it: itself, or one that is alike */
	uint32_t alike; /* the next that the same line tells of */
	uint32_t count; /* how many its own line stands for; 0: it has none */
	uint32_t lane;
};

enum moment_kind {
	MOMENT_BORN = 0,
	MOMENT_TRACKED,
	MOMENT_EXECUTED,
	MOMENT_SHOT, /* the root's fatal signal was sent */
	MOMENT_DIED,
	MOMENT_OPENED,
	MOMENT_SIGNALLED,
	MOMENT_GONE,
	MOMENT_CLOSED,
	MOMENT_KINDS,
};

struct moment {
	uint64_t at;
	uint64_t until; /* of the last, where several are told in one */
	uint32_t kind;	/* enum moment_kind */
	uint32_t member;
	uint32_t what; /* SIGNALLED: the signal; GONE: the exit code */
	uint32_t by;   /* SIGNALLED: enum signal_by; BORN: whose child, 0: of several */
	uint32_t count;
	char *command; /* EXECUTED: already safe to print */
};

struct moments {
	struct moment *all;
	uint32_t count;
	uint32_t room;
};

/* One row of the chart: a member, or several of a kind. */
struct lane {
	uint32_t member; /* the first of them */
	uint32_t count;
	bool mixed; /* several kinds, for which there was no lane left */
};

struct report {
	struct json_context context; /* its host is the incident's */
	bool ascii;		     /* for who can show no µ and no × */
	struct control_incident_row incident;
	uint32_t incidents; /* that were taken; more than one: the rest of the report is moot */
	struct control_survivor_row *survivors;
	uint32_t count; /* of the survivors */
	uint32_t room;
	struct relative *members; /* 1 + count, from report__finish() on */
	uint32_t *order;	  /* all members, each behind who is above it, nearest first */
	struct forest family;	  /* nodes in that order */
	struct forest folded;	  /* the lines of the tree */
	uint32_t *lines;	  /* its nodes as members */
	uint32_t hidden;	  /* members below the last line */
	struct lane *lanes;
	uint32_t lane_count;
	struct moments moments; /* all, by time */
	struct moments told;	/* folded */
	uint32_t untold;	/* in the middle of those */
	uint64_t begin;		/* the first moment, and the last */
	uint64_t end;
};

/* Gives names to uids; the host comes with the incident. */
void report__init(struct report *report, const struct json_context *context);
void report__clear(struct report *report);

#define autoreport __attribute__((cleanup(report__clear)))

/* Rows as CONTROL_INCIDENTS answers, then those of CONTROL_EVENTS; host is whose they are. 0;
 * -EEXIST: a second incident; -EPROTO: a row that does not belong here; -ENOMEM. */
int report__take(struct report *report, const struct control_host *host,
		 const struct control_head *row);

/* What to ask for events, once the incident is there. */
struct control_query report__events_query(const struct report *report);

/* When all rows are there. 0 or -ENOMEM. */
int report__finish(struct report *report);

/* ---- before the rest, for those who render */

/* As `orphanctl --json show` prints it; NULL when memory is short. */
struct json_object *report__json(const struct report *report);

/* "killed by SIGKILL from pid 4100 (platform, user root, /usr/bin/platform)" */
void report__cause(const struct report *report, FILE *to);

void report__user(const struct report *report, FILE *to, uint32_t uid);

/* "31 µs" */
void report__span(const struct report *report, FILE *to, uint64_t ns);

/* "+0.000031 s": behind the death. */
void report__offset(const struct report *report, FILE *to, uint64_t at);

/* "+31 µs" */
void report__distance(const struct report *report, FILE *to, uint64_t at);

/* Of a member, by which the like are known: "sh". */
const char *relative__program(const struct relative *member);

/* "killed", of the root "died". */
const char *relative__fate(const struct relative *member);

/* "sh", "sh × 9,800" */
void report__program(const struct report *report, FILE *to, uint32_t member, uint32_t count);

/* Of all that a line tells of: ", SIGKILL +31 µs to +2 ms, gone +420 µs (SIGKILL)" */
void report__course(const struct report *report, FILE *to, const struct relative *line);

/* "forked by 4242" */
void report__moment(const struct report *report, FILE *to, const struct moment *moment);

/* "9,800" */
void report__number(FILE *to, uint64_t number);

/* ---- the formats: 0 or -ENOMEM; a stream's errors are its owner's to find */

int report__write_html(const struct report *report, FILE *to);
int report__write_svg(const struct report *report, FILE *to);
int report__write_dot(const struct report *report, FILE *to);

#endif
