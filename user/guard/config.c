// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <signal.h>
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
#include "model/policy.h"

#define LARGEST_FILE (1 << 20)

/* A rule's spare list is six deep, nothing is deeper. */
#define DEEPEST 8

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

static bool is_control(char byte)
{
	return (unsigned char)byte < ' ' || byte == 0x7f;
}

static bool has_control(const char *text)
{
	while (*text && !is_control(*text))
		text++;
	return *text;
}

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
	/* One line, whatever the file's words hold. */
	for (char *at = reader->error + n; *at; at++) {
		if (is_control(*at))
			*at = '?';
	}
	return -EINVAL;
}

static int complain_no_memory(struct reader *reader)
{
	snprintf(reader->error, reader->size, "%s: no memory to read it", reader->path);
	return -ENOMEM;
}

static int complain_no_yaml(struct reader *reader, const yaml_parser_t *parser)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return complain_no_memory(reader);
	return complain(reader, parser->problem_mark, "%s",
			parser->problem ? parser->problem : "no YAML");
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

/* The nearest of the words, "" when none is near. */
static const char *nearest(const char *word, const char *const *words, size_t count)
{
	const char *best = "";
	size_t least = 3;

	for (size_t i = 0; i < count; i++) {
		size_t far = distance(word, words[i]);

		if (far < least) {
			least = far;
			best = words[i];
		}
	}
	return best;
}

