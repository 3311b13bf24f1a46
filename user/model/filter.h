/* SPDX-License-Identifier: GPL-2.0 */
/* filter.h - what a query asks for: the same for the daemon's memory and for a store. */
#ifndef ORPHAND_FILTER_H
#define ORPHAND_FILTER_H

#include <stdbool.h>

#include <orphand/control.h>

/* Ends every text within its field. */
void query__close(struct control_query *query);

/* Whether a process is the one that is asked for: by its pid, or by a glob of its program's path or
 * of its name. Nothing asked for: everybody is. */
bool filter__names(const char *asked, uint32_t pid, const char *exe, const char *comm);

/* A glob in which * matches / too; "" matches everything. */
bool filter__matches(const char *glob, const char *text);

/* The outcome of that name, -1 for none. */
int filter__outcome(const char *name);

/* At that time (realtime), of that type, of that tree, of that process. */
bool filter__takes_event(const struct control_query *query, uint64_t time, uint32_t type,
			 uint32_t tree, uint32_t pid);

#endif
