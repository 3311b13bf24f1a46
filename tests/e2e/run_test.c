// SPDX-License-Identifier: GPL-2.0
/* run_test.c - orphanctl run leaves no wrapper behind: what is seen is the command alone. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "user.h"

TestSuite(run, .timeout = 60);

#define RUN(...) "orphanctl", "run", "--", __VA_ARGS__

Test(run, the_pid_is_the_commands_own)
{
	autorig struct rig *rig = rig__start();
	pid_t pid = user__begin(rig, RUN("/bin/sh", "-c", "echo $$; echo $PPID"));

	cr_assert_eq(rig__join(pid), 0);
	cr_assert_eq(user__pid(0), pid);
	cr_assert_eq(user__pid(1), getpid());
}

Test(run, the_status_is_the_commands_own)
{
	static const struct {
		const char *command;
		int status;
	} ends[] = {
		{ "exit 0", 0 },
		{ "exit 7", 7 << 8 },
		{ "exit 3", 3 << 8 }, /* which means something else from orphanctl itself */
		{ "exit 255", 255 << 8 },
		{ "kill -TERM $$", SIGTERM },
		{ "kill -KILL $$", SIGKILL },
		{ "kill -USR1 $$", SIGUSR1 },
	};
	autorig struct rig *rig = rig__start();

	for (size_t i = 0; i < COUNT(ends); i++) {
		const struct said *said = user__run(rig, RUN("/bin/sh", "-c", ends[i].command));

		cr_expect_eq(said->status, ends[i].status, "%s: %#x", ends[i].command,
			     (unsigned)said->status);
		cr_expect_str_empty(said->out);
		cr_expect_str_empty(said->err);
	}
}

Test(run, the_words_are_the_commands_own)
{
	autorig struct rig *rig = rig__start();
	const struct said *said = user__run(
		rig, RUN("/usr/bin/printf", "<%s>", "a b", "", "--json", "--", "-x", "*", "\n"));

	said__done(said);
	cr_assert_str_eq(said->out, "<a b><><--json><--><-x><*><\n>");
	/* and without the --, what stands behind the command is its own all the same */
	said = user__ctl(rig, "run", "--name", "n", "/usr/bin/printf", "<%s>", "--name", "m");
	said__done(said);
	cr_assert_str_eq(said->out, "<--name><m>");
}

Test(run, the_command_is_looked_for_in_path)
{
	autorig struct rig *rig = rig__start();
	const struct said *said = user__run(rig, RUN("printf", "found"));

	said__done(said);
	cr_assert_str_eq(said->out, "found");
}

/* What the command finds, beside what it finds without orphanctl. */
static void see_the_same(struct rig *rig, const char *command)
{
	char without[4096];
	const struct said *said = user__run(rig, "/bin/sh", "-c", command);

	said__done(said);
	text__copy(without, sizeof(without), said->out);
	cr_expect_neq(*without, '\0', "%s", command);
	said = user__run(rig, RUN("/bin/sh", "-c", command));
	said__done(said);
	cr_expect_str_eq(said->out, without, "%s", command);
}

Test(run, signals_descriptors_and_folder_are_as_they_were)
{
	autorig struct rig *rig = rig__start();

	/* Of the command itself: a shell that waits for one has some blocked at times. */
	see_the_same(rig, "exec grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status");
	see_the_same(rig, "trap '' INT HUP; exec grep -E '^SigIgn' /proc/self/status");
	see_the_same(rig, "ls /proc/$$/fd");
	see_the_same(rig, "pwd; umask; ulimit -n");
	see_the_same(rig, "env | sort | grep -v '^_='");
	see_the_same(rig, "cut -d ' ' -f 5-7 /proc/$$/stat | head -1 | cut -d ' ' -f 2-3");
}

/* Ignored signals stay so: nohup orphanctl run is orphanctl run nohup. */
#define LOOK "grep ^SigIgn /proc/self/status"
#define IGNORING "trap '' HUP PIPE INT; \"$0/orphanctl\" --socket \"$1\" run -- " LOOK "; " LOOK

/* What a line "SigIgn:\t..." says, but for the two signals that glibc keeps to itself: whoever was
 * spawned by make(1) has them ignored. */
static uint64_t ignored(const char *line)
{
	return strtoull(line + strlen("SigIgn:\t"), NULL, 16) & ~(3ULL << 31);
}

Test(run, ignored_signals_stay_ignored)
{
	autorig struct rig *rig = rig__start();
	const struct said *said =
		user__run(rig, "/bin/sh", "-c", IGNORING, user__build(), rig__socket(rig));
	const char *second;

	said__done(said);
	second = strchr(said->out, '\n');
	cr_assert_not_null(second, "%s", said->out);
	cr_assert_eq(ignored(said->out), 0x1003, "%s", said->out);
	cr_assert_eq(ignored(second + 1), 0x1003, "%s", said->out);
}

/* The tree goes with the command: an ordinary end touches nobody. */
Test(run, an_ordinary_end_touches_nobody)
{
	autorig struct rig *rig = rig__start();
	pid_t root = user__begin(rig, RUN("/bin/sh", "-c", "sleep 80 & echo $!"));
	autoclose int sleeper = user__hold(user__pid(0));
	autojson struct json_object *incidents = NULL;

	cr_assert_eq(rig__join(root), 0);
	rig__await_event(rig, EVENT_TREE_ENDED, root);
	cr_assert(user__lives(sleeper));
	incidents = user__json(rig, "incidents");
	cr_assert_eq(json_object_array_length(incidents), 0);
	cr_assert_null(user__tree(rig, 0, root));
}

