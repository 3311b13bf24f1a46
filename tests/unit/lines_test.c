// SPDX-License-Identifier: GPL-2.0
/* lines_test.c - a store as lines of JSON, and those lines as a store: nothing is lost, and nothing
 * comes of what makes no sense. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/own.h"
#include "base/text.h"
#include "store/lines.h"
#include "store/store_parts.h"

static char folder[] = "/tmp/orphand-lines-XXXXXX";
static char first[64], second[64], error[512];

static void make_folder(void)
{
	cr_assert_not_null(mkdtemp(folder));
	snprintf(first, sizeof(first), "%s/first.db", folder);
	snprintf(second, sizeof(second), "%s/second.db", folder);
}

static void remove_folder(void)
{
	static const char *const names[] = { "first.db",  "first.db-wal",  "first.db-shm",
					     "second.db", "second.db-wal", "second.db-shm" };
	char name[96];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(name, sizeof(name), "%s/%s", folder, names[i]);
		unlink(name);
	}
	rmdir(folder);
}

TestSuite(lines, .timeout = 60, .init = make_folder, .fini = remove_folder);

static struct store *create(const char *path)
{
	struct store *store = NULL;

	cr_assert_eq(store__create(&store, path, error, sizeof(error)), 0, "%s", error);
	return store;
}

/* The caller frees it. */
static char *export_since(const char *path, uint64_t since)
{
	autostore struct store *store = NULL;
	struct lines lines = {};
	char *text = NULL;
	size_t size;

	cr_assert_eq(store__open(&store, path, error, sizeof(error)), 0, "%s", error);
	lines.to = open_memstream(&text, &size);
	cr_assert_not_null(lines.to);
	cr_assert_eq(lines__write_store(&lines, store, since), 0);
	fclose(lines.to);
	return text;
}

static int import_bytes(const char *path, const char *text, size_t len)
{
	autostore struct store *store = create(path);
	autofclose FILE *file = fmemopen((void *)(len ? text : "\n"), len ? len : 1, "r");

	cr_assert_not_null(file);
	memset(error, '?', sizeof(error));
	return lines__read(store, file, "f.jsonl", error, sizeof(error));
}

static int import_text(const char *path, const char *text)
{
	return import_bytes(path, text, strlen(text));
}

/* ---- rows with something in every column, whatever columns there are */

static const char nasty[] = "a\"b\\\\xff\x01\n/<\xc3\xa4>\x7f";
static const char no_utf8[] = "\xff\xc3\xed\xa0\x80";

static void fill_column(const struct column *column, char *record, int row)
{
	char *field = record + column->offset;
	uint64_t number = 0x0102030405060708 + (uint64_t)row * column->offset;

	if (!column->text)
		memcpy(field, &number, column->size);
	else if (strcmp(column->name, "id") == 0 || strcmp(column->name, "incident") == 0)
		snprintf(field, column->size, "01INCIDENT%d", row);
	else
		text__copy(field, column->size, row % 2 ? no_utf8 : nasty);
}

static struct control_image nasty_image(int row)
{
	static const char cut[] = "run\0\xff\0\0\"\\\0--cut";
	struct control_image image = { .uid = 4000000000, .gid = 5, .args_len = sizeof(cut) - 1 };

	image.args_len += row % 2; /* its last NUL is there, or not */
	memcpy(image.args, cut, image.args_len);
	text__copy(image.comm, sizeof(image.comm), "c\xffm");
	text__copy(image.exe, sizeof(image.exe), nasty);
	memset(image.cgroup, 'g', sizeof(image.cgroup) - 1);
	return image;
}

static void put_row(struct store *store, enum table_id id, int row)
{
	const struct table *table = &tables[id];
	union stored record = {};

	for (size_t i = 0; i < table->count; i++)
		fill_column(&table->columns[i], (char *)&record, row);
	for (size_t i = 0; i < table->image_count; i++)
		*(struct control_image *)((char *)&record + table->images[i].offset) =
			nasty_image(row + (int)i);
	if (id == TABLE_EVENT)
		record.event.row.type = EVENT_PROCESS_EXECUTED;
	if (id == TABLE_INCIDENT)
		record.incident.row.survivors = 1;
	cr_assert_eq(store__put_record(store, id, 1000 * row, &record), 0, "%s", table->name);
}

