// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "model/place.h"
#include "model/policy.h"
#include "model/rules.h"

static const char *const key_names[MATCH_KEYS] = {
	[MATCH_EXE] = "exe",
	[MATCH_ARGS] = "args",
	[MATCH_COMM] = "comm",
	[MATCH_USER] = "user",
	[MATCH_GROUP] = "group",
	[MATCH_CGROUP] = "cgroup",
	[MATCH_CONTAINER] = "container",
};

const char *match_key__name(enum match_key key)
{
	return key_names[key];
}

const char *spare_word__name(enum spare_word word)
{
	switch (word) {
	case SPARE_DETACHED:
		return "detached";
	case SPARE_UNIT:
		return "unit";
	case SPARE_COOKIE:
	default:
		return "cookie";
	}
}

/* ---- what rules are made of */

int globs__add(struct globs *globs, const char *text)
{
	char **at = reallocarray(globs->at, globs->count + 1, sizeof(*at));

	if (!at)
		return -ENOMEM;
	globs->at = at;
	at[globs->count] = strdup(text);
	if (!at[globs->count])
		return -ENOMEM;
	globs->count++;
	return 0;
}

void globs__free(struct globs *globs)
{
	for (size_t i = 0; i < globs->count; i++)
		free(globs->at[i]);
	free(globs->at);
}

int ids__add(struct ids *ids, uint32_t id)
{
	uint32_t *at = reallocarray(ids->at, ids->count + 1, sizeof(*at));

	if (!at)
		return -ENOMEM;
	ids->at = at;
	at[ids->count++] = id;
	return 0;
}

struct match *match__parent(struct match *match)
{
	if (!match->parent)
		match->parent = calloc(1, sizeof(*match->parent));
	return match->parent;
}

void match__free(struct match *match)
{
	while (match) {
		struct match *parent = match->parent;

		for (int key = 0; key < MATCH_KEYS; key++)
			globs__free(&match->keys[key]);
		free(match->users.at);
		free(match->groups.at);
		if (parent)
			*match = *parent;
		else
			match = NULL;
		free(parent);
	}
}

struct match *rule__add_spare(struct rule *rule)
{
	struct match *at = reallocarray(rule->spare, rule->spare_count + 1, sizeof(*at));

	if (!at)
		return NULL;
	rule->spare = at;
	at += rule->spare_count++;
	*at = (struct match){};
	return at;
}

struct rule *rules__add(struct rules *rules)
{
	struct rule **at = reallocarray(rules->at, rules->count + 1, sizeof(*at));
	struct rule *rule;

	if (!at)
		return NULL;
	rules->at = at;
	rule = calloc(1, sizeof(*rule));
	if (!rule)
		return NULL;
	rule->refs = 1;
	rule->policy = policy__default();
	rule->reflex = true;
	at[rules->count++] = rule;
	return rule;
}

struct rule *rule__ref(struct rule *rule)
{
	if (rule)
		rule->refs++;
	return rule;
}

void rule__put(struct rule *rule)
{
	if (!rule || --rule->refs)
		return;
	match__free(&rule->match);
	for (size_t i = 0; i < rule->spare_count; i++)
		match__free(&rule->spare[i]);
	free(rule->spare);
	free(rule);
}

void rules__free(struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		rule__put(rules->at[i]);
	free(rules->at);
	*rules = (struct rules){};
}

/* ---- matching */

/* Most globs differ from most texts in what is literal: fnmatch need not be asked. */
static bool glob__matches(const char *glob, const char *text)
{
	size_t literal = glob__literal(glob);

	return strncmp(glob, text, literal) == 0 && fnmatch(glob, text, 0) == 0;
}

static const char *matching_glob(const struct globs *globs, const char *text)
{
	for (size_t i = 0; i < globs->count; i++) {
		if (glob__matches(globs->at[i], text))
			return globs->at[i];
	}
	return NULL;
}