Test(run, the_tree_is_listed_as_it_was_asked_for)
{
	autorig struct rig *rig = rig__start();
	pid_t root = user__begin(rig, "orphanctl", "run", "--name", "night", "--on", "kill,error",
				 "--signal", "TERM", "--grace", "90s", "--scope", "any", "--",
				 "/bin/sh", "-c", "sleep 80 & echo $!; wait");
	autojson struct json_object *tree = NULL;
	const struct said *said;

	user__pid(0);
	rig__await_members(rig, root, 2);
	tree = user__tree(rig, 0, root);
	cr_assert_not_null(tree);
	cr_expect_str_eq(json__string(tree, "rule"), "night");
	cr_expect_eq(json__int(tree, "members"), 2);
	cr_expect_gt(json__int(tree, "id"), 0);
	cr_expect_str_eq(json__string(tree, "policy.scope"), "any");
	cr_expect_str_eq(json__string(tree, "policy.signal"), "SIGTERM");
	cr_expect_str_eq(json__string(tree, "policy.on.0"), "kill");
	cr_expect_str_eq(json__string(tree, "policy.on.1"), "error");
	said = user__ctl(rig, "list");
	said__done(said);
	cr_expect(strstr(said->out, "night"), "%s", said->out);
	said = user__ctl(rig, "tree",
			 json_object_to_json_string(json__at(tree, "id", json_type_int)));
	said__done(said);
	cr_expect(strstr(said->out, "sleep 80"), "%s", said->out);
}

/* ---- when it cannot be watched, or cannot be run */

static void name_file(const struct rig *rig, char path[128])
{
	snprintf(path, 128, "%s/made", rig__folder(rig));
}

Test(run, without_a_daemon_nothing_is_started)
{
	autorig struct rig *rig = rig__start(.bare = true);
	char made[128];

	name_file(rig, made);
	said__failed(user__run(rig, RUN("/usr/bin/touch", made)), 3, rig__socket(rig));
	cr_assert_neq(access(made, F_OK), 0);
}

/* A socket that a daemon left behind is no daemon. */
Test(run, after_a_daemon_that_was_killed_nothing_is_started)
{
	autorig struct rig *rig = rig__start();
	char made[128];

	name_file(rig, made);
	rig__daemon_kill(rig);
	cr_assert_eq(access(rig__socket(rig), F_OK), 0);
	said__failed(user__run(rig, RUN("/usr/bin/touch", made)), 3, rig__socket(rig));
	cr_assert_neq(access(made, F_OK), 0);
}

Test(run, a_refusal_starts_nothing)
{
	autorig struct rig *rig = rig__start();
	char made[128];

	name_file(rig, made);
	/* longer than a day: no option of orphanctl's, but the daemon's to refuse */
	said__failed(user__ctl(rig, "run", "--grace", "2d", "--", "/usr/bin/touch", made), 1,
		     "grace");
	cr_assert_neq(access(made, F_OK), 0);
}

Test(run, a_command_that_cannot_be_run_leaves_no_tree)
{
	static const char *const commands[] = { "/nonexistent/command", "no-such-command-anywhere",
						"/etc", "/etc/passwd", "" };
	autorig struct rig *rig = rig__start();
	struct patience patience = rig__patience(DEADLINE);
	size_t left;

	for (size_t i = 0; i < COUNT(commands); i++)
		said__failed(user__run(rig, RUN(commands[i])), 1, commands[i]);
	do {
		autojson struct json_object *list = user__json(rig, "list");

		left = json_object_array_length(list);
	} while (left && rig__retry(&patience));
	cr_assert_eq(left, 0);
}

/* ---- without root */

#define NOBODYS(rig, ...) user__run_as(rig, NOBODY, WORDS("orphanctl", __VA_ARGS__))

Test(run, needs_no_root)
{
	autorig struct rig *rig = rig__start();
	pid_t root = user__begin_as(rig, NOBODY,
				    WORDS(RUN("/bin/sh", "-c", "sleep 80 & echo $!; wait")));
	autoclose int orphan = user__hold(user__pid(0));
	const struct said *said;
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", root);
	said = NOBODYS(rig, "tree", pid);
	said__done(said);
	cr_expect(strstr(said->out, "sleep 80"), "%s", said->out);
	user__kill(root);
	user__await_gone(orphan);
	json_object_put(user__closed(rig, root));
	said = NOBODYS(rig, "incidents");
	said__done(said);
	cr_expect(strstr(said->out, "cleared"), "%s", said->out);
}

Test(run, nor_does_track)
{
	autorig struct rig *rig = rig__start();
	pid_t root =
		user__begin_as(rig, NOBODY, WORDS("/bin/sh", "-c", "sleep 80 & echo $!; wait"));
	autoclose int orphan = user__hold(user__pid(0));
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", root);
	said__done(NOBODYS(rig, "track", pid, "--name", "mine"));
	user__kill(root);
	user__await_gone(orphan);
}

/* ---- a rule's tree */

Test(run, tree_tells_which_globs_matched)
{
	autorig struct rig *rig = rig__start(.bare = true);
	const struct said *said;
	pid_t root;
	char pid[16];

	rig__configure(rig,
		       "watch: [{ name: jobs, match: { exe: ['%s/*'], args: ['*as job*'] } }]\n",
		       rig__folder(rig));
	rig__daemon_start(rig);
	root = rig__run_program(rig, "as job sleep");
	rig__meet(rig, "job", 1);
	rig__await_event(rig, EVENT_TREE_TRACKED, root);
	snprintf(pid, sizeof(pid), "%d", root);
	said = user__ctl(rig, "tree", pid);
	said__done(said);
	cr_expect(strstr(said->out, "matched by exe "), "%s", said->out);
	cr_expect(strstr(said->out, "/*, args *as job*\n"), "%s", said->out);
}
