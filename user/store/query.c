// SPDX-License-Identifier: GPL-2.0
/* query.c - reading: rows of the tables as the daemon would send them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "model/incident.h"
#include "store/store_parts.h"

#define IMAGE_COLUMNS "image.uid, image.gid, image.comm, image.exe, image.args, image.cgroup"

static const char *text_at(sqlite3_stmt *statement, int at)
{
	const char *text = (const char *)sqlite3_column_text(statement, at);

	return text ? text : "";
}

static void read_column(sqlite3_stmt *statement, int at, const struct column *column, char *record)
{
	uint64_t number;

	if (column->text) {
		text__copy(record + column->offset, column->size, text_at(statement, at));
		return;
	}
	number = (uint64_t)sqlite3_column_int64(statement, at);
	memcpy(record + column->offset, &number, column->size);
}

static void read_image(sqlite3_stmt *statement, int at, struct control_image *image)
{
	int size = sqlite3_column_bytes(statement, at + 4);

	image->uid = (uint32_t)sqlite3_column_int64(statement, at);
	image->gid = (uint32_t)sqlite3_column_int64(statement, at + 1);
	text__copy(image->comm, sizeof(image->comm), text_at(statement, at + 2));
	text__copy(image->exe, sizeof(image->exe), text_at(statement, at + 3));
	image->args_len = size > 0 && size <= ARGS_LEN ? (uint32_t)size : 0;
	if (image->args_len)
		memcpy(image->args, sqlite3_column_blob(statement, at + 4), image->args_len);
	text__copy(image->cgroup, sizeof(image->cgroup), text_at(statement, at + 5));
}

/* Column 0 is the host, then those of the table, then the image's. */
static void read_record(sqlite3_stmt *statement, const struct table *table, void *record)
{
	for (size_t i = 0; i < table->count; i++)
		read_column(statement, (int)i + 1, &table->columns[i], record);
	read_image(statement, (int)table->count + 1,
		   (struct control_image *)((char *)record + table->image));
}

int reader__prepare(struct store *store, const struct table *table, const char *rest,
		    sqlite3_stmt **statement)
{
	char sql[2048];
	int n = snprintf(sql, sizeof(sql), "SELECT %s.host", table->name);

	for (size_t i = 0; i < table->count; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n, ", %s.%s", table->name,
			      table->columns[i].name);
	snprintf(sql + n, sizeof(sql) - (size_t)n,
		 ", " IMAGE_COLUMNS " FROM %s LEFT JOIN image ON image.id = %s.image %s",
		 table->name, table->name, rest);
	return store__prepare(store, sql, statement);
}

static int tell(struct reader *reader, struct control_head *head, enum control_type type,
		size_t size)
{
	*head = (struct control_head){ CONTROL_VERSION, (uint16_t)type, (uint32_t)size };
	return reader->fn(reader->context, head);
}

static int tell_host(struct reader *reader, int64_t id)
{
	struct control_host host = {};
	sqlite3_stmt *statement;
	int err = store__prepare(reader->store,
				 "SELECT machine_id, boot_id, name, version, begun, realtime "
				 "FROM host WHERE id = ?",
				 &statement);

	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, id);
	if (sqlite3_step(statement) == SQLITE_ROW) {
		text__copy(host.machine_id, sizeof(host.machine_id), text_at(statement, 0));
		text__copy(host.boot_id, sizeof(host.boot_id), text_at(statement, 1));
		text__copy(host.name, sizeof(host.name), text_at(statement, 2));
		text__copy(host.version, sizeof(host.version), text_at(statement, 3));
		host.begun = (uint64_t)sqlite3_column_int64(statement, 4);
		host.realtime = sqlite3_column_int64(statement, 5);
		host.now = clock__realtime() - (uint64_t)host.realtime;
	}
	sqlite3_finalize(statement);
	reader->host = id;
	return tell(reader, &host.head, CONTROL_HOST_ROW, sizeof(host));
}

int reader__each(struct reader *reader, sqlite3_stmt *statement,
		 int (*one)(struct reader *reader, sqlite3_stmt *statement))
{
	int result, err = 0;

	while (!err && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		int64_t host = sqlite3_column_int64(statement, 0);

		if (host != reader->host)
			err = tell_host(reader, host);
		if (!err)
			err = one(reader, statement);
	}
	if (!err && result != SQLITE_DONE)
		err = (result & 0xff) == SQLITE_CORRUPT ? -EBADMSG : -EIO;
	sqlite3_finalize(statement);
	return err;
}

/* ---- events */

int reader__event(struct reader *reader, sqlite3_stmt *statement)
{
	struct stored_event event = {};

	read_record(statement, &table_event, &event);
	return tell(reader, &event.row.head, CONTROL_EVENT_ROW, sizeof(event.row));
}

int store__events(struct store *store, const struct control_query *query, store_row_fn fn,
		  void *context)
{
	struct reader reader = { store, fn, context, -1 };
	sqlite3_stmt *statement;
	int err = reader__prepare(
		store, &table_event,
		"WHERE event.time >= ? ORDER BY event.time, event.host, event.seq", &statement);

	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)query->since);
	return reader__each(&reader, statement, reader__event);
}

/* ---- incidents */

static int one_survivor(struct reader *reader, sqlite3_stmt *statement)
{
	struct stored_survivor survivor = {};

	read_record(statement, &table_survivor, &survivor);
	return tell(reader, &survivor.row.head, CONTROL_SURVIVOR_ROW, sizeof(survivor.row));
}

int reader__incident(struct reader *reader, sqlite3_stmt *statement)
{
	struct stored_incident incident = {};
	sqlite3_stmt *survivors;
	int err;

	read_record(statement, &table_incident, &incident);
	err = tell(reader, &incident.row.head, CONTROL_INCIDENT_ROW, sizeof(incident.row));
	if (!err)
		err = reader__prepare(reader->store, &table_survivor,
				      "WHERE survivor.incident = ? ORDER BY survivor.position",
				      &survivors);
	if (err)
		return err;
	sqlite3_bind_text(survivors, 1, incident.row.id, -1, SQLITE_STATIC);
	return reader__each(reader, survivors, one_survivor);
}

/* Of the newest so many, oldest first. An outcome that is none matches nothing. */
int store__incidents(struct store *store, const struct control_query *query, store_row_fn fn,
		     void *context)
{
	struct reader reader = { store, fn, context, -1 };
	sqlite3_stmt *statement;
	int outcome = -1, err;

	for (int i = 0; i < INCIDENT_OUTCOMES; i++) {
		if (strcmp(query->outcome, incident_outcome__name((enum incident_outcome)i)) == 0)
			outcome = i;
	}
	err = reader__prepare(store, &table_incident,
			      "WHERE incident.id IN (SELECT id FROM incident WHERE time >= ?1 AND "
			      "(?2 = '' OR rule = ?2) AND (?3 = '' OR outcome = ?4) AND "
			      "substr(id, 1, length(?5)) = upper(?5) ORDER BY time DESC LIMIT ?6) "
			      "ORDER BY incident.time, incident.id",
			      &statement);
	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)query->since);
	sqlite3_bind_text(statement, 2, query->rule, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 3, query->outcome, -1, SQLITE_STATIC);
	sqlite3_bind_int(statement, 4, outcome);
	sqlite3_bind_text(statement, 5, query->id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 6, query->limit ? (int64_t)query->limit : -1);
	return reader__each(&reader, statement, reader__incident);
}
