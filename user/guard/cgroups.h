/* SPDX-License-Identifier: GPL-2.0 */
/* cgroups.h - a control group's path by its id, also for processes that are gone. */
#ifndef ORPHAND_CGROUPS_H
#define ORPHAND_CGROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include <orphand/control.h>

#define CGROUPS_KNOWN 64

/* Many share a group, and asking the kernel takes long. An id is never given again, and a group of
 * the unified hierarchy keeps its name. All zero: nothing is known yet. */
struct cgroups {
	const char *mount; /* of the unified hierarchy, static */
	struct {
		uint64_t id;
		char path[CGROUP_LEN];
	} known[CGROUPS_KNOWN];
};

/* As /proc/PID/cgroup has it for the unified hierarchy; "" when the group is gone, or for the root,
 * where all live whom only v1 hierarchies sort. Wants CAP_DAC_READ_SEARCH. Good until the next
 * call. */
const char *cgroups__path(struct cgroups *cgroups, uint64_t id);

/* Whether no v1 hierarchy can sort processes otherwise: the id tells all. */
bool cgroups__are_unified(struct cgroups *cgroups);

#endif
