// SPDX-License-Identifier: GPL-2.0
/* hand_test.c - watching, letting go and sparing by hand, and by whom. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "user.h"

TestSuite(hand, .timeout = 60);
TestSuite(others, .timeout = 60);

#define FAMILY "/bin/sh", "-c", "sleep 80 & echo $!; wait"

struct number {
	char text[24];
};

static struct number number_of(int64_t n)
{
	struct number number;

	snprintf(number.text, sizeof(number.text), "%ld", (long)n);
	return number;
}

/* When this family of another tree has been ended, all that happened before has been dealt with. */
static void pass_a_barrier(struct rig *rig, unsigned line)
{
	pid_t root = user__begin(rig, "orphanctl", "run", "--", FAMILY);
	autoclose int sleeper = user__hold(user__pid(line));

	user__kill(root);
	user__await_gone(sleeper);
}

Test(hand, a_running_family_can_be_watched)
{
	autorig struct rig *rig = rig__start();
	pid_t root = user__begin(rig, FAMILY);
	autoclose int sleeper = user__hold(user__pid(0));
	const struct said *said = user__ctl(rig, "track", number_of(root).text, "--name", "hand");
	autojson struct json_object *tree = NULL, *incident = NULL;

	said__done(said);
	cr_expect(strstr(said->out, number_of(root).text), "%s", said->out);
	tree = user__tree(rig, 0, root);
	cr_assert_not_null(tree);
	cr_expect_str_eq(json__string(tree, "rule"), "hand");
	cr_expect_eq(json__int(tree, "members"), 2);
	/* only once */
	said__failed(user__ctl(rig, "track", number_of(root).text), 1, "already");
	user__kill(root);
	user__await_gone(sleeper);
	incident = user__closed(rig, root);
	cr_expect_str_eq(json__string(incident, "outcome"), "cleared");
	cr_expect_str_eq(json__string(incident, "survivors.0.args.0"), "sleep");
}

Test(hand, who_was_let_go_is_signalled_no_more)
{
	autorig struct rig *rig = rig__start();
	pid_t root = user__begin(rig, "orphanctl", "run", "--", FAMILY);
	autoclose int sleeper = user__hold(user__pid(0));
	autojson struct json_object *answer = NULL, *tree = user__tree(rig, 0, root);
	struct number id = number_of(json__int(tree, "id"));

	answer = user__json(rig, "untrack", id.text);
	cr_expect_eq(json__int(answer, "0.untracked"), json__int(tree, "id"));
	said__failed(user__ctl(rig, "untrack", id.text), 1, "no such tree");
	user__kill(root);
	pass_a_barrier(rig, 1);
	cr_assert(user__lives(sleeper));
}

Test(hand, a_tree_can_be_named_by_any_members_pid)
{
	autorig struct rig *rig = rig__start();
	pid_t root = user__begin(rig, "orphanctl", "run", "--", FAMILY);
	pid_t member = user__pid(0);

	rig__await_members(rig, root, 2);
	said__done(user__ctl(rig, "tree", number_of(member).text));
	said__done(user__ctl(rig, "untrack", number_of(member).text));
	cr_assert_null(user__tree(rig, 0, root));
}

Test(hand, a_spared_one_is_left_alone)
{
	autorig struct rig *rig = rig__start();
	pid_t root = user__begin(rig, "orphanctl", "run", "--", "/bin/sh", "-c",
				 "sleep 80 & echo $!; sleep 81 & echo $!; wait");
	pid_t spared_pid = user__pid(0), ended_pid = user__pid(1);
	autoclose int spared = user__hold(spared_pid), ended = user__hold(ended_pid);
	autojson struct json_object *incident = NULL;
	struct json_object *survivor;

	said__done(user__ctl(rig, "spare", number_of(spared_pid).text));
	user__kill(root);
	user__await_gone(ended);
	incident = user__closed(rig, root);
	cr_expect_str_eq(json__string(incident, "outcome"), "spared");
	survivor = json__survivor(incident, spared_pid);
	cr_expect_str_eq(json__string(survivor, "outcome"), "spared");
	cr_expect_eq(json__length(survivor, "signals"), 0);
	json__is_null(survivor, "gone");
	cr_expect_str_eq(json__string(json__survivor(incident, ended_pid), "outcome"), "killed");
	cr_assert(user__lives(spared));
}

