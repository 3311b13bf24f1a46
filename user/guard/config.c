// SPDX-License-Identifier: GPL-2.0
/* config.c - the files, their sections, and the plain values in them. */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "guard/config.h"
#include "guard/config_reader.h"
#include "guard/journal.h"

enum kind {
	KIND_PATH,
	KIND_BOOL,
	KIND_SWITCH,
	KIND_COUNT,
	KIND_RING,
	KIND_BYTES,
	KIND_DURATION,
	KIND_EVENTS,
	KIND_REDACT,
	KIND_ADDRESS,
	KIND_TOKEN,
};

#define TOKEN_LEAST 16

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
	{ "daemon", "reflex", KIND_SWITCH, offsetof(struct config, reflex), 0, 0 },
	{ "limits", "processes", KIND_COUNT, offsetof(struct config, processes), 16, 4194304 },
	{ "limits", "trees", KIND_COUNT, offsetof(struct config, trees), 1, 1048576 },
	{ "limits", "ring", KIND_RING, offsetof(struct config, ring), 4096, 1 << 30 },
	{ "limits", "stuck", KIND_DURATION, offsetof(struct config, stuck), NS_PER_SEC,
	  3600 * NS_PER_SEC },
	{ "brake", "survivors_per_incident", KIND_COUNT,
	  offsetof(struct config, survivors_per_incident), 1, UINT32_MAX },
	/* The journal is counted, and holds no more. */
	{ "brake", "incidents_per_minute", KIND_COUNT,
	  offsetof(struct config, incidents_per_minute), 1, JOURNAL_INCIDENTS },
	{ "store", "keep", KIND_DURATION, offsetof(struct config, keep), 60 * NS_PER_SEC,
	  36525 * 86400ULL * NS_PER_SEC },
	{ "store", "max", KIND_BYTES, offsetof(struct config, most), 1 << 20, 1ULL << 50 },
	{ "store", "events", KIND_EVENTS, offsetof(struct config, events), 0, 0 },
	{ "store", "redact", KIND_REDACT, offsetof(struct config, redact), 0, 0 },
	{ "feed", "listen", KIND_ADDRESS, offsetof(struct config, feed), 0, 0 },
	{ "feed", "token_file", KIND_TOKEN, offsetof(struct config, token), 0, 0 },
};

#define KEYS (sizeof(keys) / sizeof(*keys))

struct config config__default(void)
{
	return (struct config){
		.runtime_dir = "/run/orphand",
		.state_dir = "/var/lib/orphand",
		.pin_dir = "/sys/fs/bpf/orphand",
		.reflex = true,
		.processes = 262144,
		.trees = 65536,
		.ring = 8 << 20,
		.stuck = 10 * NS_PER_SEC,
		.survivors_per_incident = 10000,
		.incidents_per_minute = 600,
		.keep = 30 * 86400ULL * NS_PER_SEC,
		.most = 1 << 30,
		.events = STORE_TREES,
		.redact = { .defaults = true },
		.feed = "127.0.0.1:9464",
	};
}

/* 262144, 64K, 8M, 1G. */
static int parse_count(const char *text, uint64_t *count)
{
	char *end;

	if (!isdigit((unsigned char)*text)) /* strtoull would take a sign and a blank */
		return -EINVAL;
	errno = 0;
	*count = strtoull(text, &end, 10);
	if (errno || *count >> 32) /* what is shifted below must not wrap */
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
	return *end ? -EINVAL : 0;
}

static int set_path(struct reader *reader, yaml_node_t *node, const char *text, char *to)
{
	if (*text != '/')
		return reader__complain(reader, node->start_mark, "'%.60s' is no absolute path",
					text);
	if (has_control(text))
		return reader__complain(reader, node->start_mark, "'%.60s' has control characters",
					text);
	/* room for "/control.sock" in sockaddr_un */
	if (strlen(text) > CONFIG_PATH_LEN - 20)
		return reader__complain(reader, node->start_mark,
					"the path is longer than %d characters",
					CONFIG_PATH_LEN - 20);
	text__copy(to, CONFIG_PATH_LEN, text);
	return 0;
}

static int set_bool(struct reader *reader, yaml_node_t *node, const char *text, bool *to)
{
	*to = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;
	if (*to || strcmp(text, "false") == 0 || strcmp(text, "no") == 0)
		return 0;
	return reader__complain(reader, node->start_mark, "'%.60s' is neither true nor false",
				text);
}

static int set_events(struct reader *reader, yaml_node_t *node, const char *text,
		      enum store_events *to)
{
	static const char *const words[] = { "none", "incidents", "trees" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(text, words[i]) == 0) {
			*to = (enum store_events)i;
			return 0;
		}
	}
	return reader__complain(reader, node->start_mark,
				"'%.60s' is none of none, incidents, trees", text);
}

