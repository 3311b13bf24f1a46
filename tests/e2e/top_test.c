// SPDX-License-Identifier: GPL-2.0
/* top_test.c - the live view in a real terminal, tmux's, with real keys and real deaths. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user.h"

TestSuite(top, .timeout = 120);

/* A terminal of its own for each test; its server is a child of the test, and ends with it. */
struct stage {
	struct rig *rig;
	char socket[128];
	pid_t server;
};

#define tmux(stage, ...) \
	user__run((stage)->rig, "/usr/bin/tmux", "-N", "-u", "-S", (stage)->socket, __VA_ARGS__)

/* The shell in it says what was before top, how top ended, and what the terminal is like then. */
#define PLAY                                                           \
	"trap : INT; export LC_ALL=C.UTF-8; echo before; %s "          \
	"'%s/orphanctl' --socket '%s' top; echo \"left with $?\"; "    \
	"stty -a | grep -o ' .\\?icanon\\| .\\?echo ' | tr -d '\\n'; " \
	"echo; sleep 80"

static void raise_curtain(struct stage *stage, struct rig *rig, const char *environment)
{
	struct patience patience = rig__patience(DEADLINE);
	char play[8192];

	if (access("/usr/bin/tmux", X_OK))
		cr_skip_test("tmux is not installed");
	stage->rig = rig;
	snprintf(stage->socket, sizeof(stage->socket), "%s/tmux", rig__folder(rig));
	snprintf(play, sizeof(play), PLAY, environment, user__build(), rig__socket(rig));
	stage->server = user__begin(rig, "/usr/bin/tmux", "-D", "-u", "-f", "/dev/null", "-S",
				    stage->socket);
	while (tmux(stage, "new-session", "-d", "-x", "80", "-y", "24", "/bin/sh", "-c", play)
		       ->status) {
		if (!rig__retry(&patience))
			cr_assert_fail("tmux does not begin a session");
	}
}

static void drop_curtain(struct stage *stage)
{
	if (!stage->server)
		return;
	tmux(stage, "kill-server");
	rig__join(stage->server);
}

#define autostage __attribute__((cleanup(drop_curtain)))

static const char *look(struct stage *stage)
{
	return tmux(stage, "capture-pane", "-p")->out;
}

static void await(struct stage *stage, const char *text, bool there)
{
	struct patience patience = rig__patience(DEADLINE);

	while (!strstr(look(stage), text) == there) {
		if (!rig__retry(&patience))
			cr_assert_fail("'%s' is %s on the screen:\n%s", text,
				       there ? "not" : "still", look(stage));
	}
}

static void see(struct stage *stage, const char *text)
{
	await(stage, text, true);
}

static void see_no_more(struct stage *stage, const char *text)
{
	await(stage, text, false);
}

static void type(struct stage *stage, const char *key)
{
	said__done(tmux(stage, "send-keys", key));
}

/* The n-th row, from 0. */
static const char *row(struct stage *stage, unsigned n)
{
	const char *at = look(stage);
	static char text[1024];

	while (n-- && *at)
		at += strcspn(at, "\n") + 1;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(at, "\n"), at);
	return text;
}

/* What tmux itself says of its terminal. */
static void terminal_is(struct stage *stage, const char *format, const char *expected)
{
	struct patience patience = rig__patience(DEADLINE);

	while (strcmp(tmux(stage, "display-message", "-p", format)->out, expected) != 0) {
		if (!rig__retry(&patience))
			cr_assert_fail("%s is not %s", format, expected);
	}
}

#define FAMILY "sleep 80 & echo $!; sleep 81 & echo $!; wait"

static pid_t begin_family(struct rig *rig, const char *name)
{
	pid_t root =
		user__begin(rig, "orphanctl", "run", "--name", name, "--", "/bin/sh", "-c", FAMILY);

	user__pid(1);
	rig__await_members(rig, root, 3);
	return root;
}

/* ---- what is seen */

Test(top, an_incident_appears_as_it_happens)
{
	autorig struct rig *rig = rig__start();
	autostage struct stage stage = {};
	pid_t root = begin_family(rig, "night");
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", root);
	raise_curtain(&stage, rig, "");
	see(&stage, "night");
	see(&stage, "armed, 1 tree, 3 members");
	see(&stage, "incidents: 0");
	user__kill(root);
	see(&stage, "incidents: 1");
	see(&stage, "cleared night");
	see(&stage, pid);
	see(&stage, "SIGKILL from");
	see(&stage, "trees: 0");
	see(&stage, "of 1 incident");
	/* what show tells of it */
	type(&stage, "Tab");
	see(&stage, "> incidents");
	type(&stage, "Enter");
	see(&stage, "2 survivors:");
	see(&stage, "from the death to the last end");
	type(&stage, "Escape");
	see(&stage, "> incidents");
}

