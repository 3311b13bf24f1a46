// SPDX-License-Identifier: GPL-2.0
/* why_test.c - whoever a signal ends on this host can be asked about, watched or not. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "rig.h"

TestSuite(why, .timeout = 60);

/* How many deaths the daemon knows of that pid, and the last of them. */
static size_t deaths_of(struct rig *rig, pid_t pid, struct control_death_row *death)
{
	struct control_query query = {
		.head = { CONTROL_VERSION, CONTROL_WHY, sizeof(query) },
		.pid = (__u32)pid,
	};
	struct answer *answer = rig__ask(rig, &query, sizeof(query));
	size_t n = 0;

	cr_assert_eq(answer->status, 0, "%s", answer->text);
	for (size_t i = 0; i < answer->n; i++) {
		if (answer->row[i]->type != CONTROL_DEATH_ROW)
			continue;
		memcpy(death, answer->row[i], sizeof(*death));
		n++;
	}
	answer__free(answer);
	return n;
}

/* The same, once there is one. */
static struct control_death_row death_of(struct rig *rig, pid_t pid)
{
	struct patience patience = rig__patience(20);
	struct control_death_row death = {};

	while (!deaths_of(rig, pid, &death) && rig__retry(&patience))
		;
	cr_assert_eq(death.who.pid, (__u32)pid, "no word of the death of %d", pid);
	return death;
}

struct end_row {
	const char *name;
	const char *end; /* how it ends itself */
	int sig;	 /* or what the test sends it */
	enum cause_kind kind;
	enum cause_origin origin;
};

static const struct end_row ends[] = {
	{ "SIGKILL from somebody", "sleep", SIGKILL, CAUSE_KILL, ORIGIN_USER },
	{ "SIGTERM from somebody", "sleep", SIGTERM, CAUSE_SIGNAL, ORIGIN_USER },
	{ "a real-time signal", "sleep", 50, CAUSE_SIGNAL, ORIGIN_USER },
	{ "SIGTERM to itself", "raise TERM", 0, CAUSE_SIGNAL, ORIGIN_SELF },
	{ "a fault", "cores 0 segv", 0, CAUSE_CRASH, ORIGIN_KERNEL },
	{ "a broken pipe", "pipe", 0, CAUSE_SIGNAL, ORIGIN_KERNEL },
};

static void see_image(const struct control_image *image)
{
	cr_expect_str_eq(strrchr(image->exe, '/') + 1, "actor", "%s", image->exe);
	cr_expect_gt(image->args_len, 0);
	cr_expect_eq(image->uid, getuid());
}

static void see_end(struct rig *rig, const struct end_row *row)
{
	pid_t pid = rig__spawn(rig, "as one gate 1 %s", row->end);
	struct control_death_row death;
	int status;

	rig__meet(rig, "one", 1);
	rig__open_gate(rig, 1);
	if (row->sig)
		kill(pid, row->sig);
	status = rig__join(pid);
	death = death_of(rig, pid);
	cr_expect_eq(death.kind, (__u32)row->kind, "%s: kind %u", row->name, death.kind);
	cr_expect_eq(death.origin, (__u32)row->origin, "%s: origin %u", row->name, death.origin);
	cr_expect_eq(death.exit_code, (__u32)status, "%s", row->name);
	cr_expect_eq(death.tree, 0, "%s", row->name);
	see_image(&death.image);
	if (row->origin == ORIGIN_USER)
		cr_expect_eq(death.sender.who.pid, (__u32)getpid(), "%s", row->name);
}

Test(why, tells_of_strangers)
{
	autorig struct rig *rig = rig__start();

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		see_end(rig, &ends[i]);
		rig__next_play(rig);
	}
	cr_expect_eq(rig__counter(rig, "strangers_lost"), 0);
}

