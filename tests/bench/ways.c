// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "bench.h"
#include "cgroup.h"
#include "embed.h"
#include "family.h"
#include "ways.h"

#define PATIENCE (20 * NS_PER_SEC)
#define PYTHON "/usr/bin/python3" /* Debian's, which has its psutil */

static int kill_child(struct tools *tools, struct job *job)
{
	(void)tools;
	if (pidfd_send_signal(job->child_fd, SIGKILL, NULL, 0))
		return bench__fail("can't kill the platform's child: %s", strerror(errno));
	return 0;
}

/* ---- orphand: the job as orphanctl run starts it, its pid the child's own */

static int start_under(struct tools *tools, const struct daemon *daemon, struct job *job)
{
	const char *const prefix[] = { tools->ctl, "--socket", daemon->socket, "run", "--", NULL };

	return job__start(job, prefix, &(struct start){});
}

static int start_orphand(struct tools *tools, const struct way *way, struct job *job)
{
	(void)way;
	return start_under(tools, &tools->daemon, job);
}

static int start_plain(struct tools *tools, const struct way *way, struct job *job)
{
	(void)way;
	return start_under(tools, &tools->plain, job);
}

/* ---- cgroup.kill: a fresh cgroup for the job */

static int make_cgroup(struct tools *tools)
{
	if (mkdir(tools->cgroup, 0755) && errno != EEXIST)
		return bench__fail("can't make %s: %s", tools->cgroup, strerror(errno));
	return 0;
}

static int remove_cgroup(struct tools *tools)
{
	return cgroup__remove(tools->cgroup);
}

/* Before Linux 5.14 there is no cgroup.kill. */
static bool probe_cgroup(struct tools *tools)
{
	char ours[200], path[300];
	bool there;

	if (!cgroup__of(getpid(), ours, sizeof(ours)))
		return false;
	snprintf(tools->cgroup, sizeof(tools->cgroup), "%s/orphand-bench-job-%d", ours, getpid());
	snprintf(path, sizeof(path), "%s/cgroup.kill", tools->cgroup);
	there = make_cgroup(tools) == 0 && access(path, W_OK) == 0;
	return remove_cgroup(tools) == 0 && there;
}

static int start_in_cgroup(struct tools *tools, const struct way *way, struct job *job)
{
	(void)way;
	if (make_cgroup(tools))
		return -1;
	return job__start(job, NULL, &(struct start){ .cgroup = tools->cgroup });
}

