/* SPDX-License-Identifier: GPL-2.0 */
/* names.h - users and groups that globs name. Asked when a config is read, and never later: a
 * directory service may take its time. */
#ifndef ORPHAND_NAMES_H
#define ORPHAND_NAMES_H

#include "model/rules.h"

/* Fills match->users and match->groups. A name that nobody has is told in the log, and matches
 * nobody. 0 or -ENOMEM. */
int names__resolve(struct match *match);

#endif
