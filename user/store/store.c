// SPDX-License-Identifier: GPL-2.0
/* store.c - opening, writing. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/hash.h"
#include "base/own.h"
#include "base/text.h"
#include "store/store_parts.h"

#define BUSY_MS 2000

/* How many rows go at a time: a writer shall not be held up for long. */
#define TRIM_EVENTS 2000
#define TRIM_INCIDENTS 50

#define AN_HOUR (3600LL * 1000000000LL)

int store__error(const struct store *store)
{
	switch (sqlite3_errcode(store->db) & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
		return -EBUSY;
	default:
		return -EIO;
	}
}

int store__run(struct store *store, const char *sql)
{
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
									   : store__error(store);
}

int store__prepare(struct store *store, const char *sql, sqlite3_stmt **statement)
{
	return sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) ==
			       SQLITE_OK
		       ? 0
		       : store__error(store);
}

/* ---- opening */

static int refuse(struct store *store, const char *path, int err, const char *why, char *error,
		  size_t size)
{
	snprintf(error, size, "%s: %s", path, why);
	store__close(store);
	return err;
}

/* 0: there is nothing yet. */
static int read_schema(struct store *store, const char *path, int64_t *schema, char *error,
		       size_t size)
{
	int64_t count;
	char why[128];
	int err = store__number(store, "PRAGMA user_version", schema);

	if (!err)
		err = store__number(store, "SELECT count(*) FROM sqlite_master", &count);
	if (err == -EBADMSG)
		return refuse(store, path, err, "not a store of orphand, or a broken one", error,
			      size);
	if (err)
		return refuse(store, path, err, sqlite3_errmsg(store->db), error, size);
	if (*schema > STORE_SCHEMA) {
		snprintf(why, sizeof(why),
			 "a store of schema %lld, this orphand knows %d: use a newer one",
			 (long long)*schema, STORE_SCHEMA);
		return refuse(store, path, -EPROTO, why, error, size);
	}
	if (*schema < 0 || (*schema == 0 && count))
		return refuse(store, path, -EBADMSG, "not a store of orphand", error, size);
	return 0;
}

/* name: the path as SQLite shall read it. */
static int open_file(struct store **out, const char *path, const char *name, int flags, char *error,
		     size_t size)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store) {
		snprintf(error, size, "%s: no memory", path);
		return -ENOMEM;
	}
	if (sqlite3_open_v2(name, &store->db, flags, NULL) != SQLITE_OK)
		return refuse(store, path, -EIO,
			      store->db ? sqlite3_errmsg(store->db) : "no memory", error, size);
	sqlite3_busy_timeout(store->db, BUSY_MS);
	*out = store;
	return 0;
}

