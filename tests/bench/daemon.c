// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <orphand/control.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "bench.h"
#include "daemon.h"

#define PATIENCE (30 * NS_PER_SEC)
#define MAX_MAPS 64

/* ---- the control socket */

static int dial(const struct daemon *daemon)
{
	struct timeval patience = { .tv_sec = 10 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || !text__copy(address.sun_path, sizeof(address.sun_path), daemon->socket))
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return STEAL_FD(fd);
}

/* Calls row for each row of the answer; the END's status, or a negative errno. */
static int ask(const struct daemon *daemon, const void *request, size_t size,
	       void (*row)(void *context, const struct control_head *head), void *context)
{
	union {
		struct control_head head;
		struct control_end end;
		struct control_tree_row tree;
		char bytes[4096];
	} answer;
	autoclose int fd = dial(daemon);

	if (fd < 0)
		return fd;
	if (send(fd, request, size, MSG_NOSIGNAL) < 0)
		return -errno;
	for (;;) {
		ssize_t n = recv(fd, &answer, sizeof(answer), 0);

		if (n < (ssize_t)sizeof(answer.head))
			return n < 0 ? -errno : -EPROTO;
		if (answer.head.version != CONTROL_VERSION)
			return -EPROTO;
		if (answer.head.type == CONTROL_END)
			return answer.end.status;
		if (row)
			row(context, &answer.head);
	}
}

/* What orphanctl run asks for when nothing is said. */
int daemon__track_me(const struct daemon *daemon)
{
	struct control_track track = {
		.head = { CONTROL_VERSION, CONTROL_TRACK, sizeof(track) },
		.policy = { .on = 1 << CAUSE_KILL, .signal = SIGKILL },
		.name = "bench",
	};

	return ask(daemon, &track, sizeof(track), NULL, NULL);
}

struct count {
	pid_t root;
	uint32_t members;
};

static void count_members(void *context, const struct control_head *head)
{
	const struct control_tree_row *row = (const struct control_tree_row *)head;
	struct count *count = context;

	if (head->type == CONTROL_TREE_ROW && row->root.pid == (uint32_t)count->root)
		count->members = row->members;
}

int daemon__await_members(const struct daemon *daemon, pid_t root, uint32_t members)
{
	uint64_t end = clock__boottime() + PATIENCE;
	struct control_target list = {
		.head = { CONTROL_VERSION, CONTROL_LIST, sizeof(list) },
	};

	for (;;) {
		struct count count = { .root = root };
		int err = ask(daemon, &list, sizeof(list), count_members, &count);

		if (err && err != -EINTR)
			return bench__fail("can't ask orphand: %s", strerror(-err));
		if (!err && count.members == members)
			return 0;
		if (clock__boottime() > end)
			return bench__fail("orphand has %u members under pid %d, not %u",
					   count.members, root, members);
		if (bench__pause(2 * NS_PER_MS))
			return -1;
	}
}

struct sought {
	const char *name;
	uint64_t value;
};

static void note_counter(void *context, const struct control_head *head)
{
	const struct control_counter_row *row = (const struct control_counter_row *)head;
	struct sought *sought = context;

	if (head->type == CONTROL_COUNTER_ROW && strcmp(row->name, sought->name) == 0)
		sought->value = row->value;
}

static int read_counter(const struct daemon *daemon, const char *name, uint64_t *value)
{
	struct control_target stats = {
		.head = { CONTROL_VERSION, CONTROL_STATS, sizeof(stats) },
	};
	struct sought sought = { name, 0 };
	int err = ask(daemon, &stats, sizeof(stats), note_counter, &sought);

	*value = sought.value;
	return err ? bench__fail("can't ask orphand: %s", strerror(-err)) : 0;
}

int daemon__lost(const struct daemon *daemon, uint64_t *lost)
{
	return read_counter(daemon, "events_lost", lost);
}

int daemon__entered(const struct daemon *daemon, uint64_t *entered)
{
	return read_counter(daemon, "forks", entered);
}

