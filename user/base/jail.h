/* SPDX-License-Identifier: GPL-2.0 */
/* jail.h - a filter of system calls: what is not on the list fails with EPERM. */
#ifndef ORPHAND_JAIL_H
#define ORPHAND_JAIL_H

#include <stddef.h>
#include <stdint.h>

#define JAIL_ANY UINT64_MAX

struct jail_call {
	int call;	/* SCMP_SYS(read) */
	uint64_t first; /* what its first argument must be, or JAIL_ANY */
};

/* From here on, for this process and its children. Sets no_new_privs. 0 or a negative errno. */
int jail__lock(const struct jail_call *calls, size_t count);

#endif
