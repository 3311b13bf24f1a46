/* SPDX-License-Identifier: GPL-2.0 */
/* rules.h - which processes become roots by what they run. */
#ifndef ORPHAND_RULES_H
#define ORPHAND_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include <orphand/records.h>

#include "model/image.h"

/* Shell globs, any of which may match; none: everything does. '*' matches '/' too. */
struct globs {
	char **at;
	size_t count;
};

struct rule {
	char name[NAME_LEN];
	struct policy policy;
	struct globs exe;  /* the real path of the program, /proc/PID/exe */
	struct globs args; /* the command line, joined by blanks */
};

struct rules {
	struct rule *at;
	size_t count;
};

/* A new rule with the defaults, NULL without memory. Valid until the next. */
struct rule *rules__add(struct rules *rules);
/* Takes a copy of the text. 0 or -ENOMEM. */
int globs__add(struct globs *globs, const char *text);
void globs__free(struct globs *globs);
void rules__free(struct rules *rules);

/* The first rule that matches, NULL: none. */
const struct rule *rules__match(const struct rules *rules, const struct image *image);
const struct rule *rules__find(const struct rules *rules, const char *name);

/* What every path that the glob matches begins with: its text up to the first character that is not
 * literal. How long that is. */
size_t glob__literal(const char *glob);

/* Calls visit for what the paths of a rule's programs begin with; "" where a rule says nothing of
 * its program. */
void rules__each_prefix(const struct rules *rules,
			void (*visit)(void *context, const char *prefix, size_t len),
			void *context);

#endif
