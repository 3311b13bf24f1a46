// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "bench.h"
#include "cgroup.h"
#include "methods.h"

static int kill_root(struct stage *stage, const struct family *family)
{
	(void)stage;
	return family__kill_root(family);
}

/* ---- orphand: the root is watched as orphanctl run does it */

static int track_me(const void *context)
{
	return daemon__track_me(context);
}

static int prepare_orphand(struct stage *stage, struct birth *birth)
{
	birth->prepare = track_me;
	birth->context = &stage->daemon;
	return 0;
}

static int prepare_plain(struct stage *stage, struct birth *birth)
{
	birth->prepare = track_me;
	birth->context = &stage->plain;
	return 0;
}

/* The births have been told: the guard rests, as it does on a host where nothing happens. */
static int settle_orphand(struct stage *stage, const struct family *family)
{
	return daemon__await_members(&stage->daemon, family->root, family->size + 1);
}

static int settle_plain(struct stage *stage, const struct family *family)
{
	return daemon__await_members(&stage->plain, family->root, family->size + 1);
}

/* The guard's aftermath shall not fall into the next one's turn. */
static int clear_orphand(struct stage *stage, pid_t root)
{
	return daemon__await_members(&stage->daemon, root, 0);
}

static int clear_plain(struct stage *stage, pid_t root)
{
	return daemon__await_members(&stage->plain, root, 0);
}

/* ---- cgroup.kill: a fresh cgroup, that the root is born into */

static void close_cgroup(struct stage *stage)
{
	if (stage->cgroup_fd >= 0)
		close(stage->cgroup_fd);
	if (stage->kill_fd >= 0)
		close(stage->kill_fd);
	stage->cgroup_fd = stage->kill_fd = -1;
}

