/* SPDX-License-Identifier: GPL-2.0 */
/* top_data.h - what top knows of the daemon: trees, incidents, numbers. Pure: no I/O, no clock. */
#ifndef ORPHAND_TOP_DATA_H
#define ORPHAND_TOP_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <orphand/control.h>

/* ---- trees */

enum tree_sort {
	TREES_BY_MEMBERS = 0,
	TREES_BY_CHANGE,
	TREES_BY_AGE, /* the youngest first */
	TREES_BY_NAME,
	TREES_BY_ID,
	TREE_SORTS,
};

struct tree_entry {
	struct control_tree_row row;
	uint32_t marks[2]; /* members at the last two marks, the older first */
};

/* So often a mark is set: the change is that of the last one to two such times. */
#define MARK_NS 5000000000ULL

struct tree_rows {
	struct tree_entry *entries;
	size_t count;
	size_t room;
};

struct trees {
	struct tree_rows shown; /* by id */
	struct tree_rows next;	/* that comes in */
	struct tree_entry **order;
	enum tree_sort sort;
	uint64_t marked_at; /* 0: nothing was listed yet */
};

int64_t tree__change(const struct tree_entry *tree);

/* Rows come in one by one, and stand in place of the list when it is whole. 0 or -ENOMEM. */
int trees__add(struct trees *trees, const struct control_tree_row *row);
int trees__finish(struct trees *trees, uint64_t now);
void trees__drop(struct trees *trees); /* what came in */
void trees__sort(struct trees *trees, enum tree_sort sort);
/* Where the tree stands; count when it is not there. */
size_t trees__find(const struct trees *trees, uint32_t id);
void trees__clear(struct trees *trees);

/* ---- incidents */

enum incident_sort {
	INCIDENTS_BY_TIME = 0, /* the newest first */
	INCIDENTS_BY_REACTION,
	INCIDENTS_BY_CLEAR,
	INCIDENTS_BY_SURVIVORS,
	INCIDENT_SORTS,
};

/* So many are known; then the oldest makes room. */
#define TOP_INCIDENTS 1000

struct incident_entry {
	struct control_incident_row row;
	bool stale; /* an event told of it: the rest has yet to be asked for */
};

struct latency {
	uint64_t median;
	uint64_t p99;
};

struct incidents {
	struct incident_entry *entries;
	size_t count;
	struct incident_entry *order[TOP_INCIDENTS];
	enum incident_sort sort;
	struct latency reaction;
	struct latency clear;
	uint64_t scratch[TOP_INCIDENTS];
};

/* 0 or -ENOMEM. */
int incidents__init(struct incidents *incidents);
void incidents__clear(struct incidents *incidents);

void incidents__put(struct incidents *incidents, const struct control_incident_row *row);
/* Of an incident that was opened or closed: what it tells is shown until the incident is asked for.
 */
void incidents__note(struct incidents *incidents, const struct control_event_row *event);
/* The newest that is stale, NULL: none. */
struct incident_entry *incidents__stale(const struct incidents *incidents);
/* After some were put: sorts, and measures. */
void incidents__settle(struct incidents *incidents);
void incidents__sort(struct incidents *incidents, enum incident_sort sort);
size_t incidents__find(const struct incidents *incidents, const char *id);

/* Nearest rank: the smallest value that so many in a hundred do not exceed; 0 of none. Sorts. */
uint64_t percentile(uint64_t *values, size_t count, unsigned percent);

/* ---- numbers */

struct numbers {
	bool known;
	bool armed;
	bool observe;
	uint64_t trees;
	uint64_t processes;
	uint64_t lost;	 /* events, runs of a program, rows for the store and the log */
	uint64_t events; /* that the kernel side has seen */
	uint64_t at;
	double rate; /* of them, a second */
};

void numbers__add(struct numbers *numbers, const struct control_counter_row *row);
/* next is whole: numbers become it. */
void numbers__finish(struct numbers *numbers, struct numbers *next, uint64_t now);

#endif