#define ROWS 4

static void fill_store(void)
{
	autostore struct store *store = create(first);
	struct control_host host = { .machine_id = "m", .boot_id = "b", .name = "v\xff" };

	cr_assert_eq(store__begin(store), 0);
	for (int row = 1; row <= ROWS; row++) {
		host.begun = (uint64_t)row / 3;
		host.realtime = 1000000000000000000 + row / 3;
		cr_assert_eq(store__put_host(store, &host), 0);
		for (size_t i = 0; i < TABLES; i++)
			put_row(store, (enum table_id)i, row);
	}
	cr_assert_eq(store__commit(store), 0);
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	while ((text = strstr(text, part))) {
		text++;
		n++;
	}
	return n;
}

Test(lines, every_column_of_every_table_comes_back_as_it_was)
{
	autofree char *before = NULL, *after = NULL, *again = NULL;

	fill_store();
	before = export_since(first, 0);
	cr_assert_eq(import_text(second, before), 0, "%s", error);
	after = export_since(second, 0);
	cr_expect_str_eq(after, before);
	cr_expect_eq(count(before, "\"table\":\"host\""), 2 * TABLES);
	for (size_t i = 0; i < TABLES; i++) {
		char key[64];

		snprintf(key, sizeof(key), "{\"table\":\"%s\",", tables[i].name);
		cr_expect_eq(count(before, key), ROWS, "%s", key);
	}
	cr_expect_eq(import_text(second, before), 0, "%s", error);
	again = export_since(second, 0);
	cr_expect_str_eq(again, before, "the same lines once more change nothing");
}

Test(lines, since_is_by_the_time_that_rows_are_found_by)
{
	autofree char *text = NULL;

	fill_store();
	text = export_since(first, 3000);
	for (size_t i = 0; i < TABLES; i++) {
		char key[64];

		snprintf(key, sizeof(key), "{\"table\":\"%s\",", tables[i].name);
		cr_expect_eq(count(text, key), 2, "%s", key);
	}
	cr_expect_eq(import_text(second, text), 0, "%s", error);
}

Test(lines, rows_of_a_daemon_are_those_of_its_store)
{
	struct control_host host = { .machine_id = "m", .boot_id = "b", .realtime = 1000 };
	struct control_event_row event = {
		.head = { .type = CONTROL_EVENT_ROW }, .seq = 1, .at = 5, .image = nasty_image(1)
	};
	struct control_incident_row incident = {
		.head = { .type = CONTROL_INCIDENT_ROW }, .id = "01A", .survivors = 2, .opened = 7
	};
	struct control_survivor_row survivor = { .head = { .type = CONTROL_SURVIVOR_ROW },
						 .who = { .pid = 9 } };
	struct control_finding_row finding = { .head = { .type = CONTROL_FINDING_ROW } };
	autofree char *told = NULL, *kept = NULL;
	struct store *store = create(first);
	struct store_place place;
	struct lines lines = {};
	size_t size;

	lines.to = open_memstream(&told, &size);
	cr_assert_eq(lines__write_row(&lines, &host, &event.head), 0);
	host.now++; /* the same daemon at another moment */
	cr_assert_eq(lines__write_row(&lines, &host, &incident.head), 0);
	cr_assert_eq(lines__write_row(&lines, &host, &survivor.head), 0);
	cr_assert_eq(lines__write_row(&lines, &host, &survivor.head), 0);
	cr_expect_eq(lines__write_row(&lines, &host, &finding.head), -EINVAL);
	fclose(lines.to);
	cr_expect_eq(count(told, "\"table\":\"host\""), 1);
	cr_assert_eq(import_text(second, told), 0, "%s", error);
	free(told);
	told = export_since(second, 0);

	cr_assert_eq(store__begin(store), 0);
	cr_assert_eq(store__put_host(store, &host), 0);
	cr_assert_eq(store__put_event(store, &event), 0);
	cr_assert_eq(store__put_incident(store, &incident, &place), 0);
	cr_assert_eq(store__put_survivor(store, &survivor, &place), 0);
	cr_assert_eq(store__put_survivor(store, &survivor, &place), 0);
	cr_assert_eq(store__commit(store), 0);
	store__close(store);
	kept = export_since(first, 0);
	cr_expect_str_eq(told, kept);
}

