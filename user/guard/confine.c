// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cap-ng.h>
#include <seccomp.h>

#include "base/jail.h"
#include "base/log.h"
#include "base/own.h"
#include "guard/confine.h"

#define OOM_NEVER "-1000"

/* Each with what fails without it. */
static const unsigned needed[] = {
	CAP_BPF,	     /* maps and iterators */
	CAP_PERFMON,	     /* tracing programs: doctor tries them, iterators are made of them */
	CAP_KILL,	     /* the survivors' are other users' processes */
	CAP_SYS_PTRACE,	     /* /proc/PID/exe, environ and ns of other users' processes */
	CAP_DAC_READ_SEARCH, /* a control group by its id; /proc mounted with hidepid */
	CAP_SYS_NICE,	     /* the sweep goes before its victims */
	CAP_IPC_LOCK,	     /* memory that comes later is locked too */
};

static void be_spared_by_oom(void)
{
	autoclose int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, OOM_NEVER, strlen(OOM_NEVER)) < 0)
		log_warn(
			"the OOM killer may take this daemon: oom_score_adj can't be set (%s); give "
			"it CAP_SYS_RESOURCE, or OOMScoreAdjust=-1000 in its unit",
			strerror(errno));
}

/* Survivors may be many, and each gentle signal keeps a descriptor. */
void confine__raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	/* Before Linux 5.11 maps count against it. */
	limit = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	setrlimit(RLIMIT_MEMLOCK, &limit);
}

