/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sparing.h - whom a rule leaves alone: found out once, when its death counts, before anybody is
 * condemned. Who is spared is marked in the map, so that what it starts from then on is spared too,
 * and all that is under it with it.
 */
#ifndef ORPHAND_SPARING_H
#define ORPHAND_SPARING_H

#include "guard/guard.h"

/* Marks those of the incident's survivors whom its tree's rule spares. below: the dead member, with
 * scope: any; NULL: the root died. */
void sparing__mark(struct guard *guard, const struct incident *incident, struct proc *below);

/* One that was there at the death and is found only now. */
void sparing__meet(struct guard *guard, const struct incident *incident, struct proc *proc);

#endif
