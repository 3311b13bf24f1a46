/* SPDX-License-Identifier: GPL-2.0 */
/* watch.h - the rules at work: provisional roots are matched, kept or let go. */
#ifndef ORPHAND_WATCH_H
#define ORPHAND_WATCH_H

#include "guard/guard.h"

/* Puts the rules of the config to work: from now on the kernel makes provisional roots for them. */
void watch__begin(struct guard *guard);

/* Matches what runs already, and makes trees of it. */
void watch__look_around(struct guard *guard);

/* A provisional tree of the map, whose root's image is known: kept under its rule, or let go.
 * newest: it has become no other program meanwhile, whose exec is yet to be told. */
void watch__decide(struct guard *guard, struct tree *tree, bool newest);

/* Matches one process. */
void watch__look_at(struct guard *guard, struct ident who);

/* A tree of a rule goes on under the config's rule of that name; without one it keeps what it has. */
void watch__bind(struct guard *guard, struct tree *tree);

/* SIGHUP: reads the config anew. A good one's rules replace those before, every tree stays; a bad
 * one changes nothing. */
void watch__reload(struct guard *guard);

#endif
