// SPDX-License-Identifier: GPL-2.0
/* schema.c - the tables, made or brought up from what an older version has left. */
#include <stdio.h>

#include "store/store_parts.h"

static int make_shared(struct store *store)
{
	return store__run(store,
			  "CREATE TABLE host(id INTEGER PRIMARY KEY, machine_id TEXT, "
			  "boot_id TEXT, name TEXT, version TEXT, begun INTEGER, "
			  "realtime INTEGER, UNIQUE(boot_id, begun));"
			  "CREATE TABLE image(id INTEGER PRIMARY KEY, hash INTEGER, uid INTEGER, "
			  "gid INTEGER, comm TEXT, exe TEXT, args BLOB, cgroup TEXT, time INTEGER);"
			  "CREATE INDEX image_hash ON image(hash);"
			  "CREATE INDEX image_time ON image(time);");
}

static const char *type_of(const struct column *column)
{
	return column->text ? "TEXT" : "INTEGER";
}

static int make_table(struct store *store, const struct table *table)
{
	char sql[2048];
	int n = snprintf(sql, sizeof(sql), "CREATE TABLE %s(host INTEGER, time INTEGER",
			 table->name);

	for (size_t i = 0; i < table->image_count; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n, ", %s INTEGER",
			      table->images[i].name);
	for (size_t i = 0; i < table->count; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n, ", %s %s", table->columns[i].name,
			      type_of(&table->columns[i]));
	snprintf(sql + n, sizeof(sql) - (size_t)n, ", PRIMARY KEY(%s)) WITHOUT ROWID", table->key);
	return store__run(store, sql);
}

static int add_columns(struct store *store, const struct table *table)
{
	int err = 0;

	for (size_t i = 0; !err && i < table->count; i++) {
		const struct column *column = &table->columns[i];
		char sql[160];

		if (column->schema <= store->schema)
			continue;
		snprintf(sql, sizeof(sql), "ALTER TABLE %s ADD COLUMN %s %s", table->name,
			 column->name, type_of(column));
		err = store__run(store, sql);
	}
	return err;
}

static int add_index(struct store *store, const struct index *index)
{
	char sql[160];

	if (index->schema <= store->schema)
		return 0;
	snprintf(sql, sizeof(sql), "CREATE INDEX %s", index->sql);
	return store__run(store, sql);
}

static int add_all(struct store *store)
{
	int err = store->schema ? 0 : make_shared(store);
	char sql[64];

	for (size_t i = 0; !err && i < TABLES; i++)
		err = tables[i].schema > store->schema ? make_table(store, &tables[i])
						       : add_columns(store, &tables[i]);
	for (size_t i = 0; !err && i < INDEXES; i++)
		err = add_index(store, &indexes[i]);
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", STORE_SCHEMA);
	return err ? err : store__run(store, sql);
}

int store__bring_up(struct store *store)
{
	int err = store__run(store, "BEGIN IMMEDIATE");

	if (!err)
		err = add_all(store);
	if (!err)
		err = store__run(store, "COMMIT");
	if (err)
		store__run(store, "ROLLBACK");
	else
		store->schema = STORE_SCHEMA;
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
