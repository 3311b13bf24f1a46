// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "bench.h"
#include "board.h"

#define BUILDING (120 * NS_PER_SEC)
#define ENDING (30 * NS_PER_SEC)
#define SPARE_FDS 64
#define SPARE_PIDS 4096 /* for the rest of the host */
#define MAX_TOOL 12	/* words */

static const char *const shapes[SHAPES] = {
	[SHAPE_PLAIN] = "plain",
	[SHAPE_STRAYS] = "strays",
	[SHAPE_FORKED] = "forked",
};

const char *shape__name(enum shape shape)
{
	return shapes[shape];
}

uint64_t bench__now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

/* ---- its beginning */

/* Its descriptor, for a root that does not come from us by copy. */
static int make_board(struct family *family, bool pdeathsig)
{
	size_t size = board__bytes(family->size);
	autoclose int fd = memfd_create("board", MFD_CLOEXEC);
	struct board *board;

	if (fd < 0 || ftruncate(fd, (off_t)size))
		return bench__fail("can't make a board: %s", strerror(errno));
	board = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (board == MAP_FAILED)
		return bench__fail("no memory for a family of %u", family->size);
	board->shape = family->shape;
	board->size = family->size;
	board->pdeathsig = pdeathsig;
	family->board = board;
	return STEAL_FD(fd);
}

/* How many descriptors we may have, after trying for so many. */
static unsigned raise_limit(unsigned wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
		return wanted;
	limit.rlim_cur = wanted;
	if (limit.rlim_max < wanted)
		limit.rlim_max = wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return wanted;
	/* Without CAP_SYS_RESOURCE there is only so much. */
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return (unsigned)limit.rlim_cur;
}

/* The pids of parents in between are free again when the next ones are born. */
static int check_pid_max(unsigned size)
{
	autofclose FILE *file = fopen("/proc/sys/kernel/pid_max", "re");
	unsigned max;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own number */
	if (file && fscanf(file, "%u", &max) == 1 && max < size + SPARE_PIDS)
		return bench__fail("%u processes are too many for this host's pids: "
				   "sysctl kernel.pid_max=%u, or smaller --sizes",
				   size, size + SPARE_PIDS);
	return 0;
}

static int make_room(struct family *family)
{
	unsigned wanted = family->size + SPARE_FDS;

	if (check_pid_max(family->size))
		return -1;
	family->unheld = wanted - raise_limit(wanted);
	family->pidfds = calloc(family->size + 2, sizeof(*family->pidfds));
	if (!family->pidfds)
		return bench__fail("no memory for a family of %u", family->size);
	return 0;
}

/* In the root-to-be: the tool, and as what it shall run, our own file as a root. */
__attribute__((noreturn)) static void run_tool(const char *const *tool, int board_fd)
{
	char self[PATH_MAX] = "", fd[16];
	const char *argv[MAX_TOOL + 4];
	size_t argc = 0;

	bench__reset_signals();
	alarm(LIFE);
	while (argc < MAX_TOOL && tool[argc]) {
		argv[argc] = tool[argc];
		argc++;
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		_exit(127);
	fcntl(board_fd, F_SETFD, 0);
	snprintf(fd, sizeof(fd), "%d", board_fd);
	argv[argc++] = self;
	argv[argc++] = ROOT_MODE;
	argv[argc++] = fd;
	argv[argc] = NULL;
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static int start_root(struct family *family, const struct birth *birth, int board_fd)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = birth->flags | CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)birth->cgroup,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		return bench__fail("clone3: %s", strerror(errno));
	if (pid == 0 && birth->tool)
		run_tool(birth->tool, board_fd);
	if (pid == 0)
		root__live(family->board, birth);
	family->root = (pid_t)pid;
	family->pidfds[family->pidfd_count++] = pidfd;
	return 0;
}

static int await_ready(const struct family *family)
{
	struct board *board = family->board;
	uint64_t end = bench__now() + BUILDING;

	while (atomic_load(&board->ready) <= family->size) {
		int error = atomic_load(&board->error);

		if (error)
			return bench__fail("the family can't be built: %s", strerror(error));
		if (pidfd__has_ended(family->pidfds[0]))
			return bench__fail("the root ended before its family stood");
		if (bench__now() > end)
			return bench__fail("only %u of %u were ready in time",
					   atomic_load(&board->ready), family->size + 1);
		if (bench__pause(NS_PER_MS))
			return -1;
	}
	return 0;
}