static int complain_unknown(struct reader *reader, int key, const char *where, const char *word,
			    const char *const *words, size_t count)
{
	const char *near = nearest(word, words, count);

	return complain(reader, yaml_document_get_node(&reader->document, key)->start_mark,
			"unknown key '%.60s'%s%s%s%s%s", word, where ? " in " : "",
			where ? where : "", *near ? "; did you mean '" : "", near,
			*near ? "'?" : "");
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
		return complain(reader, node->start_mark, "'%.60s' is no absolute path", text);
	if (has_control(text))
		return complain(reader, node->start_mark, "'%.60s' has control characters", text);
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

/* A scalar's text; complains of one that has more behind a NUL, which would go unseen. */
static const char *word_of(struct reader *reader, yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	if (strlen(text) == node->data.scalar.length)
		return text;
	complain(reader, node->start_mark, "'%.60s' has a NUL in it", text);
	return NULL;
}

static int set_value(struct reader *reader, yaml_node_t *node, const struct key *key)
{
	void *to = (char *)reader->config + key->offset;
	const char *text;

	if (node->type != YAML_SCALAR_NODE)
		return complain(reader, node->start_mark, "%s takes a single value", key->name);
	text = word_of(reader, node);
	if (!text)
		return -EINVAL;
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
	text = word_of(reader, node);
	for (yaml_node_pair_t *other = map->data.mapping.pairs.start; text && other < pair;
	     other++) {
		yaml_node_t *before = yaml_document_get_node(&reader->document, other->key);

		if (strcmp((const char *)before->data.scalar.value, text) == 0) {
			complain(reader, node->start_mark, "'%.60s' stands here a second time",
				 text);
			return NULL;
		}
	}
	return text;
}

/* ---- rules */

static int add_glob(struct reader *reader, yaml_node_t *node, struct globs *globs)
{
	const char *text = word_of(reader, node);

	return text ? globs__add(globs, text) : -EINVAL;
}

/* A list of globs, or a single one. */
static int read_globs(struct reader *reader, yaml_node_t *node, const char *name,
		      struct globs *globs)
{
	yaml_node_item_t *item;

	if (node->type == YAML_SCALAR_NODE)
		return add_glob(reader, node, globs);
	if (node->type != YAML_SEQUENCE_NODE ||
	    node->data.sequence.items.start == node->data.sequence.items.top)
		return complain(reader, node->start_mark, "%s takes a list of globs", name);
	for (item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
		yaml_node_t *glob = yaml_document_get_node(&reader->document, *item);
		int err;

		if (glob->type != YAML_SCALAR_NODE)
			return complain(reader, glob->start_mark, "%s takes a list of globs", name);
		err = add_glob(reader, glob, globs);
		if (err)
			return err;
	}
	return 0;
}

static const char *const match_keys[] = { "exe", "args" };

static int read_match(struct reader *reader, yaml_node_t *map, struct rule *rule)
{
	struct globs *globs[] = { &rule->exe, &rule->args };
	yaml_node_pair_t *pair;

	if (map->type != YAML_MAPPING_NODE)
		return complain(reader, map->start_mark, "match takes keys and lists of globs");
	for (pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		const char *name = key_text(reader, map, pair);
		size_t i = 0;
		int err;

		if (!name)
			return -EINVAL;
		while (i < 2 && strcmp(match_keys[i], name) != 0)
			i++;
		if (i == 2)
			return complain_unknown(reader, pair->key, "match", name, match_keys, 2);
		err = read_globs(reader, yaml_document_get_node(&reader->document, pair->value),
				 name, globs[i]);
		if (err)
			return err;
	}
	return 0;
}

/* "[kill, oom]" or "kill". */
static int read_on(struct reader *reader, yaml_node_t *node, struct rule *rule)
{
	struct globs words = {};
	int err = read_globs(reader, node, "on", &words);
	char bad[NAME_LEN];

	rule->policy.on = 0;
	for (size_t i = 0; !err && i < words.count; i++) {
		if (policy__parse_on(words.at[i], &rule->policy.on, bad, sizeof(bad)))
			err = complain(
				reader, node->start_mark,
				"'%.60s' is no cause; there are kill, signal, crash, oom, error, exit",
				bad);
	}
	globs__free(&words);
	return err;
}

static const char *const rule_keys[] = { "name", "match", "on", "scope", "signal", "grace" };
#define RULE_KEYS (sizeof(rule_keys) / sizeof(*rule_keys))

static int set_name(struct reader *reader, yaml_node_t *node, const char *text, struct rule *rule)
{
	if (!*text || !text__copy(rule->name, sizeof(rule->name), text))
		return complain(reader, node->start_mark, "a name has 1 to %d characters",
				NAME_LEN - 1);
	if (has_control(text))
		return complain(reader, node->start_mark, "'%.60s' has control characters", text);
	return 0;
}

static int read_rule_text(struct reader *reader, yaml_node_t *node, const char *key,
			  struct rule *rule)
{
	const char *text;
	uint64_t grace;
	int signal;

	if (node->type != YAML_SCALAR_NODE)
		return complain(reader, node->start_mark, "%s takes a single value", key);
	text = word_of(reader, node);
	if (!text)
		return -EINVAL;
	if (strcmp(key, "name") == 0)
		return set_name(reader, node, text, rule);
	if (strcmp(key, "scope") == 0)
		return policy__parse_scope(text, &rule->policy.flags)
			       ? complain(reader, node->start_mark, "scope is root or any")
			       : 0;
	if (strcmp(key, "grace") == 0) {
		if (clock__parse_duration(text, &grace))
			return complain(reader, node->start_mark,
					"'%.60s' is no duration; write 500ms, 5s, 2m", text);
		if (grace > POLICY_LONGEST_GRACE)
			return complain(reader, node->start_mark, "grace is at most a day");
		rule->policy.grace = grace;
		return 0;
	}
	signal = signal__parse(text);
	if (signal < 0)
		return complain(reader, node->start_mark,
				"'%.60s' is no signal; write TERM, INT, 15", text);
	rule->policy.signal = (uint16_t)signal;
	return 0;
}

static int read_rule_key(struct reader *reader, yaml_node_pair_t *pair, const char *key,
			 struct rule *rule)
{
	yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);

	if (strcmp(key, "match") == 0)
		return read_match(reader, value, rule);
	if (strcmp(key, "on") == 0)
		return read_on(reader, value, rule);
	for (size_t i = 0; i < RULE_KEYS; i++) {
		if (strcmp(key, rule_keys[i]) == 0)
			return read_rule_text(reader, value, key, rule);
	}
	return complain_unknown(reader, pair->key, "a rule", key, rule_keys, RULE_KEYS);
}

static int check_rule(struct reader *reader, const yaml_node_t *map, struct rule *rule,
		      bool grace_given)
{
	struct rules before = reader->config->rules;

	before.count--;
	if (!*rule->name)
		return complain(reader, map->start_mark, "a rule needs a name");
	if (rules__find(&before, rule->name))
		return complain(reader, map->start_mark, "there is a rule '%s' already",
				rule->name);
	if (!rule->exe.count && !rule->args.count)
		return complain(reader, map->start_mark,
				"rule '%s' has no match: it would watch everything", rule->name);
	if (!grace_given && rule->policy.signal != SIGKILL)
		rule->policy.grace = POLICY_DEFAULT_GRACE;
	return 0;
}

static int read_rule(struct reader *reader, yaml_node_t *map)
{
	struct rule *rule = rules__add(&reader->config->rules);
	yaml_node_pair_t *pair;
	bool grace_given = false;

	if (!rule)
		return -ENOMEM;
	if (map->type != YAML_MAPPING_NODE)
		return complain(reader, map->start_mark, "a rule has a name and a match");
	for (pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		const char *key = key_text(reader, map, pair);
		int err = key ? read_rule_key(reader, pair, key, rule) : -EINVAL;

		if (err)
			return err;
		grace_given |= strcmp(key, "grace") == 0;
	}
	return check_rule(reader, map, rule, grace_given);
}