static int prepare_insert(struct store *store, const struct table *table, sqlite3_stmt **insert)
{
	char sql[2048];
	int n = snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO %s(host, time", table->name);

	for (size_t i = 0; i < table->image_count; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n, ", %s", table->images[i].name);
	for (size_t i = 0; i < table->count; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n, ", %s", table->columns[i].name);
	n += snprintf(sql + n, sizeof(sql) - (size_t)n, ") VALUES(?, ?");
	for (size_t i = 0; i < table->image_count + table->count; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n, ", ?");
	snprintf(sql + n, sizeof(sql) - (size_t)n, ")");
	return store__prepare(store, sql, insert);
}

static int prepare_writing(struct store *store)
{
	int err = store__run(store, "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -24576;");

	for (size_t i = 0; !err && i < TABLES; i++)
		err = prepare_insert(store, &tables[i], &store->insert[i]);
	if (!err)
		err = store__prepare(
			store,
			"SELECT id FROM image WHERE hash = ? AND uid = ? AND gid = ? AND "
			"comm = ? AND exe = ? AND args = ? AND cgroup = ?",
			&store->find_image);
	if (!err)
		err = store__prepare(
			store,
			"INSERT INTO image(hash, uid, gid, comm, exe, args, cgroup, time) "
			"VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
			&store->add_image);
	if (!err)
		err = store__prepare(store, "SELECT id FROM word WHERE text = ?",
				     &store->find_word);
	if (!err)
		err = store__prepare(store, "INSERT INTO word(text) VALUES(?)", &store->add_word);
	if (!err)
		err = store__prepare(store, "UPDATE image SET time = max(time, ?) WHERE id = ?",
				     &store->touch_image);
	return err;
}

int store__create(struct store **out, const char *path, char *error, size_t size)
{
	struct store *store = NULL;
	int64_t schema;
	int err = open_file(&store, path, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error,
			    size);

	if (!err)
		err = read_schema(store, path, &schema, error, size);
	if (err)
		return err;
	if (!schema)
		err = store__run(store,
				 "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;");
	if (!err && schema < STORE_SCHEMA)
		err = store__bring_up(store, schema);
	if (!err)
		err = prepare_writing(store);
	if (err)
		return refuse(store, path, err, strerror(-err), error, size);
	*out = store;
	return 0;
}

/* One of an older schema is brought up in a copy, which is nobody else's and goes with us. */
static int copy_and_bring_up(struct store *store, int64_t schema)
{
	sqlite3 *copy = NULL;
	sqlite3_backup *backup = NULL;
	int result = sqlite3_open("", &copy);

	if (result == SQLITE_OK)
		backup = sqlite3_backup_init(copy, "main", store->db, "main");
	if (backup) {
		sqlite3_backup_step(backup, -1);
		result = sqlite3_backup_finish(backup);
	}
	if (!backup || result != SQLITE_OK) {
		sqlite3_close(copy);
		return -EIO;
	}
	sqlite3_close(store->db);
	store->db = copy;
	return store__bring_up(store, schema);
}

static int check_file(const char *path, char *error, size_t size)
{
	struct stat st;
	int err = 0;

	if (stat(path, &st) || access(path, R_OK)) {
		err = -errno;
		snprintf(error, size, "%s: %s", path, strerror(-err));
	} else if (!S_ISREG(st.st_mode)) {
		err = -EBADMSG;
		snprintf(error, size, "%s: not a plain file", path);
	}
	return err;
}

/* SQLite makes files beside one that has a log, if only to read. Where the folder is not ours to
 * write to, and there is no log, the file is all there is. */
static int open_to_read(struct store **store, const char *path, char *error, size_t size)
{
	int flags = SQLITE_OPEN_READONLY;
	char name[4200];
	bool still;

	snprintf(name, sizeof(name), "%s-wal", path);
	still = access(name, F_OK) != 0;
	snprintf(name, sizeof(name), "%s", path);
	if (!still || access(dirname(name), W_OK) == 0 || strpbrk(path, "%?#"))
		return open_file(store, path, path, flags, error, size);
	snprintf(name, sizeof(name), "file:%s?immutable=1", path);
	return open_file(store, path, name, flags | SQLITE_OPEN_URI, error, size);
}

int store__open(struct store **out, const char *path, char *error, size_t size)
{
	struct store *store = NULL;
	int64_t schema;
	int err = check_file(path, error, size);

	if (!err)
		err = open_to_read(&store, path, error, size);
	if (!err)
		err = read_schema(store, path, &schema, error, size);
	if (!err && !schema)
		return refuse(store, path, -EBADMSG, "not a store of orphand", error, size);
	if (!err && schema < STORE_SCHEMA) {
		err = copy_and_bring_up(store, schema);
		if (err)
			return refuse(store, path, err, strerror(-err), error, size);
	}
	if (!err)
		*out = store;
	return err;
}

void store__close(struct store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < TABLES; i++)
		sqlite3_finalize(store->insert[i]);
	sqlite3_finalize(store->find_image);
	sqlite3_finalize(store->add_image);
	sqlite3_finalize(store->touch_image);
	sqlite3_finalize(store->find_word);
	sqlite3_finalize(store->add_word);
	sqlite3_close(store->db);
	free(store);
}

/* ---- writing */

int store__begin(struct store *store)
{
	return store__run(store, "BEGIN");
}

/* What could not be kept is taken back whole. */
int store__commit(struct store *store)
{
	int err = store__run(store, "COMMIT");

	if (err)
		store__rollback(store);
	return err;
}

void store__rollback(struct store *store)
{
	store__run(store, "ROLLBACK");
	memset(store->images, 0, sizeof(store->images)); /* some may be gone */
	store->word_id = 0;
}

