/* SPDX-License-Identifier: GPL-2.0 */
/* tracker.h - what becomes a tree, and what ceases to be one. */
#ifndef ORPHAND_TRACKER_H
#define ORPHAND_TRACKER_H

#include "guard/guard.h"

struct track_request {
	uint32_t pid;
	uint32_t owner; /* uid of who asks */
	struct policy policy;
	const char *name;  /* may be empty */
	struct rule *rule; /* that asks; NULL: somebody does */
	const char *why;   /* which globs of it matched */
	/* Told of each process that looks like one of the family and can't be proven; may be NULL:
	 * who asks for itself begins one. */
	void (*note)(void *context, const char *text);
	void *context;
};

/*
 * Watches a running process and all that is under it. 0 and the tree, or -ESRCH (no such process),
 * -EPERM (not the asker's, or one that is never watched), -EEXIST (watched already), -ENOSPC (a
 * limit), with the reason in error.
 */
int tracker__track(struct guard *guard, const struct track_request *request, struct tree **tree,
		   char *error, size_t size);

/* Lets the tree go, signalling nobody. */
void tracker__untrack(struct guard *guard, struct tree *tree);

/* Leaves a member, and what it starts from now on, alone. */
int tracker__spare(struct guard *guard, struct proc *proc);

/* Drops the tree when nothing more can come of it: nobody is left in it, or its root is dead, no
 * incident runs, and its scope asks for the root alone. Whether it did; outer ones may go too. */
bool tracker__settle(struct guard *guard, struct tree *tree);

/* A provisional tree becomes one under that rule. why: which globs of it matched. */
void tracker__confirm(struct guard *guard, struct tree *tree, struct rule *rule, const char *why);

/* The tree goes on under a rule that has come in place of its own. */
void tracker__rebind(struct guard *guard, struct tree *tree, struct rule *rule);

/* Drops it now: its members go to the tree outside it, or are let go. */
void tracker__drop(struct guard *guard, struct tree *tree);

/* A member of one tree becomes the root of another inside it; all that is under it goes along. The
 * tree is in the index and in the map. */
void tracker__make_root(struct guard *guard, struct tree *tree, struct proc *proc);

/* Makes a member's entry in the map tell the tree that the index has it in. */
void tracker__rehome(struct guard *guard, struct proc *proc);

#endif