bool globs__match(const struct globs *globs, const char *text)
{
	return globs->count == 0 || matching_glob(globs, text);
}

static bool ids__have(const struct ids *ids, uint32_t id)
{
	for (size_t i = 0; i < ids->count; i++) {
		if (ids->at[i] == id)
			return true;
	}
	return false;
}

static void join_args(const struct image *image, char line[static ARGS_LEN + 1])
{
	uint32_t len = image->args_len;

	memcpy(line, image->args, len);
	while (len && !line[len - 1])
		len--;
	for (uint32_t i = 0; i < len; i++) {
		if (!line[i])
			line[i] = ' ';
	}
	line[len] = '\0';
}

static bool args__match(const struct globs *globs, const struct image *image)
{
	char line[ARGS_LEN + 1];

	if (!globs->count)
		return true;
	join_args(image, line);
	return globs__match(globs, line);
}

static bool container__matches(const struct globs *globs, const struct image *image)
{
	struct place place;

	if (!globs->count)
		return true;
	place = place__of(image->cgroup);
	return *place.container && globs__match(globs, place.container);
}

static bool fits_alone(const struct match *match, const struct image *image)
{
	const struct globs *keys = match->keys;

	return globs__match(&keys[MATCH_EXE], image->exe) &&
	       globs__match(&keys[MATCH_COMM], image->comm) &&
	       (!keys[MATCH_USER].count || ids__have(&match->users, image->uid)) &&
	       (!keys[MATCH_GROUP].count || ids__have(&match->groups, image->gid)) &&
	       globs__match(&keys[MATCH_CGROUP], image->cgroup) &&
	       args__match(&keys[MATCH_ARGS], image) &&
	       container__matches(&keys[MATCH_CONTAINER], image);
}

bool match__fits(const struct match *match, const struct image *image, const struct image *parent)
{
	return fits_alone(match, image) &&
	       (!match->parent || (parent && fits_alone(match->parent, parent)));
}

bool match__is_empty(const struct match *match)
{
	for (int key = 0; key < MATCH_KEYS; key++) {
		if (match->keys[key].count)
			return false;
	}
	return !match->parent || match__is_empty(match->parent);
}

struct rule *rules__match(const struct rules *rules, const struct image *image,
			  const struct image *parent)
{
	for (size_t i = 0; i < rules->count; i++) {
		if (match__fits(&rules->at[i]->match, image, parent))
			return rules->at[i];
	}
	return NULL;
}

struct rule *rules__find(const struct rules *rules, const char *name)
{
	for (size_t i = 0; i < rules->count; i++) {
		if (strcmp(rules->at[i]->name, name) == 0)
			return rules->at[i];
	}
	return NULL;
}

bool rules__ask_for_parents(const struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		if (rules->at[i]->match.parent)
			return true;
	}
	return false;
}

bool rules__spare_by(const struct rules *rules, enum spare_word word)
{
	for (size_t i = 0; i < rules->count; i++) {
		if (rules->at[i]->spare_words & word)
			return true;
	}
	return false;
}

bool rule__spares(const struct rule *rule, const struct image *image, const struct image *parent)
{
	for (size_t i = 0; i < rule->spare_count; i++) {
		if (match__fits(&rule->spare[i], image, parent))
			return true;
	}
	return false;
}

bool rule__has_spares(const struct rule *rule)
{
	return rule->spare_words || rule->spare_count;
}

/* ---- in words */

static void append(char *text, size_t size, const char *what)
{
	size_t len = strlen(text);

	text__copy(text + len, size - len, what);
}

static void append_globs(const struct globs *globs, char *text, size_t size)
{
	for (size_t i = 0; i < globs->count; i++) {
		append(text, size, i ? "|" : "");
		append(text, size, globs->at[i]);
	}
}

