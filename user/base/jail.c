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

#ifdef __SANITIZE_ADDRESS__
/* By which it looks for leaks, at the end: a tracer that stops all threads. */
static const struct jail_call of_the_sanitizer[] = {
	{ SCMP_SYS(clone), JAIL_ANY },	{ SCMP_SYS(prctl), JAIL_ANY },
	{ SCMP_SYS(ptrace), JAIL_ANY }, { SCMP_SYS(getdents), JAIL_ANY },
	{ SCMP_SYS(wait4), JAIL_ANY },
};
#else
static const struct jail_call of_the_sanitizer[0];
#endif

static int allow_all(scmp_filter_ctx filter, const struct jail_call *calls, size_t count)
{
	int err = 0;

	for (size_t i = 0; !err && i < count; i++)
		err = allow(filter, &calls[i]);
	return err;
}

int jail__lock(const struct jail_call *calls, size_t count)
{
	scmp_filter_ctx filter;
	int err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return -ENOMEM;
	err = allow_all(filter, calls, count);
	if (!err)
		err = allow_all(filter, of_the_sanitizer,
				sizeof(of_the_sanitizer) / sizeof(*of_the_sanitizer));
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}
