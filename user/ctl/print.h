/* SPDX-License-Identifier: GPL-2.0 */
/*
 * print.h - what people see: colour, columns, spans of time. What came from elsewhere is never
 * written raw to a terminal.
 */
#ifndef ORPHAND_PRINT_H
#define ORPHAND_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <orphand/control.h>

#include "report/words.h"

struct json_object;

/* What standard output is. */
struct screen {
	bool terminal;
	bool colour;
	bool utf8;
	size_t width; /* of a terminal, in columns; 0: unknown */
};

enum colour {
	COLOUR_PLAIN = 0,
	COLOUR_STRONG,
	COLOUR_DIM,
	COLOUR_GOOD,
	COLOUR_WARN,
	COLOUR_BAD,
	COLOURS,
};

struct screen screen__look(void);

/* "orphanctl: ..." on standard error, in one line whatever the arguments hold. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/* The sequences that begin and end a colour; "" where there is none. */
const char *colour__on(const struct screen *screen, enum colour colour);
const char *colour__off(const struct screen *screen, enum colour colour);

/* An incident's: whether it went well. */
enum colour colour__of_outcome(const struct control_incident_row *row);

/* "31 µs" */
void print__span(FILE *to, const struct screen *screen, uint64_t ns);

/* On a terminal how long ago that was, else RFC 3339. */
void print__when(FILE *to, const struct screen *screen, const struct control_host *host,
		 uint64_t at);

/* "SIGKILL from 4100 platform": an incident's, in a column. */
void print__cause(FILE *to, const struct control_incident_row *row);

/* A latency of 0 is none: nobody was signalled, or somebody is left. */
void print__latency(FILE *to, const struct screen *screen, uint64_t ns);

/* A line of JSON; puts the object. 0, or -ENOMEM when there is none. */
int print__json(struct json_object *object);

/* ---- columns */

struct column {
	const char *head; /* NULL in the first: a table without heads */
	bool right;	  /* numbers stand at the right */
};

struct table {
	const struct column *columns;
	size_t count;
	bool whole; /* the last column may be wider than the terminal */
	char *text;
	size_t size;
	FILE *stream;
	size_t cells;
};

/* 0 or -ENOMEM. */
int table__begin(struct table *table, const struct column *columns, size_t count);

/* Where to write the next cell. */
FILE *table__cell(struct table *table, enum colour colour);

/* Aligned on a terminal, else with tabs between; 0 or -ENOMEM. */
int table__print(struct table *table, const struct screen *screen);

void table__clear(struct table *table);

#define autotable __attribute__((cleanup(table__clear)))

#endif
