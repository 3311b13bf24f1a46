/* SPDX-License-Identifier: GPL-2.0 */
/* strike.h - one signal to one member, and nobody else. */
#ifndef ORPHAND_STRIKE_H
#define ORPHAND_STRIKE_H

#include "guard/guard.h"

/*
 * Opens a pidfd, looks whether the member's entry still stands, and only then signals: an entry is
 * deleted by the process's own last thread, so while it stands the pid can't have gone to somebody
 * else. *pidfd: an open one is used, else it is opened, and kept there when keep is set (-1: could
 * not be). 0, -ESRCH when the member is gone, or a negative errno.
 */
int strike__send(struct guard *guard, struct ident id, int signal, int *pidfd, bool keep);

/* Why this member may not be signalled in a tree of that owner; NULL: it may. Static text. */
const char *strike__spared(const struct guard *guard, const struct proc *proc,
			   const struct tree *tree, uint32_t owner);

/* Finds out who is above us. */
void strike__init(struct guard *guard);

/* Whether nobody may ask to have that process watched or ended: text, or NULL. */
const char *strike__untouchable(const struct guard *guard, uint32_t pid);

#endif
