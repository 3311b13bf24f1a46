// SPDX-License-Identifier: GPL-2.0
/* scope_test.c - with scope: any the end of a member counts for what is under that member. */
#include <criterion/criterion.h>
#include <signal.h>

#include "rig.h"

#define ANY(kinds) POLICY(.on = (kinds), .signal = SIGKILL, .flags = TREE_ANY)

/* What subprocess.run(timeout=...) does: it kills its shell, not what the shell had started. */
Test(scope, a_killed_shell_takes_its_descendants_along)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(
		rig, ANY(ON(KILL)),
		"fork { as shell fork { as job fork { setsid as job sleep } sleep } sleep } "
		"fork { as other fork { as other sleep } sleep } as root reap sleep");
	const struct band *jobs = rig__meet(rig, "job", 2);
	const struct band *others = rig__meet(rig, "other", 2);
	pid_t shell = rig__pid(rig, "shell");
	const struct incident *incident;
	struct control_tree_row tree;

	kill(shell, SIGKILL);
	incident = rig__closed(rig, shell);
	cr_assert(rig__all_gone(jobs));
	cr_assert(rig__all_live(others));
	cr_assert(rig__all_live(rig__meet(rig, "root", 1)));
	cr_assert_eq(incident->n, 2);
	cr_assert_eq(incident->row.parent.pid, (__u32)root);
	cr_assert_eq(incident->row.outcome, INCIDENT_CLEARED);
	cr_assert(rig__tree_of(rig, root, &tree));
	cr_assert_eq(tree.members, 3, "the root and the others stay watched");
}

Test(scope, a_descendant_whose_parent_is_dead_is_found)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(
		rig, ANY(ON(KILL)),
		"fork { as shell fork { fork { setsid orphaned as job sleep } } reap sleep } "
		"as root sleep");
	const struct band *job = rig__meet(rig, "job", 1);

	kill(rig__pid(rig, "shell"), SIGKILL);
	cr_assert(rig__all_gone(job));
	cr_assert(rig__all_live(rig__meet(rig, "root", 1)));
	cr_assert_eq(rig__incidents(rig, root), 0);
}

Test(scope, a_member_without_descendants_is_no_incident)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ANY(ON(KILL)),
			      "fork { as lonely sleep } fork { as other sleep } as root sleep");
	pid_t lonely = rig__pid(rig, "lonely");

	rig__meet(rig, "other", 1);
	kill(lonely, SIGKILL);
	rig__await_event(rig, EVENT_PROCESS_EXITED, lonely);
	rig__await_members(rig, root, 2);
	cr_assert_eq(rig__incidents(rig, lonely), 0);
	cr_assert(rig__all_live(rig__meet(rig, "other", 1)));
}

Test(scope, a_member_that_ends_otherwise_leaves_its_descendants)
{
	autorig struct rig *rig = rig__start();

	rig__run(rig, ANY(ON(KILL)),
		 "fork { as shell fork { as job sleep } await job 1 gate 1 exit 3 } as root sleep");
	rig__meet(rig, "job", 1);
	rig__open_gate(rig, 1);
	rig__await_event(rig, EVENT_PROCESS_EXITED, rig__pid(rig, "shell"));
	cr_assert_eq(rig__incidents(rig, rig__pid(rig, "shell")), 0);
	cr_assert(rig__all_live(rig__meet(rig, "job", 1)));
}

Test(scope, an_error_counts_where_errors_do)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident;
	pid_t shell;

	rig__run(rig, ANY(ON(ERROR)),
		 "fork { as shell fork { as job sleep } await job 1 gate 1 exit 3 } as root sleep");
	rig__meet(rig, "job", 1);
	shell = rig__pid(rig, "shell");
	rig__open_gate(rig, 1);
	incident = rig__closed(rig, shell);
	cr_assert_eq(incident->row.kind, CAUSE_ERROR);
	cr_assert_eq(incident->row.exit_code, 3 << 8);
	cr_assert(rig__all_gone(rig__meet(rig, "job", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "root", 1)));
}

Test(scope, the_roots_own_death_counts_as_ever)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ANY(ON(KILL)),
			      "fork 2 { fork { as job sleep } as shell sleep } sleep");

	rig__meet(rig, "job", 2);
	rig__meet(rig, "shell", 2);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->n, 4);
	cr_assert_eq(rig__closed(rig, root)->row.outcome, INCIDENT_CLEARED);
	cr_assert(rig__all_gone(rig__everyone(rig)));
}

/* With scope: root the same is nobody's business. */
Test(scope, of_the_root_alone_by_default)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL,
			      "fork { as shell fork { as job sleep } sleep } as root sleep");
	const struct band *job = rig__meet(rig, "job", 1);
	pid_t shell = rig__pid(rig, "shell");

	kill(shell, SIGKILL);
	rig__await_event(rig, EVENT_PROCESS_EXITED, shell);
	cr_assert_eq(rig__incidents(rig, shell), 0);
	cr_assert(rig__all_live(job));
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->n, 1, "the orphan is a member all the same");
	cr_assert(rig__all_gone(job));
}
