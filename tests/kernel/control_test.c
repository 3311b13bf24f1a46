// SPDX-License-Identifier: GPL-2.0
/* control_test.c - who may ask for what, and what becomes of those who ask for nonsense. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"
#include "rig.h"

static void assert_serving(struct rig *rig)
{
	struct answer *answer = rig__list(rig);

	cr_assert_eq(answer->status, 0, "the daemon does not go on");
	answer__free(answer);
}

/* ---- processes that can't be watched */

static pid_t a_kernel_thread(void)
{
	char parent[32];

	for (pid_t pid = 2; pid < 200; pid++) {
		if (rig__proc(pid, "PPid", parent, sizeof(parent)) && atoi(parent) == 2)
			return pid;
	}
	cr_skip_test("this machine shows no kernel threads");
	return 0;
}

static void assert_refused(struct rig *rig, pid_t pid, int error)
{
	cr_assert_eq(rig__track(rig, pid, ON_KILL, ""), -error, "process %d", pid);
	cr_assert_neq(*rig__why(rig), '\0', "the reason is told");
	cr_assert_null(strchr(rig__why(rig), '\n'), "in one line");
	cr_assert_eq(kill(pid > 0 ? pid : getpid(), 0) && errno != ESRCH, 0);
	assert_serving(rig);
}

Test(refusal, of_a_process_that_is_not_there)
{
	autorig struct rig *rig = rig__start();
	pid_t past = rig__spawn(rig, "exit 0");

	rig__join(past);
	assert_refused(rig, past, ESRCH);
	assert_refused(rig, 0x7fffffff, ESRCH);
	assert_refused(rig, -1, ESRCH);
}

Test(refusal, of_a_zombie)
{
	autorig struct rig *rig = rig__start();
	pid_t dead;

	dead = rig__spawn(rig, "as dead exit 0");
	rig__meet(rig, "dead", 1);
	cr_assert(rig__all_gone(rig__meet(rig, "dead", 1)));
	assert_refused(rig, dead, ESRCH);
}

Test(refusal, of_a_thread_that_leads_no_process)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__spawn(rig, "thread { sleep } as root sleep");
	struct patience patience = rig__patience(10);
	char path[64];
	pid_t thread = 0;

	rig__meet(rig, "root", 1);
	snprintf(path, sizeof(path), "/proc/%d/task", root);
	while (!thread) {
		autoclosedir DIR *dir = opendir(path);
		const struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != root)
				thread = atoi(entry->d_name);
		}
		cr_assert(thread || rig__retry(&patience));
	}
	assert_refused(rig, thread, ESRCH);
}

Test(refusal, of_init)
{
	autorig struct rig *rig = rig__start();

	assert_refused(rig, 1, EPERM);
}

Test(refusal, of_a_kernel_thread)
{
	autorig struct rig *rig = rig__start();

	assert_refused(rig, a_kernel_thread(), EPERM);
}

Test(refusal, of_the_daemon_and_those_above_it)
{
	autorig struct rig *rig = rig__start();

	assert_refused(rig, rig__daemon(rig), EPERM);
	assert_refused(rig, getpid(), EPERM);
	assert_refused(rig, getppid(), EPERM);
}

Test(refusal, of_what_is_watched_already)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "as root sleep");

	rig__meet(rig, "root", 1);
	cr_assert_eq(rig__track(rig, root, ON_KILL, ""), -EEXIST, "%s", rig__why(rig));
	assert_serving(rig);
}

Test(refusal, of_untrack_and_spare_where_nothing_is_watched)
{
	autorig struct rig *rig = rig__start();
	pid_t free_one = rig__spawn(rig, "as free sleep");

	rig__meet(rig, "free", 1);
	cr_assert_lt(rig__untrack(rig, free_one), 0);
	cr_assert_neq(*rig__why(rig), '\0');
	cr_assert_lt(rig__spare(rig, free_one), 0);
	cr_assert_neq(*rig__why(rig), '\0');
	assert_serving(rig);
	cr_assert(rig__all_live(rig__meet(rig, "free", 1)));
}

