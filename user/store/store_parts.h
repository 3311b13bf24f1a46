/* SPDX-License-Identifier: GPL-2.0 */
/* store_parts.h - what the files of the store share; nobody else reads it. */
#ifndef ORPHAND_STORE_PARTS_H
#define ORPHAND_STORE_PARTS_H

#include <sqlite3.h>

#include "store/store.h"
#include "store/tables.h"

#define IMAGE_SLOTS 16384

struct image_slot {
	uint64_t hash;
	int64_t id;   /* 0: empty */
	int64_t time; /* that the table has */
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *insert[TABLES]; /* NULL: opened for reading */
	sqlite3_stmt *find_image, *add_image, *touch_image, *find_word, *add_word;
	int64_t host; /* of the rows that are put */
	int64_t realtime;
	struct image_slot images[IMAGE_SLOTS];
	char word[NAME_LEN]; /* that was looked up last, and its id */
	int64_t word_id;
};

/* One reading of rows. */
struct reader {
	struct store *store;
	store_row_fn fn;
	void *context;
	int64_t host; /* that was told last; -1: none yet */
	uint32_t pid; /* that is asked for, 0: whoever */
	sqlite3_stmt *survivors;
};

/* A statement for a table's rows, with their images as image0 and, where there are two, image1;
 * rest: WHERE and what follows. */
int reader__prepare(struct store *store, enum table_id table, const char *rest,
		    sqlite3_stmt **statement);
/* Calls one for each row, and is done with the statement; what it returns when it is not 0, or an
 * error. */
int reader__each(struct reader *reader, sqlite3_stmt *statement,
		 int (*one)(struct reader *reader, sqlite3_stmt *statement));
int reader__event(struct reader *reader, sqlite3_stmt *statement);
/* With its survivors; of those, where a pid is asked for that is not the root's, with it alone. */
int reader__incident(struct reader *reader, sqlite3_stmt *statement);

/* Of SQLite's newest complaint, a negative errno; 0: it has none. */
int store__error(const struct store *store);
int store__run(struct store *store, const char *sql);
int store__prepare(struct store *store, const char *sql, sqlite3_stmt **statement);
/* The one number that the statement gives. */
int store__number(struct store *store, const char *sql, int64_t *number);
/* From that schema (0: nothing is there) to STORE_SCHEMA, all of it or nothing. */
int store__bring_up(struct store *store, int64_t schema);

/* ---- whole tables, for lines.c */

/* Whose rows are next, and a row as it is stored: record is the struct that the table's columns
 * are fields of, time (realtime ns) what it is kept and found by. Not 0: enough. */
struct store_reading {
	store_row_fn host;
	int (*record)(void *context, enum table_id table, int64_t time, const void *record);
	void *context;
};

/* All rows of a table from then on (realtime ns), oldest first. 0, what was returned, or a negative
 * errno. */
int store__each(struct store *store, enum table_id table, uint64_t since,
		const struct store_reading *reading);

/* A row of any table as store__each() handed it out, in place of the one with its key. */
int store__put_record(struct store *store, enum table_id table, int64_t time, const void *record);

/* An incident that says another number of survivors than there are, "": there is none. */
int store__find_torn(struct store *store, char incident[INCIDENT_ID_LEN]);

#endif
