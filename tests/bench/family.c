// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "bench.h"
#include "family.h"

#define LIFE 240 /* seconds that a member may live, whatever becomes of us */
#define BUILDING (120 * NS_PER_SEC)
#define ENDING (30 * NS_PER_SEC)
#define SPARE_FDS 64

#define STACK 16384

/* Where the members report. */
struct board {
	atomic_uint ready;
	atomic_int error;
	uint32_t pid[]; /* as the host has them; the root's stays 0 */
};

/* What a descendant begins with. */
struct start {
	const struct family *family;
	unsigned slot;
	bool pdeathsig;
	pid_t parent;
};

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

/* ---- the members */

static void on_deadline(int signal)
{
	(void)signal;
	_exit(99);
}

/* /proc is the host's for everybody, and so are the pids that it tells. */
static void report(struct board *board, unsigned slot)
{
	char text[16] = "";

	if (readlink("/proc/self", text, sizeof(text) - 1) > 0)
		board->pid[slot] = (uint32_t)strtoul(text, NULL, 10);
	atomic_fetch_add(&board->ready, 1);
}

__attribute__((noreturn)) static void live(void)
{
	for (;;)
		pause();
}

static int be_member(void *data)
{
	const struct start *start = data;

	alarm(LIFE);
	if (start->pdeathsig) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != start->parent)
			_exit(0);
	}
	report(start->family->board, start->slot);
	live();
}

/* By fork, or sharing the root's memory, with a stack of its own. */
static pid_t bear(struct start *start, char *stack, int (*be)(void *))
{
	pid_t pid;

	if (start->family->stacks)
		return clone(be, stack + STACK, CLONE_VM | SIGCHLD, start);
	pid = fork();
	if (pid == 0)
		_exit(be(start));
	return pid;
}

/* NULL where there are none. */
static char *stack_of(const struct family *family, unsigned slot)
{
	return family->stacks ? family->stacks + (size_t)slot * STACK : NULL;
}

/* The one in between, which ends. */
static int be_parent(void *data)
{
	struct start *start = data;

	alarm(LIFE);
	setsid();
	if (bear(start, stack_of(start->family, start->slot), be_member) < 0)
		atomic_store(&start->family->board->error, errno);
	_exit(0);
}

/* The stack at slot 0 serves one parent in between after the other. */
static int bear_descendant(struct start *start)
{
	const struct family *family = start->family;
	pid_t pid;

	if (family->shape != SHAPE_STRAYS) {
		pid = bear(start, stack_of(family, start->slot), be_member);
		return pid < 0 ? -errno : 0;
	}
	pid = bear(start, stack_of(family, 0), be_parent);
	return pid < 0 || waitpid(pid, NULL, 0) < 0 ? -errno : 0;
}

static int bear_all(const struct family *family, const struct birth *birth)
{
	int err = 0;

	for (unsigned slot = 1; !err && slot <= family->size; slot++) {
		struct start *start = &family->starts[slot];

		*start = (struct start){ family, slot, birth->pdeathsig, getpid() };
		err = bear_descendant(start);
	}
	return err;
}

/* The init of a PID namespace hears only the signals that it handles: hence the handler. */
__attribute__((noreturn)) static void be_root(const struct family *family,
					      const struct birth *birth)
{
	int err = 0;

	bench__reset_signals();
	signal(SIGALRM, on_deadline);
	alarm(LIFE);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	if (birth->prepare)
		err = birth->prepare(birth->context);
	if (!err)
		err = bear_all(family, birth);
	if (err)
		atomic_store(&family->board->error, -err);
	else
		atomic_fetch_add(&family->board->ready, 1);
	live();
}

/* ---- its beginning */

static size_t board_size(const struct family *family)
{
	return sizeof(*family->board) + (family->size + 1) * sizeof(*family->board->pid);
}

static size_t stacks_size(const struct family *family)
{
	return (size_t)(family->size + 1) * STACK;
}

static int make_stacks(struct family *family)
{
	void *stacks = mmap(NULL, stacks_size(family), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (stacks == MAP_FAILED)
		return bench__fail("no memory for %u stacks", family->size);
	family->stacks = stacks;
	return 0;
}

static int make_room(struct family *family)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < family->size + SPARE_FDS) {
		limit.rlim_cur = family->size + SPARE_FDS;
		if (limit.rlim_max < limit.rlim_cur)
			limit.rlim_max = limit.rlim_cur;
		if (setrlimit(RLIMIT_NOFILE, &limit))
			return bench__fail("%u descriptors are too many: %s", family->size,
					   strerror(errno));
	}
	if (family->shape != SHAPE_FORKED && make_stacks(family))
		return -1;
	family->starts = calloc(family->size + 1, sizeof(*family->starts));
	family->pidfds = calloc(family->size + 1, sizeof(*family->pidfds));
	family->board = mmap(NULL, board_size(family), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (family->board == MAP_FAILED)
		family->board = NULL;
	if (!family->pidfds || !family->starts || !family->board)
		return bench__fail("no memory for a family of %u", family->size);
	return 0;
}

static int start_root(struct family *family, const struct birth *birth)
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
	if (pid == 0)
		be_root(family, birth);
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
		if (bench__now() > end)
			return bench__fail("only %u of %u were ready in time",
					   atomic_load(&board->ready), family->size + 1);
		if (bench__pause(NS_PER_MS))
			return -1;
	}
	return 0;
}

static bool has_ended(int pidfd)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

/* They live, so their pids are theirs; one that died since would be seen to have. */
static int open_pidfds(struct family *family)
{
	for (unsigned slot = 1; slot <= family->size; slot++) {
		int fd = pidfd_open((pid_t)family->board->pid[slot], 0);

		if (fd < 0)
			return bench__fail("pidfd_open: %s", strerror(errno));
		family->pidfds[family->pidfd_count++] = fd;
	}
	for (unsigned i = 0; i < family->pidfd_count; i++) {
		if (has_ended(family->pidfds[i]))
			return bench__fail("a member died before its time");
	}
	return 0;
}

int family__start(struct family *family, const struct birth *birth)
{
	if (make_room(family) || start_root(family, birth) || await_ready(family))
		return -1;
	return open_pidfds(family);
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
		living += !has_ended(family->pidfds[i]);
	return living;
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
		struct pollfd poll_fd = { .fd = family->pidfds[i], .events = POLLIN };

		while (poll(&poll_fd, 1, 500) != 1) {
			if (bench__go_on())
				return -1;
			if (bench__now() > deadline)
				return bench__fail("%u of %u live on, past their deadline",
						   count_living(family), family->pidfd_count);
		}
	}
	*end = bench__now();
	return 0;
}

/* As long as we do not reap a child, its pid is nobody else's. Whether there was one: reaping makes
 * the kernel's list skip some. */
static bool end_children(const pid_t keep[2])
{
	autofclose FILE *children = NULL;
	char path[64];
	bool any = false;
	long pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	children = fopen(path, "re");
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
	while (children && fscanf(children, "%ld", &pid) == 1) {
		if (pid == keep[0] || pid == keep[1])
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
	free(family->starts);
	if (family->stacks)
		munmap(family->stacks, stacks_size(family));
	if (family->board)
		munmap(family->board, board_size(family));
	*family = (struct family){};
}