int daemon__await_processes(const struct daemon *daemon, uint64_t count)
{
	uint64_t end = clock__boottime() + PATIENCE, there;

	for (;;) {
		if (read_counter(daemon, "processes", &there))
			return -1;
		if (there == count)
			return 0;
		if (clock__boottime() > end)
			return bench__fail("orphand follows %lu processes, not %lu",
					   (unsigned long)there, (unsigned long)count);
		if (bench__pause(10 * NS_PER_MS))
			return -1;
	}
}

uint64_t proc__number(const char *path, const char *name)
{
	autofclose FILE *file = fopen(path, "re");
	char line[256];
	size_t len = strlen(name);

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, len) == 0)
			return strtoull(line + len, NULL, 10);
	}
	return 0;
}

/* Each map once: it may have several descriptors. */
static void add_map(const char *fdinfo, uint32_t id, struct usage *usage)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	uint64_t bytes = proc__number(fdinfo, "memlock:");
	autoclose int fd = bpf_map_get_fd_by_id(id);

	usage->maps += bytes;
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 &&
	    strcmp(info.name, "members") == 0)
		usage->slot = bytes / info.max_entries;
}

static void add_maps(pid_t pid, struct usage *usage)
{
	uint32_t seen[MAX_MAPS];
	char pattern[64];
	size_t count = 0;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "/proc/%d/fdinfo/*", pid);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc && count < MAX_MAPS; i++) {
		uint32_t id = (uint32_t)proc__number(found.gl_pathv[i], "map_id:");
		size_t at = 0;

		while (at < count && seen[at] != id)
			at++;
		if (!id || at < count)
			continue;
		seen[count++] = id;
		add_map(found.gl_pathv[i], id, usage);
	}
	globfree(&found);
}

/* Of all its threads. */
static void add_time(pid_t pid, uint64_t *cpu, uint64_t *switches)
{
	char pattern[64], path[PATH_MAX];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "/proc/%d/task/*", pid);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		snprintf(path, sizeof(path), "%s/schedstat", found.gl_pathv[i]);
		*cpu += proc__number(path, "");
		snprintf(path, sizeof(path), "%s/status", found.gl_pathv[i]);
		*switches += proc__number(path, "voluntary_ctxt_switches:");
	}
	globfree(&found);
}

int daemon__usage(const struct daemon *daemon, struct usage *usage)
{
	char path[64];
	pid_t recorder;

	*usage = (struct usage){};
	snprintf(path, sizeof(path), "/proc/%d/status", daemon->pid);
	usage->resident = proc__number(path, "RssAnon:") * 1024;
	add_maps(daemon->pid, usage);
	add_time(daemon->pid, &usage->cpu, &usage->switches);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", daemon->pid, daemon->pid);
	recorder = (pid_t)proc__number(path, "");
	if (recorder)
		add_time(recorder, &usage->recorder_cpu, &usage->recorder_switches);
	return usage->resident ? 0 : bench__fail("orphand is gone");
}

/* It has one loop, in which signals come before requests: what is asked behind the signal is
 * answered when the config was read. */
int daemon__reload(const struct daemon *daemon, const char *yaml, uint64_t *ns)
{
	autofclose FILE *config = fopen(daemon->config, "ae");
	uint64_t start, lost;

	if (!config || fputs(yaml, config) < 0 || fclose(STEAL(config)))
		return bench__fail("can't write %s: %s", daemon->config, strerror(errno));
	start = clock__boottime();
	kill(daemon->pid, SIGHUP);
	if (daemon__lost(daemon, &lost))
		return -1;
	*ns = clock__boottime() - start;
	return 0;
}

