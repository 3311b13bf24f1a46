// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "bench.h"
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

/* Where cgroup v2 is mounted, which with v1 beside it is not /sys/fs/cgroup. */
static bool find_cgroup2(char *mount, size_t size)
{
	autofclose FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096], at[1024];

	while (file && fgets(line, sizeof(line), file)) {
		const char *type = strstr(line, " - ");

		if (!type || strncmp(type, " - cgroup2 ", 11) != 0)
			continue;
		if (sscanf(line, "%*s %*s %*s %*s %1023s", at) == 1)
			return text__copy(mount, size, at);
	}
	return false;
}

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

/* The kernel lets go of the last member a moment after it was reaped. */
static int remove_cgroup(struct stage *stage, pid_t root)
{
	uint64_t end = clock__boottime() + 10 * NS_PER_SEC;

	(void)root;
	close_cgroup(stage);
	while (rmdir(stage->cgroup)) {
		if (errno != EBUSY || clock__boottime() > end)
			return bench__fail("can't remove %s: %s", stage->cgroup, strerror(errno));
		if (bench__pause(NS_PER_MS))
			return -1;
	}
	return 0;
}

/* Before Linux 5.14 there is no cgroup.kill. */
static void find_cgroup(struct stage *stage)
{
	struct birth birth;
	char mount[200];

	if (!find_cgroup2(mount, sizeof(mount)))
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

const struct method methods[METHODS] = {
	[METHOD_ORPHAND] = { "orphand", NULL, prepare_orphand, settle_orphand, kill_root,
			     clear_orphand },
	[METHOD_PLAIN] = { "no reflex", NULL, prepare_plain, settle_plain, kill_root, clear_plain },
	[METHOD_CGROUP] = { "cgroup.kill", NULL, prepare_cgroup, NULL, kill_cgroup, remove_cgroup },
	[METHOD_PIDNS] = { "pid namespace", NULL, prepare_pidns, NULL, kill_root, NULL },
	[METHOD_PDEATHSIG] = { "pdeathsig",
			       "can't reach them: it tells of the parent's end, and that is long past",
			       prepare_pdeathsig, NULL, kill_root, NULL },
};

int stage__open(struct stage *stage, const char *program)
{
	*stage = (struct stage){ .cgroup_fd = -1, .kill_fd = -1, .plain.no_reflex = true };
	find_cgroup(stage);
	/* They stand by through all turns: whom one does not watch it costs some 100 ns an exit. */
	if (daemon__start(&stage->daemon, program))
		return -1;
	return daemon__start(&stage->plain, program);
}

/* The families are gone by now, or being cleared. */
void stage__close(struct stage *stage)
{
	close_cgroup(stage);
	if (*stage->cgroup)
		rmdir(stage->cgroup);
	daemon__stop(&stage->plain);
	daemon__stop(&stage->daemon);
}

bool stage__offers(const struct stage *stage, const struct method *method)
{
	return method != &methods[METHOD_CGROUP] || *stage->cgroup;
}
