// SPDX-License-Identifier: GPL-2.0
/* full_test.c - more members than the map has room for: they are held otherwise, and none is lost. */
#include <criterion/criterion.h>
#include <signal.h>

#include "rig.h"

#define ROOM 16 /* the least that limits.processes may be */

TestSuite(full, .timeout = 60);

Test(full, members_without_an_entry_end_with_their_root)
{
	autorig struct rig *rig = rig__start(.processes = ROOM);
	pid_t root = rig__run(rig, ON_KILL, "fork %d { as child sleep } sleep", 2 * ROOM);
	const struct band *children = rig__meet(rig, "child", 2 * ROOM);
	const struct incident *incident;

	rig__await_members(rig, root, 2 * ROOM + 1);
	cr_assert_gt(rig__counter(rig, "members_full"), 0);
	cr_assert(rig__log_has(rig, "is held without an entry"));
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(children));
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.outcome, INCIDENT_CLEARED, "outcome %u", incident->row.outcome);
	cr_expect_eq(incident->n, 2 * ROOM);
}

Test(full, whoever_is_held_is_entered_when_there_is_room)
{
	autorig struct rig *rig = rig__start(.processes = ROOM);
	pid_t root = rig__run(
		rig, ON_KILL,
		"fork %d { gate 1 } fork 4 { gate 2 fork { as grandchild sleep } sleep } sleep",
		ROOM);
	const struct band *grandchildren;

	rig__await_members(rig, root, ROOM + 5);
	rig__open_gate(rig, 1); /* the first have made room */
	rig__await_members(rig, root, 5);
	rig__open_gate(rig, 2);
	grandchildren = rig__meet(rig, "grandchild", 4);
	rig__await_members(rig, root, 9);
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(grandchildren));
	cr_expect_eq(rig__closed(rig, root)->row.outcome, INCIDENT_CLEARED);
}

Test(full, a_bystander_is_nobody_s_member)
{
	autorig struct rig *rig = rig__start(.processes = ROOM);
	pid_t root = rig__run(rig, ON_KILL, "fork %d { as child sleep } sleep", 2 * ROOM);
	const struct band *bystanders;

	rig__spawn(rig, "fork 4 { as bystander sleep } sleep");
	bystanders = rig__meet(rig, "bystander", 4);
	rig__await_members(rig, root, 2 * ROOM + 1);
	kill(root, SIGKILL);
	rig__closed(rig, root);
	cr_assert(rig__all_live(bystanders));
}
