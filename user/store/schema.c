// SPDX-License-Identifier: GPL-2.0
/* schema.c - the tables, made or brought up from what an older version has left. */
#include <stdio.h>

#include "store/store_parts.h"

#define SHARED_TABLES                                                                             \
	"CREATE TABLE IF NOT EXISTS host(id INTEGER PRIMARY KEY, machine_id TEXT, boot_id TEXT, " \
	"name TEXT, version TEXT, begun INTEGER, realtime INTEGER, UNIQUE(boot_id, begun));"      \
	"CREATE TABLE IF NOT EXISTS image(id INTEGER PRIMARY KEY, hash INTEGER, uid INTEGER, "    \
	"gid INTEGER, comm TEXT, exe TEXT, args BLOB, cgroup TEXT, time INTEGER);"                \
	"CREATE INDEX IF NOT EXISTS image_hash ON image(hash);"                                   \
	"CREATE INDEX IF NOT EXISTS image_time ON image(time);"                                   \
	"CREATE TABLE IF NOT EXISTS word(id INTEGER PRIMARY KEY, text TEXT UNIQUE);"

/* From that schema to the next: what goes before the tables of today are made, and behind that. */
struct migration {
	const char *before, *behind;
};

static const struct migration migrations[STORE_SCHEMA] = {
	[1] = { "ALTER TABLE survivor ADD COLUMN above_pid INTEGER;"
		"ALTER TABLE survivor ADD COLUMN above_start INTEGER;"
		"ALTER TABLE event RENAME TO event_1;"
		"DROP INDEX event_time;",
		"INSERT INTO word(text) SELECT DISTINCT name FROM event_1 WHERE name IS NOT NULL;"
		"INSERT INTO event(host, time, image, seq, at, type, tree, pid, age, parent_pid, "
		"parent_age, exit_code, signal, vpid, outcome, incident, name) "
		"SELECT host, time, image, seq, at, type, tree, pid, at - start, parent_pid, "
		"at - parent_start, exit_code, signal, vpid, outcome, incident, "
		"(SELECT id FROM word WHERE text = name) FROM event_1;"
		"DROP TABLE event_1;" },
};

static const char *type_of(const struct column *column)
{
	return column->text && !column->shared ? "TEXT" : "INTEGER";
}

static int make_table(struct store *store, const struct table *table)
{
	char sql[2048];
	int n = snprintf(sql, sizeof(sql),
			 "CREATE TABLE IF NOT EXISTS %s(host INTEGER, time INTEGER", table->name);

	for (size_t i = 0; i < table->image_count; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n, ", %s INTEGER",
			      table->images[i].name);
	for (size_t i = 0; i < table->count; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n, ", %s %s", table->columns[i].name,
			      type_of(&table->columns[i]));
	snprintf(sql + n, sizeof(sql) - (size_t)n, ", PRIMARY KEY(%s)) WITHOUT ROWID", table->key);
	return store__run(store, sql);
}

static int make_index(struct store *store, const char *index)
{
	char sql[160];

	snprintf(sql, sizeof(sql), "CREATE INDEX IF NOT EXISTS %s", index);
	return store__run(store, sql);
}

static int make_all(struct store *store)
{
	int err = store__run(store, SHARED_TABLES);

	for (size_t i = 0; !err && i < TABLES; i++)
		err = make_table(store, &tables[i]);
	for (size_t i = 0; !err && i < INDEXES; i++)
		err = make_index(store, indexes[i]);
	return err;
}

static int bring_up(struct store *store, int64_t schema)
{
	int err = 0;
	char sql[64];

	for (int64_t i = schema; !err && i && i < STORE_SCHEMA; i++)
		err = store__run(store, migrations[i].before);
	if (!err)
		err = make_all(store);
	for (int64_t i = schema; !err && i && i < STORE_SCHEMA; i++)
		err = store__run(store, migrations[i].behind);
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", STORE_SCHEMA);
	return err ? err : store__run(store, sql);
}

int store__bring_up(struct store *store, int64_t schema)
{
	int err = store__run(store, "BEGIN IMMEDIATE");

	if (!err)
		err = bring_up(store, schema);
	if (!err)
		err = store__run(store, "COMMIT");
	if (err)
		store__run(store, "ROLLBACK");
	return err;
}

int store__number(struct store *store, const char *sql, int64_t *number)
{
	sqlite3_stmt *statement;
	int err = store__prepare(store, sql, &statement);

	if (err)
		return err;
	err = sqlite3_step(statement) == SQLITE_ROW ? 0 : store__error(store);
	*number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return err;
}
