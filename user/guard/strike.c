// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/own.h"
#include "guard/outside.h"
#include "guard/procfs.h"
#include "guard/strike.h"
#include "guard/stream.h"

void strike__init(struct guard *guard)
{
	uint32_t pid = (uint32_t)getpid();

	/* Who is above us now can only die or become fewer: a subreaper that takes us over is one. */
	while (pid && guard->ancestor_count < GUARD_ANCESTORS) {
		guard->ancestors[guard->ancestor_count++] = pid;
		kernel__spare_pid(guard->kernel, pid);
		pid = procfs__parent(pid);
	}
}

const char *strike__untouchable(const struct guard *guard, uint32_t pid)
{
	if (pid == 1)
		return "pid 1 is never signalled";
	if (stream__is_own(guard, pid))
		return "the daemon's recorder is never signalled";
	for (size_t i = 0; i < guard->ancestor_count; i++) {
		if (guard->ancestors[i] == pid)
			return i ? "an ancestor of the daemon is never signalled"
				 : "the daemon is never signalled";
	}
	return NULL;
}

const char *strike__spared(const struct guard *guard, const struct proc *proc,
			   const struct tree *tree, uint32_t owner)
{
	const char *why = strike__untouchable(guard, proc->id.pid);

	if (why)
		return why;
	if (proc->flags & MEMBER_SPARED)
		return proc->spared ? proc->spared : "spared by hand";
	/* An init is the tree's own when the namespace is not the one that the root lives in. */
	if (proc->vpid == 1 && tree && proc->pid_ns == tree->pid_ns)
		return "the init of the PID namespace that the root lived in";
	if (owner != 0 && !procfs__belongs_to(proc->id.pid, owner))
		return "a process of another user";
	return NULL;
}

/* Who has the pid is held by its pidfd, and its entry stands: it is the member. Where the kernel
 * can skip programs an entry may outlive its process, and somebody else have the pid: there its
 * start is looked at, too. */
static bool is_proven(const struct guard *guard, struct ident id)
{
	return kernel__is_member(guard->kernel, id) &&
	       (!kernel__skips(guard->kernel) || procfs__is(id));
}

int strike__send(struct guard *guard, struct ident id, int signal, int *pidfd, bool keep)
{
	const struct proc *proc = family__proc(guard->family, id);
	const struct outside *outside = proc ? proc->outside : NULL;
	autoclose int opened = -1;
	int fd = outside ? outside->pidfd : *pidfd;

	if (fd < 0) {
		fd = opened = pidfd_open((pid_t)id.pid, 0);
		if (fd < 0)
			return -errno;
	}
	/* Who is outside the map has been proven when its pidfd was opened. */
	if (!outside && !is_proven(guard, id))
		return -ESRCH;
	if (pidfd_send_signal(fd, signal, NULL, 0)) {
		int err = -errno;

		guard->signals_failed++;
		tally__signal(&guard->tally, signal, err);
		return err;
	}
	guard->signals_sent++;
	tally__signal(&guard->tally, signal, 0);
	if (keep && opened >= 0)
		*pidfd = STEAL_FD(opened);
	return 0;
}
