/* SPDX-License-Identifier: GPL-2.0 */
/* pins.h - the folder in bpffs where maps and links outlive the guard. */
#ifndef ORPHAND_PINS_H
#define ORPHAND_PINS_H

#include <stddef.h>

/* Makes the folder, mounting bpffs where it is not, and locks it: a descriptor that holds the lock
 * until it is closed. -EBUSY: a guard has it. What goes wrong is told in error. */
int pins__lock(const char *dir, char *error, size_t size);

/* Removes all that is below the folder, and the folder. Nothing there is no error. */
int pins__remove(const char *dir);

/* Removes the folders of links below dir, except keep (a name, may be NULL). */
void pins__remove_links(const char *dir, const char *keep);

/* A name for a folder of links that is not there yet. */
void pins__new_links(const char *dir, char *name, size_t size);

#endif