/* The first signal is heeded by one and not by the other, who says so before it is told of. */
#define DEAF_AND_PLAIN                                         \
	"sleep 80 & echo $!; (trap '' TERM; exec sleep 81) & " \
	"while ! grep -q '^SigIgn:.*4...$' /proc/$!/status; do :; done; echo $!; wait"

Test(hand, term_then_kill_after_grace)
{
	autorig struct rig *rig = rig__start();
	pid_t root = user__begin(rig, "orphanctl", "run", "--signal", "TERM", "--grace", "300ms",
				 "--", "/bin/sh", "-c", DEAF_AND_PLAIN);
	pid_t plain_pid = user__pid(0), deaf_pid = user__pid(1);
	autoclose int plain = user__hold(plain_pid), deaf = user__hold(deaf_pid);
	autojson struct json_object *incident = NULL;
	struct json_object *survivor;

	user__kill(root);
	user__await_gone(plain);
	user__await_gone(deaf);
	incident = user__closed(rig, root);
	cr_expect_str_eq(json__string(incident, "outcome"), "cleared");
	survivor = json__survivor(incident, plain_pid);
	cr_expect_str_eq(json__string(survivor, "outcome"), "terminated");
	cr_assert_eq(json__length(survivor, "signals"), 1);
	cr_expect_str_eq(json__string(survivor, "signals.0.signal"), "SIGTERM");
	cr_expect_str_eq(json__string(survivor, "exit_signal"), "SIGTERM");
	survivor = json__survivor(incident, deaf_pid);
	cr_expect_str_eq(json__string(survivor, "outcome"), "killed");
	cr_assert_eq(json__length(survivor, "signals"), 2);
	cr_expect_str_eq(json__string(survivor, "signals.0.signal"), "SIGTERM");
	cr_expect_str_eq(json__string(survivor, "signals.1.signal"), "SIGKILL");
	cr_expect_str_eq(json__string(survivor, "exit_signal"), "SIGKILL");
	cr_expect_lt(strcmp(json__string(survivor, "signals.0.at"),
			    json__string(survivor, "signals.1.at")),
		     0);
}

Test(hand, a_tree_within_a_tree_is_drawn_within_it)
{
	autorig struct rig *rig = rig__start();
	pid_t root = user__begin(rig, "orphanctl", "run", "--name", "outer", "--", "/bin/sh", "-c",
				 "sh -c 'sleep 80 & echo $!; wait' & echo $!; wait");
	pid_t a, b, inner;
	autojson struct json_object *tree = NULL, *outer = NULL;

	a = user__pid(0);
	b = user__pid(1);
	/* whoever of the two came first to print: the shell is whose child is of the root */
	inner = user__child(root, "sh");
	cr_assert(inner == a || inner == b);
	said__done(user__ctl(rig, "track", number_of(inner).text, "--name", "inner"));
	tree = user__tree(rig, 0, inner);
	outer = user__tree(rig, 0, root);
	cr_expect_eq(json__int(tree, "outer"), json__int(outer, "id"));
	cr_expect_eq(json__int(tree, "members"), 2);
	cr_expect_eq(json__int(outer, "members"), 3, "those of inner trees, too");
	user__kill(root);
	user__await_gone(user__hold(inner));
}

/* ---- other users */

static void refuse_nobody(struct rig *rig, const char *word, const char *const *words)
{
	said__failed(user__run_as(rig, NOBODY, words), 1, word);
}

