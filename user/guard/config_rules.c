// SPDX-License-Identifier: GPL-2.0
/* config_rules.c - the list "watch": rules, what they match and whom they spare. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "guard/config.h"
#include "guard/config_reader.h"
#include "guard/names.h"
#include "model/policy.h"

static int add_glob(struct reader *reader, yaml_node_t *node, struct globs *globs)
{
	const char *text = reader__word(reader, node);

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
		return reader__complain(reader, node->start_mark, "%s takes a list of globs", name);
	for (item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
		yaml_node_t *glob = yaml_document_get_node(&reader->document, *item);
		int err;

		if (glob->type != YAML_SCALAR_NODE)
			return reader__complain(reader, glob->start_mark,
						"%s takes a list of globs", name);
		err = add_glob(reader, glob, globs);
		if (err)
			return err;
	}
	return 0;
}

static const char *const match_keys[] = { "exe",   "args",   "comm",	  "user",
					  "group", "cgroup", "container", "parent" };
#define MATCH_WORDS (sizeof(match_keys) / sizeof(*match_keys))
static_assert(MATCH_WORDS == MATCH_KEYS + 1, "in the order of enum match_key, then parent");

static int read_match(struct reader *reader, yaml_node_t *map, struct match *match, int depth);

static int read_parent(struct reader *reader, yaml_node_t *map, struct match *match, int depth)
{
	if (depth)
		return reader__complain(reader, map->start_mark,
					"a parent's parent is not looked at");
	return match__parent(match) ? read_match(reader, map, match->parent, depth + 1) : -ENOMEM;
}

static int read_match_key(struct reader *reader, yaml_node_pair_t *pair, const char *name,
			  struct match *match, int depth)
{
	yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
	size_t key = 0;

	while (key < MATCH_WORDS && strcmp(match_keys[key], name) != 0)
		key++;
	if (key == MATCH_WORDS)
		return reader__unknown(reader, pair->key, "match", name, match_keys, MATCH_WORDS);
	if (key == MATCH_KEYS)
		return read_parent(reader, value, match, depth);
	return read_globs(reader, value, name, &match->keys[key]);
}

static int read_match(struct reader *reader, yaml_node_t *map, struct match *match, int depth)
{
	yaml_node_pair_t *pair;

	if (map->type != YAML_MAPPING_NODE)
		return reader__complain(reader, map->start_mark,
					"match takes keys and lists of globs");
	for (pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		const char *name = reader__key(reader, map, pair);
		int err = name ? read_match_key(reader, pair, name, match, depth) : -EINVAL;

		if (err)
			return err;
	}
	return names__resolve(match);
}

/* ---- who is left alone */

static int read_spare_word(struct reader *reader, yaml_node_t *node, struct rule *rule)
{
	const char *text = reader__word(reader, node);

	for (uint32_t word = SPARE_DETACHED; text && word <= SPARE_COOKIE; word <<= 1) {
		if (strcmp(text, spare_word__name((enum spare_word)word)) == 0) {
			rule->spare_words |= word;
			return 0;
		}
	}
	return text ? reader__complain(
			      reader, node->start_mark,
			      "'%.60s' spares nobody; there are detached, unit, cookie and matches "
			      "like { exe: [...] }",
			      text)
		    : -EINVAL;
}

static int read_spare(struct reader *reader, yaml_node_t *node, struct rule *rule)
{
	struct match *match;
	int err;

	if (node->type == YAML_SCALAR_NODE)
		return read_spare_word(reader, node, rule);
	match = rule__add_spare(rule);
	if (!match)
		return -ENOMEM;
	err = read_match(reader, node, match, 0);
	if (!err && match__is_empty(match))
		err = reader__complain(reader, node->start_mark,
				       "this entry would spare everybody");
	return err;
}

static int read_spares(struct reader *reader, yaml_node_t *list, struct rule *rule)
{
	yaml_node_item_t *item;
	int err = 0;

	if (list->type != YAML_SEQUENCE_NODE)
		return read_spare(reader, list, rule);
	for (item = list->data.sequence.items.start; !err && item < list->data.sequence.items.top;
	     item++)
		err = read_spare(reader, yaml_document_get_node(&reader->document, *item), rule);
	return err;
}

/* ---- rules */

/* "[kill, oom]" or "kill". */
static int read_on(struct reader *reader, yaml_node_t *node, struct rule *rule)
{
	struct globs words = {};
	int err = read_globs(reader, node, "on", &words);
	char bad[NAME_LEN];

	rule->policy.on = 0;
	for (size_t i = 0; !err && i < words.count; i++) {
		if (policy__parse_on(words.at[i], &rule->policy.on, bad, sizeof(bad)))
			err = reader__complain(
				reader, node->start_mark,
				"'%.60s' is no cause; there are kill, signal, crash, oom, error, exit",
				bad);
	}
	globs__free(&words);
	return err;
}

