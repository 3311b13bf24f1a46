// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <yaml.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "guard/config.h"

#define LARGEST_FILE (1 << 20)

enum kind { KIND_PATH, KIND_BOOL, KIND_COUNT, KIND_RING, KIND_DURATION };

/* What may stand in the file: a section, a key, and where its value goes. */
static const struct key {
	const char *section;
	const char *name;
	enum kind kind;
	size_t offset;
	uint64_t low, high;
} keys[] = {
	{ "daemon", "runtime_dir", KIND_PATH, offsetof(struct config, runtime_dir), 0, 0 },
	{ "daemon", "state_dir", KIND_PATH, offsetof(struct config, state_dir), 0, 0 },
	{ "daemon", "pin_dir", KIND_PATH, offsetof(struct config, pin_dir), 0, 0 },
	{ "daemon", "observe", KIND_BOOL, offsetof(struct config, observe), 0, 0 },
	{ "limits", "processes", KIND_COUNT, offsetof(struct config, processes), 16, 4194304 },
	{ "limits", "trees", KIND_COUNT, offsetof(struct config, trees), 1, 1048576 },
	{ "limits", "ring", KIND_RING, offsetof(struct config, ring), 4096, 1 << 30 },
	{ "limits", "stuck", KIND_DURATION, offsetof(struct config, stuck), NS_PER_SEC,
	  3600 * NS_PER_SEC },
};

#define KEYS (sizeof(keys) / sizeof(*keys))

struct config config__default(void)
{
	return (struct config){
		.runtime_dir = "/run/orphand",
		.state_dir = "/var/lib/orphand",
		.pin_dir = "/sys/fs/bpf/orphand",
		.processes = 262144,
		.trees = 65536,
		.ring = 8 << 20,
		.stuck = 10 * NS_PER_SEC,
	};
}

struct reader {
	const char *path;
	char *error;
	size_t size;
	yaml_document_t document;
	struct config *config;
};

__attribute__((format(printf, 3, 4))) static int complain(struct reader *reader, yaml_mark_t mark,
							  const char *format, ...)
{
	va_list args;
	int n = snprintf(reader->error, reader->size, "%s:%zu:%zu: ", reader->path, mark.line + 1,
			 mark.column + 1);

	if (n < 0 || (size_t)n >= reader->size)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(reader->error + n, reader->size - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

/* How many letters must change to make one word of the other, for "did you mean". */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], len = strlen(b);

	if (len >= 64)
		return 64;
	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (; *a; a++) {
		size_t corner = row[0]++;

		for (size_t j = 1; j <= len; j++) {
			size_t best = corner + (*a != b[j - 1]);

			corner = row[j];
			if (corner + 1 < best)
				best = corner + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[len];
}

/* The nearest name in a section (or the nearest section, for NULL), "" when none is near. */
static const char *nearest(const char *section, const char *word)
{
	const char *best = "";
	size_t least = 3;

	for (size_t i = 0; i < KEYS; i++) {
		const char *name = section ? keys[i].name : keys[i].section;

		if (section && strcmp(keys[i].section, section) != 0)
			continue;
		if (distance(word, name) < least) {
			least = distance(word, name);
			best = name;
		}
	}
	return best;
}

static int complain_unknown(struct reader *reader, yaml_node_t *node, const char *section,
			    const char *word)
{
	const char *near = nearest(section, word);

	return complain(reader, node->start_mark, "unknown key '%.60s'%s%s%s%s%s", word,
			section ? " in " : "", section ? section : "",
			*near ? "; did you mean '" : "", near, *near ? "'?" : "");
}

/* 262144, 64K, 8M, 1G. */
static int parse_count(const char *text, uint64_t *count)
{
	char *end;

	errno = 0;
	*count = strtoull(text, &end, 10);
	if (errno || end == text || *text == '-')
		return -EINVAL;
	switch (*end) {
	case 'K':
		*count <<= 10;
		end++;
		break;
	case 'M':
		*count <<= 20;
		end++;
		break;
	case 'G':
		*count <<= 30;
		end++;
		break;
	default:
		break;
	}
	return *end || *count >> 40 ? -EINVAL : 0;
}

static int set_path(struct reader *reader, yaml_node_t *node, const char *text, char *to)
{
	if (*text != '/')
		return complain(reader, node->start_mark, "'%.60s' is no absolute path", text);
	/* room for "/control.sock" in sockaddr_un */
	if (strlen(text) > CONFIG_PATH_LEN - 20)
		return complain(reader, node->start_mark, "the path is longer than %d characters",
				CONFIG_PATH_LEN - 20);
	text__copy(to, CONFIG_PATH_LEN, text);
	return 0;
}

static int set_bool(struct reader *reader, yaml_node_t *node, const char *text, bool *to)
{
	*to = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;
	if (*to || strcmp(text, "false") == 0 || strcmp(text, "no") == 0)
		return 0;
	return complain(reader, node->start_mark, "'%.60s' is neither true nor false", text);
}

static int set_count(struct reader *reader, yaml_node_t *node, const struct key *key,
		     const char *text, uint32_t *to)
{
	uint64_t count;

	if (parse_count(text, &count))
		return complain(reader, node->start_mark,
				"'%.60s' is no number; write 4096, 64K, 8M", text);
	if (count < key->low || count > key->high)
		return complain(reader, node->start_mark, "%s is from %llu to %llu", key->name,
				(unsigned long long)key->low, (unsigned long long)key->high);
	if (key->kind == KIND_RING && count & (count - 1))
		return complain(reader, node->start_mark,
				"the ring's size is a power of 2: 4096, 64K, 8M");
	*to = (uint32_t)count;
	return 0;
}

static int set_duration(struct reader *reader, yaml_node_t *node, const struct key *key,
			const char *text, uint64_t *to)
{
	if (clock__parse_duration(text, to))
		return complain(reader, node->start_mark,
				"'%.60s' is no duration; write 500ms, 5s, 2m", text);
	if (*to < key->low || *to > key->high)
		return complain(reader, node->start_mark, "%s is from %llus to %llus", key->name,
				(unsigned long long)(key->low / NS_PER_SEC),
				(unsigned long long)(key->high / NS_PER_SEC));
	return 0;
}

static int set_value(struct reader *reader, yaml_node_t *node, const struct key *key)
{
	void *to = (char *)reader->config + key->offset;
	const char *text;

	if (node->type != YAML_SCALAR_NODE)
		return complain(reader, node->start_mark, "%s takes a single value", key->name);
	text = (const char *)node->data.scalar.value;
	switch (key->kind) {
	case KIND_PATH:
		return set_path(reader, node, text, to);
	case KIND_BOOL:
		return set_bool(reader, node, text, to);
	case KIND_DURATION:
		return set_duration(reader, node, key, text, to);
	case KIND_COUNT:
	case KIND_RING:
	default:
		return set_count(reader, node, key, text, to);
	}
}

static const struct key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].section, section) == 0 &&
		    (!name || strcmp(keys[i].name, name) == 0))
			return &keys[i];
	}
	return NULL;
}