static int step(struct store *store, sqlite3_stmt *statement)
{
	int result = sqlite3_step(statement);
	int err = result == SQLITE_DONE || result == SQLITE_ROW ? 0 : store__error(store);

	sqlite3_reset(statement);
	return err;
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text, size_t size)
{
	sqlite3_bind_text(statement, at, text, (int)strnlen(text, size), SQLITE_STATIC);
}

int store__put_host(struct store *store, const struct control_host *host)
{
	sqlite3_stmt *statement;
	int err = store__prepare(
		store,
		"INSERT INTO host(machine_id, boot_id, name, version, begun, realtime) "
		"VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(boot_id, begun) DO UPDATE SET "
		"realtime = excluded.realtime RETURNING id",
		&statement);

	if (err)
		return err;
	bind_text(statement, 1, host->machine_id, sizeof(host->machine_id));
	bind_text(statement, 2, host->boot_id, sizeof(host->boot_id));
	bind_text(statement, 3, host->name, sizeof(host->name));
	bind_text(statement, 4, host->version, sizeof(host->version));
	sqlite3_bind_int64(statement, 5, (sqlite3_int64)host->begun);
	sqlite3_bind_int64(statement, 6, host->realtime);
	if (sqlite3_step(statement) == SQLITE_ROW) {
		store->host = sqlite3_column_int64(statement, 0);
		store->realtime = host->realtime;
		while (sqlite3_step(statement) == SQLITE_ROW)
			;
	}
	err = store__error(store);
	sqlite3_finalize(statement);
	return err;
}

static uint64_t hash_of(const struct control_image *image)
{
	uint64_t hash = hash__of(&image->uid, sizeof(image->uid));

	hash = hash__more(hash, image->comm, strnlen(image->comm, sizeof(image->comm)));
	hash = hash__more(hash, image->exe, strnlen(image->exe, sizeof(image->exe)));
	hash = hash__more(hash, image->args, image->args_len);
	return hash__more(hash, image->cgroup, strnlen(image->cgroup, sizeof(image->cgroup)));
}

static void bind_image(sqlite3_stmt *statement, uint64_t hash, const struct control_image *image)
{
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)hash);
	sqlite3_bind_int64(statement, 2, image->uid);
	sqlite3_bind_int64(statement, 3, image->gid);
	bind_text(statement, 4, image->comm, sizeof(image->comm));
	bind_text(statement, 5, image->exe, sizeof(image->exe));
	sqlite3_bind_blob(statement, 6, image->args, (int)image->args_len, SQLITE_STATIC);
	bind_text(statement, 7, image->cgroup, sizeof(image->cgroup));
}

/* When it was used last, to within AN_HOUR: nothing older than that refers to it. */
static int touch_image(struct store *store, int64_t id, int64_t time)
{
	sqlite3_bind_int64(store->touch_image, 1, time);
	sqlite3_bind_int64(store->touch_image, 2, id);
	return step(store, store->touch_image);
}

static int look_up_image(struct store *store, const struct control_image *image, uint64_t hash,
			 int64_t time, int64_t *id)
{
	bind_image(store->find_image, hash, image);
	*id = sqlite3_step(store->find_image) == SQLITE_ROW
		      ? sqlite3_column_int64(store->find_image, 0)
		      : 0;
	sqlite3_reset(store->find_image);
	if (*id)
		return touch_image(store, *id, time);
	bind_image(store->add_image, hash, image);
	sqlite3_bind_int64(store->add_image, 8, time);
	if (step(store, store->add_image))
		return store__error(store);
	*id = sqlite3_last_insert_rowid(store->db);
	return 0;
}

/* Most rows tell of the program that one before them told of. */
static int find_image(struct store *store, const struct control_image *image, int64_t time,
		      int64_t *id)
{
	uint64_t hash = hash_of(image);
	struct image_slot *slot = &store->images[hash % IMAGE_SLOTS];
	int err;

	*id = slot->id;
	if (slot->id && slot->hash == hash && time - slot->time < AN_HOUR)
		return 0;
	err = look_up_image(store, image, hash, time, id);
	*slot = (struct image_slot){ hash, err ? 0 : *id, time };
	return err;
}

