// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "model/policy.h"
#include "model/rules.h"

struct rule *rules__add(struct rules *rules)
{
	struct rule *at = reallocarray(rules->at, rules->count + 1, sizeof(*at));

	if (!at)
		return NULL;
	rules->at = at;
	at += rules->count++;
	*at = (struct rule){ .policy = policy__default() };
	return at;
}

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

void rules__free(struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		globs__free(&rules->at[i].exe);
		globs__free(&rules->at[i].args);
	}
	free(rules->at);
	*rules = (struct rules){};
}

static bool globs__match(const struct globs *globs, const char *text)
{
	for (size_t i = 0; i < globs->count; i++) {
		if (fnmatch(globs->at[i], text, 0) == 0)
			return true;
	}
	return globs->count == 0;
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

const struct rule *rules__match(const struct rules *rules, const struct image *image)
{
	char line[ARGS_LEN + 1];

	join_args(image, line);
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->at[i];

		if (globs__match(&rule->exe, image->exe) && globs__match(&rule->args, line))
			return rule;
	}
	return NULL;
}

const struct rule *rules__find(const struct rules *rules, const char *name)
{
	for (size_t i = 0; i < rules->count; i++) {
		if (strcmp(rules->at[i].name, name) == 0)
			return &rules->at[i];
	}
	return NULL;
}

size_t glob__literal(const char *glob)
{
	return strcspn(glob, "*?[\\");
}

void rules__each_prefix(const struct rules *rules,
			void (*visit)(void *context, const char *prefix, size_t len), void *context)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct globs *exe = &rules->at[i].exe;

		if (!exe->count)
			visit(context, "", 0);
		for (size_t j = 0; j < exe->count; j++)
			visit(context, exe->at[j], glob__literal(exe->at[j]));
	}
}
