/* SPDX-License-Identifier: GPL-2.0 */
/* cgroups.h - a control group's path by its id, for processes that are gone. */
#ifndef ORPHAND_CGROUPS_H
#define ORPHAND_CGROUPS_H

#include <stddef.h>
#include <stdint.h>

/* As /proc/PID/cgroup has it for the unified hierarchy; "" when the group is gone, or for the root,
 * where all live whom only v1 hierarchies sort. Wants CAP_DAC_READ_SEARCH. */
void cgroups__path(uint64_t id, char *path, size_t size);

#endif
