/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ender.h - ends who outlives a death that asks for it: condemn, sweep, wait for each to be gone.
 */
#ifndef ORPHAND_ENDER_H
#define ORPHAND_ENDER_H

#include "guard/guard.h"

int ender__init(struct guard *guard);

/* A tree's root died and its policy wants it: all members of it and its inner trees are ended. */
void ender__end_tree(struct guard *guard, struct tree *tree, const struct death *death);

/* A member of a tree with scope: any died likewise: all that is under it is ended. Nothing
 * happens, and false comes back, when nothing is. */
bool ender__end_below(struct guard *guard, struct proc *proc, struct tree *tree,
		      const struct death *death);

/* Calls visit for each who may outlive the incident's death. below: the member that died, with
 * scope: any. */
void ender__each_survivor(const struct incident *incident, struct proc *below,
			  void (*visit)(void *context, struct proc *proc), void *context);

/* The brake was opened: whoever is left in running incidents is spared. */
void ender__brake_all(struct guard *guard);

/* A newborn (or one found late): when an incident has it for a survivor, it is dealt with.
 * struck: the kernel has sent it SIGKILL already, at that time. */
void ender__meet(struct guard *guard, struct proc *proc, uint64_t struck);

/* Whether an open incident has to do with it. */
bool ender__is_covered(const struct proc *proc);

/* It ended: its fates are told. */
void ender__gone(struct guard *guard, struct proc *proc, const struct death *death);

/* Closes what has nobody left. */
void ender__close_finished(struct guard *guard);

/* The tree is let go while an incident of it runs: whoever is left is spared. */
void ender__abandon(struct guard *guard, struct tree *tree);

/* Before the guard goes: the map's records stay for the next. */
void ender__stop(struct guard *guard);

#endif