Test(top, a_trees_members_can_be_seen_and_spared)
{
	autorig struct rig *rig = rig__start();
	autostage struct stage stage = {};
	pid_t root = begin_family(rig, "night"), first = user__pid(0);
	char line[64], question[64];
	const struct said *said;

	snprintf(line, sizeof(line), "%d sleep 80", first);
	snprintf(question, sizeof(question), "spare pid %d", first);
	raise_curtain(&stage, rig, "");
	see(&stage, "night");
	type(&stage, "Enter");
	see(&stage, line);
	see(&stage, "sleep 81");
	/* the tree's own line, its root, its first child */
	type(&stage, "Down");
	type(&stage, "Down");
	type(&stage, "x");
	see(&stage, question);
	type(&stage, "n");
	see(&stage, "nobody was spared");
	cr_expect_null(strstr(user__ctl(rig, "tree", "1")->out, "[spared]"));
	type(&stage, "x");
	see(&stage, question);
	type(&stage, "y");
	see(&stage, "is left alone");
	see(&stage, "[spared]");
	said = user__ctl(rig, "tree", "1");
	said__done(said);
	snprintf(line, sizeof(line), "%d sleep 80 (root) [spared]", first);
	cr_expect(strstr(said->out, line), "%s", said->out);
	cr_expect_null(strstr(strstr(said->out, line) + strlen(line), "[spared]"), "%s", said->out);
	kill(first, SIGKILL);
	user__kill(root);
	json_object_put(user__closed(rig, root));
	/* what was seen of a tree that is no more stays, and why is said */
	see(&stage, "no such tree");
	see(&stage, "sleep 81");
}

Test(top, keys_sort_and_help)
{
	autorig struct rig *rig = rig__start();
	autostage struct stage stage = {};
	pid_t root = begin_family(rig, "night");

	raise_curtain(&stage, rig, "NO_COLOR=1");
	see(&stage, "trees: 1, by members");
	type(&stage, "s");
	see(&stage, "trees: 1, by change");
	type(&stage, "?");
	see(&stage, "sort by the next");
	type(&stage, "q");
	see_no_more(&stage, "sort by the next");
	type(&stage, "Tab");
	type(&stage, "s");
	see(&stage, "incidents: 0, by reaction");
	type(&stage, "x");
	see(&stage, "select a living process");
	user__kill(root);
}

/* ---- a hard life */

Test(top, the_screen_may_change_its_size)
{
	autorig struct rig *rig = rig__start();
	autostage struct stage stage = {};
	pid_t root = begin_family(rig, "night");
	static const char *const sizes[][2] = { { "12", "3" }, { "2", "1" }, { "200", "60" } };

	raise_curtain(&stage, rig, "");
	see(&stage, "night");
	said__done(tmux(&stage, "resize-window", "-x", "40", "-y", "10"));
	terminal_is(&stage, "#{pane_width}x#{pane_height}", "40x10\n");
	see_no_more(&stage, "USER");
	see(&stage, "night");
	cr_expect_eq(strncmp(row(&stage, 9), "? help", 6), 0, "%s", look(&stage));
	type(&stage, "Enter");
	see(&stage, "tree 1 night");
	type(&stage, "Down");
	type(&stage, "x");
	see(&stage, "spare pid");
	said__done(tmux(&stage, "resize-window", "-x", "60", "-y", "12"));
	/* which a width of 40 has no room for */
	see(&stage, "y/n");
	type(&stage, "n");
	see(&stage, "nobody was spared");
	for (size_t i = 0; i < COUNT(sizes); i++) {
		said__done(tmux(&stage, "resize-window", "-x", sizes[i][0], "-y", sizes[i][1]));
		type(&stage, i % 2 ? "Down" : "End");
	}
	type(&stage, "Escape");
	said__done(tmux(&stage, "resize-window", "-x", "80", "-y", "24"));
	see(&stage, "USER");
	see(&stage, "q quit");
	cr_expect_eq(strncmp(row(&stage, 23), "? help", 6), 0, "%s", look(&stage));
	user__kill(root);
}

Test(top, the_daemon_may_go_and_come_back)
{
	autorig struct rig *rig = rig__start();
	autostage struct stage stage = {};
	pid_t root = begin_family(rig, "night");

	raise_curtain(&stage, rig, "");
	see(&stage, "armed, 1 tree");
	see(&stage, "night");
	rig__daemon_stop(rig);
	see(&stage, "no daemon for");
	see(&stage, "night");
	rig__daemon_start(rig);
	see(&stage, "the daemon is back");
	see(&stage, "armed, 1 tree");
	rig__daemon_kill(rig);
	see(&stage, "no daemon for");
	rig__daemon_start(rig);
	see(&stage, "armed, 1 tree");
	user__kill(root);
	see(&stage, "cleared night");
}

