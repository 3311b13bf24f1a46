/* SPDX-License-Identifier: GPL-2.0 */
/*
 * outside.h - members for whom the map "members" had no room. Each is proven by a pidfd: opened on
 * a child of a member, which after that was still the same process. Its end is seen through the
 * pidfd, its children by looking at all processes again and again, until there is room to enter it.
 */
#ifndef ORPHAND_OUTSIDE_H
#define ORPHAND_OUTSIDE_H

#include "guard/guard.h"

struct outside {
	LIST_ENTRY(outside) all;
	struct guard *guard;
	struct proc *proc;
	sd_event_source *ended;
	int pidfd;
};

/* Takes in children of members that are none themselves, until nobody new is found. */
void outside__look(struct guard *guard);

/* The proc is dropped: no more to hold. */
void outside__free(struct outside *outside);

void outside__stop(struct guard *guard);

#endif