Test(lines, a_newer_state_takes_the_place_of_an_older_one_whole)
{
	autofree char *text = NULL;

	cr_assert_eq(
		import_text(
			first,
			"{\"table\":\"host\",\"boot_id\":\"b\"}\n"
			"{\"table\":\"incident\",\"time\":1,\"id\":\"A\",\"survivors\":2}\n"
			"{\"table\":\"survivor\",\"time\":1,\"incident\":\"A\",\"position\":0}\n"
			"{\"table\":\"survivor\",\"time\":1,\"incident\":\"A\",\"position\":1}\n"),
		0, "%s", error);
	cr_assert_eq(
		import_text(
			first,
			"{\"table\":\"host\",\"boot_id\":\"b\"}\r\n\n"
			"{\"table\":\"incident\",\"time\":1,\"id\":\"A\",\"survivors\":1}\n"
			"{\"table\":\"survivor\",\"time\":1,\"incident\":\"A\",\"position\":0}"),
		0, "%s", error);
	text = export_since(first, 0);
	cr_expect_eq(count(text, "\"table\":\"survivor\""), 1);
}

/* ---- what makes no sense */

#define HOST_LINE "{\"table\":\"host\",\"boot_id\":\"b\"}\n"
#define EVENT(rest) HOST_LINE "\n{\"table\":\"event\",\"time\":1,\"seq\":1" rest "}\n"

