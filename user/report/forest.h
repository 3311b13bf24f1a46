/* SPDX-License-Identifier: GPL-2.0 */
/*
 * forest.h - the members of a tree, put under each other. A chain of a quarter of a million forks
 * is a tree too: nothing here recurses.
 */
#ifndef ORPHAND_FOREST_H
#define ORPHAND_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <orphand/control.h>

/* No node. */
#define FOREST_NONE UINT32_MAX

struct node {
	struct ident who;
	uint32_t above;
	uint32_t first; /* of its children */
	uint32_t last;
	uint32_t next; /* of its siblings */
	uint32_t depth;
	uint32_t tree;
	char *text; /* what the forest's owner has to say of it */
};

struct forest {
	struct node *nodes;
	uint32_t count;
	uint32_t room;
	uint32_t first; /* of those at the top */
	uint32_t last;
	uint32_t *slots; /* nodes by identity, FOREST_NONE: free */
	uint32_t slot_count;
};

void forest__init(struct forest *forest);
void forest__clear(struct forest *forest);

/* A new node under the one that is above; at the top when that is unknown. text is taken over.
 * NULL when memory is short. */
struct node *forest__add(struct forest *forest, const struct ident *who, const struct ident *above,
			 char *text);

/* NULL: it is not there. */
const struct node *forest__find(const struct forest *forest, const struct ident *who);

/* Calls enter for each, parents first and siblings in order, and leave when all under it is done;
 * either may be NULL. */
void forest__walk(const struct forest *forest,
		  void (*enter)(void *data, const struct forest *forest, const struct node *node),
		  void (*leave)(void *data, const struct forest *forest, const struct node *node),
		  void *data);

#define autoforest __attribute__((cleanup(forest__clear)))

#endif