/* What of the image each key of a text was compared with; NULL: not a text. */
static const char *text_of(enum match_key key, const struct image *image, const char *line,
			   const struct place *place)
{
	switch (key) {
	case MATCH_EXE:
		return image->exe;
	case MATCH_ARGS:
		return line;
	case MATCH_COMM:
		return image->comm;
	case MATCH_CGROUP:
		return image->cgroup;
	case MATCH_CONTAINER:
		return place->container;
	case MATCH_USER:
	case MATCH_GROUP:
	case MATCH_KEYS:
	default:
		return NULL;
	}
}

static void append_why(const struct match *match, const struct image *image, const char *prefix,
		       char *text, size_t size)
{
	struct place place = place__of(image->cgroup);
	char line[ARGS_LEN + 1];

	join_args(image, line);
	for (int key = 0; key < MATCH_KEYS; key++) {
		const struct globs *globs = &match->keys[key];
		const char *subject = text_of((enum match_key)key, image, line, &place);
		const char *glob = subject ? matching_glob(globs, subject) : NULL;

		if (!globs->count)
			continue;
		append(text, size, *text ? ", " : "");
		append(text, size, prefix);
		append(text, size, key_names[key]);
		append(text, size, " ");
		if (glob)
			append(text, size, glob);
		else
			append_globs(globs, text, size);
	}
}

void rule__why(const struct rule *rule, const struct image *image, const struct image *parent,
	       char *text, size_t size)
{
	*text = '\0';
	append_why(&rule->match, image, "", text, size);
	if (rule->match.parent && parent)
		append_why(rule->match.parent, parent, "parent ", text, size);
}

static void print_match(FILE *out, const struct match *match)
{
	const char *separator = "";

	for (int key = 0; key < MATCH_KEYS; key++) {
		const struct globs *globs = &match->keys[key];

		if (!globs->count)
			continue;
		fprintf(out, "%s%s ", separator, key_names[key]);
		for (size_t i = 0; i < globs->count; i++)
			fprintf(out, "%s%s", i ? "|" : "", globs->at[i]);
		separator = ", ";
	}
	if (match->parent) {
		fprintf(out, "%sparent (", separator);
		print_match(out, match->parent);
		fputc(')', out);
	}
}

static void print_spares(FILE *out, const struct rule *rule)
{
	const char *separator = "; spare ";

	for (size_t i = 0; i < rule->spare_count; i++) {
		fprintf(out, "%s(", separator);
		print_match(out, &rule->spare[i]);
		fputc(')', out);
		separator = ", ";
	}
	for (uint32_t word = SPARE_DETACHED; word <= SPARE_COOKIE; word <<= 1) {
		if (!(rule->spare_words & word))
			continue;
		fprintf(out, "%s%s", separator, spare_word__name((enum spare_word)word));
		separator = ", ";
	}
}

char *rule__format(const struct rule *rule)
{
	const struct policy *policy = &rule->policy;
	char on[64], grace[32], *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	policy__format_on(policy->on, on, sizeof(on));
	fputs("match ", out);
	print_match(out, &rule->match);
	fprintf(out, "; on %s; scope %s; %s", on, policy->flags & TREE_ANY ? "any" : "root",
		signal__name(policy->signal));
	if (policy->grace) {
		clock__format_duration(policy->grace, grace, sizeof(grace));
		fprintf(out, ", SIGKILL after %s", grace);
	}
	print_spares(out, rule);
	if (rule->limit)
		fprintf(out, "; limit %u survivors", rule->limit);
	if (!rule->reflex)
		fputs("; reflex off", out);
	return fclose(out) ? (free(text), NULL) : text;
}

/* ---- what the kernel side is told */

size_t glob__literal(const char *glob)
{
	return strcspn(glob, "*?[\\");
}

void rules__each_prefix(const struct rules *rules,
			void (*visit)(void *context, const char *prefix, size_t len), void *context)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct globs *exe = &rules->at[i]->match.keys[MATCH_EXE];

		if (!exe->count)
			visit(context, "", 0);
		for (size_t j = 0; j < exe->count; j++)
			visit(context, exe->at[j], glob__literal(exe->at[j]));
	}
}
