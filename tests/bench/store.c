// SPDX-License-Identifier: GPL-2.0
/* store.c - what a recorder takes in on one core, what that takes on disk, and how soon a large
 * store answers. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "bench.h"
#include "recorder/recorder.h"
#include "store/store.h"

#define EVENTS 1000000
#define QUERIES 20

/* A tree's life: it is tracked, eight processes are forked, exec, and exit, it ends. */
#define TREE_EVENTS 26
#define TREES_AN_INCIDENT 100

/* Times are those of a host that has run for a month. */
#define MONTH (30 * 86400 * NS_PER_SEC)

/* A process was forked so long before. */
#define LIFE(pid) ((pid) % 8 * 30 * NS_PER_SEC / 8)
#define SURVIVORS 3

struct flow {
	int fd;
	uint64_t now; /* boottime of the next event */
	uint64_t seq;
	uint32_t pid, tree;
	uint32_t incidents;
};

static const char *const programs[] = { "/usr/bin/python3.11", "/usr/bin/bash", "/usr/bin/gcc-12",
					"/usr/lib/gcc/cc1",    "/usr/bin/node", "/usr/bin/git",
					"/usr/bin/make",       "/usr/bin/ld" };

static void fill_image(struct control_image *image, uint32_t n)
{
	const char *program = programs[n % 8];

	image->uid = 1000 + n % 3;
	image->gid = 100;
	text__copy(image->exe, sizeof(image->exe), program);
	text__copy(image->comm, sizeof(image->comm), strrchr(program, '/') + 1);
	image->args_len = (uint32_t)snprintf(image->args, sizeof(image->args), "%s%c--job=%u%c-v",
					     image->comm, 0, n % 5000, 0) +
			  1;
	snprintf(image->cgroup, sizeof(image->cgroup), "/jobs.slice/job-%u.scope", n % 500);
}

static int send_row(struct flow *flow, void *row, enum control_type type, size_t size)
{
	*(struct control_head *)row =
		(struct control_head){ CONTROL_VERSION, (uint16_t)type, (uint32_t)size };
	while (send(flow->fd, row, size, MSG_NOSIGNAL) < 0) {
		if (errno != EINTR)
			return bench__fail("the recorder is gone: %s", strerror(errno));
	}
	return 0;
}

static int send_event(struct flow *flow, enum event_type type, uint32_t pid, uint32_t parent)
{
	struct control_event_row row = {
		.seq = ++flow->seq,
		.at = flow->now += 10000,
		.type = type,
		.tree = flow->tree,
		.who = { .start = flow->now, .pid = pid },
		.parent = { .start = flow->now - LIFE(parent), .pid = parent },
		.vpid = pid,
		.name = "python-jobs",
	};

	if (type != EVENT_PROCESS_FORKED)
		row.who.start -= LIFE(pid);
	if (type == EVENT_PROCESS_EXITED && pid % 20 == 0)
		row.exit_code = 256;
	fill_image(&row.image, flow->tree * 8 + pid % 8);
	return send_row(flow, &row, CONTROL_EVENT_ROW, sizeof(row));
}

static int send_incident(struct flow *flow, uint32_t root)
{
	struct control_incident_row row = {
		.tree = flow->tree,
		.survivors = SURVIVORS,
		.died = flow->now,
		.opened = flow->now + 1,
		.closed = flow->now + 2,
		.who = { .start = flow->now - LIFE(root), .pid = root },
		.exit_code = 9,
		.rule = "python-jobs",
	};

	snprintf(row.id, sizeof(row.id), "01BENCH%019u", ++flow->incidents);
	fill_image(&row.image, flow->tree);
	if (send_row(flow, &row, CONTROL_INCIDENT_ROW, sizeof(row)))
		return -1;
	for (uint32_t i = 0; i < SURVIVORS; i++) {
		struct control_survivor_row survivor = {
			.who = { .start = flow->now, .pid = root + 1 + i }, .gone = flow->now + 2
		};

		fill_image(&survivor.image, flow->tree + i);
		if (send_row(flow, &survivor, CONTROL_SURVIVOR_ROW, sizeof(survivor)))
			return -1;
	}
	return 0;
}

static int send_tree(struct flow *flow)
{
	uint32_t root = flow->pid;

	flow->tree++;
	flow->pid = flow->pid > 4000000 ? 1000 : flow->pid + 9;
	if (send_event(flow, EVENT_TREE_TRACKED, root, 1))
		return -1;
	for (uint32_t i = 1; i <= 8; i++) {
		if (send_event(flow, EVENT_PROCESS_FORKED, root + i, root + i / 2) ||
		    send_event(flow, EVENT_PROCESS_EXECUTED, root + i, root + i / 2))
			return -1;
	}
	for (uint32_t i = 8; i >= 1; i--) {
		if (send_event(flow, EVENT_PROCESS_EXITED, root + i, root + i / 2))
			return -1;
	}
	if (flow->tree % TREES_AN_INCIDENT == 0 && send_incident(flow, root))
		return -1;
	return send_event(flow, EVENT_TREE_ENDED, root, 1);
}