/* Whoever kills may be gone at once: what it ran, and who is above it, is read while it kills. */
Test(why, tells_of_a_sender_that_is_gone_and_of_all_above_it)
{
	autorig struct rig *rig = rig__start();
	struct control_death_row death;
	pid_t platform, killer;
	unsigned parent = 0, grandparent = 0;

	rig__spawn(rig, "as victim sleep");
	rig__meet(rig, "victim", 1);
	platform = rig__spawn(rig, "as platform fork { as killer gate 1 kill victim KILL exit 0 } "
				   "sleep");
	killer = rig__pid(rig, "killer");
	rig__open_gate(rig, 1);
	death = death_of(rig, rig__pid(rig, "victim"));
	cr_assert_eq(death.sender.who.pid, (__u32)killer);
	see_image(&death.sender_image);
	cr_assert_eq(sscanf(death.above, "%u %*u %*u %*[^\n] %u", &parent, &grandparent), 2);
	cr_expect_eq(parent, (unsigned)platform);
	cr_expect_eq(grandparent, (unsigned)getpid());
	cr_expect_not_null(strstr(death.above, "\n1 "), "up to init");
}

Test(why, tells_of_members_but_not_of_what_the_daemon_ended)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL,
			      "fork { as victim sleep } fork { as survivor sleep } as root sleep");
	pid_t victim = rig__pid(rig, "victim"), survivor = rig__pid(rig, "survivor");
	struct control_query query = {
		.head = { CONTROL_VERSION, CONTROL_WHY, sizeof(query) },
		.pid = (__u32)survivor,
	};
	struct control_death_row death;
	struct answer *answer;
	size_t survivors = 0;

	rig__meet(rig, "root", 1);
	kill(victim, SIGTERM);
	death = death_of(rig, victim);
	cr_expect_neq(death.tree, 0);
	cr_expect_eq(death.sender.who.pid, (__u32)getpid());
	see_image(&death.image);
	kill(root, SIGKILL);
	rig__closed(rig, root);
	death = death_of(rig, root);
	cr_expect_eq(death.kind, CAUSE_KILL);
	answer = rig__ask(rig, &query, sizeof(query));
	for (size_t i = 0; i < answer->n; i++) {
		cr_expect_neq(answer->row[i]->type, CONTROL_DEATH_ROW);
		survivors += answer->row[i]->type == CONTROL_SURVIVOR_ROW;
	}
	cr_expect_eq(survivors, 1);
	answer__free(answer);
}

/* Many threads come to their ends at once: one process is told of, once. */
Test(why, tells_of_a_process_of_many_threads_once)
{
	autorig struct rig *rig = rig__start();
	pid_t pid = rig__spawn(rig, "thread 16 { sleep } as one sleep");
	struct control_death_row death;

	rig__meet(rig, "one", 1);
	kill(pid, SIGKILL);
	rig__join(pid);
	death_of(rig, pid);
	cr_expect_eq(deaths_of(rig, pid, &death), 1);
}

/* What only strangers need shall not take the room that families do. */
Test(why, a_storm_of_strangers_costs_no_member)
{
	autorig struct rig *rig = rig__start(.ring = "64K");
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");

	rig__meet(rig, "root", 1);
	rig__meet(rig, "stray", 1);
	rig__daemon_halt(rig);
	rig__spawn(rig, "fork 300 { raise KILL } reap as done sleep");
	rig__meet(rig, "done", 1);
	kill(root, SIGKILL);
	rig__join(root);
	rig__daemon_resume(rig);
	cr_expect_eq(rig__closed(rig, root)->n, 1);
	cr_expect_eq(rig__counter(rig, "events_lost"), 0);
	cr_expect_gt(rig__counter(rig, "strangers_lost"), 0);
}

Test(why, a_user_is_told_of_its_own)
{
	autorig struct rig *rig = rig__start();
	pid_t pid = rig__spawn(rig, "as one sleep");
	struct control_query query = {
		.head = { CONTROL_VERSION, CONTROL_WHY, sizeof(query) },
		.pid = (__u32)pid,
	};
	struct answer *answer;

	rig__meet(rig, "one", 1);
	kill(pid, SIGKILL);
	rig__join(pid);
	death_of(rig, pid);
	rig__be(rig, NOBODY);
	answer = rig__ask(rig, &query, sizeof(query));
	cr_assert_eq(answer->status, 0);
	for (size_t i = 0; i < answer->n; i++)
		cr_expect_eq(answer->row[i]->type, CONTROL_HOST_ROW);
	answer__free(answer);
}
