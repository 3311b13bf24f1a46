/* SPDX-License-Identifier: GPL-2.0 */
/*
 * confine.h - what the guard gives up once it is set up, and what it takes care not to lose: it is
 * locked in memory, the last that the OOM killer takes, has the capabilities that it needs and no
 * others, and a filter of system calls. It can't even kill by pid.
 */
#ifndef ORPHAND_CONFINE_H
#define ORPHAND_CONFINE_H

#include <stddef.h>

/* Of open files and of locked memory, as far as it goes. */
void confine__raise_limits(void);

/* As soon as it is certain that this guard will serve. What can't be had is told in the log. */
void confine__hold_on(void);

/* From here on nothing is mounted, loaded into another user's process or executed. 0, or a negative
 * errno with the reason in error. */
int confine__give_up(char *error, size_t size);

#endif