static int set_address(struct reader *reader, yaml_node_t *node, const char *text, char *to)
{
	struct address address;

	if (!has_control(text) && address__parse(text, &address) == 0 &&
	    text__copy(to, FEED_LEN, text))
		return 0;
	return reader__complain(
		reader, node->start_mark,
		"'%.60s' is no address; write 127.0.0.1:9464, unix:/run/orphand/feed.sock, off",
		text);
}

static bool is_token(const char *text)
{
	for (const char *at = text; *at; at++) {
		if (*at <= ' ' || *at > '~')
			return false;
	}
	return strlen(text) >= TOKEN_LEAST;
}

/* What the file's first line is; nobody else may read it. */
static int set_token(struct reader *reader, yaml_node_t *node, const char *text, char *to)
{
	autofclose FILE *file = fopen(text, "re");
	char line[TOKEN_LEN + 1] = "";
	struct stat st;

	if (!file || fstat(fileno(file), &st))
		return reader__complain(reader, node->start_mark, "'%.60s': %s", text,
					strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_mode & 07)
		return reader__complain(reader, node->start_mark,
					"'%.60s' is open to every user; chmod 600 it", text);
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (!is_token(line) || !text__copy(to, TOKEN_LEN, line))
		return reader__complain(
			reader, node->start_mark,
			"the first line of '%.60s' is no token: %d to %d visible characters, "
			"as openssl rand -hex 32 prints",
			text, TOKEN_LEAST, TOKEN_LEN - 1);
	return 0;
}

static int set_count(struct reader *reader, yaml_node_t *node, const struct key *key,
		     const char *text, void *to)
{
	uint64_t count;

	if (parse_count(text, &count))
		return reader__complain(reader, node->start_mark,
					"'%.60s' is no number; write 4096, 64K, 8M", text);
	if (count < key->low || count > key->high)
		return reader__complain(reader, node->start_mark, "%s is from %llu to %llu",
					key->name, (unsigned long long)key->low,
					(unsigned long long)key->high);
	if (key->kind == KIND_RING && count & (count - 1))
		return reader__complain(reader, node->start_mark,
					"the ring's size is a power of 2: 4096, 64K, 8M");
	if (key->kind == KIND_BYTES)
		*(uint64_t *)to = count;
	else
		*(uint32_t *)to = (uint32_t)count;
	return 0;
}

static int set_duration(struct reader *reader, yaml_node_t *node, const struct key *key,
			const char *text, uint64_t *to)
{
	if (clock__parse_duration(text, to))
		return reader__complain(reader, node->start_mark,
					"'%.60s' is no duration; write 500ms, 5s, 2m", text);
	if (*to < key->low || *to > key->high)
		return reader__complain(reader, node->start_mark, "%s is from %llus to %llus",
					key->name, (unsigned long long)(key->low / NS_PER_SEC),
					(unsigned long long)(key->high / NS_PER_SEC));
	return 0;
}

static int add_pattern(struct reader *reader, yaml_node_t *node, struct redactor *to)
{
	const char *text;
	int err;

	if (node->type != YAML_SCALAR_NODE)
		return reader__complain(reader, node->start_mark, "a pattern is a single word");
	text = reader__word(reader, node);
	if (!text)
		return -EINVAL;
	err = redactor__add(to, text);
	return err == -EINVAL ? reader__complain(reader, node->start_mark,
						 "'%.60s' is no pattern; write \"*passw*\", "
						 "\"=ghp_*\", default",
						 text)
			      : err;
}

/* In place of the default, which an entry brings back. */
static int set_redact(struct reader *reader, yaml_node_t *list, struct redactor *to)
{
	yaml_node_item_t *item;
	int err = 0;

	if (list->type != YAML_SEQUENCE_NODE)
		return reader__complain(reader, list->start_mark,
					"redact takes a list of patterns; [] for none");
	to->defaults = false;
	for (item = list->data.sequence.items.start; !err && item < list->data.sequence.items.top;
	     item++)
		err = add_pattern(reader, yaml_document_get_node(&reader->document, *item), to);
	return err;
}

