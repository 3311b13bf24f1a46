/* SPDX-License-Identifier: GPL-2.0 */
/*
 * store.h - what the daemon tells, kept in SQLite: written by the recorder, read by orphanctl. The
 * records are those of the control socket, so that a store is shown as the daemon's own answers
 * are. Nothing is kept twice: an event is known by its daemon's start and its number, an incident
 * by its id.
 */
#ifndef ORPHAND_STORE_H
#define ORPHAND_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include <orphand/control.h>

/* Of the tables. A store of a higher one is refused, one of a lower is brought up when it is opened
 * for writing, or in a copy when it is read. */
#define STORE_SCHEMA 2

struct store;

/*
 * 0; -ENOENT: there is none; -EPROTO: a higher schema; -EBADMSG: no store, or a broken one; or
 * another negative errno. Why, in one line, in error. Reading never changes the file.
 */
int store__create(struct store **store, const char *path, char *error, size_t size);
int store__open(struct store **store, const char *path, char *error, size_t size);
void store__close(struct store *store);

#define autostore __attribute__((cleanup(store__close_own)))

static inline void store__close_own(struct store **store)
{
	store__close(*store);
}

/* ---- writing: 0, -ENOSPC, -EBADMSG (broken), or -EIO */

int store__begin(struct store *store);
int store__commit(struct store *store);
void store__rollback(struct store *store);

/* Whose rows those behind it are. */
int store__put_host(struct store *store, const struct control_host *host);
int store__put_death(struct store *store, const struct control_death_row *row);
int store__put_event(struct store *store, const struct control_event_row *row);
/* Where the next survivor belongs. */
struct store_place {
	char incident[INCIDENT_ID_LEN];
	uint32_t position;
	uint64_t opened;
};

/* What was known of the incident before is replaced; its survivors follow, in their order. */
int store__put_incident(struct store *store, const struct control_incident_row *row,
			struct store_place *place);
int store__put_survivor(struct store *store, const struct control_survivor_row *row,
			struct store_place *place);

/* Drops, a few at a time, what is older (realtime ns) and, while the file is larger, the oldest:
 * events first, incidents last. Whether there may be more to drop; or a negative errno. */
int store__trim(struct store *store, uint64_t oldest, uint64_t most_bytes);

/* ---- reading */

/* Handed rows: a HOST before the first and whenever it changes. Not 0: enough. */
typedef int (*store_row_fn)(void *context, const struct control_head *row);

/* As the daemon answers CONTROL_EVENTS, CONTROL_INCIDENTS and CONTROL_WHY. 0, what fn returned, or
 * a negative errno. */
int store__events(struct store *store, const struct control_query *query, store_row_fn fn,
		  void *context);
int store__incidents(struct store *store, const struct control_query *query, store_row_fn fn,
		     void *context);
int store__why(struct store *store, const struct control_query *query, store_row_fn fn,
	       void *context);

/* As the feed reads it, page by page (page.c). Incidents, the newest first, older than the one
 * named before ("": any); of query only since, rule and outcome count. */
int store__incidents_before(struct store *store, const struct control_query *query,
			    const char *before, store_row_fn fn, void *context);
int store__incident(struct store *store, const char *id, store_row_fn fn, void *context);
/* Events from that number on, of all daemons, at most so many. */
int store__events_from(struct store *store, uint64_t seq, uint32_t limit, store_row_fn fn,
		       void *context);

#endif