/* A text that many rows have, by its id; 0: it can't be kept. */
static int64_t find_word(struct store *store, const char *text, size_t size)
{
	char word[NAME_LEN];

	text__copy(word, size < sizeof(word) ? size : sizeof(word), text);
	if (store->word_id && strcmp(store->word, word) == 0)
		return store->word_id;
	bind_text(store->find_word, 1, word, sizeof(word));
	store->word_id = sqlite3_step(store->find_word) == SQLITE_ROW
				 ? sqlite3_column_int64(store->find_word, 0)
				 : 0;
	sqlite3_reset(store->find_word);
	text__copy(store->word, sizeof(store->word), word);
	if (store->word_id)
		return store->word_id;
	bind_text(store->add_word, 1, word, sizeof(word));
	if (step(store, store->add_word) == 0)
		store->word_id = sqlite3_last_insert_rowid(store->db);
	return store->word_id;
}

static void bind_column(struct store *store, sqlite3_stmt *statement, int at,
			const struct table *table, const struct column *column, const char *record)
{
	const char *field = record + column->offset;
	uint64_t number = 0, time;

	if (column->shared && *field) {
		sqlite3_bind_int64(statement, at, find_word(store, field, column->size));
	} else if (column->text && *field) {
		bind_text(statement, at, field, column->size);
	} else if (column->text) {
		sqlite3_bind_null(statement, at);
	} else {
		memcpy(&number, field, column->size); /* little-endian, as BPF and x86 are */
		memcpy(&time, record + table->at, sizeof(time));
		if (column->ago)
			number = time - number;
		sqlite3_bind_int64(statement, at, (sqlite3_int64)number);
	}
}

static int forget_survivors(struct store *store, const char *incident)
{
	sqlite3_stmt *statement;
	int err = store__prepare(store, "DELETE FROM survivor WHERE incident = ?", &statement);

	if (err)
		return err;
	bind_text(statement, 1, incident, INCIDENT_ID_LEN);
	err = step(store, statement);
	sqlite3_finalize(statement);
	return err;
}

int store__put_record(struct store *store, enum table_id id, int64_t time, const void *record)
{
	const struct table *table = &tables[id];
	sqlite3_stmt *statement = store->insert[id];
	int err = 0, n = 1;

	if (id == TABLE_INCIDENT)
		err = forget_survivors(store, ((const struct stored_incident *)record)->row.id);
	if (err)
		return err;
	sqlite3_bind_int64(statement, n++, store->host);
	sqlite3_bind_int64(statement, n++, time);
	for (size_t i = 0; i < table->image_count; i++) {
		const char *image = (const char *)record + table->images[i].offset;
		int64_t image_id;

		err = find_image(store, (const void *)image, time, &image_id);
		if (err)
			return err;
		sqlite3_bind_int64(statement, n++, image_id);
	}
	for (size_t i = 0; i < table->count; i++)
		bind_column(store, statement, n++, table, &table->columns[i], record);
	return step(store, statement);
}

static int put(struct store *store, enum table_id id, uint64_t at, const void *record)
{
	return store__put_record(store, id, (int64_t)at + store->realtime, record);
}

int store__put_event(struct store *store, const struct control_event_row *row)
{
	const struct stored_event event = { .row = *row };

	return put(store, TABLE_EVENT, row->at, &event);
}

int store__put_death(struct store *store, const struct control_death_row *row)
{
	const struct stored_death death = { .row = *row };

	return put(store, TABLE_DEATH, row->at, &death);
}

int store__put_incident(struct store *store, const struct control_incident_row *row,
			struct store_place *place)
{
	const struct stored_incident incident = { .row = *row };

	*place = (struct store_place){ .opened = row->opened };
	text__copy(place->incident, sizeof(place->incident), row->id);
	return put(store, TABLE_INCIDENT, row->opened, &incident);
}

int store__put_survivor(struct store *store, const struct control_survivor_row *row,
			struct store_place *place)
{
	struct stored_survivor survivor = { .row = *row, .position = place->position++ };

	text__copy(survivor.incident, sizeof(survivor.incident), place->incident);
	return put(store, TABLE_SURVIVOR, place->opened, &survivor);
}