static int read_rules(struct reader *reader, yaml_node_t *list)
{
	yaml_node_item_t *item;

	if (list->type != YAML_SEQUENCE_NODE)
		return complain(reader, list->start_mark, "watch takes a list of rules");
	for (item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++) {
		int err = read_rule(reader, yaml_document_get_node(&reader->document, *item));

		if (err)
			return err;
	}
	return 0;
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
	return complain_unknown(reader, key, section, word, words, count);
}

static int read_section(struct reader *reader, const char *section, yaml_node_t *map)
{
	yaml_node_pair_t *pair;

	if (map->type == YAML_SCALAR_NODE && !map->data.scalar.length)
		return 0; /* every key of it commented out */
	if (map->type != YAML_MAPPING_NODE)
		return complain(reader, map->start_mark, "%s takes keys and values", section);
	for (pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		const char *name = key_text(reader, map, pair);
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
	return 0;
}

static int read_root(struct reader *reader)
{
	static const char *const sections[] = { "daemon", "limits", "watch" };
	yaml_node_t *map = yaml_document_get_root_node(&reader->document);
	yaml_node_pair_t *pair;

	if (!map || (map->type == YAML_SCALAR_NODE && !map->data.scalar.length &&
		     map->data.scalar.style == YAML_PLAIN_SCALAR_STYLE))
		return 0; /* empty, or no more than "---": the defaults */
	if (map->type != YAML_MAPPING_NODE)
		return complain(reader, map->start_mark, "expected sections like 'daemon:'");
	for (pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		const char *section = key_text(reader, map, pair);
		yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
		int err;

		if (!section)
			return -EINVAL;
		if (strcmp(section, "watch") == 0)
			err = read_rules(reader, value);
		else if (find_key(section, NULL))
			err = read_section(reader, section, value);
		else
			err = complain_unknown(reader, pair->key, NULL, section, sections, 3);
		if (err)
			return err;
	}
	return 0;
}

/* Before anything is built of it: the loader takes minutes over brackets in brackets, and stops
 * in silence behind the first document. */
static int look_at(struct reader *reader, const yaml_event_t *event, int *depth, int *documents)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++*documents > 1)
			return complain(reader, event->start_mark,
					"a second document; the file is one");
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (++*depth > DEEPEST)
			return complain(reader, event->start_mark, "nested deeper than %d levels",
					DEEPEST);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		--*depth;
		break;
	default:
		break;
	}
	return 0;
}

static int look_over(struct reader *reader, FILE *file)
{
	int err = 0, depth = 0, documents = 0;
	yaml_parser_t parser;
	yaml_event_t event;
	bool end = false;

	if (!yaml_parser_initialize(&parser))
		return complain_no_yaml(reader, &parser);
	yaml_parser_set_input_file(&parser, file);
	while (!err && !end) {
		if (!yaml_parser_parse(&parser, &event)) {
			err = complain_no_yaml(reader, &parser);
			break;
		}
		err = look_at(reader, &event, &depth, &documents);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	rewind(file);
	return err;
}

static int read_document(struct reader *reader, FILE *file)
{
	yaml_parser_t parser;
	int err = look_over(reader, file);

	if (err)
		return err;
	if (!yaml_parser_initialize(&parser))
		return complain_no_yaml(reader, &parser);
	yaml_parser_set_input_file(&parser, file);
	if (yaml_parser_load(&parser, &reader->document)) {
		err = read_root(reader);
		if (err == -ENOMEM)
			complain_no_memory(reader);
		yaml_document_delete(&reader->document);
	} else {
		err = complain_no_yaml(reader, &parser);
	}
	yaml_parser_delete(&parser);
	return err;
}

static int tell_errno(const char *path, char *error, size_t size)
{
	int err = -errno;

	snprintf(error, size, "%s: %s", path, strerror(-err));
	return err;
}

int config__read(struct config *config, const char *path, char *error, unsigned long size)
{
	struct reader reader = { .path = path, .error = error, .size = size, .config = config };
	autofclose FILE *file = NULL;
	struct stat st;

	if (stat(path, &st))
		return tell_errno(path, error, size);
	/* Before it is opened: a fifo would wait for its writer. */
	if (!S_ISREG(st.st_mode) || st.st_size > LARGEST_FILE) {
		snprintf(error, size, "%s: %s", path,
			 S_ISREG(st.st_mode) ? "larger than 1 MiB, hardly a config"
					     : "not a plain file");
		return -EINVAL;
	}
	file = fopen(path, "re");
	if (!file)
		return tell_errno(path, error, size);
	return read_document(&reader, file);
}

void config__free(struct config *config)
{
	rules__free(&config->rules);
}
