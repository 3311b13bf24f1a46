/* SPDX-License-Identifier: GPL-2.0 */
/* reflex.h - what the kernel side may do by itself when a root dies (bpf/reflex.h). */
#ifndef ORPHAND_REFLEX_H
#define ORPHAND_REFLEX_H

#include "guard/guard.h"

/* Whether it may at all: not while the guard observes or the brake is open. */
void reflex__arm(struct guard *guard);

/* What it may do for this tree; told anew whenever its rule or its limit changes. */
void reflex__put(struct guard *guard, const struct tree *tree);
void reflex__put_all(struct guard *guard);

#endif
