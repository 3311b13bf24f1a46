/* SPDX-License-Identifier: GPL-2.0 */
/* control.h (guard) - the control socket: who asks, what for, and the answer. */
#ifndef ORPHAND_GUARD_CONTROL_H
#define ORPHAND_GUARD_CONTROL_H

#include "guard/guard.h"

/* Binds runtime_dir/control.sock. What goes wrong is told in error. */
int control__open(struct guard *guard, char *error, size_t size);
void control__close(struct guard *guard);

/* Hands new events to those who follow. */
void control__push(struct guard *guard);

#endif
