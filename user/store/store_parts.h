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
	sqlite3_stmt *insert[TABLES]; /* NULL: opened for reading */
	sqlite3_stmt *find_image, *add_image, *touch_image, *find_word, *add_word;
	int64_t host; /* of the rows that are put */
	int64_t realtime;
	struct image_slot images[IMAGE_SLOTS];
	char word[NAME_LEN]; /* that was looked up last, and its id */
	int64_t word_id;
};

/* Of SQLite's newest complaint, a negative errno; 0: it has none. */
int store__error(const struct store *store);
int store__run(struct store *store, const char *sql);
int store__prepare(struct store *store, const char *sql, sqlite3_stmt **statement);
/* The one number that the statement gives. */
int store__number(struct store *store, const char *sql, int64_t *number);
/* From that schema (0: nothing is there) to STORE_SCHEMA, all of it or nothing. */
int store__bring_up(struct store *store, int64_t schema);

#endif