static int kill_cgroup(struct tools *tools, struct job *job)
{
	char path[300];
	autoclose int fd = -1;

	(void)job;
	snprintf(path, sizeof(path), "%s/cgroup.kill", tools->cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1", 1) != 1)
		return bench__fail("%s: %s", path, strerror(errno));
	return 0;
}

/* ---- the process group, which is the child's own */

static int kill_group(struct tools *tools, struct job *job)
{
	(void)tools;
	if (kill(-job->child, SIGKILL))
		return bench__fail("can't kill the process group: %s", strerror(errno));
	return 0;
}

/* ---- supervisord: a program of its own, which it starts anew each round */

static int ask_supervisor(const struct tools *tools, const char *what)
{
	const char *const words[] = {
		"supervisorctl", "-c", tools->config, what, strcmp(what, "pid") ? "job" : NULL, NULL
	};

	return job__run(words);
}

static int await_supervisor(struct tools *tools, const char *what)
{
	uint64_t end = bench__now() + PATIENCE;
	int status;

	while ((status = ask_supervisor(tools, what))) {
		if (status < 0)
			return -1;
		if (bench__now() > end)
			return bench__fail("supervisord does not do it: %s", what);
		if (bench__pause(20 * NS_PER_MS))
			return -1;
	}
	return 0;
}

static int write_supervisor_config(const struct tools *tools)
{
	autofclose FILE *file = fopen(tools->config, "we");

	if (!file)
		return bench__fail("can't make %s: %s", tools->config, strerror(errno));
	fprintf(file,
		"[supervisord]\nnodaemon=true\nuser=root\nlogfile=/dev/null\nlogfile_maxbytes=0\n"
		"pidfile=%1$s/pid\n"
		"[unix_http_server]\nfile=%1$s/socket\n[supervisorctl]\nserverurl=unix://%1$s/socket\n"
		"[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = "
		"supervisor.rpcinterface:make_main_rpcinterface\n"
		"[program:job]\ncommand=/bin/sh %1$s/job.sh\nautostart=false\nautorestart=false\n"
		"startsecs=0\nstopasgroup=true\nkillasgroup=true\nstdout_logfile=NONE\n"
		"stderr_logfile=NONE\n",
		tools->folder);
	return 0;
}

static bool probe_supervisor(struct tools *tools)
{
	const char *const there[] = { "supervisord", "--version", NULL };
	const char *const words[] = { "setpriv", "--pdeathsig", "TERM", "supervisord",
				      "-c",	 tools->config, NULL };
	char folder[] = "/tmp/orphand-bench-XXXXXX";
	int pidfd;

	if (job__run(there) || !mkdtemp(folder))
		return false;
	text__copy(tools->folder, sizeof(tools->folder), folder);
	snprintf(tools->config, sizeof(tools->config), "%s/supervisord.conf", folder);
	snprintf(tools->script, sizeof(tools->script), "%s/job.sh", folder);
	if (write_supervisor_config(tools))
		return false;
	tools->supervisor = job__spawn(words, &(struct start){}, &pidfd);
	if (tools->supervisor < 0)
		return tools->supervisor = 0, false;
	close(pidfd);
	return await_supervisor(tools, "pid") == 0;
}

/* No word of a play has a single quote in it. */
static int write_script(const struct tools *tools, const struct job *job)
{
	autofclose FILE *file = fopen(tools->script, "we");

	if (!file)
		return bench__fail("can't make %s: %s", tools->script, strerror(errno));
	fputs("exec", file);
	for (size_t i = 0; job->words[i]; i++)
		fprintf(file, " '%s'", job->words[i]);
	fputc('\n', file);
	return 0;
}

static int start_supervised(struct tools *tools, const struct way *way, struct job *job)
{
	(void)way;
	return write_script(tools, job) ? -1 : await_supervisor(tools, "start");
}

/* Its program is a child of its own: whom the kill is for is known by now. */
static int settle_supervised(struct tools *tools, struct job *job)
{
	(void)tools;
	if (job->child)
		return 0;
	job->child = job->root;
	job->child_fd = pidfd_open(job->root, 0);
	return job->child_fd < 0 ? bench__fail("the job has ended early") : 0;
}

static void close_supervisor(struct tools *tools)
{
	if (tools->supervisor > 0) {
		kill(tools->supervisor, SIGTERM);
		waitpid(tools->supervisor, NULL, 0);
	}
	if (*tools->folder) {
		unlink(tools->config);
		unlink(tools->script);
		rmdir(tools->folder);
	}
}

/* ---- psutil: a process of python, which psutil_ways.py is for */

EMBED(psutil_ways, "psutil_ways.py");

__attribute__((noreturn)) static void become_python(int in, int out)
{
	bench__reset_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	execl(PYTHON, PYTHON, "-c", psutil_ways, NULL);
	_exit(127);
}

static int ask_python(struct tools *tools, const char *what, pid_t pid, bool answered)
{
	char line[16];

	fprintf(tools->ask, "%s %d\n", what, pid);
	if (fflush(tools->ask) || (answered && !fgets(line, sizeof(line), tools->answer)))
		return bench__fail("psutil's process does not answer");
	return bench__go_on();
}

static bool start_python(struct tools *tools)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		return false;
	tools->python = fork();
	if (tools->python == 0)
		become_python(to[0], from[1]);
	close(to[0]);
	close(from[1]);
	tools->ask = fdopen(to[1], "we");
	tools->answer = fdopen(from[0], "re");
	return tools->python > 0 && tools->ask && tools->answer;
}

static bool probe_psutil(struct tools *tools)
{
	const char *const there[] = { PYTHON, "-c",
				      "try: import psutil\nexcept ImportError: exit(1)", NULL };

	if (tools->python)
		return true;
	return job__run(there) == 0 && start_python(tools) &&
	       ask_python(tools, "look", 0, true) == 0;
}

static int end_by_walk(struct tools *tools, struct job *job)
{
	return ask_python(tools, "walk", job->child, true);
}

/* Whom it is to look at from now on. */
static int start_before(struct tools *tools, const struct way *way, struct job *job,
			const char *what)
{
	if (job__start(job, way->prefix, &(struct start){}))
		return -1;
	return ask_python(tools, what, job->child, false);
}

static int start_watched(struct tools *tools, const struct way *way, struct job *job)
{
	return start_before(tools, way, job, "watch");
}

static int start_recalled(struct tools *tools, const struct way *way, struct job *job)
{
	return start_before(tools, way, job, "recall");
}

static int settle_watched(struct tools *tools, struct job *job)
{
	(void)job;
	return ask_python(tools, "look", 0, true);
}

static void close_python(struct tools *tools)
{
	if (tools->ask)
		fclose(tools->ask);
	if (tools->python > 0)
		waitpid(tools->python, NULL, 0);
	if (tools->answer)
		fclose(tools->answer);
}

/* ---- systemd: a scope for the job */

static bool probe_systemd(struct tools *tools)
{
	(void)tools;
	return access("/run/systemd/system", F_OK) == 0;
}

static int start_in_scope(struct tools *tools, const struct way *way, struct job *job)
{
	static unsigned serial;
	const char *const prefix[] = { "systemd-run", "--scope",   "--quiet", "--collect",
				       "--unit",      tools->unit, "--",      NULL };

	(void)way;
	snprintf(tools->unit, sizeof(tools->unit), "orphand-bench-%d-%u.scope", getpid(), serial++);
	return job__start(job, prefix, &(struct start){});
}