/* By its pinned link: on a host with several daemons their names are not enough. */
int daemon__open_program(const struct daemon *daemon, const char *name)
{
	struct bpf_link_info info = {};
	uint32_t len = sizeof(info);
	char pattern[256];
	autoclose int link = -1;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/*/%s", daemon->pins, name);
	if (glob(pattern, 0, NULL, &found) == 0) {
		link = bpf_obj_get(found.gl_pathv[0]);
		globfree(&found);
	}
	if (link < 0 || bpf_obj_get_info_by_fd(link, &info, &len))
		return bench__fail("orphand has no link %s: %s", pattern, strerror(errno));
	return bpf_prog_get_fd_by_id(info.prog_id);
}

/* ---- its life */

/* The limits are the defaults: the size of a hash is part of what a look-up costs. */
static int make_folder(struct daemon *daemon)
{
	static unsigned serial;
	autofclose FILE *config = NULL;
	char folder[] = "/tmp/orphand-bench-XXXXXX";

	if (!mkdtemp(folder))
		return bench__fail("can't make %s: %s", folder, strerror(errno));
	text__copy(daemon->folder, sizeof(daemon->folder), folder);
	snprintf(daemon->pins, sizeof(daemon->pins), "/sys/fs/bpf/orphand-bench-%d-%u", getpid(),
		 serial++);
	snprintf(daemon->config, sizeof(daemon->config), "%s/orphand.yaml", folder);
	snprintf(daemon->socket, sizeof(daemon->socket), "%s/run/control.sock", folder);
	snprintf(daemon->log, sizeof(daemon->log), "%s/log", folder);
	config = fopen(daemon->config, "wxe");
	if (!config)
		return bench__fail("can't make %s: %s", daemon->config, strerror(errno));
	fprintf(config,
		"daemon: { runtime_dir: %s/run, state_dir: %s/state, pin_dir: %s, reflex: %s }\n",
		folder, folder, daemon->pins, daemon->no_reflex ? "off" : "on");
	if (!daemon->yaml || !strstr(daemon->yaml, "feed:"))
		fputs("feed: { listen: off }\n", config);
	fputs(daemon->yaml ? daemon->yaml : "", config);
	return 0;
}

static pid_t spawn(const struct daemon *daemon, const char *argument)
{
	pid_t pid = fork();
	int log;

	if (pid)
		return pid;
	bench__reset_signals();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	log = open(daemon->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execl(daemon->program, daemon->program, "--config", daemon->config, argument, NULL);
	_exit(127);
}

static void print_log(const struct daemon *daemon)
{
	autofclose FILE *log = fopen(daemon->log, "re");
	char line[512];

	for (int i = 0; i < 40 && log && fgets(line, sizeof(line), log); i++)
		fprintf(stderr, "  orphand: %s", line);
}

int daemon__start(struct daemon *daemon, const char *program)
{
	uint64_t end = clock__boottime() + PATIENCE;

	daemon->program = program;
	if (make_folder(daemon))
		return -1;
	daemon->pid = spawn(daemon, NULL);
	if (daemon->pid < 0) {
		daemon->pid = 0;
		return bench__fail("can't fork: %s", strerror(errno));
	}
	for (;;) {
		autoclose int fd = dial(daemon);
		bool ended = fd < 0 && waitpid(daemon->pid, NULL, WNOHANG) == daemon->pid;

		if (fd >= 0)
			return 0;
		if (ended || clock__boottime() > end) {
			if (ended)
				daemon->pid = 0;
			print_log(daemon);
			return bench__fail("orphand %s", ended ? "ended" : "does not answer");
		}
		if (bench__pause(2 * NS_PER_MS))
			return -1;
	}
}

/* It has its time to end in order; then it ends. */
static void join(pid_t pid)
{
	uint64_t end = clock__boottime() + 10 * NS_PER_SEC;

	while (waitpid(pid, NULL, WNOHANG) == 0) {
		struct timespec moment = { .tv_nsec = 1000000 };

		if (clock__boottime() > end)
			kill(pid, SIGKILL);
		nanosleep(&moment, NULL);
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

void daemon__stop(struct daemon *daemon)
{
	if (!*daemon->folder)
		return;
	if (daemon->pid > 0) {
		kill(daemon->pid, SIGTERM);
		join(daemon->pid);
	}
	/* Pins stay when a tree was left, or when it did not end in order. */
	if (access(daemon->pins, F_OK) == 0) {
		pid_t pid = spawn(daemon, "--unpin");

		if (pid > 0)
			join(pid);
	}
	nftw(daemon->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	*daemon = (struct daemon){};
}