/* Keys are heard while the daemon says nothing. */
Test(top, a_silent_daemon_holds_nobody_up)
{
	autorig struct rig *rig = rig__start();
	autostage struct stage stage = {};

	raise_curtain(&stage, rig, "");
	see(&stage, "armed");
	rig__daemon_halt(rig);
	see(&stage, "the daemon is silent");
	type(&stage, "?");
	see(&stage, "sort by the next");
	type(&stage, "Escape");
	rig__daemon_resume(rig);
	see(&stage, "armed");
	rig__daemon_halt(rig);
	type(&stage, "q");
	see(&stage, "left with 0");
	rig__daemon_resume(rig);
}

/* What a process calls itself moves no cursor, clears no screen, and turns no line. */
#define HOSTILE "exec -a $'\\e[2J\\e[10;10Hevil\\r\\u202e\\u2066\\u9b1' /bin/sleep 80"

Test(top, hostile_names_are_shown_and_not_obeyed)
{
	autorig struct rig *rig = rig__start();
	autostage struct stage stage = {};
	pid_t root = user__begin(rig, "/usr/bin/env", "LC_ALL=C.UTF-8", "/bin/bash", "-c", HOSTILE);
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", root);
	said__done(user__ctl(rig, "track", pid, "--name", "\u4e16\u754c\u202e"));
	raise_curtain(&stage, rig, "");
	see(&stage, "\u4e16\u754c\\xe2\\x80\\xae");
	see(&stage, "\\x1b[2J\\x1b[10;10Hevil");
	cr_expect(strstr(row(&stage, 4), pid), "%s", look(&stage));
	cr_expect_eq(strncmp(row(&stage, 13), "  incidents: 0", 14), 0, "%s", look(&stage));
	cr_expect_eq(strncmp(row(&stage, 23), "? help", 6), 0, "%s", look(&stage));
	type(&stage, "Enter");
	see(&stage, "tree 1 \u4e16\u754c\\xe2\\x80\\xae");
	see(&stage, "\\x1b[2J\\x1b[10;10Hevil");
	cr_expect_eq(strncmp(row(&stage, 23), "Esc back", 8), 0, "%s", look(&stage));
	kill(root, SIGKILL);
	rig__join(root);
}

/* ---- the end */

static void see_restored(struct stage *stage, const char *left)
{
	see(stage, left);
	see(stage, " icanon");
	see(stage, " echo");
	see(stage, "before");
	terminal_is(stage, "#{alternate_on} #{cursor_flag} #{keypad_flag}", "0 1 0\n");
}

Test(top, the_terminal_is_as_it_was)
{
	static const struct {
		const char *key; /* NULL: SIGTERM */
		const char *left;
	} ends[] = { { "q", "left with 0" },
		     { "Escape", "left with 0" },
		     { "C-c", "left with 130" },
		     { NULL, "left with 143" } };
	autorig struct rig *rig = rig__start();

	for (size_t i = 0; i < COUNT(ends); i++) {
		autostage struct stage stage = {};

		raise_curtain(&stage, rig, "");
		see(&stage, "armed");
		terminal_is(&stage, "#{alternate_on} #{cursor_flag}", "1 0\n");
		if (ends[i].key)
			type(&stage, ends[i].key);
		else
			kill(user__child((pid_t)strtol(tmux(&stage, "display-message", "-p",
							    "#{pane_pid}")
							       ->out,
						       NULL, 10),
					 "orphanctl"),
			     SIGTERM);
		see_restored(&stage, ends[i].left);
	}
}

/* ---- where there is no screen */

static void is_refused(struct rig *rig, const char *environment, const char *why, const char *left)
{
	autostage struct stage stage = {};

	raise_curtain(&stage, rig, environment);
	see(&stage, why);
	see(&stage, left);
}

Test(top, wants_a_terminal_that_it_knows)
{
	autorig struct rig *rig = rig__start();

	said__failed(user__ctl(rig, "top"), 2, "terminal");
	said__failed(user__ctl(rig, "--json", "top"), 2, "events --follow --json");
	is_refused(rig, "TERM=no-such-terminal", "TERM='no-such-terminal' is not known",
		   "left with 1");
	is_refused(rig, "TERM=dumb", "cannot place its cursor", "left with 1");
}

Test(top, wants_a_daemon_at_first)
{
	autorig struct rig *rig = rig__start(.bare = true);

	is_refused(rig, "", "no daemon at", "left with 3");
}