static int prepare_cgroup(struct stage *stage, struct birth *birth)
{
	if (mkdir(stage->cgroup, 0755))
		return bench__fail("can't make %s: %s", stage->cgroup, strerror(errno));
	stage->cgroup_fd = open(stage->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stage->kill_fd = openat(stage->cgroup_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (stage->kill_fd < 0)
		return bench__fail("%s/cgroup.kill: %s", stage->cgroup, strerror(errno));
	birth->flags = CLONE_INTO_CGROUP;
	birth->cgroup = stage->cgroup_fd;
	return 0;
}

static int kill_cgroup(struct stage *stage, const struct family *family)
{
	(void)family;
	if (write(stage->kill_fd, "1", 1) != 1)
		return bench__fail("cgroup.kill: %s", strerror(errno));
	return 0;
}

static int remove_cgroup(struct stage *stage, pid_t root)
{
	(void)root;
	close_cgroup(stage);
	return cgroup__remove(stage->cgroup);
}

/* Before Linux 5.14 there is no cgroup.kill. */
static void find_cgroup(struct stage *stage)
{
	struct birth birth;
	char mount[200];

	if (!cgroup__mount(mount, sizeof(mount)))
		return;
	snprintf(stage->cgroup, sizeof(stage->cgroup), "%s/orphand-bench-%d", mount, getpid());
	if (prepare_cgroup(stage, &birth) == 0 && remove_cgroup(stage, 0) == 0)
		return;
	close_cgroup(stage);
	rmdir(stage->cgroup);
	*stage->cgroup = '\0';
}

/* ---- the end of a PID namespace, whose init the root is */

static int prepare_pidns(struct stage *stage, struct birth *birth)
{
	(void)stage;
	birth->flags = CLONE_NEWPID;
	return 0;
}

/* ---- PR_SET_PDEATHSIG */

static int prepare_pdeathsig(struct stage *stage, struct birth *birth)
{
	(void)stage;
	birth->pdeathsig = true;
	return 0;
}

/* ---- a process group, whose leader the root is */

static int lead_group(const void *context)
{
	(void)context;
	return setpgid(0, 0) ? -errno : 0;
}

static int prepare_group(struct stage *stage, struct birth *birth)
{
	(void)stage;
	birth->prepare = lead_group;
	return 0;
}

static int kill_group(struct stage *stage, const struct family *family)
{
	(void)stage;
	if (kill(-family->root, SIGKILL))
		return bench__fail("can't kill the process group: %s", strerror(errno));
	return 0;
}

/*
 * ---- tools that put the root into a PID namespace
 *
 * What is killed is what a job platform has of them: its own child, the tool. It is not the init of
 * the namespace: that one hears of the end by PR_SET_PDEATHSIG, and the others by its own.
 */

static int prepare_bwrap(struct stage *stage, struct birth *birth)
{
	static const char *const tool[] = { "bwrap",	     "--dev-bind",	  "/",	"/",
					    "--unshare-pid", "--die-with-parent", "--", NULL };

	(void)stage;
	birth->tool = tool;
	return 0;
}

static int prepare_unshare(struct stage *stage, struct birth *birth)
{
	static const char *const tool[] = {
		"unshare", "--pid", "--fork", "--kill-child", "--", NULL
	};

	(void)stage;
	birth->tool = tool;
	return 0;
}

/* ---- watchers */

static int take_name(const void *context)
{
	(void)context;
	return prctl(PR_SET_NAME, WATCHED_NAME) ? -errno : 0;
}

static int prepare_watcher(struct stage *stage, struct birth *birth, void (*run)(void))
{
	birth->prepare = take_name;
	if (watcher__start(&stage->watcher, run))
		return -1;
	return watcher__await_sight(&stage->watcher);
}

static int prepare_connector(struct stage *stage, struct birth *birth)
{
	return prepare_watcher(stage, birth, watcher__connect);
}

static int prepare_bpftrace(struct stage *stage, struct birth *birth)
{
	return prepare_watcher(stage, birth, watcher__trace);
}

/* Parents in between are born too. */
static int settle_watcher(struct stage *stage, const struct family *family)
{
	unsigned each = family->shape == SHAPE_STRAYS ? 2 : 1;

	return watcher__await_born(&stage->watcher, family->root, family->size * each);
}

static int prepare_poller(struct stage *stage, struct birth *birth)
{
	(void)birth;
	return watcher__start(&stage->watcher, watcher__poll);
}

/* The kill comes at whatever moment between two looks. */
static int settle_poller(struct stage *stage, const struct family *family)
{
	if (watcher__tell(&stage->watcher, family->root) ||
	    watcher__await_born(&stage->watcher, family->root, family->size))
		return -1;
	return bench__pause((uint64_t)random() % (100 * NS_PER_MS));
}

static int clear_watcher(struct stage *stage, pid_t root)
{
	(void)root;
	watcher__stop(&stage->watcher);
	return 0;
}

/* ---- all of them */

const struct method methods[METHODS] = {
	[METHOD_ORPHAND] = { .name = "orphand",
			     .prepare = prepare_orphand,
			     .settle = settle_orphand,
			     .kill = kill_root,
			     .clear = clear_orphand },
	[METHOD_PLAIN] = { .name = "no reflex",
			   .prepare = prepare_plain,
			   .settle = settle_plain,
			   .kill = kill_root,
			   .clear = clear_plain },
	[METHOD_CGROUP] = { .name = "cgroup.kill",
			    .prepare = prepare_cgroup,
			    .kill = kill_cgroup,
			    .clear = remove_cgroup },
	[METHOD_PIDNS] = { .name = "pid namespace", .prepare = prepare_pidns, .kill = kill_root },
	[METHOD_GROUP] = { .name = "process group",
			   .unreached = "can't reach them: setsid takes each out of the group",
			   .prepare = prepare_group,
			   .kill = kill_group },
	[METHOD_PDEATHSIG] = { .name = "pdeathsig",
			       .unreached = "can't reach them: it tells of the parent's end, and "
					    "that is long past",
			       .prepare = prepare_pdeathsig,
			       .kill = kill_root },
	[METHOD_BWRAP] = { .name = "bubblewrap",
			   .probe = "bwrap --dev-bind / / --unshare-pid true",
			   .prepare = prepare_bwrap,
			   .kill = kill_root },
	[METHOD_UNSHARE] = { .name = "unshare",
			     .probe = "unshare --pid --fork --kill-child true",
			     .prepare = prepare_unshare,
			     .kill = kill_root },
	[METHOD_POLLER] = { .name = "psutil poller",
			    .probe = "/usr/bin/python3 -c 'import psutil' || exit 127",
			    .unreached = "can't reach them: under the root it has never seen them",
			    .max_rounds = 10,
			    .prepare = prepare_poller,
			    .settle = settle_poller,
			    .kill = kill_root,
			    .clear = clear_watcher },
	[METHOD_CONNECTOR] = { .name = "netlink",
			       .prepare = prepare_connector,
			       .settle = settle_watcher,
			       .kill = kill_root,
			       .clear = clear_watcher },
	[METHOD_BPFTRACE] = { .name = "bpftrace",
			      .probe = "bpftrace --unsafe -e 'BEGIN { exit(); } "
				       "tracepoint:sched:sched_process_fork, "
				       "tracepoint:sched:sched_process_exit { @[pid] = 1; }'",
			      .max_rounds = 5,
			      .prepare = prepare_bpftrace,
			      .settle = settle_watcher,
			      .kill = kill_root,
			      .clear = clear_watcher },
};

/* What a shell says when there is no such command. */
#define NO_COMMAND 127

static const char *try_tool(const char *probe)
{
	char command[512];
	int status;

	snprintf(command, sizeof(command), "(%s) >/dev/null 2>&1", probe);
	status = system(command);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_COMMAND)
		return "not installed (make deps-bench)";
	return status ? "does not run on this host" : NULL;
}

static void find_missing(struct stage *stage, unsigned asked)
{
	for (int method = 0; method < METHODS; method++) {
		if (method != METHOD_CGROUP && !(asked & 1U << method))
			stage->missing[method] = "not asked for";
		else if (methods[method].probe)
			stage->missing[method] = try_tool(methods[method].probe);
	}
	find_cgroup(stage);
	if (!*stage->cgroup)
		stage->missing[METHOD_CGROUP] = "no cgroup v2 with cgroup.kill on this host";
	if (!stage->missing[METHOD_CONNECTOR] && !connector__is_there())
		stage->missing[METHOD_CONNECTOR] = "no proc connector in this kernel";
}

/* 20,000 survivors at once and many incidents a minute would close the brake. */
static const char unbraked[] =
	"brake: { survivors_per_incident: 100000, incidents_per_minute: 10000 }\n";

int stage__open(struct stage *stage, const char *program, unsigned asked)
{
	*stage = (struct stage){ .cgroup_fd = -1,
				 .kill_fd = -1,
				 .daemon.yaml = unbraked,
				 .plain = { .no_reflex = true, .yaml = unbraked } };
	find_missing(stage, asked);
	/* They stand by through all turns: whom one does not watch it costs some 100 ns an exit. */
	if (daemon__start(&stage->daemon, program))
		return -1;
	return daemon__start(&stage->plain, program);
}

/* The families are gone by now, or being cleared. */
void stage__close(struct stage *stage)
{
	watcher__stop(&stage->watcher);
	close_cgroup(stage);
	if (*stage->cgroup)
		rmdir(stage->cgroup);
	daemon__stop(&stage->plain);
	daemon__stop(&stage->daemon);
}
