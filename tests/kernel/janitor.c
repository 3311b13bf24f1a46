// SPDX-License-Identifier: GPL-2.0
/*
 * janitor.c - a process beside each rig that removes every trace of it: the only one that cleans,
 * whether the test comes to its end, fails, crashes or is killed by its time-out. It holds one end
 * of a pipe; the test's death closes the other.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "parts.h"

#define IN_ORDER 'o'
#define LOG_LINES 25

static bool read_environ(const char *pid, char **text, size_t *size)
{
	autofclose FILE *file = NULL;
	char path[64];
	size_t room = 0;

	snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
	file = fopen(path, "re");
	*text = NULL;
	*size = 0;
	if (!file)
		return false;
	for (;;) {
		size_t n;

		if (*size == room) {
			room += 16384;
			*text = realloc(*text, room);
			if (!*text)
				return false;
		}
		n = fread(*text + *size, 1, room - *size, file);
		if (n == 0)
			return true;
		*size += n;
	}
}

/* A process that was renamed or re-parented, or runs another program, keeps its environment. */
static bool is_marked(const char *pid, const char *mark)
{
	size_t len = strlen(mark) + 1;
	autofree char *text = NULL;
	size_t size;

	if (!read_environ(pid, &text, &size))
		return false;
	for (size_t i = 0; i + len <= size; i += strnlen(text + i, size - i) + 1) {
		if (memcmp(text + i, mark, len) == 0)
			return true;
	}
	return false;
}

static void signal_marked(const char *pid, const char *mark, int sig)
{
	autoclose int fd = (int)syscall(SYS_pidfd_open, atoi(pid), 0); /* NOLINT(cert-err34-c) */

	if (fd >= 0 && is_marked(pid, mark))
		syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

size_t janitor__marked(const char *mark, int sig)
{
	autoclosedir DIR *proc = opendir("/proc");
	const struct dirent *entry;
	size_t n = 0;

	while (proc && (entry = readdir(proc))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    !is_marked(entry->d_name, mark))
			continue;
		n++;
		if (sig)
			signal_marked(entry->d_name, mark, sig);
	}
	return n;
}

/* Two looks that find nobody: a process in the middle of an exec has no environment. */
static bool end_everybody(const struct rig *rig)
{
	struct patience patience = rig__patience(20);
	int clean = 0;

	while (clean < 2) {
		if (janitor__marked(rig->mark, SIGKILL) == 0)
			clean++;
		else
			clean = 0;
		if (clean < 2 && !rig__retry(&patience))
			return false;
	}
	return true;
}

static bool remove_at(int parent, const char *name)
{
	autoclosedir DIR *dir = NULL;
	const struct dirent *entry;
	int fd;

	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return unlinkat(parent, name, 0) == 0 || errno == ENOENT;
	dir = fdopendir(fd);
	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_at(dirfd(dir), entry->d_name);
	}
	return unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

bool janitor__remove(const char *path)
{
	return remove_at(AT_FDCWD, path);
}

/* Groups of a test are named as its folder, in whatever hierarchy. The dead leave them late. */
/* Groups within it are one deep. */
static void remove_inner_groups(const char *path)
{
	autoclosedir DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	}
}

static bool remove_group(const char *mount, const char *name)
{
	struct patience patience = rig__patience(10);
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", mount, name);
	for (;;) {
		remove_inner_groups(path);
		if (rmdir(path) == 0)
			return true;
		if (errno == ENOENT)
			return true;
		if (!rig__retry(&patience))
			return false;
	}
	return true;
}

/* The frozen hear no signal. */
static bool thaw_group(const char *mount, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", mount, name);
	rig__write(path, "freezer.state", "THAWED");
	return true;
}

static bool each_group(const struct rig *rig, bool (*treat)(const char *mount, const char *name))
{
	const char *name = strrchr(rig->folder, '/') + 1;
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *mount;
	bool done = true;

	while (mounts && (mount = getmntent(mounts))) {
		if (strncmp(mount->mnt_type, "cgroup", 6) == 0)
			done &= treat(mount->mnt_dir, name);
	}
	if (mounts)
		endmntent(mounts);
	return done;
}

static void unpin(const struct rig *rig)
{
	char *argv[] = { (char *)rig->program, (char *)"--config", (char *)rig->config,
			 (char *)"--unpin", NULL };
	pid_t pid;

	if (access(rig->pins, F_OK))
		return;
	pid = fork();
	if (pid == 0) {
		child__prepare(rig, rig->log);
		child__exec(rig, rig->program, argv);
	}
	if (pid > 0 && !child__await_end(pid))
		kill(pid, SIGKILL);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void show_tail(const char *path)
{
	autofclose FILE *file = fopen(path, "re");
	char lines[LOG_LINES][400];
	unsigned n = 0;

	while (file && fgets(lines[n % LOG_LINES], sizeof(*lines), file))
		n++;
	for (unsigned i = n > LOG_LINES ? n - LOG_LINES : 0; i < n; i++)
		dprintf(STDERR_FILENO, "[rig ] %s: %s", strrchr(path, '/') + 1,
			lines[i % LOG_LINES]);
}

/* What is still pinned after --unpin is the daemon's fault, all else the test's. */
static int clean(const struct rig *rig)
{
	bool done;

	each_group(rig, thaw_group);
	done = end_everybody(rig);
	unpin(rig);
	if (access(rig->pins, F_OK) == 0) {
		dprintf(STDERR_FILENO, "[rig ] %s was left after --unpin\n", rig->pins);
		janitor__remove(rig->pins);
		done = false;
	}
	done &= each_group(rig, remove_group);
	done &= janitor__remove(rig->folder);
	return done ? 0 : 1;
}

/* Standard error stays, for the logs of a test that failed. Whoever reads the test's own pipes
 * must not have to wait for the janitor. */
__attribute__((noreturn)) static void serve(const struct rig *rig, int from_test)
{
	bool in_order = false;
	char word;
	ssize_t n;

	setsid();
	child__close_all_but(from_test);
	while ((n = read(from_test, &word, 1)) > 0 || (n < 0 && errno == EINTR))
		in_order = word == IN_ORDER;
	if (!in_order) {
		show_tail(rig->log);
		show_tail(rig->actors);
	}
	atomic_store(&rig->ledger->stop, 1);
	_exit(clean(rig));
}

void janitor__start(struct rig *rig)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		abort();
	rig->to_janitor = ends[1];
	rig->janitor = fork();
	if (rig->janitor == 0) {
		for (int sig = 1; sig < NSIG; sig++)
			signal(sig,
			       sig == SIGHUP || sig == SIGINT || sig == SIGTERM || sig == SIGPIPE
				       ? SIG_IGN
				       : SIG_DFL);
		serve(rig, ends[0]);
	}
	close(ends[0]);
}

bool janitor__finish(struct rig *rig)
{
	pid_t pid = rig->janitor;
	bool told = write(rig->to_janitor, &(char){ IN_ORDER }, 1) == 1;

	close(rig->to_janitor);
	rig->janitor = 0;
	return told && rig__join(pid) == 0;
}
