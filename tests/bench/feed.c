// SPDX-License-Identifier: GPL-2.0
/* feed.c - what the feed costs: a scrape with many members followed, the recorder at rest, and
 * events to very many clients at once. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <orphand/control.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "bench.h"
#include "daemon.h"
#include "family.h"
#include "recorder/recorder.h"

#define MEMBERS 10000
#define SCRAPES 50
#define REST_S 10

#define EVENTS_PER_S 10000
#define TICKS_PER_S 100
#define SECONDS 5

static const struct load {
	unsigned clients;
	const char *query;
	const char *name;
} loads[] = {
	{ 1, "", "1 client, every event" },
	{ 100, "", "100 clients, every event" },
	{ 1000, "?type=root.died", "1000 clients, 1 event of 100" },
	{ 1000, "", "1000 clients, every event" },
};

/* ---- HTTP by hand */

static int dial(const struct address *address, const char *path)
{
	char request[256];
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int len = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);

	if (fd < 0 || connect(fd, &address->any, address->len) ||
	    send(fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		return -errno;
	return STEAL_FD(fd);
}

static int await_feed(const struct address *address)
{
	uint64_t end = bench__now() + 10 * NS_PER_SEC;

	for (;;) {
		autoclose int fd = dial(address, "/healthz");
		char byte;

		if (fd >= 0 && read(fd, &byte, 1) == 1)
			return 0;
		if (bench__now() > end)
			return bench__fail("the feed does not come: %s", strerror(errno));
		if (bench__pause(20 * NS_PER_MS))
			return -1;
	}
}

/* From the connect to the last byte, ms; -1: no answer. */
static double time_scrape(const struct address *address)
{
	uint64_t start = bench__now();
	autoclose int fd = dial(address, "/metrics");
	static char text[1 << 16];
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && len < sizeof(text) - 1 &&
	       (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	if (!strstr(text, "orphand_feed_stale 0\n"))
		return -1;
	return (double)(bench__now() - start) / NS_PER_MS;
}

/* ---- processes */

static pid_t child_of(pid_t parent)
{
	autofclose FILE *file = NULL;
	char path[64];
	int child = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	file = fopen(path, "re");
	return file && fscanf(file, "%d", &child) == 1 ? child : 0;
}

/* Seconds. */
static double cpu_of(pid_t pid)
{
	struct timespec used = {};
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) == 0)
		clock_gettime(clock, &used);
	return (double)used.tv_sec + (double)used.tv_nsec / NS_PER_SEC;
}

/* ---- a scrape, and the recorder at rest */

static int track_me(const void *context)
{
	return daemon__track_me(context);
}

static int time_scrapes(struct daemon *daemon, const struct address *address)
{
	const struct birth birth = { .prepare = track_me, .context = daemon };
	autofamily struct family family = { .keep = { daemon->pid },
					    .shape = SHAPE_PLAIN,
					    .size = MEMBERS };
	double ms[SCRAPES];
	struct spread spread;

	if (family__start(&family, &birth) ||
	    daemon__await_members(daemon, family.root, MEMBERS + 1))
		return -1;
	for (int i = 0; i < SCRAPES; i++) {
		if (bench__pause(30 * NS_PER_MS))
			return -1;
		ms[i] = time_scrape(address);
		if (ms[i] < 0)
			return bench__fail("a scrape failed");
	}
	spread = spread__of(ms, SCRAPES);
	printf("%-34s %9.3f %9.3f %9.3f ms\n", "scrape, 10,000 members followed", spread.median,
	       spread.min, spread.max);
	return 0;
}

static int measure_rest(const struct daemon *daemon)
{
	pid_t recorder = child_of(child_of(daemon->pid));
	double before, share;

	if (bench__pause(2 * NS_PER_SEC)) /* behind its start */
		return -1;
	before = cpu_of(recorder);
	if (bench__pause(REST_S * NS_PER_SEC))
		return -1;
	share = (cpu_of(recorder) - before) / REST_S * 100;
	printf("%-34s %9.4f %% of a CPU\n", "recorder at rest", share);
	return 0;
}

static int with_daemon(const char *orphand)
{
	char path[64], yaml[128], text[128];
	struct address address;
	autodaemon struct daemon daemon = { .yaml = yaml };

	snprintf(path, sizeof(path), "/tmp/orphand-bench-feed-%d.sock", getpid());
	snprintf(yaml, sizeof(yaml), "feed: { listen: unix:%s }\n", path);
	snprintf(text, sizeof(text), "unix:%s", path);
	if (address__parse(text, &address))
		return bench__fail("no address");
	if (daemon__start(&daemon, orphand) || await_feed(&address))
		return -1;
	return measure_rest(&daemon) ? -1 : time_scrapes(&daemon, &address);
}

/* ---- clients, in a process of their own */

struct count {
	unsigned long bytes, ended;
	unsigned connected;
};

