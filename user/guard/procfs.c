// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "guard/procfs.h"

/* USER_HZ is 100 on every architecture that BPF runs on. */
#define NS_PER_TICK 10000000ULL

static void path_of(uint32_t pid, const char *name, char path[64])
{
	snprintf(path, 64, "/proc/%u/%s", pid, name);
}

/* Up to size bytes; how many, or a negative errno. */
static ssize_t read_file(const char *path, char *to, size_t size)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;

	if (fd < 0)
		return -errno;
	while (used < size) {
		ssize_t n = read(fd, to + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

static ssize_t read_proc(uint32_t pid, const char *name, char *to, size_t size)
{
	char path[64];

	path_of(pid, name, path);
	return read_file(path, to, size);
}

void procfs__line(const char *path, char *line, size_t size)
{
	ssize_t n = read_file(path, line, size - 1);

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

void procfs__exe(uint32_t pid, char *exe, size_t size)
{
	char path[64];
	ssize_t n;

	path_of(pid, "exe", path);
	n = readlink(path, exe, size - 1);
	exe[n > 0 ? n : 0] = '\0';
}

void procfs__cgroup(uint32_t pid, char *cgroup, size_t size)
{
	char text[4096], *line, *rest;
	ssize_t n = read_proc(pid, "cgroup", text, sizeof(text) - 1);

	*cgroup = '\0';
	if (n <= 0)
		return;
	text[n] = '\0';
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *folder = strchr(line, ':');

		folder = folder ? strchr(folder + 1, ':') : NULL;
		if (!folder)
			continue;
		folder++;
		/* "0::" is cgroup v2; beside a v1 hierarchy that is in use it often stays at "/". */
		if (!*cgroup || (strcmp(cgroup, "/") == 0) ||
		    (strncmp(line, "0::", 3) == 0 && strcmp(folder, "/") != 0))
			text__copy(cgroup, size, folder);
	}
}

/* Behind the command's name, which may hold anything, blanks and parentheses too. */
static bool read_stat(uint32_t pid, char text[static 1024], const char **fields)
{
	ssize_t n = read_proc(pid, "stat", text, 1023);
	const char *end;

	if (n <= 0)
		return false;
	text[n] = '\0';
	end = strrchr(text, ')');
	if (!end || end[1] != ' ')
		return false;
	*fields = end + 2; /* field 3, the state */
	return true;
}

static unsigned long long stat_field(uint32_t pid, int field)
{
	char text[1024];
	const char *at;

	if (!read_stat(pid, text, &at))
		return 0;
	for (int i = 3; i < field; i++) {
		at = strchr(at, ' ');
		if (!at)
			return 0;
		at++;
	}
	return strtoull(at, NULL, 10);
}

bool procfs__is(struct ident id)
{
	return stat_field(id.pid, 22) == id.start / NS_PER_TICK;
}

/* The first thread alone may have children, where there are no others. */
bool procfs__is_childless(uint32_t pid)
{
	char name[48], text[16];

	snprintf(name, sizeof(name), "task/%u/children", pid);
	return stat_field(pid, 20) == 1 && read_proc(pid, name, text, sizeof(text)) == 0;
}

uint32_t procfs__parent(uint32_t pid)
{
	return (uint32_t)stat_field(pid, 4);
}

uint32_t procfs__session(uint32_t pid)
{
	return (uint32_t)stat_field(pid, 6);
}

char procfs__state(uint32_t pid)
{
	char text[1024];
	const char *fields;

	return read_stat(pid, text, &fields) ? *fields : 0;
}

uint32_t procfs__pid_ns(uint32_t pid)
{
	char path[64];
	struct stat st;

	path_of(pid, "ns/pid", path);
	return stat(path, &st) ? 0 : (uint32_t)st.st_ino;
}

/* The value behind "Name:" in /proc/PID/status. */
static bool read_status(uint32_t pid, const char *name, char *value, size_t size)
{
	char text[4096], *line, *rest;
	ssize_t n = read_proc(pid, "status", text, sizeof(text) - 1);
	size_t len = strlen(name);

	if (n <= 0)
		return false;
	text[n] = '\0';
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, name, len) == 0 && line[len] == ':') {
			line += len + 1;
			text__copy(value, size, line + strspn(line, " \t"));
			return true;
		}
	}
	return false;
}

/* Real, effective, saved and that of file systems, of "Uid" or "Gid". */
static bool read_ids(uint32_t pid, const char *name, unsigned ids[4])
{
	char text[64], *at = text;

	if (!read_status(pid, name, text, sizeof(text)))
		return false;
	for (int i = 0; i < 4; i++)
		ids[i] = (unsigned)strtoul(at, &at, 10);
	return true;
}

enum image_cookie procfs__cookie(uint32_t pid)
{
	static const char cookie[] = "ORPHAND_SPARE=1";
	autofclose FILE *file = NULL;
	enum image_cookie found = COOKIE_UNKNOWN;
	char path[64], *word = NULL;
	size_t room = 0;

	path_of(pid, "environ", path);
	file = fopen(path, "re");
	while (file && getdelim(&word, &room, '\0', file) > 0) {
		found = COOKIE_NO;
		if (strcmp(word, cookie) == 0) {
			found = COOKIE_YES;
			break;
		}
	}
	free(word);
	return found;
}

bool procfs__belongs_to(uint32_t pid, uint32_t uid)
{
	unsigned uids[4];

	return read_ids(pid, "Uid", uids) && (uids[0] == uid || uids[2] == uid);
}

void procfs__state_text(uint32_t pid, char *state, size_t size)
{
	if (!read_status(pid, "State", state, size))
		*state = '\0';
}

struct image *procfs__image(const struct redactor *redactor, uint32_t pid, const char *fallback_exe)
{
	char exe[PATH_LEN], args[ARGS_LEN], comm[COMM_LEN + 1], cgroup[CGROUP_LEN], path[64];
	unsigned uids[4] = {}, gids[4] = {};
	ssize_t args_len;

	if (!read_ids(pid, "Uid", uids) || !read_ids(pid, "Gid", gids))
		return NULL;
	procfs__exe(pid, exe, sizeof(exe));
	args_len = read_proc(pid, "cmdline", args, sizeof(args));
	path_of(pid, "comm", path);
	procfs__line(path, comm, sizeof(comm));
	procfs__cgroup(pid, cgroup, sizeof(cgroup));
	return image__new(redactor, uids[0], gids[0], comm,
			  *exe || !fallback_exe ? exe : fallback_exe, args,
			  args_len > 0 ? (size_t)args_len : 0, cgroup);
}
