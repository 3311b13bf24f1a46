/* SPDX-License-Identifier: GPL-2.0 */
/* cgroup.h - control groups of v2, for the ways that end a family by its group. */
#ifndef BENCH_CGROUP_H
#define BENCH_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Where v2 is mounted, which with v1 beside it is not /sys/fs/cgroup; false: nowhere. */
bool cgroup__mount(char *path, size_t size);
/* Where the process is in it; false: there is none. */
bool cgroup__of(pid_t pid, char *path, size_t size);
/* The kernel lets go of the last member a moment after it was reaped. 0 too when there is none. */
int cgroup__remove(const char *path);

#endif