__attribute__((noreturn)) static void read_for_ever(const struct address *address,
						    const struct load *load, struct count *count)
{
	static char bytes[1 << 18];
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ready[64];
	char path[128];

	bench__reset_signals();
	alarm(60);
	snprintf(path, sizeof(path), "/events%s", load->query);
	for (unsigned i = 0; i < load->clients; i++) {
		int fd = dial(address, path);
		struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

		if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
			_exit(1);
		count->connected++;
	}
	for (;;) {
		int n = epoll_wait(epoll, ready, 64, -1);

		for (int i = 0; i < n; i++) {
			ssize_t len = read(ready[i].data.fd, bytes, sizeof(bytes));

			if (len > 0) {
				count->bytes += (unsigned long)len;
			} else {
				count->ended++;
				close(ready[i].data.fd);
			}
		}
	}
}

/* ---- the guard's part */

static struct control_event_row event(uint64_t seq)
{
	struct control_event_row row = {
		.head = { CONTROL_VERSION, CONTROL_EVENT_ROW, sizeof(row) },
		.seq = seq,
		.at = clock__boottime(),
		.type = seq % 100 ? EVENT_PROCESS_FORKED : EVENT_ROOT_DIED,
		.tree = 17,
		.who = { .pid = 4242, .start = clock__boottime() },
		.parent = { .pid = 4241 },
	};

	text__copy(row.name, sizeof(row.name), "python-jobs");
	text__copy(row.image.exe, sizeof(row.image.exe), "/usr/bin/python3.11");
	text__copy(row.image.cgroup, sizeof(row.image.cgroup), "/jobs.slice/job-17.scope");
	row.image.args_len = sizeof("python3\0job.py");
	memcpy(row.image.args, "python3\0job.py", row.image.args_len);
	return row;
}

/* How many of them the recorder did not take in time. */
static int send_events(int rows, uint64_t *seq, unsigned long *late)
{
	uint64_t start = bench__now();

	for (unsigned tick = 0; tick < SECONDS * TICKS_PER_S; tick++) {
		uint64_t due = start + tick * (NS_PER_SEC / TICKS_PER_S), now = bench__now();

		if (due > now && bench__pause(due - now))
			return -1;
		for (unsigned i = 0; i < EVENTS_PER_S / TICKS_PER_S; i++) {
			struct control_event_row row = event(++*seq);

			*late += send(rows, &row, sizeof(row), MSG_DONTWAIT | MSG_NOSIGNAL) < 0;
		}
	}
	return 0;
}

static int drive(const struct recorder_link *link, pid_t recorder, const struct address *address,
		 const struct load *load, uint64_t *seq)
{
	struct count *count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t end = bench__now() + 20 * NS_PER_SEC;
	unsigned long late = 0, bytes;
	double cpu;
	pid_t pid;
	int err = 0;

	if (count == MAP_FAILED)
		return bench__fail("no memory");
	pid = fork();
	if (pid == 0)
		read_for_ever(address, load, count);
	while (!err && count->connected < load->clients && bench__now() < end)
		err = bench__pause(20 * NS_PER_MS);
	if (!err)
		err = bench__pause(500 * NS_PER_MS);
	cpu = cpu_of(recorder);
	bytes = count->bytes;
	if (!err)
		err = send_events(link->rows, seq, &late);
	if (!err)
		err = bench__pause(500 * NS_PER_MS);
	cpu = cpu_of(recorder) - cpu;
	printf("%-34s %9.1f %9.1f %9.1f %9lu %9lu\n", load->name,
	       (double)(count->bytes - bytes) / SECONDS / 1e6,
	       (double)(count->bytes - bytes) / SECONDS / 1e6 / load->clients, cpu / SECONDS * 100,
	       count->ended, late);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap(count, sizeof(*count));
	return err;
}

static int with_clients(void)
{
	char folder[] = "/tmp/orphand-bench-XXXXXX", text[64], command[64];
	struct recorder_settings settings = { .folder = folder,
					      .keep = NS_PER_SEC * 3600,
					      .most = 1UL << 30,
					      .stored = ~0U,
					      .token = "" };
	struct control_host host = { .head = { CONTROL_VERSION, CONTROL_HOST_ROW, sizeof(host) },
				     .realtime = clock__offset(),
				     .begun = clock__boottime(),
				     .boot_id = "bench" };
	uint64_t seq = clock__realtime() / NS_PER_US;
	struct recorder_link link;
	pid_t keeper;
	int err;

	if (!mkdtemp(folder))
		return bench__fail("%s: %s", folder, strerror(errno));
	snprintf(text, sizeof(text), "unix:%s/feed.sock", folder);
	if (address__parse(text, &settings.feed))
		return bench__fail("no address");
	keeper = keeper__start(&settings, &link);
	if (keeper < 0)
		return bench__fail("no recorder: %s", strerror(-keeper));
	err = send(link.rows, &host, sizeof(host), 0) < 0 || await_feed(&settings.feed) ? -1 : 0;
	printf("\n%u events a second    %22s %9s %9s %9s %9s\n", EVENTS_PER_S, "MB/s", "each",
	       "CPU %", "dropped", "late");
	for (size_t i = 0; !err && i < sizeof(loads) / sizeof(*loads); i++)
		err = drive(&link, child_of(keeper), &settings.feed, &loads[i], &seq);
	close(link.rows);
	waitpid(keeper, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? -1 : err;
}

int bench__feed(const struct settings *settings)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	printf("\nThe feed%46s %9s %9s\n", "median", "min", "max");
	return with_daemon(settings->program) ? -1 : with_clients();
}
