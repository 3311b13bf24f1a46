/* SPDX-License-Identifier: GPL-2.0 */
/* tables.h - which field of a record is which column. The statements are made from these. */
#ifndef ORPHAND_TABLES_H
#define ORPHAND_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <orphand/control.h>

/* A row of the table: the record, and what only the store knows of it. */
struct stored_event {
	struct control_event_row row;
};

struct stored_incident {
	struct control_incident_row row;
};

struct stored_survivor {
	struct control_survivor_row row;
	char incident[INCIDENT_ID_LEN];
	uint32_t position;
};

struct stored_death {
	struct control_death_row row;
};

/* Room for a row of any. */
union stored {
	struct stored_event event;
	struct stored_incident incident;
	struct stored_survivor survivor;
	struct stored_death death;
};

struct column {
	const char *name;
	uint16_t offset;
	uint16_t size; /* of a number, or of a text's field */
	bool text;
	bool shared; /* a text that many rows have: kept once */
	bool ago;    /* kept as so long before the record's time: small numbers take little room */
};

/* A control_image in the record, kept once for all rows that have it. */
struct image_column {
	const char *name;
	size_t offset;
};

#define TABLE_IMAGES 2

struct table {
	const char *name;
	const char *key; /* what may not be there twice */
	const struct column *columns;
	size_t count;
	struct image_column images[TABLE_IMAGES];
	size_t image_count;
	size_t at; /* offset of the record's time */
};

enum table_id { TABLE_EVENT, TABLE_INCIDENT, TABLE_SURVIVOR, TABLE_DEATH, TABLES };

extern const struct table tables[TABLES];

#define INDEXES 8

extern const char *const indexes[INDEXES];

#endif