Test(refusal, of_a_policy_without_meaning)
{
	static const struct {
		const char *name;
		struct policy policy;
	} policies[] = {
		{ "no cause", { .signal = SIGKILL } },
		{ "an unknown cause", { .on = 1 << CAUSE_KINDS, .signal = SIGKILL } },
		{ "no signal", { .on = ON(KILL) } },
		{ "an unknown signal", { .on = ON(KILL), .signal = 65 } },
		{ "an unknown flag", { .on = ON(KILL), .signal = SIGKILL, .flags = 1U << 31 } },
	};
	autorig struct rig *rig = rig__start();
	pid_t root = rig__spawn(rig, "as root sleep");

	rig__meet(rig, "root", 1);
	for (size_t i = 0; i < sizeof(policies) / sizeof(*policies); i++) {
		cr_expect_eq(rig__track(rig, root, &policies[i].policy, ""), -EINVAL, "%s",
			     policies[i].name);
		cr_expect_neq(*rig__why(rig), '\0', "%s", policies[i].name);
	}
	assert_serving(rig);
}

/* ---- users */

Test(users, one_can_not_watch_anothers)
{
	autorig struct rig *rig = rig__start();
	pid_t roots = rig__spawn(rig, "as root sleep");
	pid_t mine = rig__spawn(rig, "uid %d as mine sleep", NOBODY);

	rig__meet(rig, "root", 1);
	rig__meet(rig, "mine", 1);
	rig__be(rig, NOBODY);
	cr_assert_eq(rig__track(rig, roots, ON_KILL, ""), -EPERM, "%s", rig__why(rig));
	cr_assert_neq(*rig__why(rig), '\0');
	cr_assert_gt(rig__track(rig, mine, ON_KILL, ""), 0, "%s", rig__why(rig));
	rig__be(rig, 0);
	assert_serving(rig);
}

Test(users, one_can_not_let_go_or_spare_anothers)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");
	pid_t stray = rig__pid(rig, "stray");

	rig__be(rig, NOBODY);
	cr_assert_lt(rig__untrack(rig, root), 0);
	cr_assert_lt(rig__spare(rig, stray), 0);
	rig__be(rig, 0);
	kill(root, SIGKILL);
	rig__closed(rig, root);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
}

Test(users, one_sees_only_ones_own)
{
	autorig struct rig *rig = rig__start();
	pid_t roots = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");
	struct control_tree_row row;
	struct answer *answer;
	pid_t mine;

	rig__pid(rig, "stray");
	rig__be(rig, NOBODY);
	mine = rig__run(rig, ON_KILL, "fork { as own sleep } as mine sleep");
	rig__meet(rig, "own", 1);
	cr_assert(rig__tree_of(rig, mine, &row));
	cr_assert_eq(row.owner, NOBODY);
	cr_assert_not(rig__tree_of(rig, roots, &row));
	answer = rig__members(rig, roots);
	cr_assert_lt(answer->status, 0);
	cr_assert_eq(answer->n, 0, "nor its members");
	answer__free(answer);
	kill(roots, SIGKILL);
	kill(mine, SIGKILL);
	rig__closed(rig, mine);
	cr_assert_eq(rig__incidents(rig, roots), 0, "nor its incidents");
	rig__be(rig, 0);
	rig__closed(rig, roots);
	cr_assert_eq(rig__incidents(rig, mine), 1, "root sees all");
}

