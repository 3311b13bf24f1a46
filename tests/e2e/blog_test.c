// SPDX-License-Identifier: GPL-2.0
/* blog_test.c - the story that orphand is for, and how an incident tells it. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "user.h"

#define PYTHON "/usr/bin/python3"
#define COMMAND "while :; do :; done"

TestSuite(blog, .timeout = 60);

static const char *write_job(const struct rig *rig)
{
	static char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/job.py", rig__folder(rig));
	file = fopen(path, "wxe");
	cr_assert_not_null(file, "%s", path);
	fputs("import subprocess\n"
	      "subprocess.run(\"" COMMAND "\", shell=True, stdout=subprocess.PIPE,\n"
	      "               stderr=subprocess.PIPE, encoding=\"utf-8\", timeout=600)\n",
	      file);
	fclose(file);
	return path;
}

/* Clock ticks that it has run for. */
static unsigned long ticks_of(pid_t pid)
{
	autofclose FILE *file = NULL;
	char path[32], text[1024] = "", *field, *rest = NULL;
	unsigned long ticks = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file) || !strrchr(text, ')'))
		return 0;
	/* state is the 3rd, utime and stime are the 14th and the 15th, proc(5) */
	field = strtok_r(strrchr(text, ')') + 1, " ", &rest);
	for (int n = 3; field && n <= 15; n++, field = strtok_r(NULL, " ", &rest))
		ticks += n >= 14 ? strtoul(field, NULL, 10) : 0;
	return ticks;
}

/* The disease: nobody watches, and the shell has the CPU to itself. */
Test(blog, without_orphand_the_shell_lives_on)
{
	autorig struct rig *rig = rig__start(.bare = true);
	pid_t job = user__begin(rig, PYTHON, write_job(rig));
	pid_t shell = user__child(job, "sh");
	autoclose int held = user__hold(shell);
	struct patience patience = rig__patience(DEADLINE);
	unsigned long before;

	user__kill(job);
	before = ticks_of(shell);
	while (ticks_of(shell) < before + 5)
		cr_assert(rig__retry(&patience), "the orphan does not run");
	cr_assert(user__lives(held));
}

/* ---- what the contract says of an incident */

static const struct {
	const char *path;
	enum json_type type;
} contract[] = {
	{ "id", json_type_string },
	{ "host", json_type_object },
	{ "host.id", json_type_string },
	{ "host.name", json_type_string },
	{ "host.boot_id", json_type_string },
	{ "rule", json_type_string },
	{ "tree", json_type_int },
	{ "state", json_type_string },
	{ "outcome", json_type_string },
	{ "observed", json_type_boolean },
	{ "reconstructed", json_type_boolean },
	{ "opened", json_type_string },
	{ "closed", json_type_string },
	{ "root", json_type_object },
	{ "root.pid", json_type_int },
	{ "root.start", json_type_string },
	{ "root.parent_pid", json_type_int },
	{ "root.vpid", json_type_int },
	{ "root.pid_ns", json_type_int },
	{ "root.exe", json_type_string },
	{ "root.args", json_type_array },
	{ "root.comm", json_type_string },
	{ "root.uid", json_type_int },
	{ "root.user", json_type_string },
	{ "root.cgroup", json_type_string },
	{ "root.container", json_type_string },
	{ "root.runtime", json_type_string },
	{ "root.pod", json_type_string },
	{ "root.unit", json_type_string },
	{ "cause", json_type_object },
	{ "cause.kind", json_type_string },
	{ "cause.signal", json_type_string },
	{ "cause.exit_code", json_type_null },
	{ "cause.core", json_type_boolean },
	{ "cause.origin", json_type_string },
	{ "cause.sender", json_type_object },
	{ "cause.sender.pid", json_type_int },
	{ "cause.sender.comm", json_type_string },
	{ "cause.sender.exe", json_type_string },
	{ "cause.sender.uid", json_type_int },
	{ "cause.sender.user", json_type_string },
	{ "survivors", json_type_array },
	{ "survivors.0.pid", json_type_int },
	{ "survivors.0.start", json_type_string },
	{ "survivors.0.parent_pid", json_type_int },
	{ "survivors.0.exe", json_type_string },
	{ "survivors.0.args", json_type_array },
	{ "survivors.0.uid", json_type_int },
	{ "survivors.0.container", json_type_string },
	{ "survivors.0.runtime", json_type_string },
	{ "survivors.0.pod", json_type_string },
	{ "survivors.0.unit", json_type_string },
	{ "survivors.0.outcome", json_type_string },
	{ "survivors.0.signals", json_type_array },
	{ "survivors.0.signals.0.signal", json_type_string },
	{ "survivors.0.signals.0.at", json_type_string },
	{ "survivors.0.signals.0.by", json_type_string },
	{ "survivors.0.gone", json_type_string },
	{ "survivors.0.exit_signal", json_type_string },
	{ "reaction_ns", json_type_int },
	{ "clear_ns", json_type_int },
};