/* Of a day that ends now. */
static int send_host(struct flow *flow, unsigned events)
{
	struct control_host host = {
		.realtime = (int64_t)(clock__realtime() - events * 10000ULL - MONTH),
		.begun = 1,
		.machine_id = "bench",
		.boot_id = "bench",
	};

	return send_row(flow, &host, CONTROL_HOST_ROW, sizeof(host));
}

/* ---- what goes in */

static pid_t start_recorder(const char *folder, int *fd)
{
	const struct recorder_settings settings = {
		.folder = folder,
		.keep = 365 * 86400 * NS_PER_SEC,
		.most = UINT64_MAX,
		.stored = UINT32_MAX,
		.token = "",
	};
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return bench__fail("no socket: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		recorder__run(&settings, &(const struct recorder_ends){
						 .rows = pair[1], .bell = { -1, -1 }, .door = -1 });
	}
	close(pair[1]);
	*fd = pair[0];
	return pid < 0 ? bench__fail("no recorder: %s", strerror(errno)) : pid;
}

static uint64_t size_of(const char *path)
{
	struct stat st = {};

	return stat(path, &st) ? 0 : (uint64_t)st.st_size;
}

static double seconds(struct timeval a, struct timeval b)
{
	return (double)(a.tv_sec + b.tv_sec) + (double)(a.tv_usec + b.tv_usec) / 1e6;
}

static int measure_ingest(const char *folder, const char *path, unsigned events)
{
	struct flow flow = { .fd = -1, .pid = 1000, .now = MONTH };
	uint64_t began = clock__boottime(), ended;
	struct rusage usage;
	int status, err;
	pid_t pid = start_recorder(folder, &flow.fd);

	if (pid < 0)
		return -1;
	err = send_host(&flow, events);
	while (!err && flow.seq < events && !(err = bench__go_on()))
		err = send_tree(&flow);
	close(flow.fd);
	if (wait4(pid, &status, 0, &usage) != pid || err)
		return -1;
	ended = clock__boottime();
	printf("\nIngest of %llu events by one recorder\n", (unsigned long long)flow.seq);
	printf("%12s %14s %12s %14s %10s\n", "events/s", "per CPU second", "bytes/event",
	       "recorder, MB", "status");
	printf("%12.0f %14.0f %12.1f %14.1f %10d\n",
	       (double)flow.seq * NS_PER_SEC / (double)(ended - began),
	       (double)flow.seq / seconds(usage.ru_utime, usage.ru_stime),
	       (double)size_of(path) / (double)flow.seq, (double)usage.ru_maxrss / 1024, status);
	return 0;
}

/* ---- what comes out */

static int count_row(void *context, const struct control_head *head)
{
	(void)head;
	++*(unsigned *)context;
	return 0;
}

typedef int (*ask_fn)(struct store *store, const struct control_query *query, store_row_fn fn,
		      void *context);

/* Opened anew each time, as orphanctl does. */
static int measure_query(const char *name, const char *path, ask_fn ask,
			 const struct control_query *query)
{
	double ms[QUERIES];
	struct spread spread;
	unsigned rows = 0;

	for (int i = 0; i < QUERIES; i++) {
		uint64_t began = clock__boottime();
		autostore struct store *store = NULL;
		char error[256];

		rows = 0;
		if (store__open(&store, path, error, sizeof(error)))
			return bench__fail("%s", error);
		if (ask(store, query, count_row, &rows))
			return bench__fail("%s: the store does not answer", name);
		ms[i] = (double)(clock__boottime() - began) / NS_PER_MS;
	}
	spread = spread__of(ms, QUERIES);
	printf("%-24s %9.2f %9.2f %9.2f %9u\n", name, spread.median, spread.min, spread.max, rows);
	return 0;
}

static int measure_queries(const char *path)
{
	const struct control_query why = { .pid = 5005 };
	const struct control_query show = { .id = "01BENCH0000000000000000100" };
	const struct control_query recent = { .since = clock__realtime() - 3600 * NS_PER_SEC,
					      .limit = 1000 };
	const struct control_query tree = { .tree = 5000 };

	printf("\nAnswers, ms over %d runs\n%-24s %9s %9s %9s %9s\n", QUERIES, "", "median", "min",
	       "max", "rows");
	return measure_query("why PID", path, store__why, &why) ||
			       measure_query("show INCIDENT", path, store__incidents, &show) ||
			       measure_query("incidents --since 1h", path, store__incidents,
					     &recent) ||
			       measure_query("events --tree N", path, store__events, &tree)
		       ? -1
		       : 0;
}

static void remove_store(const char *folder, const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char name[96];

	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
	rmdir(folder);
}

int bench__store(const struct settings *settings)
{
	char folder[] = "/var/tmp/orphand-bench-XXXXXX", path[64];
	int err;

	if (!mkdtemp(folder))
		return bench__fail("no folder: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/" STORE_NAME, folder);
	err = measure_ingest(folder, path, settings->events ? settings->events : EVENTS);
	if (!err)
		err = measure_queries(path);
	remove_store(folder, path);
	return err;
}