/* A user's tree may hold processes that the user could not signal: a set-uid program's. */
Test(users, nothing_of_somebody_else_is_signalled)
{
	autorig struct rig *rig = rig__start();
	const struct control_survivor_row *foreign;
	const struct incident *incident;
	pid_t root;

	/* Root starts it, for only root can make a family of two users; the user asks for it. */
	root = rig__spawn(rig,
			  "fork { fork { uid %d as own sleep } as foreign sleep } await own 1 "
			  "await foreign 1 uid %d as mine gate 1 fork { as late sleep } sleep",
			  NOBODY, NOBODY);
	rig__meet(rig, "mine", 1);
	rig__be(rig, NOBODY);
	cr_assert_gt(rig__track(rig, root, ON_KILL, ""), 0, "%s", rig__why(rig));
	rig__open_gate(rig, 1);
	rig__meet(rig, "late", 1);
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "late", 1)));
	cr_assert(rig__all_gone(rig__meet(rig, "own", 1)));
	rig__be(rig, 0);
	incident = rig__closed(rig, root);
	cr_assert(rig__all_live(rig__meet(rig, "foreign", 1)));
	foreign = incident__survivor(incident, rig__pid(rig, "foreign"));
	cr_assert_eq(foreign->outcome, SURVIVOR_SPARED);
	cr_assert_eq(foreign->first.at, 0);
	cr_assert_neq(*foreign->reason, '\0');
}

/* ---- letting go */

Test(control, untrack_signals_nobody_then_or_later)
{
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__run(rig, ON_KILL,
			 "fork { as stray sleep } gate 1 fork { as late sleep } as root sleep");

	rig__meet(rig, "stray", 1);
	cr_assert_eq(rig__untrack(rig, root), 0, "%s", rig__why(rig));
	rig__open_gate(rig, 1);
	rig__meet(rig, "late", 1);
	cr_assert_not(rig__tree_of(rig, root, &(struct control_tree_row){}));
	kill(root, SIGKILL);
	rig__join(root);
	assert_serving(rig);
	/* The same can be watched again: what was let go is known no more. */
	cr_assert_gt(rig__track(rig, rig__pid(rig, "stray"), ON_KILL, ""), 0, "%s", rig__why(rig));
	cr_assert_eq(rig__incidents(rig, root), 0);
	cr_assert(rig__all_live(rig__meet(rig, "stray", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "late", 1)));
}

Test(control, a_spared_member_lives_and_so_does_what_it_starts)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL,
			      "fork { as spared gate 1 fork { as born sleep } sleep } "
			      "fork { as stray sleep } as root sleep");
	pid_t spared = rig__pid(rig, "spared");
	const struct incident *incident;

	rig__meet(rig, "stray", 1);
	cr_assert_eq(rig__spare(rig, spared), 0, "%s", rig__why(rig));
	rig__open_gate(rig, 1);
	rig__meet(rig, "born", 1);
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "spared", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "born", 1)));
	cr_assert_eq(incident__survivor(incident, spared)->outcome, SURVIVOR_SPARED);
	cr_assert_eq(incident__survivor(incident, spared)->first.at, 0);
	cr_assert_eq(incident__survivor(incident, rig__pid(rig, "stray"))->outcome,
		     SURVIVOR_KILLED);
}

Test(control, when_all_are_spared_so_is_the_incident)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as spared sleep } as root sleep");

	cr_assert_eq(rig__spare(rig, rig__pid(rig, "spared")), 0, "%s", rig__why(rig));
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->row.outcome, INCIDENT_SPARED);
	cr_assert(rig__all_live(rig__meet(rig, "spared", 1)));
}

/* ---- looking */