static int set_value(struct reader *reader, yaml_node_t *node, const struct key *key)
{
	void *to = (char *)reader->config + key->offset;
	const char *text;

	if (key->kind == KIND_REDACT)
		return set_redact(reader, node, to);
	if (node->type != YAML_SCALAR_NODE)
		return reader__complain(reader, node->start_mark, "%s takes a single value",
					key->name);
	text = reader__word(reader, node);
	if (!text)
		return -EINVAL;
	switch (key->kind) {
	case KIND_PATH:
		return set_path(reader, node, text, to);
	case KIND_BOOL:
		return set_bool(reader, node, text, to);
	case KIND_SWITCH:
		return reader__switch(reader, node, key->name, text, to);
	case KIND_DURATION:
		return set_duration(reader, node, key, text, to);
	case KIND_EVENTS:
		return set_events(reader, node, text, to);
	case KIND_ADDRESS:
		return set_address(reader, node, text, to);
	case KIND_TOKEN:
		return set_token(reader, node, text, to);
	case KIND_REDACT:
	case KIND_COUNT:
	case KIND_RING:
	case KIND_BYTES:
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

/* ---- sections */

static int complain_unknown_key(struct reader *reader, int key, const char *section,
				const char *word)
{
	const char *words[KEYS];
	size_t count = 0;

	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].section, section) == 0)
			words[count++] = keys[i].name;
	}
	return reader__unknown(reader, key, section, word, words, count);
}

/* A token that all the network could do without would be none. */
static int check_feed(struct reader *reader, const yaml_node_t *map)
{
	struct address address;

	if (address__parse(reader->config->feed, &address) || address.loopback ||
	    *reader->config->token)
		return 0;
	return reader__complain(reader, map->start_mark,
				"the feed would be open to other machines; name a token_file, or "
				"listen on 127.0.0.1");
}

static int read_section(struct reader *reader, const char *section, yaml_node_t *map)
{
	yaml_node_pair_t *pair;

	if (map->type == YAML_SCALAR_NODE && !map->data.scalar.length)
		return 0; /* every key of it commented out */
	if (map->type != YAML_MAPPING_NODE)
		return reader__complain(reader, map->start_mark, "%s takes keys and values",
					section);
	for (pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		const char *name = reader__key(reader, map, pair);
		const struct key *key = name ? find_key(section, name) : NULL;
		int err;

		if (!name)
			return -EINVAL;
		if (!key)
			return complain_unknown_key(reader, pair->key, section, name);
		err = set_value(reader, yaml_document_get_node(&reader->document, pair->value),
				key);
		if (err)
			return err;
	}
	return strcmp(section, "feed") == 0 ? check_feed(reader, map) : 0;
}

static int read_named_section(struct reader *reader, int key, const char *section,
			      yaml_node_t *value)
{
	static const char *const sections[] = { "daemon", "limits", "brake",
						"store",  "feed",   "watch" };

	if (strcmp(section, "watch") == 0)
		return reader__rules(reader, value);
	if (find_key(section, NULL) && !reader->rules_only)
		return read_section(reader, section, value);
	if (find_key(section, NULL))
		return reader__complain(
			reader, yaml_document_get_node(&reader->document, key)->start_mark,
			"'%.60s' belongs into the main file; here are rules only, under watch",
			section);
	return reader__unknown(reader, key, NULL, section, sections,
			       sizeof(sections) / sizeof(*sections));
}

static int read_root(struct reader *reader)
{
	yaml_node_t *map = yaml_document_get_root_node(&reader->document);
	yaml_node_pair_t *pair;

	if (!map || (map->type == YAML_SCALAR_NODE && !map->data.scalar.length &&
		     map->data.scalar.style == YAML_PLAIN_SCALAR_STYLE))
		return 0; /* empty, or no more than "---": the defaults */
	if (map->type != YAML_MAPPING_NODE)
		return reader__complain(reader, map->start_mark,
					"expected sections like 'daemon:'");
	for (pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		const char *section = reader__key(reader, map, pair);
		yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
		int err;

		if (!section)
			return -EINVAL;
		err = read_named_section(reader, pair->key, section, value);
		if (err)
			return err;
	}
	return 0;
}

/* ---- the files */

/* What lies in rules.d beside the file. */
static int read_rules_of_folder(struct reader *reader, const char *path)
{
	const char *end = strrchr(path, '/');
	char pattern[4096];
	glob_t found = {};
	int err = 0;

	snprintf(pattern, sizeof(pattern), "%.*srules.d/*.yaml", end ? (int)(end + 1 - path) : 0,
		 path);
	if (glob(pattern, 0, NULL, &found) == GLOB_NOSPACE)
		err = reader__no_memory(reader);
	reader->rules_only = true;
	for (size_t i = 0; !err && i < found.gl_pathc; i++) {
		reader->path = found.gl_pathv[i];
		err = reader__file(reader, read_root);
	}
	globfree(&found);
	return err;
}

int config__read(struct config *config, const char *path, bool must_exist, char *error,
		 unsigned long size)
{
	struct reader reader = { .path = path, .error = error, .size = size, .config = config };
	int err = reader__file(&reader, read_root);

	if (err == -ENOENT && !must_exist)
		err = 0;
	return err ? err : read_rules_of_folder(&reader, path);
}

void config__free(struct config *config)
{
	rules__free(&config->rules);
	redactor__free(&config->redact);
}
