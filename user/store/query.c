// SPDX-License-Identifier: GPL-2.0
/* query.c - reading: rows of the tables as the daemon would send them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "model/filter.h"
#include "store/store_parts.h"

#define IMAGE_COLUMNS 6

static const char *text_at(sqlite3_stmt *statement, int at)
{
	const char *text = (const char *)sqlite3_column_text(statement, at);

	return text ? text : "";
}

static const char *text_of(sqlite3_value *value)
{
	const char *text = (const char *)sqlite3_value_text(value);

	return text ? text : "";
}

static void read_column(sqlite3_stmt *statement, int at, const struct table *table,
			const struct column *column, char *record)
{
	uint64_t number, time;

	if (column->text) {
		text__copy(record + column->offset, column->size, text_at(statement, at));
		return;
	}
	number = (uint64_t)sqlite3_column_int64(statement, at);
	if (column->ago) { /* the time stands before it */
		memcpy(&time, record + table->at, sizeof(time));
		number = time - number;
	}
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

/* Column 0 is the host, then those of the table, then each image's, then the time. */
static void read_record(sqlite3_stmt *statement, const struct table *table, void *record)
{
	int at = 1;

	for (size_t i = 0; i < table->count; i++)
		read_column(statement, at++, table, &table->columns[i], record);
	for (size_t i = 0; i < table->image_count; i++, at += IMAGE_COLUMNS) {
		char *image = (char *)record + table->images[i].offset;

		read_image(statement, at, (struct control_image *)image);
	}
}

static int name_column(char *sql, size_t size, const struct table *table,
		       const struct column *column)
{
	if (column->shared)
		return snprintf(sql, size, ", (SELECT text FROM word WHERE id = %s.%s)",
				table->name, column->name);
	return snprintf(sql, size, ", %s.%s", table->name, column->name);
}

/* The images are there as image0 and, where there are two, image1. */
int reader__prepare(struct store *store, enum table_id id, const char *rest,
		    sqlite3_stmt **statement)
{
	const struct table *table = &tables[id];
	char sql[3072];
	int n = snprintf(sql, sizeof(sql), "SELECT %s.host", table->name);

	for (size_t i = 0; i < table->count; i++)
		n += name_column(sql + n, sizeof(sql) - (size_t)n, table, &table->columns[i]);
	for (size_t i = 0; i < table->image_count; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n,
			      ", image%zu.uid, image%zu.gid, image%zu.comm, image%zu.exe, "
			      "image%zu.args, image%zu.cgroup",
			      i, i, i, i, i, i);
	n += snprintf(sql + n, sizeof(sql) - (size_t)n, ", %s.time FROM %s", table->name,
		      table->name);
	for (size_t i = 0; i < table->image_count; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n,
			      " LEFT JOIN image AS image%zu ON image%zu.id = %s.%s", i, i,
			      table->name, table->images[i].name);
	snprintf(sql + n, sizeof(sql) - (size_t)n, " %s", rest);
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

/* Calls one for each row of the statement; what it returns when it is not 0, or an error. */
static int each_row(struct reader *reader, sqlite3_stmt *statement,
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
	return err;
}

/* The same, and the statement has served. */
int reader__each(struct reader *reader, sqlite3_stmt *statement,
		 int (*one)(struct reader *reader, sqlite3_stmt *statement))
{
	int err = each_row(reader, statement, one);

	sqlite3_finalize(statement);
	sqlite3_finalize(reader->survivors);
	reader->survivors = NULL;
	return err;
}

/* ---- events */

int reader__event(struct reader *reader, sqlite3_stmt *statement)
{
	struct stored_event event = {};

	read_record(statement, &tables[TABLE_EVENT], &event);
	return tell(reader, &event.row.head, CONTROL_EVENT_ROW, sizeof(event.row));
}

/* The roots' and a tree's have an index of their own, which is taken where it is said in so many
 * words; all have one by time. */
static int prepare_events(struct store *store, const struct control_query *query,
			  sqlite3_stmt **statement)
{
	static const char order[] = " ORDER BY event.time, event.host, event.seq";
	char asked[240], rest[560];

	snprintf(asked, sizeof(asked),
		 "%s AND %s AND event.time >= ?1 AND (?2 = 0 OR event.time <= ?2) AND "
		 "(?6 = 0 OR event.pid = ?6)",
		 query->tree ? "event.tree = ?3" : "?3 = 0",
		 query->types == 1U << EVENT_TREE_TRACKED ? "event.type = 0"
							  : "(?4 = 0 OR (?4 >> event.type) & 1)");
	if (query->limit)
		snprintf(rest, sizeof(rest),
			 "WHERE (event.host, event.seq) IN (SELECT host, seq FROM event WHERE %s "
			 "ORDER BY event.time DESC LIMIT ?5)%s",
			 asked, order);
	else
		snprintf(rest, sizeof(rest), "WHERE %s%s", asked, order);
	return reader__prepare(store, TABLE_EVENT, rest, statement);
}

int store__events(struct store *store, const struct control_query *query, store_row_fn fn,
		  void *context)
{
	struct reader reader = { .store = store, .fn = fn, .context = context, .host = -1 };
	sqlite3_stmt *statement;
	int err = prepare_events(store, query, &statement);

	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)query->since);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)query->until);
	sqlite3_bind_int64(statement, 3, query->tree);
	sqlite3_bind_int64(statement, 4, query->types);
	sqlite3_bind_int64(statement, 5, query->limit);
	sqlite3_bind_int64(statement, 6, query->pid);
	return reader__each(&reader, statement, reader__event);
}

