// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/own.h"
#include "base/text.h"
#include "model/json.h"
#include "store/lines.h"
#include "store/store_parts.h"

/* No row is longer: 1024 bytes of arguments and 1024 of stack, six characters for each. */
#define LINE_MOST 65536
#define DEEPEST 8

#define FIELD(record, key, is_text)                                          \
	{                                                                    \
		.name = #key, .offset = offsetof(struct record, key),        \
		.size = sizeof(((struct record *)0)->key), .text = (is_text) \
	}

/* What is told of a host; no table of rows. */
static const struct column host_columns[] = {
	FIELD(control_host, machine_id, true), FIELD(control_host, boot_id, true),
	FIELD(control_host, name, true),       FIELD(control_host, version, true),
	FIELD(control_host, begun, false),     FIELD(control_host, realtime, false),
};

static const struct column image_columns[] = {
	FIELD(control_image, uid, false),   FIELD(control_image, gid, false),
	FIELD(control_image, comm, true),   FIELD(control_image, exe, true),
	FIELD(control_image, cgroup, true),
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The columns of whatever is one object. */
struct shape {
	const char *name;
	const struct column *columns;
	size_t count;
	size_t at; /* offset of the time that some are so long before */
};

static const struct shape host_shape = { "host", host_columns, COUNT(host_columns), 0 };
static const struct shape image_shape = { "image", image_columns, COUNT(image_columns), 0 };

static struct shape shape_of(const struct table *table)
{
	return (struct shape){ table->name, table->columns, table->count, table->at };
}

/* ---- writing: NULL where memory is short */

static bool is_utf8(const char *bytes, size_t len)
{
	for (size_t i = 0, width; i < len; i += width) {
		width = json__utf8(bytes + i, len - i);
		if (!width)
			return false;
	}
	return true;
}

static struct json_object *make_hex(const char *bytes, size_t len)
{
	struct json_object *object = json_object_new_object(), *text;
	autofree char *hex = calloc(len, 2);

	for (size_t i = 0; hex && i < len; i++) {
		hex[2 * i] = "0123456789abcdef"[(unsigned char)bytes[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	text = hex ? json_object_new_string_len(hex, (int)(2 * len)) : NULL;
	if (object && text && json_object_object_add(object, "hex", text) == 0)
		return object;
	json_object_put(text);
	json_object_put(object);
	return NULL;
}

static struct json_object *make_text(const char *bytes, size_t len)
{
	return is_utf8(bytes, len) ? json_object_new_string_len(bytes, (int)len)
				   : make_hex(bytes, len);
}

static struct json_object *make_value(const struct shape *shape, const struct column *column,
				      const char *record)
{
	const char *field = record + column->offset;
	uint64_t number = 0, time;

	if (column->text)
		return make_text(field, strnlen(field, column->size));
	memcpy(&number, field, column->size); /* little-endian, as in the store */
	if (!column->ago)
		return json_object_new_uint64(number);
	memcpy(&time, record + shape->at, sizeof(time));
	return json_object_new_int64((int64_t)(time - number));
}

/* Takes the value over. */
static bool put(struct json_object *object, const char *key, struct json_object *value)
{
	if (value && json_object_object_add(object, key, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

static bool put_columns(struct json_object *object, const struct shape *shape, const void *record)
{
	for (size_t i = 0; i < shape->count; i++) {
		if (!put(object, shape->columns[i].name,
			 make_value(shape, &shape->columns[i], record)))
			return false;
	}
	return true;
}

static struct json_object *make_args(const struct control_image *image)
{
	struct json_object *args = json_object_new_array();
	size_t len = json__args_len(image);

	for (size_t at = 0; args && at < len;) {
		size_t one = strnlen(image->args + at, len - at);
		struct json_object *text = make_text(image->args + at, one);

		if (!text || json_object_array_add(args, text)) {
			json_object_put(text);
			json_object_put(args);
			return NULL;
		}
		at += one + 1;
	}
	return args;
}

/* "cut": the last argument went on, and has no NUL. */
static struct json_object *make_image(const struct control_image *image)
{
	struct json_object *object = json_object_new_object();
	size_t len = json__args_len(image);
	bool cut = len && image->args[len - 1];

	if (object && put_columns(object, &image_shape, image) &&
	    put(object, "args", make_args(image)) &&
	    (!cut || put(object, "cut", json_object_new_boolean(true))))
		return object;
	json_object_put(object);
	return NULL;
}

static bool put_images(struct json_object *object, const struct table *table, const void *record)
{
	for (size_t i = 0; i < table->image_count; i++) {
		const struct image_column *image = &table->images[i];

		if (!put(object, image->name,
			 make_image((const void *)((const char *)record + image->offset))))
			return false;
	}
	return true;
}

static int print(struct lines *lines, struct json_object *object, bool whole)
{
	const char *text =
		whole ? json_object_to_json_string_ext(
				object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
		      : NULL;

	if (text)
		fprintf(lines->to, "%s\n", text);
	json_object_put(object);
	return text ? 0 : -ENOMEM;
}

static int write_host(struct lines *lines, const struct control_host *host)
{
	struct json_object *object = json_object_new_object();

	lines->host = *host;
	return print(lines, object,
		     object && put(object, "table", json_object_new_string("host")) &&
			     put_columns(object, &host_shape, host));
}

static int write_record(struct lines *lines, enum table_id id, int64_t time, const void *record)
{
	const struct table *table = &tables[id];
	struct json_object *object = json_object_new_object();
	struct shape shape = shape_of(table);

	return print(lines, object,
		     object && put(object, "table", json_object_new_string(table->name)) &&
			     put(object, "time", json_object_new_int64(time)) &&
			     put_columns(object, &shape, record) &&
			     put_images(object, table, record));
}

/* ---- of a store */

static int take_host(void *context, const struct control_head *row)
{
	return write_host(context, (const struct control_host *)row);
}

static int take_record(void *context, enum table_id table, int64_t time, const void *record)
{
	struct lines *lines = context;
	int err = write_record(lines, table, time, record);

	return err ? err : ferror(lines->to);
}

int lines__write_store(struct lines *lines, struct store *store, uint64_t since)
{
	const struct store_reading reading = { take_host, take_record, lines };
	int err = 0;

	for (size_t i = 0; !err && i < TABLES; i++)
		err = store__each(store, (enum table_id)i, since, &reading);
	return err < 0 ? err : 0;
}

/* ---- of a daemon */

static bool same_host(const struct control_host *one, const struct control_host *other)
{
	return one->begun == other->begun && one->realtime == other->realtime &&
	       strcmp(one->boot_id, other->boot_id) == 0;
}

int lines__write_row(struct lines *lines, const struct control_host *host,
		     const struct control_head *row)
{
	union stored stored = {};
	struct store_place *place = &lines->place;
	int err = same_host(&lines->host, host) ? 0 : write_host(lines, host);

	if (err)
		return err;
	switch (row->type) {
	case CONTROL_EVENT_ROW:
		stored.event.row = *(const struct control_event_row *)row;
		return write_record(lines, TABLE_EVENT,
				    (int64_t)json__realtime(host, stored.event.row.at), &stored);
	case CONTROL_INCIDENT_ROW:
		stored.incident.row = *(const struct control_incident_row *)row;
		*place = (struct store_place){ .opened = stored.incident.row.opened };
		text__copy(place->incident, sizeof(place->incident), stored.incident.row.id);
		return write_record(lines, TABLE_INCIDENT,
				    (int64_t)json__realtime(host, place->opened), &stored);
	case CONTROL_SURVIVOR_ROW:
		stored.survivor.row = *(const struct control_survivor_row *)row;
		stored.survivor.position = place->position++;
		memcpy(stored.survivor.incident, place->incident, sizeof(place->incident));
		return write_record(lines, TABLE_SURVIVOR,
				    (int64_t)json__realtime(host, place->opened), &stored);
	case CONTROL_DEATH_ROW:
		stored.death.row = *(const struct control_death_row *)row;
		return write_record(lines, TABLE_DEATH,
				    (int64_t)json__realtime(host, stored.death.row.at), &stored);
	default:
		return -EINVAL;
	}
}

/* ---- reading */

struct input {
	struct store *store;
	const char *name;
	unsigned long line;
	bool host; /* whose rows follow is known */
	char *error;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct input *input,
							const char *format, ...)
{
	int n = snprintf(input->error, input->size, "%s:%lu: ", input->name, input->line);
	va_list args;

	if (n < 0 || (size_t)n >= input->size)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(input->error + n, input->size - (size_t)n, format, args);
	va_end(args);
	/* One line, whatever the words hold. */
	for (char *at = input->error + n; *at; at++) {
		if (iscntrl((unsigned char)*at))
			*at = '?';
	}
	return -EINVAL;
}

/* Bytes of a text into a field of that size, a NUL behind them; how many. */
static int read_hex(const struct input *input, const char *what, struct json_object *object,
		    char *to, size_t size)
{
	struct json_object *hex;
	const char *digits;
	size_t len;

	if (json_object_object_length(object) != 1 ||
	    !json_object_object_get_ex(object, "hex", &hex) ||
	    !json_object_is_type(hex, json_type_string))
		return refuse(input, "%.40s is neither a text nor {\"hex\":\"...\"}", what);
	digits = json_object_get_string(hex);
	len = (size_t)json_object_get_string_len(hex);
	if (len % 2 || strspn(digits, "0123456789abcdefABCDEF") != len)
		return refuse(input, "%.40s is no pairs of hex digits", what);
	if (len / 2 >= size)
		return refuse(input, "%.40s is longer than %zu bytes", what, size - 1);
	for (size_t i = 0; i < len / 2; i++) {
		char pair[3] = { digits[2 * i], digits[2 * i + 1], '\0' };

		to[i] = (char)strtoul(pair, NULL, 16);
	}
	to[len / 2] = '\0';
	return (int)(len / 2);
}

static int read_text(const struct input *input, const char *what, struct json_object *value,
		     char *to, size_t size)
{
	size_t len;
	int n;

	if (json_object_is_type(value, json_type_object)) {
		n = read_hex(input, what, value, to, size);
	} else if (json_object_is_type(value, json_type_string)) {
		len = (size_t)json_object_get_string_len(value);
		if (len >= size)
			return refuse(input, "%.40s is longer than %zu bytes", what, size - 1);
		memcpy(to, json_object_get_string(value), len + 1);
		n = (int)len;
	} else {
		return refuse(input, "%.40s is no text", what);
	}
	if (n > 0 && memchr(to, '\0', (size_t)n))
		return refuse(input, "%.40s has a NUL in it", what);
	return n;
}

static int read_number(const struct input *input, const char *what, struct json_object *value,
		       size_t size, uint64_t *number)
{
	uint64_t most = size < 8 ? (1ULL << 8 * size) - 1 : INT64_MAX;

	*number = json_object_get_uint64(value); /* 0 for a negative one */
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0 ||
	    *number > most)
		return refuse(input, "%.40s is no number from 0 to %" PRIu64, what, most);
	return 0;
}

static int read_value(const struct input *input, const struct column *column,
		      struct json_object *value, char *record)
{
	uint64_t number;
	int err;

	if (column->text) {
		err = read_text(input, column->name, value, record + column->offset, column->size);
		return err < 0 ? err : 0;
	}
	if (column->ago && json_object_is_type(value, json_type_int)) {
		number = (uint64_t)json_object_get_int64(value);
		err = 0;
	} else {
		err = read_number(input, column->name, value, column->size, &number);
	}
	if (!err)
		memcpy(record + column->offset, &number, column->size);
	return err;
}

static const struct column *find_column(const struct shape *shape, const char *name)
{
	for (size_t i = 0; i < shape->count; i++) {
		if (strcmp(shape->columns[i].name, name) == 0)
			return &shape->columns[i];
	}
	return NULL;
}

/* But for the keys of the words besides, every key is a column. One that is missing is empty: an
 * older orphand had no such column yet. */
static int read_columns(const struct input *input, const struct shape *shape,
			struct json_object *object, const char *besides, void *record)
{
	json_object_object_foreach(object, key, value)
	{
		const struct column *column = find_column(shape, key);
		char word[32];
		int err;

		snprintf(word, sizeof(word), " %.28s ", key);
		if (!column && strstr(besides, word))
			continue;
		if (!column)
			return refuse(input, "%s has no '%.40s'; it is of a newer orphand?",
				      shape->name, key);
		err = read_value(input, column, value, record);
		if (err)
			return err;
	}
	return 0;
}

static int read_args(const struct input *input, struct json_object *array, bool cut,
		     struct control_image *image)
{
	size_t count = json_object_is_type(array, json_type_array) ? json_object_array_length(array)
								   : 0;
	char args[ARGS_LEN + 1];
	size_t used = 0;

	if (!json_object_is_type(array, json_type_array))
		return refuse(input, "args is no list of texts");
	for (size_t i = 0; i < count; i++) {
		bool ends = i + 1 < count || !cut;
		int n = read_text(input, "an argument", json_object_array_get_idx(array, i),
				  args + used, sizeof(args) - used);

		if (n < 0)
			return n;
		used += (size_t)n + ends;
		if (used > ARGS_LEN)
			return refuse(input, "args are longer than %d bytes", ARGS_LEN);
	}
	memcpy(image->args, args, used);
	image->args_len = (uint32_t)used;
	return 0;
}

static int read_image(const struct input *input, struct json_object *object,
		      struct control_image *image)
{
	struct json_object *args, *cut = NULL;
	int err;

	if (!json_object_is_type(object, json_type_object))
		return refuse(input, "image is no object");
	err = read_columns(input, &image_shape, object, " args cut ", image);
	if (err)
		return err;
	json_object_object_get_ex(object, "cut", &cut);
	if (cut && !json_object_is_type(cut, json_type_boolean))
		return refuse(input, "cut is neither true nor false");
	if (!json_object_object_get_ex(object, "args", &args))
		return 0;
	return read_args(input, args, json_object_get_boolean(cut), image);
}

/* What a row is found by can't be left out. */
static int check_key(const struct input *input, const struct table *table, const void *record)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct column *column = &table->columns[i];

		if (column->text && !((const char *)record)[column->offset] &&
		    strstr(table->key, column->name))
			return refuse(input, "%s has no %s", table->name, column->name);
	}
	if (table == &tables[TABLE_EVENT] &&
	    ((const struct stored_event *)record)->row.type >= EVENT_TYPES)
		return refuse(input, "an event of a type that this orphanctl does not know");
	return 0;
}

static int read_images(const struct input *input, const struct table *table,
		       struct json_object *object, void *record)
{
	int err = 0;

	for (size_t i = 0; !err && i < table->image_count; i++) {
		const struct image_column *column = &table->images[i];
		struct json_object *image;

		if (json_object_object_get_ex(object, column->name, &image))
			err = read_image(input, image, (void *)((char *)record + column->offset));
	}
	return err;
}

/* The time may have come behind what is so long before it. */
static void count_back(const struct table *table, char *record)
{
	uint64_t time, number;

	memcpy(&time, record + table->at, sizeof(time));
	for (size_t i = 0; i < table->count; i++) {
		char *field = record + table->columns[i].offset;

		if (!table->columns[i].ago)
			continue;
		memcpy(&number, field, sizeof(number));
		number = time - number;
		memcpy(field, &number, sizeof(number));
	}
}

static int put_record(struct input *input, enum table_id id, struct json_object *object)
{
	const struct table *table = &tables[id];
	const struct shape shape = shape_of(table);
	char besides[80] = " table time ";
	struct json_object *time;
	union stored record = {};
	uint64_t at;
	int err = 0;

	if (!input->host)
		return refuse(input, "no host is told before this row");
	if (!json_object_object_get_ex(object, "time", &time))
		return refuse(input, "%s has no time", table->name);
	for (size_t i = 0; i < table->image_count; i++)
		snprintf(besides + strlen(besides), sizeof(besides) - strlen(besides), " %s ",
			 table->images[i].name);
	err = read_number(input, "time", time, sizeof(at), &at);
	if (!err)
		err = read_columns(input, &shape, object, besides, &record);
	if (!err)
		err = read_images(input, table, object, &record);
	if (!err)
		err = check_key(input, table, &record);
	count_back(table, (char *)&record);
	return err ? err : store__put_record(input->store, id, (int64_t)at, &record);
}

static int put_host(struct input *input, struct json_object *object)
{
	struct control_host host = {};
	int err = read_columns(input, &host_shape, object, " table ", &host);

	if (!err && !*host.boot_id)
		return refuse(input, "host has no boot_id");
	input->host = true;
	return err ? err : store__put_host(input->store, &host);
}

static int put_object(struct input *input, struct json_object *object)
{
	struct json_object *table;
	const char *name;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, "table", &table) ||
	    !json_object_is_type(table, json_type_string))
		return refuse(input, "no object with a \"table\"; is it from orphanctl export?");
	name = json_object_get_string(table);
	if (strcmp(name, host_shape.name) == 0)
		return put_host(input, object);
	for (size_t i = 0; i < TABLES; i++) {
		if (strcmp(name, tables[i].name) == 0)
			return put_record(input, (enum table_id)i, object);
	}
	return refuse(input, "there is no table '%.40s'; it is of a newer orphand?", name);
}

static int put_line(struct input *input, struct json_tokener *tokener, const char *text, size_t len)
{
	struct json_object *object;
	int err;

	json_tokener_reset(tokener);
	object = json_tokener_parse_ex(tokener, text, (int)len);
	if (json_tokener_get_error(tokener) == json_tokener_success &&
	    json_tokener_get_parse_end(tokener) == len)
		err = put_object(input, object);
	else if (json_tokener_get_error(tokener) == json_tokener_continue)
		err = refuse(input, "no JSON: it ends too soon");
	else
		err = refuse(input, "no JSON at byte %zu: %s",
			     json_tokener_get_parse_end(tokener) + 1,
			     json_tokener_error_desc(json_tokener_get_error(tokener)));
	json_object_put(object);
	return err;
}

static int put_lines(struct input *input, FILE *from, struct json_tokener *tokener, char *text)
{
	int err = 0;

	while (!err && fgets(text, LINE_MOST, from)) {
		size_t len = strlen(text);

		input->line++;
		if ((!len || text[len - 1] != '\n') && !feof(from))
			return refuse(input, "longer than a row can be, or with a NUL");
		while (len && isspace((unsigned char)text[len - 1]))
			text[--len] = '\0';
		if (len)
			err = put_line(input, tokener, text, len);
	}
	if (!err && ferror(from)) {
		err = -errno;
		snprintf(input->error, input->size, "%s: %s", input->name, strerror(errno));
	}
	return err;
}

static int put_all(struct input *input, FILE *from)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEEPEST);
	autofree char *text = malloc(LINE_MOST);
	char torn[INCIDENT_ID_LEN] = "";
	int err = -ENOMEM;

	if (tokener && text) {
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		err = put_lines(input, from, tokener, text);
	}
	if (tokener)
		json_tokener_free(tokener);
	if (!err)
		err = store__find_torn(input->store, torn);
	if (!err && *torn)
		err = refuse(input, "incident %s has not as many survivors as it says", torn);
	return err;
}

int lines__read(struct store *store, FILE *from, const char *name, char *error, size_t size)
{
	struct input input = { .store = store, .name = name, .error = error, .size = size };
	int err = store__begin(store);

	*error = '\0';
	if (!err) {
		err = put_all(&input, from);
		if (err)
			store__rollback(store);
		else
			err = store__commit(store);
	}
	if (err && !*error)
		snprintf(error, size, "%s:%lu: %s", name, input.line, strerror(-err));
	return err;
}
