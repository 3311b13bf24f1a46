// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel/parts.h"
#include "base/own.h"
#include "base/text.h"
#include "user.h"

/* How long anything here may live or spin if all else should fail, s. */
#define LIFE 90
#define CPU 60

#define MOST_WORDS 32

/* What those in the background print: a file in memory, which nobody has to read in time. */
static int background = -1;

/* ---- the programs */

const char *user__build(void)
{
	static char path[PATH_MAX];
	const char *build = getenv("ORPHAND_BUILD");
	char self[PATH_MAX] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		cr_assert_fail("/proc/self/exe: %s", strerror(errno));
	*strrchr(self, '/') = '\0';
	*strrchr(self, '/') = '\0';
	if (!realpath(build && *build ? build : self, path))
		cr_assert_fail("%s: %s", build ? build : self, strerror(errno));
	return path;
}

static void copy_file(const char *from, const char *to)
{
	autoclose int in = open(from, O_RDONLY | O_CLOEXEC);
	autoclose int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	struct stat st;

	if (in < 0 || out < 0 || fstat(in, &st) || fchmod(out, 0755))
		cr_assert_fail("%s to %s: %s", from, to, strerror(errno));
	while (sendfile(out, in, NULL, (size_t)st.st_size) > 0)
		;
}

/* Another user may not be able to reach the place of the build. */
static const char *path_of(const struct rig *rig, const char *name, uid_t uid)
{
	static char path[PATH_MAX + 16];

	if (strchr(name, '/'))
		return name;
	if (strcmp(name, "orphand") == 0)
		return rig->program;
	snprintf(path, sizeof(path), "%s/%s", user__build(), name);
	if (uid) {
		char copy[sizeof(rig->folder) + 32];

		snprintf(copy, sizeof(copy), "%s/%.16s", rig->folder, name);
		if (access(copy, F_OK))
			copy_file(path, copy);
		text__copy(path, sizeof(path), copy);
	}
	return path;
}

static void limit_life(void)
{
	struct rlimit limit = { CPU, CPU };

	setrlimit(RLIMIT_CPU, &limit);
	alarm(LIFE);
}

static void become(uid_t uid)
{
	if (uid && (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid)))
		_exit(125);
}