Test(control, list_and_tree_tell_the_family)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__spawn(
		rig, "as root gate 1 fork { as child fork { as grandchild sleep } sleep } sleep");
	struct control_proc_row member;
	struct control_tree_row tree;
	int id;

	rig__meet(rig, "root", 1);
	id = rig__track(rig, root,
			POLICY(.on = ON(KILL) | ON(ERROR), .signal = SIGTERM, .grace = 7), "named");
	cr_assert_gt(id, 0, "%s", rig__why(rig));
	rig__open_gate(rig, 1);
	rig__meet(rig, "grandchild", 1);
	rig__await_members(rig, root, 3);
	cr_assert(rig__tree_of(rig, root, &tree));
	cr_expect_eq(tree.id, (__u32)id);
	cr_expect_str_eq(tree.name, "named");
	cr_expect_eq(tree.root_alive, 1);
	cr_expect_eq(tree.owner, 0);
	cr_expect_eq(tree.policy.on, ON(KILL) | ON(ERROR));
	cr_expect_eq(tree.policy.signal, SIGTERM);
	cr_expect_eq(tree.policy.grace, 7);
	cr_expect(strstr(tree.image.exe, "/actor"), "%s", tree.image.exe);
	cr_assert(rig__member(rig, root, rig__pid(rig, "grandchild"), &member));
	cr_expect_eq(member.parent.pid, (__u32)rig__pid(rig, "child"));
	cr_expect_eq(member.above.pid, (__u32)rig__pid(rig, "child"));
	cr_assert(rig__member(rig, root, root, &member));
	cr_expect_eq(member.above.pid, 0);
}

/* ---- nonsense on the socket */

struct packet {
	const char *name;
	unsigned version, type, size; /* as its head has them */
	unsigned length;	      /* as it is sent */
};

#define LENGTH_OF(type) (unsigned)sizeof(struct type)

static const struct packet packets[] = {
	{ "empty", 0, 0, 0, 0 },
	{ "one byte", 1, 0, 0, 1 },
	{ "half a head", CONTROL_VERSION, CONTROL_LIST, 4, 4 },
	{ "a head alone", CONTROL_VERSION, CONTROL_LIST, 8, 8 },
	{ "a request cut short", CONTROL_VERSION, CONTROL_TRACK, LENGTH_OF(control_track),
	  LENGTH_OF(control_track) - 1 },
	{ "a request that says it is short", CONTROL_VERSION, CONTROL_TRACK, 20,
	  LENGTH_OF(control_track) },
	{ "a request that says it is huge", CONTROL_VERSION, CONTROL_LIST, 0xffffffff,
	  LENGTH_OF(control_target) },
	{ "a request of the size of another", CONTROL_VERSION, CONTROL_TRACK,
	  LENGTH_OF(control_target), LENGTH_OF(control_target) },
	{ "a request with a tail", CONTROL_VERSION, CONTROL_LIST, LENGTH_OF(control_target) + 1,
	  LENGTH_OF(control_target) + 1 },
	{ "very long", CONTROL_VERSION, CONTROL_LIST, 60000, 60000 },
	{ "another version", CONTROL_VERSION + 1, CONTROL_LIST, LENGTH_OF(control_target),
	  LENGTH_OF(control_target) },
	{ "no version", 0, CONTROL_LIST, LENGTH_OF(control_target), LENGTH_OF(control_target) },
	{ "an unknown type", CONTROL_VERSION, 63, LENGTH_OF(control_target),
	  LENGTH_OF(control_target) },
	{ "an answer", CONTROL_VERSION, CONTROL_END, LENGTH_OF(control_end),
	  LENGTH_OF(control_end) },
};

/* Either one refusal in words or the end of the connection; and the daemon goes on. */
static void send_one(struct rig *rig, const struct packet *packet)
{
	struct control_head head = { (__u16)packet->version, (__u16)packet->type, packet->size };
	static char room[65536];
	struct answer *answer;
	int fd = rig__connect(rig);

	memcpy(room, &head, packet->length < sizeof(head) ? packet->length : sizeof(head));
	cr_assert_eq(send(fd, room, packet->length, MSG_NOSIGNAL), (ssize_t)packet->length);
	shutdown(fd, SHUT_WR);
	answer = rig__read(fd);
	cr_assert_lt(answer->status, 0, "%s", packet->name);
	cr_assert(answer->status == -ECONNRESET || *answer->text, "%s", packet->name);
	cr_assert_eq(answer->n, 0, "%s", packet->name);
	answer__free(answer);
	close(fd);
	assert_serving(rig);
}

