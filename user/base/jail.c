// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <sys/prctl.h>

#include <seccomp.h>

#include "base/jail.h"

static int allow(scmp_filter_ctx filter, const struct jail_call *call)
{
	const struct scmp_arg_cmp first = { 0, SCMP_CMP_EQ, call->first, 0 };

	return call->first == JAIL_ANY
		       ? seccomp_rule_add(filter, SCMP_ACT_ALLOW, call->call, 0)
		       : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call->call, 1, first);
}

int jail__lock(const struct jail_call *calls, size_t count)
{
	scmp_filter_ctx filter;
	int err = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return -ENOMEM;
	for (size_t i = 0; !err && i < count; i++)
		err = allow(filter, &calls[i]);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}
