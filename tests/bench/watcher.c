// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "bench.h"
#include "embed.h"
#include "family.h"
#include "watcher.h"

#define PATIENCE (60 * NS_PER_SEC)

EMBED(poller_py, "poller.py");
EMBED(follow_bt, "follow.bt");

void watcher__poll(void)
{
	execl("/usr/bin/python3", "python3", "-c", poller_py, NULL);
}

/* bpftrace can't go over its own map: what it has written is the list. Bare pids are all it has. */
#define END_TREE                                                     \
	"awk -v root=$root '$1 == root { alive[$2] += $3 } "         \
	"END { for (pid in alive) if (alive[pid] > 0) print pid }' " \
	"/proc/$PPID/fd/1 | xargs -r kill -9"

void watcher__trace(void)
{
	setenv("END_TREE", END_TREE, 1);
	setenv("BPFTRACE_MAP_KEYS_MAX", "65536", 1);
	setenv("BPFTRACE_PERF_RB_PAGES", "1024", 1);
	execlp("bpftrace", "bpftrace", "--unsafe", "-B", "line", "-e", follow_bt, NULL);
}

/* ---- its life */

__attribute__((noreturn)) static void be_watcher(int in, int out, void (*run)(void))
{
	bench__reset_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	run();
	_exit(127);
}

int watcher__start(struct watcher *watcher, void (*run)(void))
{
	autoclose int out = memfd_create("watcher", MFD_CLOEXEC);
	char path[32];
	int pipes[2];

	*watcher = (struct watcher){ .in = -1, .ends_with_us = watcher->ends_with_us };
	/* Opened anew: where we read is not where it writes. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", out);
	watcher->out = fopen(path, "re");
	if (!watcher->out || pipe2(pipes, O_CLOEXEC))
		return bench__fail("no descriptors for a watcher: %s", strerror(errno));
	watcher->in = pipes[1];
	watcher->pid = fork();
	if (watcher->pid == 0)
		be_watcher(pipes[0], out, run);
	close(pipes[0]);
	if (watcher->pid < 0) {
		watcher->pid = 0;
		return bench__fail("can't fork: %s", strerror(errno));
	}
	return 0;
}

void watcher__stop(struct watcher *watcher)
{
	if (watcher->out) {
		fclose(watcher->out);
		close(watcher->in);
	}
	if (watcher->pid > 0) {
		if (!watcher->ends_with_us)
			kill(watcher->pid, SIGKILL);
		while (waitpid(watcher->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*watcher = (struct watcher){};
}

/* ---- what it tells */

static void read_lines(struct watcher *watcher)
{
	char line[128];
	int root, pid, change;
	long before;

	clearerr(watcher->out);
	for (;;) {
		before = ftell(watcher->out);
		if (!fgets(line, sizeof(line), watcher->out))
			return;
		/* A line that is still being written is read later. */
		if (feof(watcher->out) && !strchr(line, '\n')) {
			fseek(watcher->out, before, SEEK_SET);
			return;
		}
		/* NOLINTNEXTLINE(cert-err34-c): our own watchers' numbers */
		if (sscanf(line, "%d %d %d", &root, &pid, &change) != 3 ||
		    (watcher->root && root != watcher->root))
			continue;
		if (change > 0)
			watcher->born++;
		else
			watcher->gone++;
	}
}

static void print_output(const struct watcher *watcher)
{
	char line[256];

	rewind(watcher->out);
	for (int i = 0; i < 20 && fgets(line, sizeof(line), watcher->out); i++)
		fprintf(stderr, "  watcher: %s", line);
}

static int wait_moment(struct watcher *watcher, uint64_t end)
{
	if (waitpid(watcher->pid, NULL, WNOHANG) == watcher->pid) {
		watcher->pid = 0;
		print_output(watcher);
		return bench__fail("the watcher ended");
	}
	if (bench__now() > end) {
		print_output(watcher);
		return bench__fail("the watcher told of %u births and %u ends only", watcher->born,
				   watcher->gone);
	}
	return bench__pause(10 * NS_PER_MS);
}

/* Something to see: one with a root's name, a child of it, and both their ends. */
static int show_tree(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NAME, WATCHED_NAME);
		pid = fork();
		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
		_exit(0);
	}
	return pid < 0 || waitpid(pid, NULL, 0) < 0 ? bench__fail("can't fork: %s", strerror(errno))
						    : 0;
}

int watcher__await_sight(struct watcher *watcher)
{
	uint64_t end = bench__now() + PATIENCE;

	while (!watcher->born || !watcher->gone) {
		if (show_tree() || wait_moment(watcher, end))
			return -1;
		read_lines(watcher);
	}
	return 0;
}

static bool has_written(struct watcher *watcher, const char *word)
{
	char line[1024];

	rewind(watcher->out);
	while (fgets(line, sizeof(line), watcher->out)) {
		if (strstr(line, word))
			return true;
	}
	return false;
}

int watcher__await_word(struct watcher *watcher, const char *word)
{
	uint64_t end = bench__now() + PATIENCE;

	while (!has_written(watcher, word)) {
		if (bench__spawn(1) || wait_moment(watcher, end))
			return -1;
	}
	return 0;
}

int watcher__await_born(struct watcher *watcher, pid_t root, unsigned born)
{
	uint64_t end = bench__now() + PATIENCE;

	rewind(watcher->out);
	watcher->root = root;
	watcher->born = watcher->gone = 0;
	for (;;) {
		read_lines(watcher);
		if (watcher->born >= born)
			return 0;
		if (wait_moment(watcher, end))
			return -1;
	}
}

int watcher__tell(const struct watcher *watcher, pid_t root)
{
	return dprintf(watcher->in, "%d\n", root) < 0
		       ? bench__fail("the watcher does not listen: %s", strerror(errno))
		       : 0;
}