static pid_t start(struct rig *rig, uid_t uid, const char *const *words, int out, int err)
{
	const char *path = path_of(rig, words[0], uid);
	char *argv[MOST_WORDS + 3] = { (char *)words[0] };
	size_t n = 1;
	pid_t pid;

	if (strcmp(words[0], "orphanctl") == 0) {
		argv[n++] = (char *)"--socket";
		argv[n++] = rig->socket;
	}
	for (size_t i = 1; words[i] && i < MOST_WORDS; i++)
		argv[n++] = (char *)words[i];
	pid = fork();
	if (pid < 0)
		cr_assert_fail("fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	child__prepare(rig, "/dev/null");
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	limit_life();
	become(uid);
	child__exec(rig, path, argv);
}

static int memory_file(void)
{
	int fd = memfd_create("said", MFD_CLOEXEC);

	if (fd < 0)
		cr_assert_fail("memfd_create: %s", strerror(errno));
	/* what a program prints goes behind what another has printed */
	fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}

static void read_back(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
}

/* Its alarm ends it when nothing else does. */
static int join(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		cr_assert_fail("process %d: %s", pid, strerror(errno));
	return status;
}

const struct said *user__run_as(struct rig *rig, uid_t uid, const char *const *words)
{
	static struct said said;
	autoclose int out = memory_file();
	autoclose int err = memory_file();

	said.status = join(start(rig, uid, words, out, err));
	read_back(out, said.out, sizeof(said.out));
	read_back(err, said.err, sizeof(said.err));
	return &said;
}

/* Whether it runs its own program and has that one's arguments, or has ended. */
static bool has_begun(pid_t pid)
{
	autoclose int fd = -1;
	char path[32], first;
	struct stat own, its;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (stat(path, &its))
		return true;
	if (stat("/proc/self/exe", &own))
		cr_assert_fail("/proc/self/exe: %s", strerror(errno));
	if (its.st_ino == own.st_ino && its.st_dev == own.st_dev)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 || read(fd, &first, 1) != 0;
}

pid_t user__begin_as(struct rig *rig, uid_t uid, const char *const *words)
{
	struct patience patience = rig__patience(DEADLINE);
	pid_t pid;

	if (background < 0)
		background = memory_file();
	pid = start(rig, uid, words, background, background);
	while (!has_begun(pid)) {
		if (!rig__retry(&patience))
			cr_assert_fail("%s: pid %d does not begin", words[0], pid);
	}
	return pid;
}

/* The n-th line, without its newline; false: it is not whole yet. */
static bool find_line(char *text, unsigned n, char **line)
{
	for (; n; n--) {
		text = strchr(text, '\n');
		if (!text)
			return false;
		text++;
	}
	*line = text;
	text = strchr(text, '\n');
	if (text)
		*text = '\0';
	return text;
}

const char *user__line(unsigned n)
{
	struct patience patience = rig__patience(DEADLINE);
	static char text[4096];
	char *line;

	read_back(background, text, sizeof(text));
	while (!find_line(text, n, &line)) {
		if (!rig__retry(&patience))
			cr_assert_fail("line %u was not printed, but this was: %s", n, text);
		read_back(background, text, sizeof(text));
	}
	return line;
}

pid_t user__pid(unsigned n)
{
	const char *line = user__line(n);
	char *end;
	long pid = strtol(line, &end, 10);

	if (*end || pid <= 1)
		cr_assert_fail("'%s' is no pid", line);
	return (pid_t)pid;
}

void said__done(const struct said *said)
{
	cr_assert_eq(said->status, 0, "wait status %#x, '%s'", (unsigned)said->status, said->err);
	cr_assert_str_empty(said->err);
}

static bool is_one_line(const char *text)
{
	const char *end = strchr(text, '\n');

	return end && end > text && !end[1];
}

void said__failed(const struct said *said, int status, const char *word)
{
	cr_expect(WIFEXITED(said->status) && WEXITSTATUS(said->status) == status,
		  "wait status %#x for exit %d: '%s'", (unsigned)said->status, status, said->err);
	cr_expect(is_one_line(said->err), "not one line: '%s'", said->err);
	cr_expect_eq(strncmp(said->err, "orphan", 6), 0, "who says so? '%s'", said->err);
	cr_expect(strstr(said->err, word), "'%s' does not say '%s'", said->err, word);
	cr_expect_str_empty(said->out);
}

unsigned user__free_port(void)
{
	autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	if (bind(fd, (struct sockaddr *)&address, len) ||
	    getsockname(fd, (struct sockaddr *)&address, &len))
		cr_assert_fail("no free port");
	return ntohs(address.sin_port);
}

/* ---- processes */

int user__hold(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		cr_assert_fail("pid %d: %s", pid, strerror(errno));
	return fd;
}

bool user__lives(int pidfd)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };

	return poll(&fd, 1, 0) == 0;
}

void user__await_gone(int pidfd)
{
	struct patience patience = rig__patience(DEADLINE);

	while (user__lives(pidfd)) {
		if (!rig__retry(&patience))
			cr_assert_fail("a process that should be gone lives on");
	}
}

static pid_t find_child(pid_t parent, const char *name)
{
	autoclosedir DIR *proc = opendir("/proc");
	const struct dirent *entry;
	char wanted[16], value[64];

	snprintf(wanted, sizeof(wanted), "%d", parent);
	while (proc && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && rig__proc(pid, "PPid", value, sizeof(value)) &&
		    strcmp(value, wanted) == 0 && rig__proc(pid, "Name", value, sizeof(value)) &&
		    strcmp(value, name) == 0)
			return pid;
	}
	return 0;
}

pid_t user__child(pid_t parent, const char *name)
{
	struct patience patience = rig__patience(DEADLINE);
	pid_t pid;

	while (!(pid = find_child(parent, name))) {
		if (!rig__retry(&patience))
			cr_assert_fail("process %d has no child %s", parent, name);
	}
	return pid;
}

