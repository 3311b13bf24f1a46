// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "bench.h"
#include "cgroup.h"
#include "family.h"
#include "job.h"

#define MARK "ORPHAND_BENCH="
#define LIFE 60 /* seconds that anybody may live, whatever becomes of us */
#define BUILDING (20 * NS_PER_SEC)
#define ENDING (2 * NS_PER_SEC) /* the deadline, by which nobody may live */
/* When nobody has ended in so many looks, a ms and more apart, nobody will. Not by the clock: where
 * nobody has the CPU, we don't either. */
#define QUIET 300
#define HURTING (100 * NS_PER_MS)
#define CLEARING (20 * NS_PER_SEC)
#define LOOKS 3 /* in a row, that must find nobody */

/* ---- processes of ours */

static void point_at_null(int fd, int mode)
{
	int null = open("/dev/null", mode);

	dup2(null, fd);
	close(null);
}

static bool enter(const char *cgroup)
{
	autoclose int fd = -1;
	char path[512];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, "0", 1) == 1;
}

__attribute__((noreturn)) static void become(const char *const *words, const struct start *start)
{
	bench__reset_signals();
	if (start->group < 0)
		setsid();
	else if (setpgid(0, start->group))
		_exit(126);
	if (start->cgroup && !enter(start->cgroup))
		_exit(126);
	point_at_null(STDIN_FILENO, O_RDONLY);
	point_at_null(STDOUT_FILENO, O_WRONLY);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	execvp(words[0], (char *const *)(uintptr_t)words);
	_exit(127);
}

/* A negative errno when there is none. */
pid_t job__spawn(const char *const *words, const struct start *start, int *pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
		.set_tid = start->number ? (uintptr_t)&start->number : 0,
		.set_tid_size = start->number ? 1 : 0,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		become(words, start);
	return pid < 0 ? -errno : pid;
}

int job__run(const char *const *words)
{
	int pidfd = -1, status;
	pid_t pid = job__spawn(words, &(struct start){}, &pidfd);

	if (pid < 0)
		return bench__fail("can't start %s: %s", words[0], strerror(-pid));
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR || bench__go_on())
			return -1;
	}
	close(pidfd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Orphans have come to us, their subreaper. What is kept is looked at, and left where it is. */
static int reap(const struct job *job)
{
	siginfo_t info = {};

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid) {
		for (int i = 0; i < JOB_KEEP; i++) {
			if (info.si_pid == job->keep[i])
				return bench__fail(
					"pid %d, which does not belong to the job, has ended",
					info.si_pid);
		}
		waitpid(info.si_pid, NULL, 0);
		info.si_pid = 0;
	}
	return 0;
}

/* ---- crowds */

static unsigned count_living(const struct crowd *crowd)
{
	unsigned living = 0;

	for (unsigned i = 0; i < crowd->count; i++)
		living += !pidfd__has_ended(crowd->pidfd[i]);
	return living;
}

static void kill_crowd(const struct crowd *crowd)
{
	for (unsigned i = 0; i < crowd->count; i++)
		pidfd_send_signal(crowd->pidfd[i], SIGKILL, NULL, 0);
}

static void drop_crowd(struct crowd *crowd)
{
	for (unsigned i = 0; i < crowd->count; i++)
		close(crowd->pidfd[i]);
	crowd->count = 0;
}

/* It lives, as it has told, and waits: the pid is its own. */
static int add(struct crowd *crowd, pid_t pid)
{
	int fd = pidfd_open(pid, 0);

	if (fd < 0 || crowd->count == CROWD)
		return bench__fail("pid %d can't be met: %s", pid, strerror(errno));
	crowd->pid[crowd->count] = pid;
	crowd->pidfd[crowd->count++] = fd;
	return 0;
}

static const struct ledger_entry *find_role(const struct ledger *ledger, const char *role,
					    unsigned nth)
{
	uint32_t used = atomic_load(&ledger->used);

	for (uint32_t i = 0; i < used && i < LEDGER_ENTRIES; i++) {
		const struct ledger_entry *entry = &ledger->entry[i];

		if (atomic_load(&entry->ready) && strcmp(entry->role, role) == 0 && nth-- == 0)
			return entry;
	}
	return NULL;
}

/* Until count of them have told that role. One whose entry is older may be ready later: only when
 * all are there does each have its place among them. */
static int meet(struct job *job, const char *role, unsigned count, struct crowd *crowd)
{
	uint64_t end = bench__now() + BUILDING;

	while (count && !find_role(job->ledger, role, count - 1)) {
		if (bench__now() > end)
			return bench__fail("not all %u %s were there in time", count, role);
		if (bench__pause(NS_PER_MS))
			return -1;
	}
	for (unsigned i = 0; i < count; i++) {
		if (add(crowd, (pid_t)find_role(job->ledger, role, i)->pid))
			return -1;
	}
	return 0;
}

