// SPDX-License-Identifier: GPL-2.0
/* root.c - what runs in a family's own processes. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "board.h"

#define STACK 16384

/* What a descendant begins with. */
struct start {
	struct board *board;
	char *stacks; /* of those who share the root's memory; NULL where none do */
	unsigned slot;
	pid_t parent;
};

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
	if (start->board->pdeathsig) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != start->parent)
			_exit(0);
	}
	report(start->board, start->slot);
	live();
}

/* By fork, or sharing the root's memory, on the stack of that number. */
static pid_t bear(struct start *start, unsigned stack, int (*be)(void *))
{
	pid_t pid;

	if (start->stacks)
		return clone(be, start->stacks + (size_t)(stack + 1) * STACK, CLONE_VM | SIGCHLD,
			     start);
	pid = fork();
	if (pid == 0)
		_exit(be(start));
	return pid;
}

/* The one in between, which ends. */
static int be_parent(void *data)
{
	struct start *start = data;

	alarm(LIFE);
	setsid();
	if (bear(start, start->slot, be_member) < 0)
		atomic_store(&start->board->error, errno);
	_exit(0);
}

/* The stack at slot 0 serves one parent in between after the other. */
static int bear_descendant(struct start *start)
{
	pid_t pid;

	if (start->board->shape != SHAPE_STRAYS) {
		pid = bear(start, start->slot, be_member);
		return pid < 0 ? -errno : 0;
	}
	pid = bear(start, 0, be_parent);
	return pid < 0 || waitpid(pid, NULL, 0) < 0 ? -errno : 0;
}

/* NULL: there is no memory for them. */
static char *make_stacks(unsigned size)
{
	void *stacks = mmap(NULL, (size_t)(size + 1) * STACK, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return stacks == MAP_FAILED ? NULL : stacks;
}

static int bear_all(struct board *board)
{
	struct start *starts = calloc(board->size + 1, sizeof(*starts));
	char *stacks = board->shape == SHAPE_FORKED ? NULL : make_stacks(board->size);
	int err = 0;

	if (!starts || (!stacks && board->shape != SHAPE_FORKED))
		err = -ENOMEM;
	for (unsigned slot = 1; !err && slot <= board->size; slot++) {
		starts[slot] = (struct start){ board, stacks, slot, getpid() };
		err = bear_descendant(&starts[slot]);
	}
	return err;
}

/* The init of a PID namespace hears only the signals that it handles: hence the handler. */
void root__live(struct board *board, const struct birth *birth)
{
	int err = 0;

	bench__reset_signals();
	signal(SIGALRM, on_deadline);
	alarm(LIFE);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	if (birth->prepare)
		err = birth->prepare(birth->context);
	if (!err)
		err = bear_all(board);
	if (err)
		atomic_store(&board->error, -err);
	else
		report(board, 0);
	live();
}

int root__main(const char *fd)
{
	struct birth birth = {};
	struct board *board;
	struct stat st;
	int number = (int)strtol(fd, NULL, 10);

	if (fstat(number, &st))
		return EXIT_FAILURE;
	board = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0);
	if (board == MAP_FAILED)
		return EXIT_FAILURE;
	root__live(board, &birth);
}