void user__kill(pid_t root)
{
	kill(root, SIGKILL);
	cr_assert_eq(rig__join(root), SIGKILL);
}

/* ---- JSON */

static void add_line(struct json_object *array, const char *line)
{
	struct json_object *object = json_tokener_parse(line);

	if (!json_object_is_type(object, json_type_object))
		cr_assert_fail("no JSON object: %s", line);
	json_object_array_add(array, object);
}

struct json_object *user__json_as(struct rig *rig, uid_t uid, const char *const *words)
{
	const struct said *said = user__run_as(rig, uid, words);
	struct json_object *array = json_object_new_array();
	char *text = strdup(said->out), *rest = NULL;

	said__done(said);
	cr_assert(!*text || text[strlen(text) - 1] == '\n', "the last line has an end");
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		add_line(array, line);
	free(text);
	return array;
}

/* One step of a path: a key, or an array's index. */
static struct json_object *step(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_array))
		return json_object_array_get_idx(object, strtoul(name, NULL, 10));
	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &value))
		cr_assert_fail("no '%s' in %s", name, json_object_to_json_string(object));
	return value;
}

struct json_object *json__at(struct json_object *object, const char *path, enum json_type type)
{
	struct json_object *value = object;
	char text[128], *rest = NULL;

	text__copy(text, sizeof(text), path);
	for (char *name = strtok_r(text, ".", &rest); name; name = strtok_r(NULL, ".", &rest))
		value = step(value, name);
	if (!json_object_is_type(value, type))
		cr_assert_fail("'%s' is no %s: %s", path, json_type_to_name(type),
			       json_object_to_json_string(value));
	return value;
}

const char *json__string(struct json_object *object, const char *path)
{
	return json_object_get_string(json__at(object, path, json_type_string));
}

int64_t json__int(struct json_object *object, const char *path)
{
	return json_object_get_int64(json__at(object, path, json_type_int));
}

bool json__bool(struct json_object *object, const char *path)
{
	return json_object_get_boolean(json__at(object, path, json_type_boolean));
}

void json__is_null(struct json_object *object, const char *path)
{
	json__at(object, path, json_type_null);
}

size_t json__length(struct json_object *object, const char *path)
{
	return json_object_array_length(json__at(object, path, json_type_array));
}

/* The one of the array that has such a number; its own reference. */
static struct json_object *find(struct json_object *array, const char *path, int64_t number)
{
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *object = json_object_array_get_idx(array, i);

		if (json__int(object, path) == number)
			return json_object_get(object);
	}
	return NULL;
}

static struct json_object *find_closed(struct rig *rig, pid_t root)
{
	autojson struct json_object *array = user__json(rig, "incidents");
	struct json_object *incident = find(array, "root.pid", root);

	if (incident && strcmp(json__string(incident, "state"), "closed") == 0)
		return incident;
	json_object_put(incident);
	return NULL;
}

struct json_object *user__closed(struct rig *rig, pid_t root)
{
	struct patience patience = rig__patience(DEADLINE);
	struct json_object *incident;

	while (!(incident = find_closed(rig, root))) {
		if (!rig__retry(&patience))
			cr_assert_fail("no closed incident of process %d", root);
	}
	return incident;
}

struct json_object *json__survivor(struct json_object *incident, pid_t pid)
{
	struct json_object *survivors = json__at(incident, "survivors", json_type_array);
	struct json_object *survivor = find(survivors, "pid", pid);

	if (!survivor)
		cr_assert_fail("process %d is no survivor: %s", pid,
			       json_object_to_json_string(incident));
	json_object_put(survivor); /* the incident holds it */
	return survivor;
}

struct json_object *user__tree(struct rig *rig, uid_t uid, pid_t root)
{
	autojson struct json_object *list =
		user__json_as(rig, uid, WORDS("orphanctl", "--json", "list"));

	return find(list, "root.pid", root);
}