Test(nonsense, is_refused)
{
	autorig struct rig *rig = rig__start();

	for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++)
		send_one(rig, &packets[i]);
}

Test(nonsense, at_random_does_no_harm)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");
	char packet[512];

	rig__meet(rig, "stray", 1);
	srandom(20261122);
	for (int i = 0; i < 1000; i++) {
		size_t length = (size_t)random() % sizeof(packet);
		struct control_head *head = (struct control_head *)packet;
		int fd = rig__connect(rig);

		for (size_t at = 0; at < sizeof(packet); at++)
			packet[at] = (char)random();
		if (i % 2) { /* every other one gets past the first look, and asks for no change */
			head->version = CONTROL_VERSION;
			head->type = (__u16)(CONTROL_LIST + random() % 6);
			head->size = (__u32)length;
		}
		send(fd, packet, length, MSG_NOSIGNAL);
		close(fd);
	}
	assert_serving(rig);
	cr_assert(rig__all_live(rig__meet(rig, "root", 1)));
	kill(root, SIGKILL);
	rig__closed(rig, root);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
}

/* Names and words that do not end within their field. */
Test(nonsense, strings_without_an_end)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__spawn(rig, "as root sleep");
	struct control_track track = {
		.head = { CONTROL_VERSION, CONTROL_TRACK, sizeof(track) },
		.policy = *ON_KILL,
	};
	struct control_query query = { .head = { CONTROL_VERSION, CONTROL_INCIDENTS,
						 sizeof(query) } };

	rig__meet(rig, "root", 1);
	track.pid = (__u32)root;
	memset(track.name, 'x', sizeof(track.name));
	answer__free(rig__ask(rig, &track, sizeof(track)));
	assert_serving(rig);
	memset(query.id, 'x', sizeof(query.id));
	memset(query.rule, 'x', sizeof(query.rule));
	memset(query.outcome, 'x', sizeof(query.outcome));
	answer__free(rig__ask(rig, &query, sizeof(query)));
	assert_serving(rig);
}

/* Clients that never ask, never read or never go. */
Test(nonsense, idle_clients_hold_up_nobody)
{
	autorig struct rig *rig = rig__start();
	struct control_query query = { .head = { CONTROL_VERSION, CONTROL_EVENTS, sizeof(query) },
				       .follow = 1 };
	pid_t root = rig__run(rig, ON_KILL, "fork 200 { as stray sleep } as root sleep");
	int silent[20], deaf[4];

	rig__meet(rig, "stray", 200);
	for (size_t i = 0; i < sizeof(silent) / sizeof(*silent); i++)
		silent[i] = rig__connect(rig);
	for (size_t i = 0; i < sizeof(deaf) / sizeof(*deaf); i++) {
		deaf[i] = rig__connect(rig);
		cr_assert_eq(send(deaf[i], &query, sizeof(query), MSG_NOSIGNAL), sizeof(query));
	}
	kill(root, SIGKILL);
	rig__closed(rig, root);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 200)));
	for (size_t i = 0; i < sizeof(silent) / sizeof(*silent); i++)
		close(silent[i]);
	for (size_t i = 0; i < sizeof(deaf) / sizeof(*deaf); i++)
		close(deaf[i]);
	assert_serving(rig);
}

Test(control, one_connection_may_ask_many_times)
{
	autorig struct rig *rig = rig__start();
	struct control_target list = { .head = { CONTROL_VERSION, CONTROL_LIST, sizeof(list) } };
	int fd = rig__connect(rig);

	for (int i = 0; i < 100; i++) {
		struct answer *answer;

		cr_assert_eq(send(fd, &list, sizeof(list), MSG_NOSIGNAL), sizeof(list));
		answer = rig__read(fd);
		cr_assert_eq(answer->status, 0);
		answer__free(answer);
	}
	close(fd);
}
