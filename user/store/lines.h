/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lines.h - a store's rows as lines of JSON, one object each, to be sent to somebody and put into a
 * store there. "table" says of which table the row is, every column has its name, "time" is what
 * the row is kept and found by, "image" what the process runs. A line of the table "host" stands
 * before the rows of that host's daemon. A text that is no UTF-8 is {"hex":"..."}: nothing is lost.
 */
#ifndef ORPHAND_LINES_H
#define ORPHAND_LINES_H

#include <stdio.h>

#include "store/store.h"

/* Where the next line goes, and what it needs to know of those before. */
struct lines {
	FILE *to;
	struct control_host host; /* that was told last */
	struct store_place place;
};

/* All tables, from then on (realtime ns). 0, -ENOMEM, or what the store says; a failed stream ends
 * it, too. */
int lines__write_store(struct lines *lines, struct store *store, uint64_t since);

/* A row as the daemon tells it: an event, an incident or its survivor. 0, -ENOMEM, or -EINVAL. */
int lines__write_row(struct lines *lines, const struct control_host *host,
		     const struct control_head *row);

/*
 * Puts the lines into the store: all of them, or none. 0; -EINVAL: a line that is none; or another
 * negative errno; what is wrong, in one line that names the file and the line, in error. The same
 * lines once more change nothing.
 */
int lines__read(struct store *store, FILE *from, const char *name, char *error, size_t size);

#endif
