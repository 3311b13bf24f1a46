/* SPDX-License-Identifier: GPL-2.0 */
/* rules.h - which processes become roots by what they are, and which members their rules spare. */
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

/* What a process can be matched by. */
enum match_key {
	MATCH_EXE = 0,	 /* the real path of the program, /proc/PID/exe */
	MATCH_ARGS,	 /* the command line, joined by blanks */
	MATCH_COMM,	 /* its short name */
	MATCH_USER,	 /* the name of its real user, or the number */
	MATCH_GROUP,	 /* of its real group */
	MATCH_CGROUP,	 /* the path of its control group */
	MATCH_CONTAINER, /* the id of its container; who is in none has none that matches */
	MATCH_KEYS,
};

/* The users or groups that the globs of a key name. */
struct ids {
	uint32_t *at;
	size_t count;
};

/* Every key that is given must match. */
struct match {
	struct globs keys[MATCH_KEYS];
	struct ids users;     /* who the globs of MATCH_USER name: filled by who can ask */
	struct ids groups;    /* likewise MATCH_GROUP */
	struct match *parent; /* what the parent must be; NULL: no matter */
};

enum spare_word {
	SPARE_DETACHED = 1 << 0, /* in a session of its own and reparented before the death */
	SPARE_UNIT = 1 << 1,	 /* moved into another systemd unit than the root's */
	SPARE_COOKIE = 1 << 2,	 /* it says so itself: ORPHAND_SPARE=1 in its environment */
};

struct rule {
	unsigned refs; /* of the rules, and of each tree that it made */
	char name[NAME_LEN];
	struct policy policy;
	bool reflex;	/* the kernel side may end survivors by itself */
	uint32_t limit; /* of survivors in one incident, past which the brake opens; 0: the brake's
			   own */
	struct match match;
	uint32_t spare_words; /* enum spare_word */
	struct match *spare;
	size_t spare_count;
};

struct rules {
	struct rule **at;
	size_t count;
};

/* A new rule with the defaults, NULL without memory. */
struct rule *rules__add(struct rules *rules);
void rules__free(struct rules *rules);
struct rule *rule__ref(struct rule *rule);
void rule__put(struct rule *rule);

/* Takes a copy of the text. 0 or -ENOMEM. */
int globs__add(struct globs *globs, const char *text);
void globs__free(struct globs *globs);
bool globs__match(const struct globs *globs, const char *text);
/* 0 or -ENOMEM. */
int ids__add(struct ids *ids, uint32_t id);

/* A further entry of the rule's spare list, NULL without memory. Valid until the next. */
struct match *rule__add_spare(struct rule *rule);
/* What the parent must be: one, made when first asked for. NULL without memory. */
struct match *match__parent(struct match *match);
void match__free(struct match *match);
bool match__is_empty(const struct match *match);

/* parent: what its parent runs; NULL when nobody knows, and then no match that asks for it fits. */
bool match__fits(const struct match *match, const struct image *image, const struct image *parent);

/* The first rule that matches, NULL: none. */
struct rule *rules__match(const struct rules *rules, const struct image *image,
			  const struct image *parent);
struct rule *rules__find(const struct rules *rules, const char *name);

/* Whether a match, or an entry of a spare list, asks for what only the parent tells; whether any
 * rule's spare list has the word. */
bool rules__ask_for_parents(const struct rules *rules);
bool rules__spare_by(const struct rules *rules, enum spare_word word);

/* Whether an entry of the rule's spare list fits. */
bool rule__spares(const struct rule *rule, const struct image *image, const struct image *parent);
bool rule__has_spares(const struct rule *rule);

/* Which globs made it match: "exe /usr/bin/python3*, args *job.py*". */
void rule__why(const struct rule *rule, const struct image *image, const struct image *parent,
	       char *text, size_t size);

/* The rule as understood, in one line, without its name. The caller's to free, NULL without memory.
 */
char *rule__format(const struct rule *rule);

const char *match_key__name(enum match_key key);
const char *spare_word__name(enum spare_word word);

/* What every path that the glob matches begins with: its text up to the first character that is not
 * literal. How long that is. */
size_t glob__literal(const char *glob);

/* Calls visit for what the paths of a rule's programs begin with; "" where a rule says nothing of
 * its program. */
void rules__each_prefix(const struct rules *rules,
			void (*visit)(void *context, const char *prefix, size_t len),
			void *context);

#endif