static void see_moment(struct json_object *incident, const char *path)
{
	static const char shape[] = "0000-00-00T00:00:00.000000000Z";
	const char *text = json__string(incident, path);

	cr_assert_eq(strlen(text), sizeof(shape) - 1, "%s: %s", path, text);
	for (size_t i = 0; shape[i]; i++)
		cr_expect(shape[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == shape[i],
			  "%s: %s", path, text);
}

static void see_string(struct json_object *incident, const char *path, const char *wanted)
{
	cr_expect_str_eq(json__string(incident, path), wanted, "%s: '%s' is to be '%s'", path,
			 json__string(incident, path), wanted);
}

/* A file's first line, without the characters that are not wanted. */
static const char *first_line(const char *path, char without)
{
	static char line[256];
	FILE *file = fopen(path, "re");
	size_t n = 0;
	int c;

	while (file && (c = fgetc(file)) != EOF && c != '\n' && n < sizeof(line) - 1) {
		if (c != without)
			line[n++] = (char)c;
	}
	line[n] = '\0';
	if (file)
		fclose(file);
	return line;
}

static void see_host(struct json_object *incident)
{
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	see_string(incident, "host.name", name);
	see_string(incident, "host.id", first_line("/etc/machine-id", 0));
	see_string(incident, "host.boot_id", first_line("/proc/sys/kernel/random/boot_id", '-'));
}

static const char *real(const char *path)
{
	static char name[PATH_MAX];

	cr_assert_not_null(realpath(path, name), "%s", path);
	return name;
}

static void see_root(struct json_object *incident, pid_t job, const char *script)
{
	struct stat st;

	cr_assert_eq(stat("/proc/self/ns/pid", &st), 0);
	cr_expect_eq(json__int(incident, "root.pid"), job);
	cr_expect_eq(json__int(incident, "root.vpid"), job);
	cr_expect_eq(json__int(incident, "root.pid_ns"), (int64_t)st.st_ino);
	cr_expect_eq(json__int(incident, "root.parent_pid"), getpid());
	see_moment(incident, "root.start");
	see_string(incident, "root.exe", real(PYTHON));
	cr_assert_eq(json__length(incident, "root.args"), 2);
	see_string(incident, "root.args.0", PYTHON);
	see_string(incident, "root.args.1", script);
	see_string(incident, "root.comm", "python3");
	cr_expect_eq(json__int(incident, "root.uid"), 0);
	see_string(incident, "root.user", "root");
	cr_expect_eq(*json__string(incident, "root.cgroup"), '/');
}

static void see_cause(struct json_object *incident)
{
	char comm[17] = "";

	prctl(PR_GET_NAME, comm);
	see_string(incident, "cause.kind", "kill");
	see_string(incident, "cause.signal", "SIGKILL");
	see_string(incident, "cause.origin", "user");
	cr_expect_not(json__bool(incident, "cause.core"));
	cr_expect_eq(json__int(incident, "cause.sender.pid"), getpid());
	see_string(incident, "cause.sender.comm", comm);
	see_string(incident, "cause.sender.exe", real("/proc/self/exe"));
	cr_expect_eq(json__int(incident, "cause.sender.uid"), 0);
	see_string(incident, "cause.sender.user", "root");
}

static void see_survivor(struct json_object *incident, pid_t job, pid_t shell)
{
	const char *by = json__string(incident, "survivors.0.signals.0.by");

	cr_assert_eq(json__length(incident, "survivors"), 1);
	cr_expect_eq(json__int(incident, "survivors.0.pid"), shell);
	cr_expect_eq(json__int(incident, "survivors.0.parent_pid"), job);
	see_moment(incident, "survivors.0.start");
	see_string(incident, "survivors.0.exe", real("/bin/sh"));
	cr_assert_eq(json__length(incident, "survivors.0.args"), 3);
	see_string(incident, "survivors.0.args.1", "-c");
	see_string(incident, "survivors.0.args.2", COMMAND);
	cr_expect_eq(json__int(incident, "survivors.0.uid"), 0);
	see_string(incident, "survivors.0.outcome", "killed");
	cr_assert_eq(json__length(incident, "survivors.0.signals"), 1);
	see_string(incident, "survivors.0.signals.0.signal", "SIGKILL");
	see_moment(incident, "survivors.0.signals.0.at");
	cr_expect(strcmp(by, "daemon") == 0 || strcmp(by, "kernel") == 0, "%s", by);
	see_moment(incident, "survivors.0.gone");
	see_string(incident, "survivors.0.exit_signal", "SIGKILL");
}

static void see_course(struct json_object *incident)
{
	const char *id = json__string(incident, "id");

	cr_expect_eq(strlen(id), 26);
	cr_expect_eq(strspn(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 26, "%s", id);
	see_string(incident, "rule", "blog");
	cr_expect_gt(json__int(incident, "tree"), 0);
	see_string(incident, "state", "closed");
	see_string(incident, "outcome", "cleared");
	cr_expect_not(json__bool(incident, "observed"));
	cr_expect_not(json__bool(incident, "reconstructed"));
	see_moment(incident, "opened");
	see_moment(incident, "closed");
	cr_expect_leq(strcmp(json__string(incident, "root.start"),
			     json__string(incident, "survivors.0.start")),
		      0);
	cr_expect_leq(strcmp(json__string(incident, "survivors.0.signals.0.at"),
			     json__string(incident, "survivors.0.gone")),
		      0);
	cr_expect_leq(strcmp(json__string(incident, "opened"), json__string(incident, "closed")),
		      0);
	cr_expect_gt(json__int(incident, "reaction_ns"), 0);
	cr_expect_geq(json__int(incident, "clear_ns"), json__int(incident, "reaction_ns"));
}

/* The cure. */
Test(blog, under_orphand_the_shell_is_ended_and_the_incident_tells_all)
{
	autorig struct rig *rig = rig__start();
	const char *script = write_job(rig);
	pid_t job = user__begin(rig, "orphanctl", "run", "--name", "blog", "--", PYTHON, script);
	pid_t shell = user__child(job, "sh");
	autoclose int held = user__hold(shell);
	autojson struct json_object *incident = NULL;

	user__kill(job);
	user__await_gone(held);
	incident = user__closed(rig, job);
	for (size_t i = 0; i < COUNT(contract); i++)
		json__at(incident, contract[i].path, contract[i].type);
	see_course(incident);
	see_host(incident);
	see_root(incident, job, script);
	see_cause(incident);
	see_survivor(incident, job, shell);
}

/* The same, as somebody reads it. */
Test(blog, the_incident_is_told_in_words)
{
	autorig struct rig *rig = rig__start();
	pid_t job = user__begin(rig, "orphanctl", "run", "--name", "blog", "--", PYTHON,
				write_job(rig));
	pid_t shell = user__child(job, "sh");
	autojson struct json_object *incident = NULL;
	const struct said *said;
	char number[16];

	user__kill(job);
	incident = user__closed(rig, job);
	said = user__ctl(rig, "incidents");
	said__done(said);
	cr_expect(strstr(said->out, json__string(incident, "id")), "%s", said->out);
	cr_expect(strstr(said->out, "blog"), "%s", said->out);
	cr_expect(strstr(said->out, "cleared"), "%s", said->out);
	said = user__ctl(rig, "show", json__string(incident, "id"));
	said__done(said);
	snprintf(number, sizeof(number), "%d", shell);
	cr_expect(strstr(said->out, number), "%s", said->out);
	cr_expect(strstr(said->out, "SIGKILL"), "%s", said->out);
	cr_expect_null(strchr(said->out, '\033'), "colours are for terminals");
	/* the beginning of the id is enough */
	said = user__ctl(rig, "--json", "show", strndupa(json__string(incident, "id"), 20));
	said__done(said);
	cr_expect(strstr(said->out, json__string(incident, "id")), "%s", said->out);
}

/* subprocess.run() with its own timeout kills only its shell, and then waits for the pipes that
 * what the shell had started holds open. With scope any that is ended, and the job goes on. */
Test(blog, a_timeout_of_subprocess_is_a_timeout)
{
	static const char job[] =
		"import subprocess, sys\n"
		"try:\n"
		"  subprocess.run('sleep 80 & echo; sleep 80; exit', shell=True, timeout=1,\n"
		"                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
		"except subprocess.TimeoutExpired:\n"
		"  sys.exit(5)\n";
	autorig struct rig *rig = rig__start();
	pid_t root =
		user__begin(rig, "orphanctl", "run", "--scope", "any", "--", PYTHON, "-c", job);
	autoclose int sleeper = user__hold(user__child(user__child(root, "sh"), "sleep"));

	cr_assert_eq(rig__join(root), 5 << 8);
	user__await_gone(sleeper);
}