/* ---- those who carry the mark */

static bool is_marked(pid_t pid, const char *mark)
{
	size_t size = strlen(mark) + 1;
	char path[64], text[4096];
	autofclose FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	file = fopen(path, "re");
	return file && memmem(text, fread(text, 1, sizeof(text), file), mark, size);
}

/* How many there are. With a signal: each gets it, by a pidfd that was open before it was known. */
static unsigned look_for_marked(const char *mark, int signal)
{
	autoclosedir DIR *proc = opendir("/proc");
	const struct dirent *entry;
	unsigned found = 0;

	while (proc && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		autoclose int fd = pid > 0 && signal ? pidfd_open(pid, 0) : -1;

		if (pid <= 0 || !is_marked(pid, mark))
			continue;
		found++;
		if (fd >= 0)
			pidfd_send_signal(fd, signal, NULL, 0);
	}
	return found;
}

/* ---- its beginning */

/* With job control each has a process group of its own. */
static const char shell_script[] =
	"set -m; nohup \"$0\" as member sleep </dev/null >/dev/null 2>&1 & disown; "
	"\"$0\" as member sleep & exit 0";

static int cut_words(struct job *job)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char env[] = "env", clean[] = "-i";
	char *first[] = {
		env, clean, path, job->mark, job->ledger_word, (char *)(uintptr_t)job->actor
	};
	size_t count = sizeof(first) / sizeof(*first);
	char *word, *rest;

	memcpy(job->words, first, sizeof(first));
	text__copy(job->text, sizeof(job->text), job->family->play);
	for (word = strtok_r(job->text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (count == JOB_WORDS - 1)
			return bench__fail("the play of %s is too long", job->family->name);
		if (strcmp(word, "@actor") == 0)
			job->words[count++] = (char *)(uintptr_t)job->actor;
		else if (strcmp(word, "@shell") == 0)
			job->words[count++] = (char *)(uintptr_t)shell_script;
		else
			job->words[count++] = word;
	}
	return 0;
}