static int kill_scope(struct tools *tools, struct job *job)
{
	const char *const words[] = { "systemctl", "kill", "--signal=KILL", tools->unit, NULL };

	if (kill_child(tools, job))
		return -1;
	/* 1: the scope has ended with its last process. */
	return job__run(words) < 0 ? -1 : 0;
}

/* ---- all of them */

const struct way ways[WAYS] = {
	{
		.name = "orphand",
		.about = "orphanctl run -- job; kill -9 of the job's first process",
		.start = start_orphand,
	},
	{
		.name = "no reflex",
		.about = "the same with reflex: off, all left to the daemon",
		.start = start_plain,
	},
	{
		.name = "cgroup.kill",
		.about = "a fresh cgroup for the job; its cgroup.kill is written",
		.probe = probe_cgroup,
		.start = start_in_cgroup,
		.end = kill_cgroup,
		.clear = remove_cgroup,
	},
	{
		.name = "systemd scope",
		.about =
			"systemd-run --scope -- job; kill -9 of the job's first process, then systemctl kill "
			"-s KILL",
		.probe = probe_systemd,
		.start = start_in_scope,
		.end = kill_scope,
	},
	{
		.name = "unshare",
		.about = "unshare --pid --fork --kill-child -- job; kill -9 of unshare",
		.prefix = { "unshare", "--pid", "--fork", "--kill-child", "--" },
	},
	{
		.name = "bubblewrap",
		.about =
			"bwrap --dev-bind / / --unshare-pid --die-with-parent -- job; kill -9 of bwrap",
		.prefix = { "bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--die-with-parent",
			    "--" },
	},
	{
		.name = "process group",
		.about = "the job in a process group of its own; kill -9 of the group",
		.end = kill_group,
	},
	{
		.name = "psutil walk",
		.about = "kill of the job's first process and its children(recursive=True)",
		.probe = probe_psutil,
		.end = end_by_walk,
	},
	{
		.name = "psutil poller",
		.about =
			"looks each 100 ms who is under the job; when that was killed, kills all it ever saw",
		.probe = probe_psutil,
		.start = start_watched,
		.settle = settle_watched,
	},
	{
		.name = "pid poller",
		.about = "the same by bare pids, as scripts with ps or pid files do it",
		.probe = probe_psutil,
		.start = start_recalled,
		.settle = settle_watched,
	},
	{
		.name = "pdeathsig",
		.about = "sh -c 'setpriv --pdeathsig KILL job'; kill -9 of sh",
		.prefix = { "sh", "-c", "setpriv --pdeathsig KILL -- \"$@\"; exit $?", "sh" },
	},
	{
		.name = "tini",
		.about = "tini -s -g -- job; kill -9 of tini",
		.prefix = { "tini", "-s", "-g", "--" },
	},
	{
		.name = "dumb-init",
		.about = "dumb-init -- job; kill -9 of dumb-init",
		.prefix = { "dumb-init", "--" },
	},
	{
		.name = "supervisor",
		.about = "supervisord with stopasgroup and killasgroup; kill -9 of its program",
		.probe = probe_supervisor,
		.start = start_supervised,
		.settle = settle_supervised,
	},
};

int way__start(struct tools *tools, const struct way *way, struct job *job)
{
	if (way->start)
		return way->start(tools, way, job);
	return job__start(job, way->prefix, &(struct start){});
}

int way__settle(struct tools *tools, const struct way *way, struct job *job)
{
	return way->settle ? way->settle(tools, job) : 0;
}

int way__end(struct tools *tools, const struct way *way, struct job *job)
{
	return way->end ? way->end(tools, job) : kill_child(tools, job);
}

int way__clear(struct tools *tools, const struct way *way)
{
	return way->clear ? way->clear(tools) : 0;
}

/* A prefix that runs true does what it shall. */
static bool offers(struct tools *tools, const struct way *way)
{
	const char *words[WAY_PREFIX + 2] = {};
	size_t count = 0;

	if (way->probe && !way->probe(tools))
		return false;
	while (way->prefix[count]) {
		words[count] = way->prefix[count];
		count++;
	}
	words[count] = "true";
	return job__run(words) == 0;
}

int tools__open(struct tools *tools, const char *program, unsigned wanted)
{
	char copy[DAEMON_PATH * 3];

	*tools = (struct tools){ .plain.no_reflex = true };
	text__copy(copy, sizeof(copy), program);
	snprintf(tools->ctl, sizeof(tools->ctl), "%s/orphanctl", dirname(copy));
	if (access(tools->ctl, X_OK))
		return bench__fail("no orphanctl at %s: build it", tools->ctl);
	for (int i = 0; i < WAYS; i++)
		tools->offers[i] = wanted & 1U << i && offers(tools, &ways[i]);
	/* All stand by through all turns. */
	if (daemon__start(&tools->daemon, program) || daemon__start(&tools->plain, program))
		return -1;
	return bench__go_on();
}

void tools__close(struct tools *tools)
{
	close_python(tools);
	close_supervisor(tools);
	if (*tools->cgroup)
		rmdir(tools->cgroup);
	daemon__stop(&tools->plain);
	daemon__stop(&tools->daemon);
}