/* The text of a mapping's key; complains of one that is no plain word or stands there twice. */
static const char *key_text(struct reader *reader, yaml_node_t *map, yaml_node_pair_t *pair)
{
	yaml_node_t *node = yaml_document_get_node(&reader->document, pair->key);
	const char *text;

	if (node->type != YAML_SCALAR_NODE) {
		complain(reader, node->start_mark, "a key is a plain word");
		return NULL;
	}
	text = (const char *)node->data.scalar.value;
	for (yaml_node_pair_t *other = map->data.mapping.pairs.start; other < pair; other++) {
		yaml_node_t *before = yaml_document_get_node(&reader->document, other->key);

		if (strcmp((const char *)before->data.scalar.value, text) == 0) {
			complain(reader, node->start_mark, "'%.60s' stands here a second time",
				 text);
			return NULL;
		}
	}
	return text;
}

static int read_section(struct reader *reader, const char *section, yaml_node_t *map)
{
	yaml_node_pair_t *pair;

	if (map->type != YAML_MAPPING_NODE)
		return complain(reader, map->start_mark, "%s takes keys and values", section);
	for (pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		const char *name = key_text(reader, map, pair);
		const struct key *key;
		int err;

		if (!name)
			return -EINVAL;
		key = find_key(section, name);
		if (!key)
			return complain_unknown(
				reader, yaml_document_get_node(&reader->document, pair->key),
				section, name);
		err = set_value(reader, yaml_document_get_node(&reader->document, pair->value),
				key);
		if (err)
			return err;
	}
	return 0;
}

static int read_root(struct reader *reader)
{
	yaml_node_t *map = yaml_document_get_root_node(&reader->document);
	yaml_node_pair_t *pair;

	if (!map)
		return 0; /* empty: the defaults */
	if (map->type != YAML_MAPPING_NODE)
		return complain(reader, map->start_mark, "expected sections like 'daemon:'");
	for (pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		const char *section = key_text(reader, map, pair);
		int err;

		if (!section)
			return -EINVAL;
		if (!find_key(section, NULL))
			return complain_unknown(
				reader, yaml_document_get_node(&reader->document, pair->key), NULL,
				section);
		err = read_section(reader, section,
				   yaml_document_get_node(&reader->document, pair->value));
		if (err)
			return err;
	}
	return 0;
}

static int read_document(struct reader *reader, FILE *file)
{
	yaml_parser_t parser;
	int err;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_file(&parser, file);
	if (!yaml_parser_load(&parser, &reader->document)) {
		err = complain(reader, parser.problem_mark, "%s",
			       parser.problem ? parser.problem : "no YAML");
		yaml_parser_delete(&parser);
		return err;
	}
	err = read_root(reader);
	yaml_document_delete(&reader->document);
	yaml_parser_delete(&parser);
	return err;
}

int config__read(struct config *config, const char *path, char *error, unsigned long size)
{
	struct reader reader = { .path = path, .error = error, .size = size, .config = config };
	autofclose FILE *file = NULL;
	struct stat st;

	if (stat(path, &st)) {
		snprintf(error, size, "%s: %s", path, strerror(errno));
		return -errno;
	}
	/* Before it is opened: a fifo would wait for its writer. */
	if (!S_ISREG(st.st_mode) || st.st_size > LARGEST_FILE) {
		snprintf(error, size, "%s: %s", path,
			 S_ISREG(st.st_mode) ? "larger than 1 MiB, hardly a config"
					     : "not a plain file");
		return -EINVAL;
	}
	file = fopen(path, "re");
	if (!file) {
		snprintf(error, size, "%s: %s", path, strerror(errno));
		return -errno;
	}
	return read_document(&reader, file);
}