/* A file, since those inside a namespace open it, too. */
static int make_ledger(struct job *job)
{
	autoclose int fd = -1;

	snprintf(job->path, sizeof(job->path), "/tmp/orphand-bench-ledger-XXXXXX");
	fd = mkostemp(job->path, O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, sizeof(*job->ledger)))
		return bench__fail("can't make %s: %s", job->path, strerror(errno));
	job->ledger = mmap(NULL, sizeof(*job->ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (job->ledger == MAP_FAILED) {
		job->ledger = NULL;
		unlink(job->path);
		return bench__fail("no memory for a ledger");
	}
	job->ledger->life = LIFE;
	job->ledger->end = bench__now() + LIFE * NS_PER_SEC;
	return 0;
}

int job__prepare(struct job *job)
{
	static unsigned serial;

	job->child_fd = -1;
	snprintf(job->mark, sizeof(job->mark), MARK "%d-%u", getpid(), serial++);
	if (make_ledger(job))
		return -1;
	snprintf(job->ledger_word, sizeof(job->ledger_word), LEDGER_ENV "=%s", job->path);
	return cut_words(job);
}

int job__start(struct job *job, const char *const *prefix, const struct start *start)
{
	const char *words[JOB_WORDS + 16];
	size_t count = 0;

	while (prefix && *prefix)
		words[count++] = *prefix++;
	memcpy(words + count, job->words, sizeof(job->words));
	job->child = job__spawn(words, start, &job->child_fd);
	if (job->child > 0)
		return 0;
	errno = -job->child;
	job->child = 0;
	return bench__fail("can't start %s: %s", words[0], strerror(errno));
}

int job__meet_root(struct job *job)
{
	if (meet(job, "root", 1, &job->members))
		return -1;
	job->root = job->members.pid[0];
	return meet(job, "early", job->family->early, &job->early);
}

int job__open_gate(struct job *job)
{
	atomic_store(&job->ledger->gate, 1);
	return 0;
}

static int await_births(const struct job *job)
{
	uint64_t end = bench__now() + BUILDING;

	while (atomic_load(&job->ledger->beats) < job->family->births) {
		if (bench__now() > end)
			return bench__fail("the breeders breed too slowly");
		if (bench__pause(NS_PER_MS))
			return -1;
	}
	return 0;
}

int job__meet_all(struct job *job)
{
	struct crowd ready = {};
	int err = meet(job, "ready", 1, &ready);

	drop_crowd(&ready);
	if (err || meet(job, "member", job->family->members, &job->members))
		return -1;
	return await_births(job);
}

/* ---- the innocents */

/* The words that an innocent is started with; its mark is another. */
static int start_innocent(struct job *job, const char *const *prefix, const struct start *start)
{
	const char *words[16];
	size_t count = 0;
	int pidfd;
	pid_t pid;

	while (prefix && *prefix)
		words[count++] = *prefix++;
	words[count++] = "env";
	words[count++] = job->ledger_word;
	words[count++] = job->actor;
	words[count++] = "as";
	words[count++] = "innocent";
	words[count++] = "sleep";
	words[count] = NULL;
	pid = job__spawn(words, start, &pidfd);
	if (pid > 0)
		close(pidfd);
	return pid;
}

/* Whoever else has taken the number meanwhile is as innocent, but not ours to kill. */
static int start_heirs(struct job *job)
{
	unsigned heirs = 0;

	for (unsigned i = 0; i < job->early.count; i++) {
		struct start start = { .group = -1, .number = job->early.pid[i] };
		int err = start_innocent(job, NULL, &start);

		if (err < 0 && err != -EEXIST)
			return bench__fail("pid %d can't be given again: %s", start.number,
					   strerror(-err));
		heirs += err > 0;
	}
	if (!heirs)
		return bench__fail("all pids were taken by others");
	return meet(job, "innocent", heirs, &job->innocents);
}

int job__start_innocents(struct job *job)
{
	char cgroup[512], root[16];
	const char *const visit[] = { "nsenter", "--target", root, "--pid", "--", NULL };
	struct start start = { .cgroup = cgroup };
	int err;

	snprintf(root, sizeof(root), "%d", job->root);
	if (!cgroup__of(job->root, cgroup, sizeof(cgroup)))
		start.cgroup = NULL;
	switch (job->family->beside) {
	case BESIDE_NEIGHBOUR:
		start.group = getpgid(job->child);
		err = start_innocent(job, NULL, &start);
		break;
	case BESIDE_VISITOR:
		start.group = -1;
		err = start_innocent(job, visit, &start);
		break;
	case BESIDE_HEIR:
		return start_heirs(job);
	default:
		return 0;
	}
	if (err < 0)
		return bench__fail("no innocent: %s", strerror(-err));
	return meet(job, "innocent", 1, &job->innocents);
}

/* ---- its end */

bool job__all_live(const struct job *job)
{
	return count_living(&job->members) == job->members.count;
}

/* Nobody whom we have met lives, nobody has the mark, and nobody was born while we looked. */
static bool is_gone(const struct job *job)
{
	uint32_t births = atomic_load(&job->ledger->beats);

	for (int look = 0; look < LOOKS; look++) {
		if (count_living(&job->members) || look_for_marked(job->mark, 0))
			return false;
	}
	return atomic_load(&job->ledger->beats) == births;
}

int job__await_end(struct job *job, bool *escaped)
{
	uint64_t deadline = bench__now() + ENDING;
	unsigned living = count_living(&job->members), quiet = 0;

	for (;;) {
		unsigned before = living;

		living = count_living(&job->members);
		quiet = living < before ? 0 : quiet + 1;
		if (reap(job))
			return -1;
		*escaped = !is_gone(job);
		if (!*escaped || quiet > QUIET || bench__now() > deadline)
			return 0;
		if (bench__pause(NS_PER_MS))
			return -1;
	}
}

int job__await_hurt(const struct job *job, bool *hurt)
{
	uint64_t end = bench__now() + HURTING;

	*hurt = false;
	while (job->innocents.count && !*hurt && bench__now() < end) {
		*hurt = count_living(&job->innocents) < job->innocents.count;
		if (bench__pause(NS_PER_MS))
			return -1;
	}
	return 0;
}

static void end_everybody(struct job *job)
{
	kill_crowd(&job->members);
	kill_crowd(&job->early);
	kill_crowd(&job->innocents);
	if (job->child_fd >= 0)
		pidfd_send_signal(job->child_fd, SIGKILL, NULL, 0);
	look_for_marked(job->mark, SIGKILL);
	reap(job);
}

void job__clear(struct job *job)
{
	uint64_t end = bench__now() + CLEARING;

	if (!job->ledger)
		return;
	atomic_store(&job->ledger->stop, 1);
	do {
		struct timespec moment = { .tv_nsec = NS_PER_MS };

		end_everybody(job);
		nanosleep(&moment, NULL);
	} while ((!is_gone(job) || count_living(&job->innocents) ||
		  (job->child_fd >= 0 && !pidfd__has_ended(job->child_fd))) &&
		 bench__now() < end);
	if (!is_gone(job))
		bench__fail("somebody of %s can't be ended", job->mark);
	reap(job);
	drop_crowd(&job->members);
	drop_crowd(&job->early);
	drop_crowd(&job->innocents);
	if (job->child_fd >= 0)
		close(job->child_fd);
	munmap(job->ledger, sizeof(*job->ledger));
	unlink(job->path);
	*job = (struct job){};
}