/* ---- incidents */

static int one_survivor(struct reader *reader, sqlite3_stmt *statement)
{
	struct stored_survivor survivor = {};

	read_record(statement, &tables[TABLE_SURVIVOR], &survivor);
	return tell(reader, &survivor.row.head, CONTROL_SURVIVOR_ROW, sizeof(survivor.row));
}

static int tell_survivors(struct reader *reader, const char *incident, uint32_t pid)
{
	sqlite3_stmt **survivors = &reader->survivors;
	int err =
		*survivors
			? 0
			: reader__prepare(
				  reader->store, TABLE_SURVIVOR,
				  "WHERE survivor.incident = ?1 AND (?2 = 0 OR survivor.pid = ?2) "
				  "ORDER BY survivor.position",
				  survivors);

	if (err)
		return err;
	sqlite3_bind_text(*survivors, 1, incident, -1, SQLITE_STATIC);
	sqlite3_bind_int64(*survivors, 2, pid);
	err = each_row(reader, *survivors, one_survivor);
	sqlite3_reset(*survivors);
	return err;
}

int reader__incident(struct reader *reader, sqlite3_stmt *statement)
{
	struct stored_incident incident = {};
	int err;

	read_record(statement, &tables[TABLE_INCIDENT], &incident);
	err = tell(reader, &incident.row.head, CONTROL_INCIDENT_ROW, sizeof(incident.row));
	if (err)
		return err;
	return tell_survivors(reader, incident.row.id,
			      reader->pid == incident.row.who.pid ? 0 : reader->pid);
}

/* takes(ASKED, PID, EXE, COMM) and matches(GLOB, TEXT), for SQL. */
static void sql_takes(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	sqlite3_result_int(context, filter__names(text_of(values[0]),
						  (uint32_t)sqlite3_value_int64(values[1]),
						  text_of(values[2]), text_of(values[3])));
}

static void sql_matches(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	sqlite3_result_int(context, filter__matches(text_of(values[0]), text_of(values[1])));
}

static int teach_filters(struct store *store)
{
	int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;

	if (sqlite3_create_function(store->db, "takes", 4, flags, NULL, sql_takes, NULL, NULL) ||
	    sqlite3_create_function(store->db, "matches", 2, flags, NULL, sql_matches, NULL, NULL))
		return store__error(store);
	return 0;
}

