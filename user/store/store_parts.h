/* SPDX-License-Identifier: GPL-2.0 */
/* store_parts.h - what store.c (writing) and query.c (reading) share; nobody else reads it. */
#ifndef ORPHAND_STORE_PARTS_H
#define ORPHAND_STORE_PARTS_H

#include <sqlite3.h>

#include "store/store.h"
#include "store/tables.h"

#define IMAGE_SLOTS 1024

struct image_slot {
	uint64_t hash;
	int64_t id;   /* 0: empty */
	int64_t time; /* that the table has */
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *insert[3]; /* event, incident, survivor; NULL: opened for reading */
	sqlite3_stmt *find_image, *add_image, *touch_image;
	int64_t host; /* of the rows that are put */
	int64_t realtime;
	struct image_slot images[IMAGE_SLOTS];
};

/* One reading of rows. */
struct reader {
	struct store *store;
	store_row_fn fn;
	void *context;
	int64_t host; /* that was told last; -1: none yet */
};

/* A statement for a table's rows; rest: WHERE and what follows. */
int reader__prepare(struct store *store, const struct table *table, const char *rest,
		    sqlite3_stmt **statement);
/* Calls one for each row, and is done with the statement; what it returns when it is not 0, or an
 * error. */
int reader__each(struct reader *reader, sqlite3_stmt *statement,
		 int (*one)(struct reader *reader, sqlite3_stmt *statement));
int reader__event(struct reader *reader, sqlite3_stmt *statement);
/* With its survivors. */
int reader__incident(struct reader *reader, sqlite3_stmt *statement);

int store__prepare(struct store *store, const char *sql, sqlite3_stmt **statement);

#endif