/* They live, so their pids are theirs; one that died since would be seen to have. */
static int open_pidfds(struct family *family, unsigned first)
{
	for (unsigned slot = first; slot <= family->size; slot++) {
		int fd;

		if (slot >= 1 && slot <= family->unheld)
			continue;
		fd = pidfd_open((pid_t)family->board->pid[slot], 0);
		if (fd < 0)
			return bench__fail("pidfd_open: %s", strerror(errno));
		family->pidfds[family->pidfd_count++] = fd;
	}
	for (unsigned i = 0; i < family->pidfd_count; i++) {
		if (pidfd__has_ended(family->pidfds[i]))
			return bench__fail("a member died before its time");
	}
	return 0;
}

/* What we started is the root, of which there is a pidfd, or the tool that did so. */
int family__start(struct family *family, const struct birth *birth)
{
	autoclose int board_fd = make_board(family, birth->pdeathsig);

	if (board_fd < 0 || make_room(family) || start_root(family, birth, board_fd) ||
	    await_ready(family))
		return -1;
	return open_pidfds(family, birth->tool ? 0 : 1);
}

/* ---- its end */

int family__kill_root(const struct family *family)
{
	if (pidfd_send_signal(family->pidfds[0], SIGKILL, NULL, 0))
		return bench__fail("can't kill the root: %s", strerror(errno));
	return 0;
}

static unsigned count_living(const struct family *family)
{
	unsigned living = 0;

	for (unsigned i = 0; i < family->pidfd_count; i++)
		living += !pidfd__has_ended(family->pidfds[i]);
	return living;
}

static int await_one(const struct family *family, int pidfd, uint64_t deadline)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

	while (poll(&poll_fd, 1, 500) != 1) {
		if (bench__go_on())
			return -1;
		if (bench__now() > deadline)
			return bench__fail("%u of %u live on, past their deadline",
					   count_living(family), family->pidfd_count);
	}
	return 0;
}

/* Of whom no pidfd is held: a pid that is nobody's was reaped. */
static int await_unheld(const struct family *family, uint64_t deadline)
{
	for (unsigned slot = family->unheld; slot > 0; slot--) {
		autoclose int fd = pidfd_open((pid_t)family->board->pid[slot], 0);

		if (fd < 0 && errno != ESRCH)
			return bench__fail("pidfd_open: %s", strerror(errno));
		if (fd >= 0 && await_one(family, fd, deadline))
			return -1;
	}
	return 0;
}

/*
 * A pidfd is readable when the process has ended: memory and files are given back, nothing of it
 * will run again, and only its parent has still to hear of it. That is the same for all methods,
 * and it is what a user means by "gone". The end of a pipe that all hold would come too early
 * (files are closed long before the end), reaping would measure the parents.
 *
 * One after another rather than by epoll: when one poll has returned for each, all have ended, and
 * we are woken a few times only. To be woken by every end would take the CPU from those who die.
 * All methods signal the oldest first, so the newest is the best to wait for.
 */
int family__await_end(const struct family *family, uint64_t *end)
{
	uint64_t deadline = bench__now() + ENDING;

	for (unsigned i = family->pidfd_count; i-- > 0;) {
		if (await_one(family, family->pidfds[i], deadline))
			return -1;
	}
	if (await_unheld(family, deadline))
		return -1;
	*end = bench__now();
	return 0;
}

static bool is_kept(pid_t pid, const pid_t keep[KEEP])
{
	for (int i = 0; i < KEEP; i++) {
		if (keep[i] == pid)
			return true;
	}
	return false;
}

/* As long as we do not reap a child, its pid is nobody else's. Whether there was one: reaping makes
 * the kernel's list skip some. */
static bool end_children(const pid_t keep[KEEP])
{
	autofclose FILE *children = NULL;
	char path[64];
	bool any = false;
	long pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	children = fopen(path, "re");
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
	while (children && fscanf(children, "%ld", &pid) == 1) {
		if (is_kept((pid_t)pid, keep))
			continue;
		any = true;
		kill((pid_t)pid, SIGKILL);
		while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return any;
}

/* Children of those who end come to us, the subreaper. */
void family__clear(struct family *family)
{
	if (family->root) {
		while (end_children(family->keep))
			;
	}
	for (unsigned i = 0; i < family->pidfd_count; i++)
		close(family->pidfds[i]);
	free(family->pidfds);
	if (family->board)
		munmap(family->board, board__bytes(family->size));
	*family = (struct family){};
}
