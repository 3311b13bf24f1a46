// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "report/forest.h"

#define FIRST_ROOM 64

void forest__init(struct forest *forest)
{
	*forest = (struct forest){ .first = FOREST_NONE, .last = FOREST_NONE };
}

void forest__clear(struct forest *forest)
{
	for (uint32_t i = 0; i < forest->count; i++)
		free(forest->nodes[i].text);
	free(forest->nodes);
	free(forest->slots);
	forest__init(forest);
}

/* The slot that holds this process, or the free one where it would go. */
static uint32_t *find_slot(const struct forest *forest, const struct ident *who)
{
	uint64_t hash = (who->start ^ ((uint64_t)who->pid << 32)) * 0x9e3779b97f4a7c15ULL;
	uint32_t mask = forest->slot_count - 1;
	uint32_t at = (uint32_t)(hash >> 32) & mask;

	for (;; at = (at + 1) & mask) {
		uint32_t *slot = &forest->slots[at];

		if (*slot == FOREST_NONE || (forest->nodes[*slot].who.pid == who->pid &&
					     forest->nodes[*slot].who.start == who->start))
			return slot;
	}
}

/* Slots are twice the nodes, so that a free one is always near. */
static bool make_room(struct forest *forest)
{
	uint32_t room = forest->room ? forest->room * 2 : FIRST_ROOM;
	struct node *nodes;
	uint32_t *slots;

	if (forest->count < forest->room)
		return true;
	nodes = reallocarray(forest->nodes, room, sizeof(*nodes));
	if (!nodes)
		return false;
	forest->nodes = nodes;
	slots = reallocarray(NULL, 2UL * room, sizeof(*slots));
	if (!slots)
		return false;
	free(forest->slots);
	forest->slots = slots;
	forest->slot_count = room * 2;
	forest->room = room;
	memset(slots, 0xff, 2UL * room * sizeof(*slots));
	for (uint32_t i = 0; i < forest->count; i++)
		*find_slot(forest, &nodes[i].who) = i;
	return true;
}

static void append(struct forest *forest, uint32_t above, uint32_t child)
{
	uint32_t *first = above == FOREST_NONE ? &forest->first : &forest->nodes[above].first;
	uint32_t *last = above == FOREST_NONE ? &forest->last : &forest->nodes[above].last;

	if (*first == FOREST_NONE)
		*first = child;
	else
		forest->nodes[*last].next = child;
	*last = child;
}

struct node *forest__add(struct forest *forest, const struct ident *who, const struct ident *above,
			 char *text)
{
	autofree char *mine = text;
	uint32_t up = FOREST_NONE;
	struct node *node;

	if (!make_room(forest))
		return NULL;
	if (above->pid)
		up = *find_slot(forest, above);
	node = &forest->nodes[forest->count];
	*node = (struct node){
		.who = *who,
		.above = up,
		.first = FOREST_NONE,
		.last = FOREST_NONE,
		.next = FOREST_NONE,
		.depth = up == FOREST_NONE ? 0 : forest->nodes[up].depth + 1,
		.text = STEAL(mine),
	};
	*find_slot(forest, who) = forest->count;
	append(forest, up, forest->count++);
	return node;
}

const struct node *forest__find(const struct forest *forest, const struct ident *who)
{
	uint32_t at = forest->count ? *find_slot(forest, who) : FOREST_NONE;

	return at == FOREST_NONE ? NULL : &forest->nodes[at];
}

void forest__walk(const struct forest *forest,
		  void (*enter)(void *data, const struct forest *forest, const struct node *node),
		  void (*leave)(void *data, const struct forest *forest, const struct node *node),
		  void *data)
{
	uint32_t at = forest->first;

	while (at != FOREST_NONE) {
		const struct node *node = &forest->nodes[at];

		if (enter)
			enter(data, forest, node);
		at = node->first;
		/* up again until somebody has a sibling that was not visited */
		while (at == FOREST_NONE && node) {
			if (leave)
				leave(data, forest, node);
			at = node->next;
			node = node->above == FOREST_NONE ? NULL : &forest->nodes[node->above];
		}
	}
}