static const char *const rule_keys[] = { "name",  "match", "on",    "scope", "signal",
					 "grace", "spare", "limit", "reflex" };
#define RULE_KEYS (sizeof(rule_keys) / sizeof(*rule_keys))

static int set_name(struct reader *reader, yaml_node_t *node, const char *text, struct rule *rule)
{
	if (!*text || !text__copy(rule->name, sizeof(rule->name), text))
		return reader__complain(reader, node->start_mark, "a name has 1 to %d characters",
					NAME_LEN - 1);
	if (has_control(text))
		return reader__complain(reader, node->start_mark, "'%.60s' has control characters",
					text);
	return 0;
}

static int set_limit(struct reader *reader, yaml_node_t *node, const char *text, struct rule *rule)
{
	char *end;
	unsigned long limit = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || !limit || limit > UINT32_MAX)
		return reader__complain(reader, node->start_mark,
					"'%.60s' is no number of survivors", text);
	rule->limit = (uint32_t)limit;
	return 0;
}

static int read_rule_text(struct reader *reader, yaml_node_t *node, const char *key,
			  struct rule *rule)
{
	const char *text;
	uint64_t grace;
	int signal;

	if (node->type != YAML_SCALAR_NODE)
		return reader__complain(reader, node->start_mark, "%s takes a single value", key);
	text = reader__word(reader, node);
	if (!text)
		return -EINVAL;
	if (strcmp(key, "name") == 0)
		return set_name(reader, node, text, rule);
	if (strcmp(key, "scope") == 0)
		return policy__parse_scope(text, &rule->policy.flags)
			       ? reader__complain(reader, node->start_mark, "scope is root or any")
			       : 0;
	if (strcmp(key, "grace") == 0) {
		if (clock__parse_duration(text, &grace))
			return reader__complain(reader, node->start_mark,
						"'%.60s' is no duration; write 500ms, 5s, 2m",
						text);
		if (grace > POLICY_LONGEST_GRACE)
			return reader__complain(reader, node->start_mark, "grace is at most a day");
		rule->policy.grace = grace;
		return 0;
	}
	if (strcmp(key, "limit") == 0)
		return set_limit(reader, node, text, rule);
	if (strcmp(key, "reflex") == 0)
		return reader__switch(reader, node, key, text, &rule->reflex);
	signal = signal__parse(text);
	if (signal < 0)
		return reader__complain(reader, node->start_mark,
					"'%.60s' is no signal; write TERM, INT, 15", text);
	rule->policy.signal = (uint16_t)signal;
	return 0;
}

static int read_rule_key(struct reader *reader, yaml_node_pair_t *pair, const char *key,
			 struct rule *rule)
{
	yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);

	if (strcmp(key, "match") == 0)
		return read_match(reader, value, &rule->match, 0);
	if (strcmp(key, "spare") == 0)
		return read_spares(reader, value, rule);
	if (strcmp(key, "on") == 0)
		return read_on(reader, value, rule);
	for (size_t i = 0; i < RULE_KEYS; i++) {
		if (strcmp(key, rule_keys[i]) == 0)
			return read_rule_text(reader, value, key, rule);
	}
	return reader__unknown(reader, pair->key, "a rule", key, rule_keys, RULE_KEYS);
}

static int check_rule(struct reader *reader, const yaml_node_t *map, struct rule *rule,
		      bool grace_given)
{
	struct rules before = reader->config->rules;

	before.count--;
	if (!*rule->name)
		return reader__complain(reader, map->start_mark, "a rule needs a name");
	if (rules__find(&before, rule->name))
		return reader__complain(reader, map->start_mark, "there is a rule '%s' already",
					rule->name);
	if (match__is_empty(&rule->match))
		return reader__complain(reader, map->start_mark,
					"rule '%s' has no match: it would watch everything",
					rule->name);
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
		return reader__complain(reader, map->start_mark, "a rule has a name and a match");
	for (pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		const char *key = reader__key(reader, map, pair);
		int err = key ? read_rule_key(reader, pair, key, rule) : -EINVAL;

		if (err)
			return err;
		grace_given |= strcmp(key, "grace") == 0;
	}
	return check_rule(reader, map, rule, grace_given);
}

int reader__rules(struct reader *reader, yaml_node_t *list)
{
	yaml_node_item_t *item;

	if (list->type != YAML_SEQUENCE_NODE)
		return reader__complain(reader, list->start_mark, "watch takes a list of rules");
	for (item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++) {
		int err = read_rule(reader, yaml_document_get_node(&reader->document, *item));

		if (err)
			return err;
	}
	return 0;
}
