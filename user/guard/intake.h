/* SPDX-License-Identifier: GPL-2.0 */
/* intake.h - from the records of the ring to the families. */
#ifndef ORPHAND_INTAKE_H
#define ORPHAND_INTAKE_H

#include "guard/guard.h"

/* One record of the ring; context is the guard. */
void intake__record(void *context, const struct record *record);

/* A member has ended: its death is acted upon when its tree asks for it, and told. */
void intake__death(struct guard *guard, const struct death *death);

/* Enters a process in the index. Where its pid has an older owner, that one's end was missed. */
struct proc *intake__add_proc(struct guard *guard, struct ident id, struct ident parent,
			      struct tree *tree);

/* An end that nobody told of: its record was lost, or could not be made. */
void intake__end_unseen(struct guard *guard, struct proc *proc);

#endif