void confine__hold_on(void)
{
	be_spared_by_oom();
	/* On fault: the index by pid is mapped large and touched little. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_warn("memory can't be locked (%s): under pressure signals may come late",
			 strerror(errno));
}

static int drop_capabilities(void)
{
	capng_get_caps_process();
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		capng_type_t all = CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE |
				   CAPNG_BOUNDING_SET | CAPNG_AMBIENT;
		bool keep = false;

		for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
			keep |= needed[i] == (unsigned)cap;
		if (keep)
			all &= ~(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
		capng_update(CAPNG_DROP, all, (unsigned)cap);
	}
	return capng_apply(CAPNG_SELECT_BOTH | CAPNG_SELECT_AMBIENT) ? -EPERM : 0;
}

/* What the loop, libbpf, the allocator and the name services use. No execve, no ptrace, no kill. */
static const struct jail_call calls[] = {
	{ SCMP_SYS(read), JAIL_ANY },
	{ SCMP_SYS(readv), JAIL_ANY },
	{ SCMP_SYS(pread64), JAIL_ANY },
	{ SCMP_SYS(write), JAIL_ANY },
	{ SCMP_SYS(writev), JAIL_ANY },
	{ SCMP_SYS(close), JAIL_ANY },
	{ SCMP_SYS(open), JAIL_ANY },
	{ SCMP_SYS(openat), JAIL_ANY },
	{ SCMP_SYS(open_by_handle_at), JAIL_ANY },
	{ SCMP_SYS(stat), JAIL_ANY },
	{ SCMP_SYS(lstat), JAIL_ANY },
	{ SCMP_SYS(fstat), JAIL_ANY },
	{ SCMP_SYS(newfstatat), JAIL_ANY },
	{ SCMP_SYS(statx), JAIL_ANY },
	{ SCMP_SYS(statfs), JAIL_ANY },
	{ SCMP_SYS(fstatfs), JAIL_ANY },
	{ SCMP_SYS(access), JAIL_ANY },
	{ SCMP_SYS(faccessat), JAIL_ANY },
	{ SCMP_SYS(faccessat2), JAIL_ANY },
	{ SCMP_SYS(readlink), JAIL_ANY },
	{ SCMP_SYS(readlinkat), JAIL_ANY },
	{ SCMP_SYS(getdents64), JAIL_ANY },
	{ SCMP_SYS(getcwd), JAIL_ANY },
	{ SCMP_SYS(lseek), JAIL_ANY },
	{ SCMP_SYS(unlink), JAIL_ANY },
	{ SCMP_SYS(unlinkat), JAIL_ANY },
	{ SCMP_SYS(rmdir), JAIL_ANY },
	{ SCMP_SYS(fcntl), JAIL_ANY },
	{ SCMP_SYS(flock), JAIL_ANY },
	{ SCMP_SYS(ioctl), JAIL_ANY },
	{ SCMP_SYS(dup), JAIL_ANY },
	{ SCMP_SYS(mmap), JAIL_ANY },
	{ SCMP_SYS(munmap), JAIL_ANY },
	{ SCMP_SYS(mremap), JAIL_ANY },
	{ SCMP_SYS(mprotect), JAIL_ANY },
	{ SCMP_SYS(madvise), JAIL_ANY },
	{ SCMP_SYS(brk), JAIL_ANY },
	{ SCMP_SYS(rt_sigaction), JAIL_ANY },
	{ SCMP_SYS(rt_sigprocmask), JAIL_ANY },
	{ SCMP_SYS(rt_sigreturn), JAIL_ANY },
	{ SCMP_SYS(sigaltstack), JAIL_ANY },
	{ SCMP_SYS(restart_syscall), JAIL_ANY },
	{ SCMP_SYS(signalfd4), JAIL_ANY },
	{ SCMP_SYS(eventfd2), JAIL_ANY },
	{ SCMP_SYS(pipe2), JAIL_ANY },
	{ SCMP_SYS(timerfd_create), JAIL_ANY },
	{ SCMP_SYS(timerfd_settime), JAIL_ANY },
	{ SCMP_SYS(timerfd_gettime), JAIL_ANY },
	{ SCMP_SYS(epoll_create1), JAIL_ANY },
	{ SCMP_SYS(epoll_ctl), JAIL_ANY },
	{ SCMP_SYS(epoll_wait), JAIL_ANY },
	{ SCMP_SYS(epoll_pwait), JAIL_ANY },
	{ SCMP_SYS(epoll_pwait2), JAIL_ANY },
	{ SCMP_SYS(poll), JAIL_ANY },
	{ SCMP_SYS(ppoll), JAIL_ANY },
	{ SCMP_SYS(select), JAIL_ANY },
	{ SCMP_SYS(pselect6), JAIL_ANY },
	{ SCMP_SYS(accept), JAIL_ANY },
	{ SCMP_SYS(accept4), JAIL_ANY },
	{ SCMP_SYS(connect), JAIL_ANY },
	{ SCMP_SYS(sendto), JAIL_ANY },
	{ SCMP_SYS(sendmsg), JAIL_ANY },
	{ SCMP_SYS(sendmmsg), JAIL_ANY },
	{ SCMP_SYS(recvfrom), JAIL_ANY },
	{ SCMP_SYS(recvmsg), JAIL_ANY },
	{ SCMP_SYS(shutdown), JAIL_ANY },
	{ SCMP_SYS(getsockopt), JAIL_ANY },
	{ SCMP_SYS(setsockopt), JAIL_ANY },
	{ SCMP_SYS(getsockname), JAIL_ANY },
	{ SCMP_SYS(getpeername), JAIL_ANY },
	{ SCMP_SYS(clock_gettime), JAIL_ANY },
	{ SCMP_SYS(clock_getres), JAIL_ANY },
	{ SCMP_SYS(clock_nanosleep), JAIL_ANY },
	{ SCMP_SYS(nanosleep), JAIL_ANY },
	{ SCMP_SYS(gettimeofday), JAIL_ANY },
	{ SCMP_SYS(time), JAIL_ANY },
	{ SCMP_SYS(futex), JAIL_ANY },
	{ SCMP_SYS(rseq), JAIL_ANY },
	{ SCMP_SYS(set_robust_list), JAIL_ANY },
	{ SCMP_SYS(getrandom), JAIL_ANY },
	{ SCMP_SYS(uname), JAIL_ANY },
	{ SCMP_SYS(sysinfo), JAIL_ANY },
	{ SCMP_SYS(getpid), JAIL_ANY },
	{ SCMP_SYS(gettid), JAIL_ANY },
	{ SCMP_SYS(getppid), JAIL_ANY },
	{ SCMP_SYS(getuid), JAIL_ANY },
	{ SCMP_SYS(geteuid), JAIL_ANY },
	{ SCMP_SYS(getgid), JAIL_ANY },
	{ SCMP_SYS(getegid), JAIL_ANY },
	{ SCMP_SYS(getrusage), JAIL_ANY },
	{ SCMP_SYS(getrlimit), JAIL_ANY },
	{ SCMP_SYS(prlimit64), JAIL_ANY },
	{ SCMP_SYS(sched_getaffinity), JAIL_ANY },
	{ SCMP_SYS(sched_getparam), JAIL_ANY },
	{ SCMP_SYS(sched_getscheduler), JAIL_ANY },
	{ SCMP_SYS(sched_setscheduler), JAIL_ANY },
	{ SCMP_SYS(sched_yield), JAIL_ANY },
	{ SCMP_SYS(bpf), JAIL_ANY },
	{ SCMP_SYS(pidfd_open), JAIL_ANY },
	{ SCMP_SYS(pidfd_send_signal), JAIL_ANY },
	{ SCMP_SYS(exit), JAIL_ANY },
	{ SCMP_SYS(exit_group), JAIL_ANY },
	{ SCMP_SYS(socket), AF_UNIX }, /* journald, name services */
};

int confine__give_up(char *error, size_t size)
{
	int err = drop_capabilities();

	if (err) {
		snprintf(error, size, "capabilities can't be dropped");
		return err;
	}
	err = jail__lock(calls, sizeof(calls) / sizeof(*calls));
	if (err)
		snprintf(error, size, "the filter of system calls can't be set: %s",
			 strerror(-err));
	return err;
}