int store__find_torn(struct store *store, char incident[INCIDENT_ID_LEN])
{
	sqlite3_stmt *statement;
	int err = store__prepare(store,
				 "SELECT id FROM incident WHERE survivors != (SELECT count(*) FROM "
				 "survivor WHERE survivor.incident = incident.id) LIMIT 1",
				 &statement);

	*incident = '\0';
	if (err)
		return err;
	if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_bytes(statement, 0))
		text__copy(incident, INCIDENT_ID_LEN,
			   (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	return store__error(store);
}

/* ---- keeping it small */

static int bytes_of(struct store *store, uint64_t *bytes)
{
	int64_t pages, unused, size;
	int err = store__number(store, "PRAGMA page_count", &pages);

	if (!err)
		err = store__number(store, "PRAGMA freelist_count", &unused);
	if (!err)
		err = store__number(store, "PRAGMA page_size", &size);
	if (!err)
		*bytes = (uint64_t)((pages - unused) * size);
	return err;
}

static int drop(struct store *store, const char *sql, int64_t older, int *dropped)
{
	sqlite3_stmt *statement;
	int err = store__prepare(store, sql, &statement);

	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, older);
	err = step(store, statement);
	*dropped += sqlite3_changes(store->db);
	sqlite3_finalize(statement);
	return err;
}

#define TEXT_OF(number) #number
#define LIMIT(number) TEXT_OF(number)
#define DROP_EVENTS                                                                           \
	"DELETE FROM event WHERE (host, seq) IN (SELECT host, seq FROM event WHERE time < ? " \
	"ORDER BY time LIMIT " LIMIT(TRIM_EVENTS) ")"
#define DROP_DEATHS                                                                                \
	"DELETE FROM death WHERE (pid, start, host) IN (SELECT pid, start, host FROM death WHERE " \
	"time < ? ORDER BY time LIMIT " LIMIT(TRIM_EVENTS) ")"
#define OLD_INCIDENTS \
	"(SELECT id FROM incident WHERE time < ?1 ORDER BY time LIMIT " LIMIT(TRIM_INCIDENTS) ")"
#define DROP_IMAGES                                                                          \
	"DELETE FROM image WHERE id IN (SELECT id FROM image WHERE time < ? AND "            \
	"id NOT IN (SELECT image FROM incident) AND id NOT IN (SELECT image FROM survivor) " \
	"AND id NOT IN (SELECT image FROM death) AND id NOT IN (SELECT sender_image FROM "   \
	"death) "                                                                            \
	"LIMIT " LIMIT(TRIM_EVENTS) ")"
#define DROP_SURVIVORS "DELETE FROM survivor WHERE incident IN " OLD_INCIDENTS
#define DROP_INCIDENTS "DELETE FROM incident WHERE id IN " OLD_INCIDENTS

/* Events, deaths, incidents: each when none of those before it is left to go. */
static int drop_older(struct store *store, int64_t older, int *dropped)
{
	int err = drop(store, DROP_EVENTS, older, dropped);

	if (!err && !*dropped)
		err = drop(store, DROP_DEATHS, older, dropped);
	if (err || *dropped)
		return err;
	err = drop(store, DROP_SURVIVORS, older, dropped);
	return err ? err : drop(store, DROP_INCIDENTS, older, dropped);
}

/* Of programs that no event tells of any more; incidents, which stay longer, keep theirs. */
static int drop_images(struct store *store)
{
	int64_t oldest;
	int ignored = 0;
	int err = store__number(store, "SELECT ifnull(min(time), 9000000000000000000) FROM event",
				&oldest);

	if (!err)
		err = drop(store, DROP_IMAGES, oldest - 2 * AN_HOUR, &ignored);
	/* What was dropped may still be remembered. */
	memset(store->images, 0, sizeof(store->images));
	return err ? err : store__run(store, "PRAGMA incremental_vacuum(1000);");
}

int store__trim(struct store *store, uint64_t oldest, uint64_t most_bytes)
{
	uint64_t bytes;
	int dropped = 0, err = bytes_of(store, &bytes);

	if (!err && bytes > most_bytes) /* the oldest, whatever its age */
		err = drop_older(store, INT64_MAX, &dropped);
	else if (!err)
		err = drop_older(store, (int64_t)oldest, &dropped);
	if (!err && dropped)
		err = drop_images(store);
	return err ? err : dropped > 0;
}
