/* SPDX-License-Identifier: GPL-2.0 */
/* report_parts.h - what the files of report/ share; nobody else reads it. */
#ifndef ORPHAND_REPORT_PARTS_H
#define ORPHAND_REPORT_PARTS_H

#include "report/report.h"

/* All 0 or -ENOMEM. */

/* family.c: members, who is above whom, what is alike, the tree's lines and the chart's lanes.
 * With the first event, or at the end: by then all survivors are there. */
int report__make_family(struct report *report);

/* moments.c: those that rows of events tell; the rest, from the incident itself, in order. */
int report__take_event(struct report *report, const struct control_event_row *row);
int report__make_moments(struct report *report);
void moments__clear(struct moments *moments);

/* From the first to the last; both 0: never. */
struct range {
	uint64_t from;
	uint64_t to;
};

/* What became of several members. */
struct course {
	struct range born; /* after the death */
	struct range first;
	struct range last;
	struct range gone;
};

void range__widen(struct range *range, uint64_t at);
void course__add(struct course *course, const struct report *report, const struct relative *member);

/* As report__course(), of one member alone. */
void report__fate(const struct report *report, FILE *to, const struct relative *member);

/* looks.c: how each fate is shown, in colour and without. */
struct look {
	const char *name;
	const char *light; /* its colour on white, and on black */
	const char *dark;
	const char *mark; /* the end of its bar: an SVG path around 0,0 */
};

/* The survivors' outcomes, then the dead root. */
#define LOOKS (SURVIVOR_OUTCOMES + 1)

extern const struct look looks[LOOKS];

uint32_t relative__look(const struct relative *member);

/* escape.c: a stream whose every character reaches the other as itself, never as markup. It keeps
 * nothing back. NULL when memory is short. */
FILE *escape__xml(FILE *to);
FILE *escape__dot(FILE *to);

#endif