/* Of the newest so many, oldest first. An outcome that is none matches nothing. */
int store__incidents(struct store *store, const struct control_query *query, store_row_fn fn,
		     void *context)
{
	struct reader reader = { .store = store, .fn = fn, .context = context, .host = -1 };
	sqlite3_stmt *statement;
	int err = teach_filters(store);

	if (!err)
		err = reader__prepare(
			store, TABLE_INCIDENT,
			"WHERE incident.id IN (SELECT incident.id FROM incident LEFT JOIN image ON "
			"image.id = incident.image WHERE incident.time >= ?1 AND "
			"(?2 = '' OR rule = ?2) AND (?3 = '' OR outcome = ?4) AND "
			"substr(incident.id, 1, length(?5)) = upper(?5) AND "
			"(?7 = 0 OR incident.time <= ?7) AND (?8 = 0 OR image.uid = ?9) AND "
			"takes(?10, pid, image.exe, image.comm) AND "
			"takes(?11, sender_pid, sender_exe, sender_comm) AND "
			"matches(?12, image.cgroup) ORDER BY incident.time DESC LIMIT ?6) "
			"ORDER BY incident.time, incident.id",
			&statement);
	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)query->since);
	sqlite3_bind_text(statement, 2, query->rule, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 3, query->outcome, -1, SQLITE_STATIC);
	sqlite3_bind_int(statement, 4, filter__outcome(query->outcome));
	sqlite3_bind_text(statement, 5, query->id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 6, query->limit ? (int64_t)query->limit : -1);
	sqlite3_bind_int64(statement, 7, (sqlite3_int64)query->until);
	sqlite3_bind_int64(statement, 8, query->by_user);
	sqlite3_bind_int64(statement, 9, query->uid);
	sqlite3_bind_text(statement, 10, query->root, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 11, query->sender, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 12, query->cgroup, -1, SQLITE_STATIC);
	return reader__each(&reader, statement, reader__incident);
}

/* ---- how a process ended */

static int one_death(struct reader *reader, sqlite3_stmt *statement)
{
	struct stored_death death = {};

	read_record(statement, &tables[TABLE_DEATH], &death);
	return tell(reader, &death.row.head, CONTROL_DEATH_ROW, sizeof(death.row));
}

static int each_of_pid(struct reader *reader, enum table_id table, const char *rest,
		       int (*one)(struct reader *reader, sqlite3_stmt *statement))
{
	sqlite3_stmt *statement;
	int err = reader__prepare(reader->store, table, rest, &statement);

	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, reader->pid);
	return reader__each(reader, statement, one);
}

int store__why(struct store *store, const struct control_query *query, store_row_fn fn,
	       void *context)
{
	struct reader reader = {
		.store = store, .fn = fn, .context = context, .host = -1, .pid = query->pid
	};
	int err = each_of_pid(&reader, TABLE_DEATH, "WHERE death.pid = ?1 ORDER BY death.time",
			      one_death);

	if (!err)
		err = each_of_pid(&reader, TABLE_EVENT,
				  "WHERE event.pid = ?1 AND event.type = 3 ORDER BY event.time",
				  reader__event);
	if (!err)
		err = each_of_pid(&reader, TABLE_INCIDENT,
				  "WHERE incident.pid = ?1 OR incident.id IN (SELECT incident FROM "
				  "survivor WHERE pid = ?1) ORDER BY incident.time",
				  reader__incident);
	return err;
}

/* ---- whole tables */

struct whole {
	struct reader reader;
	enum table_id table;
	const struct store_reading *reading;
};

static int one_record(struct reader *reader, sqlite3_stmt *statement)
{
	const struct whole *whole = (const struct whole *)reader;
	int time = sqlite3_column_count(statement) - 1;
	union stored record = {};

	read_record(statement, &tables[whole->table], &record);
	return whole->reading->record(whole->reading->context, whole->table,
				      sqlite3_column_int64(statement, time), &record);
}

/* By time, then by key: "host, seq" with the table's name before each. */
static void print_order(const struct table *table, char *order, size_t size)
{
	int n = snprintf(order, size, "WHERE %s.time >= ? ORDER BY %s.time", table->name,
			 table->name);
	char key[64], *rest = key;

	text__copy(key, sizeof(key), table->key);
	for (const char *word; (word = strsep(&rest, ", "));) {
		if (*word)
			n += snprintf(order + n, size - (size_t)n, ", %s.%s", table->name, word);
	}
}

int store__each(struct store *store, enum table_id table, uint64_t since,
		const struct store_reading *reading)
{
	struct whole whole = { .reader = { .store = store,
					   .fn = reading->host,
					   .context = reading->context,
					   .host = -1 },
			       .table = table,
			       .reading = reading };
	sqlite3_stmt *statement;
	char order[256];
	int err;

	print_order(&tables[table], order, sizeof(order));
	err = reader__prepare(store, table, order, &statement);
	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)since);
	return reader__each(&whole.reader, statement, one_record);
}
