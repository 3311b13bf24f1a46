// SPDX-License-Identifier: GPL-2.0
/* ring_test.c - the guard reads what has gathered, and yet nobody meets an old answer. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "rig.h"

/* The guard's between two readings. */
#define PAUSE (50 * NS_PER_MS)

TestSuite(ring, .timeout = 120);

/* How often the daemon has slept so far. */
static unsigned long sleeps(const struct rig *rig)
{
	autofclose FILE *file = NULL;
	unsigned long count = 0;
	char path[64], line[128];

	snprintf(path, sizeof(path), "/proc/%d/status", rig__daemon(rig));
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "voluntary_ctxt_switches: %lu", &count) == 1)
			break;
	}
	cr_assert(count, "%s tells of no switches", path);
	return count;
}

Test(ring, births_do_not_wake_the_guard_one_by_one)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL,
			      "as root gate 1 fork 10 { fork 50 { exit 0 } reap exit 0 } reap "
			      "as done sleep");
	unsigned long before, slept;
	uint64_t since, pauses;

	rig__meet(rig, "root", 1);
	before = sleeps(rig);
	since = clock__boottime();
	rig__open_gate(rig, 1);
	rig__meet(rig, "done", 1);
	rig__await_members(rig, root, 1);
	slept = sleeps(rig) - before;
	pauses = (clock__boottime() - since) / PAUSE;
	/* 1020 records. It may sleep for other reasons too, but not for each of them. */
	cr_expect_lt(slept, 300 + 2 * pauses, "it slept %lu times in %lu pauses", slept,
		     (unsigned long)pauses);
	cr_expect_eq(rig__counter(rig, "events_lost"), 0);
}

/* Whoever has told the test that it lives: its birth is in the ring. */
Test(ring, an_answer_knows_what_was_there_before_the_question)
{
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__run(rig, ON_KILL,
			 "as root gate 1 fork { as first sleep } gate 2 fork { as second sleep } "
			 "gate 3 fork { as third sleep } sleep");
	static const char *const roles[] = { "first", "second", "third" };
	struct control_tree_row row;

	rig__meet(rig, "root", 1);
	for (unsigned i = 0; i < 3; i++) {
		rig__open_gate(rig, i + 1);
		rig__meet(rig, roles[i], 1);
		cr_assert(rig__tree_of(rig, root, &row));
		cr_expect_eq(row.members, i + 2, "%u members when '%s' was there", row.members,
			     roles[i]);
	}
}