Test(lines, one_that_is_wrong_is_named_and_nothing_comes_in)
{
	static const struct {
		const char *text, *place, *word;
	} bad[] = {
		{ "nonsense\n", "f.jsonl:1: ", "no JSON" },
		{ HOST_LINE "{\"table\":\"event\"\n", "f.jsonl:2: ", "ends too soon" },
		{ HOST_LINE "{\"table\":\"event\",}\n", "f.jsonl:2: ", "no JSON" },
		{ HOST_LINE "{\"table\":\"event\",\"time\":1} x\n", "f.jsonl:2: ", "no JSON" },
		{ HOST_LINE "{\"table\":\"event\",\"name\":\"\xff\"}\n", "f.jsonl:2: ", "no JSON" },
		{ "[1]\n", "f.jsonl:1: ", "orphanctl export" },
		{ "{\"id\":\"01\"}\n", "f.jsonl:1: ", "orphanctl export" },
		{ "{\"table\":1}\n", "f.jsonl:1: ", "orphanctl export" },
		{ "{\"table\":\"tree\"}\n", "f.jsonl:1: ", "'tree'" },
		{ "{\"table\":\"a\\nb\"}\n", "f.jsonl:1: ", "'a?b'" },
		{ "{\"table\":\"event\",\"time\":1}\n", "f.jsonl:1: ", "host" },
		{ "{\"table\":\"host\"}\n", "f.jsonl:1: ", "boot_id" },
		{ HOST_LINE "{\"table\":\"event\"}\n", "f.jsonl:2: ", "time" },
		{ EVENT(",\"colour\":1"), "f.jsonl:3: ", "'colour'" },
		{ EVENT(",\"pid\":\"1\""), "f.jsonl:3: ", "pid is no number" },
		{ EVENT(",\"pid\":-1"), "f.jsonl:3: ", "pid is no number" },
		{ EVENT(",\"pid\":1.5"), "f.jsonl:3: ", "pid is no number" },
		{ EVENT(",\"pid\":null"), "f.jsonl:3: ", "pid is no number" },
		{ EVENT(",\"pid\":4294967296"), "f.jsonl:3: ", "from 0 to 4294967295" },
		{ EVENT(",\"at\":9223372036854775808"), "f.jsonl:3: ", "at is no number" },
		{ EVENT(",\"at\":99999999999999999999999"), "f.jsonl:3: ", "at is no number" },
		{ EVENT(",\"type\":99"), "f.jsonl:3: ", "type" },
		{ EVENT(",\"name\":1"), "f.jsonl:3: ", "name is no text" },
		{ EVENT(",\"name\":null"), "f.jsonl:3: ", "name is no text" },
		{ EVENT(",\"name\":\"a\\u0000b\""), "f.jsonl:3: ", "NUL" },
		{ EVENT(",\"name\":{\"hex\":\"6100\"}"), "f.jsonl:3: ", "NUL" },
		{ EVENT(",\"name\":{\"hex\":\"6\"}"), "f.jsonl:3: ", "hex" },
		{ EVENT(",\"name\":{\"hex\":\"6g\"}"), "f.jsonl:3: ", "hex" },
		{ EVENT(",\"name\":{\"hex\":\"61\",\"a\":1}"), "f.jsonl:3: ", "name" },
		{ EVENT(",\"incident\":\"01234567890123456789012345678901\""),
		  "f.jsonl:3: ", "longer than 31" },
		{ EVENT(",\"image\":1"), "f.jsonl:3: ", "image" },
		{ EVENT(",\"image\":{\"x\":1}"), "f.jsonl:3: ", "'x'" },
		{ EVENT(",\"image\":{\"args\":\"a\"}"), "f.jsonl:3: ", "args" },
		{ EVENT(",\"image\":{\"args\":[1]}"), "f.jsonl:3: ", "argument" },
		{ EVENT(",\"image\":{\"args\":[],\"cut\":1}"), "f.jsonl:3: ", "cut" },
		{ EVENT(",\"image\":{\"comm\":\"0123456789abcdef\"}"),
		  "f.jsonl:3: ", "longer than 15" },
		{ HOST_LINE "{\"table\":\"incident\",\"time\":1}\n", "f.jsonl:2: ", "id" },
		{ HOST_LINE "{\"table\":\"survivor\",\"time\":1}\n", "f.jsonl:2: ", "incident" },
		{ HOST_LINE "{\"table\":\"incident\",\"time\":1,\"id\":\"A\",\"survivors\":1}\n",
		  "f.jsonl:2: ", "survivors" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		autofree char *text = NULL, *left = NULL;

		cr_assert_gt(asprintf(&text,
				      HOST_LINE "{\"table\":\"event\",\"time\":1,\"seq\":7}\n%s",
				      bad[i].text),
			     0);
		cr_expect_eq(import_text(first, bad[i].text), -EINVAL, "%s", bad[i].text);
		cr_expect_eq(strncmp(error, bad[i].place, strlen(bad[i].place)), 0, "%s: %s",
			     bad[i].text, error);
		cr_expect(strstr(error, bad[i].word), "%s: %s", bad[i].text, error);
		cr_expect_null(strchr(error, '\n'));
		if (!strstr(bad[i].word, "host") && !strstr(bad[i].place, ":1:"))
			cr_expect_eq(import_text(first, text), -EINVAL, "%s", text);
		left = export_since(first, 0);
		cr_expect_str_empty(left, "%s", bad[i].text);
	}
}

Test(lines, bytes_that_are_no_lines)
{
	static char bytes[200000];
	autofree char *left = NULL;

	memset(bytes, ' ', sizeof(bytes));
	cr_expect_eq(import_bytes(first, bytes, sizeof(bytes)), -EINVAL);
	cr_expect(strstr(error, "f.jsonl:1: longer"), "%s", error);
	memset(bytes, 0, sizeof(bytes));
	cr_expect_eq(import_bytes(first, bytes, sizeof(bytes)), -EINVAL);
	memset(bytes, '[', sizeof(bytes));
	bytes[1000] = '\n';
	cr_expect_eq(import_bytes(first, bytes, sizeof(bytes)), -EINVAL);
	cr_expect(strstr(error, "f.jsonl:1: no JSON"), "%s", error);
	cr_expect_eq(import_text(first, ""), 0);
	left = export_since(first, 0);
	cr_expect_str_empty(left);
}

Test(lines, as_many_arguments_as_there_is_room_for)
{
	autofree char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	for (int more = 0; more < 2; more++) {
		rewind(file);
		fputs(HOST_LINE
		      "{\"table\":\"event\",\"time\":1,\"seq\":1,\"image\":{\"args\":[\"\"",
		      file);
		for (int i = 1; i < ARGS_LEN + more; i++)
			fputs(",\"\"", file);
		fputs("]}}\n", file);
		fflush(file);
		cr_expect_eq(import_bytes(first, text, size), more ? -EINVAL : 0, "%s", error);
	}
	cr_expect(strstr(error, "f.jsonl:2: args are longer than 1024 bytes"), "%s", error);
	fclose(file);
}
