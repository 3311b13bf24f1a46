// SPDX-License-Identifier: GPL-2.0
/* spare_test.c - whom a rule leaves alone, and why. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig.h"

TestSuite(spare, .timeout = 40);

static struct rig *start_sparing(const char *spare)
{
	struct rig *rig = rig__start(.bare = true);

	rig__configure(rig,
		       "watch:\n"
		       "  - name: jobs\n"
		       "    match: { exe: ['%s/prog*'], args: ['*as root*'] }\n"
		       "    spare: [%s]\n",
		       rig__folder(rig), spare);
	rig__daemon_start(rig);
	return rig;
}

static const struct incident *end_root(struct rig *rig, pid_t root)
{
	rig__meet(rig, "root", 1);
	kill(root, SIGKILL);
	return rig__closed(rig, root);
}

static void see_spared(const struct incident *incident, const struct band *band, const char *why)
{
	for (size_t i = 0; i < band->n; i++) {
		const struct control_survivor_row *survivor =
			incident__survivor(incident, band->one[i].pid);

		cr_assert(survivor, "pid %d", band->one[i].pid);
		cr_expect_eq(survivor->outcome, SURVIVOR_SPARED);
		cr_expect_str_eq(survivor->reason, why);
		cr_expect_eq(survivor->first.at, 0);
	}
	cr_expect(rig__all_live(band));
	cr_expect_eq(incident->row.outcome, INCIDENT_SPARED);
}

Test(spare, by_a_match_with_all_that_is_under_it)
{
	autorig struct rig *rig = start_sparing("{ args: ['*as kept sleep'] }");
	pid_t root = rig__spawn(
		rig,
		"become { %s fork { become { %s fork { as under sleep } as kept sleep } } "
		"fork 3 { as stray sleep } as root sleep }",
		rig__own_program(rig), rig__own_program(rig));
	const struct band *kept = rig__meet(rig, "kept", 1), *under = rig__meet(rig, "under", 1);
	const struct band *strays = rig__meet(rig, "stray", 3);
	const struct incident *incident;

	rig__await_event(rig, EVENT_PROCESS_EXECUTED, kept->one[0].pid);
	incident = end_root(rig, root);
	see_spared(incident, kept, "the rule's spare list");
	see_spared(incident, under, "the rule's spare list");
	cr_assert(rig__all_gone(strays));
	rig__await_counter(rig, "processes", 0);
	rig__await_entries(rig, "members", 0);
}

/* It goes on bearing while its tree is condemned: none of its children is struck at birth. */
Test(spare, what_a_spared_one_starts_meanwhile_lives)
{
	autorig struct rig *rig = start_sparing("{ args: ['*as kept sleep'] }");
	pid_t root = rig__spawn(
		rig,
		"become { %s fork { become { %s fork { storm } as kept sleep } } fork { storm } "
		"as root sleep }",
		rig__own_program(rig), rig__own_program(rig));
	const struct band *kept = rig__meet(rig, "kept", 1);

	rig__await_event(rig, EVENT_PROCESS_EXECUTED, kept->one[0].pid);
	rig__await_births(rig, 50);
	end_root(rig, root);
	cr_assert(rig__all_live(kept));
	rig__await_births(rig, 50);
}

/* In a session of its own, and reparented before the death: nobody else. */
Test(spare, the_detached)
{
	autorig struct rig *rig = start_sparing("detached");
	pid_t root = rig__run_program(
		rig,
		"fork { setsid fork { fork { as under sleep } orphaned as detached sleep } exit 0 } "
		"fork { setsid as own sleep } fork { fork { orphaned as lost sleep } exit 0 } "
		"as root sleep");
	const struct band *detached, *under, *own, *lost;
	const struct incident *incident;

	detached = rig__meet(rig, "detached", 1);
	under = rig__meet(rig, "under", 1);
	own = rig__meet(rig, "own", 1);
	lost = rig__meet(rig, "lost", 1);
	incident = end_root(rig, root);
	see_spared(incident, detached, "detached before the death");
	see_spared(incident, under, "detached before the death");
	cr_expect(rig__all_gone(own), "a session of its own, but the root's child");
	cr_expect(rig__all_gone(lost), "without a parent, but in the root's session");
}

/* Its own word counts where the rule says so. */
static void see_cookie(const char *spare, bool counts)
{
	autorig struct rig *rig = start_sparing(spare);
	pid_t root = rig__spawn(
		rig,
		"become { %s fork { become { /usr/bin/env ORPHAND_SPARE=1 %s as kept sleep } } "
		"fork { become { /usr/bin/env ORPHAND_SPARE=10 %s as stray sleep } } as root sleep }",
		rig__own_program(rig), rig__own_program(rig), rig__own_program(rig));
	const struct band *kept = rig__meet(rig, "kept", 1), *stray = rig__meet(rig, "stray", 1);
	const struct incident *incident = end_root(rig, root);

	if (counts)
		see_spared(incident, kept, "it asks for it: ORPHAND_SPARE=1");
	else
		cr_expect(rig__all_gone(kept));
	cr_expect(rig__all_gone(stray));
}

Test(spare, who_says_so_itself)
{
	see_cookie("cookie", true);
}

Test(spare, nobody_who_says_so_where_the_rule_does_not)
{
	see_cookie("detached", false);
}

Test(spare, who_moved_into_another_unit)
{
	autorig struct rig *rig = start_sparing("unit");
	char group[200], root_unit[256], other_unit[256];
	const struct band *moved, *stray;
	const struct incident *incident;
	pid_t root;

	if (!rig__make_group(rig, NULL, "cgroup.procs", group, sizeof(group)))
		cr_skip_test("there is no cgroup v2");
	snprintf(root_unit, sizeof(root_unit), "%s/jobs.scope", group);
	snprintf(other_unit, sizeof(other_unit), "%s/other.scope", group);
	cr_assert_eq(mkdir(root_unit, 0755), 0);
	cr_assert_eq(mkdir(other_unit, 0755), 0);
	root = rig__spawn(
		rig,
		"become { %s join %s fork { join %s fork { as moved sleep } as moved sleep "
		"} fork { as stray sleep } as root sleep }",
		rig__own_program(rig), root_unit, other_unit);
	moved = rig__meet(rig, "moved", 2);
	stray = rig__meet(rig, "stray", 1);
	incident = end_root(rig, root);
	see_spared(incident, moved, "moved into another unit");
	cr_expect(rig__all_gone(stray), "the root's own unit, which it had joined after its exec");
}

/* When the list is lost, nobody is sure any more. */
Test(spare, all_when_the_rule_is_no_more_after_a_restart)
{
	autorig struct rig *rig = rig__start(.bare = true);
	char config[128];
	const struct band *stray;
	struct stat st;
	pid_t root;

	snprintf(config, sizeof(config), "%s/orphand.yaml", rig__folder(rig));
	cr_assert_eq(stat(config, &st), 0);
	rig__configure(rig,
		       "watch:\n  - name: jobs\n    match: { exe: ['%s/prog*'] }\n"
		       "    spare: [{ comm: [tmux] }]\n",
		       rig__folder(rig));
	rig__daemon_start(rig);
	root = rig__run_program(rig, "fork { as stray sleep } as root sleep");
	stray = rig__meet(rig, "stray", 1);
	rig__await_event(rig, EVENT_TREE_TRACKED, root);
	rig__daemon_kill(rig);
	cr_assert_eq(truncate(config, st.st_size), 0);
	rig__daemon_start(rig);
	see_spared(end_root(rig, root), stray, "its rule, which had a spare list, is no more");
}
