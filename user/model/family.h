/* SPDX-License-Identifier: GPL-2.0 */
/*
 * family.h - the guard's index: who lives, under whom, in which tree. It mirrors the map "members"
 * and is mended from it after a loss. No I/O, no clock.
 *
 * Only the living are here. When one ends, its children hang on to the nearest living ancestor:
 * "is under" stays true however many parents in between are gone.
 */
#ifndef ORPHAND_FAMILY_H
#define ORPHAND_FAMILY_H

#include <stdbool.h>
#include <sys/queue.h>

#include <orphand/records.h>

#include "model/image.h"

struct incident;
struct outside;
struct rule;
struct tree;

TAILQ_HEAD(proc_list, proc); /* oldest first */
LIST_HEAD(tree_list, tree);
SLIST_HEAD(fate_list, fate);

struct proc {
	struct ident id;
	struct ident parent; /* who forked it */
	struct proc *above;  /* NULL: none of its ancestors in the tree lives, or it is the root */
	struct proc_list below;
	TAILQ_ENTRY(proc) beside;
	struct tree *tree; /* its innermost */
	TAILQ_ENTRY(proc) in_tree;
	struct image *image;	 /* may be NULL */
	struct fate_list fates;	 /* one for each open incident that it is a survivor of */
	struct outside *outside; /* the guard's: the map had no room for it; NULL: it is there */
	struct incident *doom; /* of a member above it whose death counted; its children share it */
	uint32_t vpid;
	uint32_t pid_ns;
	const char *spared; /* why it and what it starts is left alone: static text; NULL: it is
			       not, or by hand */
	uint16_t flags;	    /* enum member_flags */
	uint16_t seen;	    /* mark of the last whole reading of the map */
	bool stale;	    /* the last census had it not alive */
};

struct tree {
	struct ident root;
	uint32_t id;
	uint32_t flags; /* enum tree_flags */
	uint32_t owner;
	uint32_t count; /* of its own procs, without those of inner trees */
	uint64_t since;
	struct policy policy;
	struct tree *outer;
	struct tree_list inner;
	LIST_ENTRY(tree) beside; /* among outer->inner */
	LIST_ENTRY(tree) all;
	LIST_ENTRY(tree) hashed;
	struct proc_list procs;
	struct proc *root_proc;	   /* NULL: dead */
	struct image *image;	   /* the root's newest */
	struct rule *rule;	   /* that made it; NULL: by hand, or the rule is no more */
	struct incident *incident; /* of its root's death */
	uint32_t running;	   /* open incidents, of members too, that refer to it */
	bool released;		   /* watched no more, once nothing runs */
	uint32_t vpid;
	uint32_t pid_ns;
	struct ident root_parent;
	char name[NAME_LEN];
	char *why; /* see tree__why */
};

struct family;

/* NULL without memory. Pids up to pid_max can be entered. */
struct family *family__new(uint32_t pid_max);
void family__free(struct family *family);

bool ident__equal(struct ident a, struct ident b);

struct proc *family__proc(const struct family *family, struct ident id);
/* Whoever has that pid now. */
struct proc *family__proc_of_pid(const struct family *family, uint32_t pid);
struct tree *family__tree(const struct family *family, struct ident root);
struct tree *family__tree_of_id(const struct family *family, uint32_t id);
struct tree *family__first_tree(const struct family *family); /* then LIST_NEXT(tree, all) */
uint32_t family__trees(const struct family *family);
uint32_t family__procs(const struct family *family);

/* A tree with no procs. outer may be NULL. NULL without memory. */
struct tree *family__add_tree(struct family *family, struct ident root,
			      const struct tree_value *value, struct tree *outer);
/* Which globs of its rule made it match; "" where none did, which most trees need no memory for. */
const char *tree__why(const struct tree *tree);
void tree__set_why(struct tree *tree, const char *why);
/* Puts a tree inside another (NULL: none). Not inside itself: the caller has looked. */
void tree__nest(struct tree *tree, struct tree *outer);

/* Its own procs and inner trees go to the outer tree, or, without one, the procs are let go: each
 * is handed to let_go (may be NULL) before it is dropped. */
void family__drop_tree(struct family *family, struct tree *tree,
		       void (*let_go)(void *context, struct proc *proc), void *context);

/* Enters a process (or returns the one that is there): under its parent when that is known,
 * inheriting image, flags and doom from it. NULL without memory, for a pid out of range, and while
 * an older process of the same pid is there: the caller lets that one go first. */
struct proc *family__add_proc(struct family *family, struct ident id, struct ident parent,
			      struct tree *tree);
void family__set_image(struct proc *proc, struct image *image); /* takes the reference */
/* Moves a process to another tree. */
void family__move_proc(struct proc *proc, struct tree *tree);
/* Its children hang on to whoever is above it. Its fates must have been taken off. */
void family__drop_proc(struct family *family, struct proc *proc);

/* MEMBER_ANY and the causes that count, over all trees that the members of this one belong to. */
void tree__scope(const struct tree *tree, uint16_t *flags, uint16_t *on);

/* Whether the tree is that one or an inner one of it, however deep. */
bool tree__is_within(const struct tree *tree, const struct tree *outer);
/* The next of a walk over start and all that is inside it, outer before inner; NULL: that was it. */
struct tree *tree__next(const struct tree *tree, const struct tree *start);
/* Members of the tree and all its inner ones. */
uint32_t tree__members(const struct tree *tree);

/* Calls visit for each proc of the tree and its inner ones, or of all that is under a proc
 * (itself not). visit may not drop procs. */
void tree__each(struct tree *tree, void (*visit)(void *context, struct proc *proc), void *context);
void proc__each_below(struct proc *proc, void (*visit)(void *context, struct proc *proc),
		      void *context);

#endif
