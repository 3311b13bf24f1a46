/* SPDX-License-Identifier: GPL-2.0 */
/* brake.h - too many survivors, or too many incidents, and nobody is signalled until somebody has
 * had a look. It stays open over a restart. */
#ifndef ORPHAND_BRAKE_H
#define ORPHAND_BRAKE_H

#include "guard/guard.h"

bool brake__is_open(const struct guard *guard);

/* So many survivors one death in that tree may leave. */
uint32_t brake__limit(const struct guard *guard, const struct tree *tree);

/* Opens it when this incident, with so many survivors, is one too many. */
void brake__look(struct guard *guard, struct incident *incident, uint32_t survivors);

/* By hand or by the above: nobody is signalled any more, those of running incidents neither. */
void brake__open(struct guard *guard, const char *why);
void brake__close(struct guard *guard);

#endif