Test(others, may_run_and_see_their_own)
{
	autorig struct rig *rig = rig__start();
	pid_t roots = user__begin(rig, "orphanctl", "run", "--name", "roots", "--", FAMILY);
	pid_t theirs, sleeper_pid;
	autojson struct json_object *list = NULL, *incident = NULL, *incidents = NULL;

	user__pid(0);
	theirs = user__begin_as(rig, NOBODY,
				WORDS("orphanctl", "run", "--name", "theirs", "--", "/bin/sh", "-c",
				      "id -u; sleep 80 & echo $!; wait"));
	cr_assert_str_eq(user__line(1), "65534");
	sleeper_pid = user__pid(2);
	autoclose int sleeper = user__hold(sleeper_pid);

	list = user__json_as(rig, NOBODY, WORDS("orphanctl", "--json", "list"));
	cr_assert_eq(json_object_array_length(list), 1);
	cr_expect_eq(json__int(list, "0.root.pid"), theirs);
	cr_expect_eq(json__int(list, "0.owner"), NOBODY);
	json_object_put(list);
	list = user__json(rig, "list");
	cr_assert_eq(json_object_array_length(list), 2, "root sees all");

	user__kill(theirs);
	user__await_gone(sleeper);
	incident = user__closed(rig, theirs);
	cr_expect_eq(json__int(incident, "root.uid"), NOBODY);
	user__kill(roots);
	json_object_put(user__closed(rig, roots));
	incidents = user__json_as(rig, NOBODY, WORDS("orphanctl", "--json", "incidents"));
	cr_assert_eq(json_object_array_length(incidents), 1);
	cr_expect_eq(json__int(incidents, "0.root.pid"), theirs);
}

Test(others, may_not_touch_what_is_not_theirs)
{
	autorig struct rig *rig = rig__start();
	pid_t root = user__begin(rig, "orphanctl", "run", "--", FAMILY);
	pid_t bystander;
	struct number id, pid = number_of(root);
	autojson struct json_object *tree = NULL;

	autoclose int sleeper = user__hold(user__pid(0));

	tree = user__tree(rig, 0, root);
	id = number_of(json__int(tree, "id"));
	bystander = user__begin(rig, "/bin/sleep", "80");
	refuse_nobody(rig, "not yours", WORDS("orphanctl", "track", number_of(bystander).text));
	refuse_nobody(rig, "", WORDS("orphanctl", "track", pid.text));
	refuse_nobody(rig, "pid 1", WORDS("orphanctl", "track", "1"));
	refuse_nobody(rig, "no such tree", WORDS("orphanctl", "untrack", id.text));
	refuse_nobody(rig, "no such tree", WORDS("orphanctl", "untrack", pid.text));
	refuse_nobody(rig, "no such tree", WORDS("orphanctl", "tree", id.text));
	refuse_nobody(rig, "no watched process",
		      WORDS("orphanctl", "spare", number_of(user__pid(0)).text));
	refuse_nobody(rig, "root", WORDS("orphanctl", "disarm"));
	refuse_nobody(rig, "root", WORDS("orphanctl", "arm"));
	/* it is watched as before */
	user__kill(root);
	user__await_gone(sleeper);
	cr_assert_eq(kill(bystander, 0), 0);
}

Test(others, are_told_when_there_is_no_daemon)
{
	autorig struct rig *rig = rig__start(.bare = true);

	said__failed(user__run_as(rig, NOBODY, WORDS("orphanctl", "run", "--", "true")), 3,
		     rig__socket(rig));
}

/* What root's program would do with the host's own paths is refused before anything is touched. */
Test(others, may_not_be_the_daemon)
{
	autorig struct rig *rig = rig__start(.bare = true);
	char program[4200], copy[128];

	snprintf(program, sizeof(program), "%s/orphand", user__build());
	snprintf(copy, sizeof(copy), "%s/orphand", rig__folder(rig));
	said__done(user__run(rig, "/bin/cp", program, copy));
	said__failed(user__run_as(rig, NOBODY, WORDS(copy)), 3, "root");
}
