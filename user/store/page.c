// SPDX-License-Identifier: GPL-2.0
/* page.c - reading in pages: each costs no more than what is in it, however large the store is. */
#include "model/filter.h"
#include "store/store_parts.h"

int store__incidents_before(struct store *store, const struct control_query *query,
			    const char *before, store_row_fn fn, void *context)
{
	struct reader reader = { .store = store, .fn = fn, .context = context, .host = -1 };
	sqlite3_stmt *statement;
	int err = reader__prepare(
		store, TABLE_INCIDENT,
		"WHERE incident.time >= ?1 AND (?2 = '' OR rule = ?2) AND (?3 = '' OR outcome = ?4) "
		"AND (?5 = '' OR (incident.time, incident.id) < "
		"(SELECT time, id FROM incident WHERE id = ?5)) "
		"ORDER BY incident.time DESC, incident.id DESC",
		&statement);

	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)query->since);
	sqlite3_bind_text(statement, 2, query->rule, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 3, query->outcome, -1, SQLITE_STATIC);
	sqlite3_bind_int(statement, 4, filter__outcome(query->outcome));
	sqlite3_bind_text(statement, 5, before, -1, SQLITE_STATIC);
	return reader__each(&reader, statement, reader__incident);
}

int store__incident(struct store *store, const char *id, store_row_fn fn, void *context)
{
	struct reader reader = { .store = store, .fn = fn, .context = context, .host = -1 };
	sqlite3_stmt *statement;
	int err = reader__prepare(store, TABLE_INCIDENT, "WHERE incident.id = ?", &statement);

	if (err)
		return err;
	sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
	return reader__each(&reader, statement, reader__incident);
}

/* The daemon that the first of them is of: numbers rise from one daemon to the next. */
static int host_of(struct store *store, uint64_t seq, int64_t *host)
{
	sqlite3_stmt *statement;
	int err = store__prepare(
		store,
		"SELECT id FROM host WHERE EXISTS (SELECT 1 FROM event WHERE event.host = host.id "
		"AND event.seq >= ?) ORDER BY id LIMIT 1",
		&statement);

	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)seq);
	*host = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
	sqlite3_finalize(statement);
	return 0;
}

int store__events_from(struct store *store, uint64_t seq, uint32_t limit, store_row_fn fn,
		       void *context)
{
	struct reader reader = { .store = store, .fn = fn, .context = context, .host = -1 };
	sqlite3_stmt *statement;
	int64_t host;
	int err = host_of(store, seq, &host);

	if (err || host < 0)
		return err;
	err = reader__prepare(store, TABLE_EVENT,
			      "WHERE event.host = ?1 AND event.seq >= ?2 "
			      "ORDER BY event.seq LIMIT ?3",
			      &statement);
	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, host);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
	sqlite3_bind_int64(statement, 3, limit);
	return reader__each(&reader, statement, reader__event);
}
