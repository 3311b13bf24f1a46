// SPDX-License-Identifier: GPL-2.0
/* restart_test.c - the guard's own death: nothing that happens meanwhile is lost or told twice. */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "rig.h"

TestSuite(restart, .timeout = 60);

static void restart(struct rig *rig)
{
	rig__daemon_kill(rig);
	rig__daemon_start(rig);
}

static void assert_no_trace_in_the_maps(struct rig *rig)
{
	rig__await_counter(rig, "trees", 0);
	cr_expect_eq(rig__counter(rig, "processes"), 0);
	cr_expect_eq(rig__entries(rig, "members"), 0);
	cr_expect_eq(rig__entries(rig, "trees"), 0);
	cr_expect_eq(rig__entries(rig, "deaths"), 0);
	cr_expect_eq(rig__entries(rig, "condemned"), 0);
	cr_expect_eq(rig__entries(rig, "images"), 0);
}

/* ---- killed */

Test(restart, a_killed_guards_tree_is_followed_on)
{
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__run(rig, ON_KILL,
			 "fork { as stray sleep } as root gate 1 fork { fork { setsid orphaned as "
			 "late sleep } } reap sleep");
	struct control_tree_row before, after;
	const struct band *late;

	rig__meet(rig, "root", 1);
	rig__meet(rig, "stray", 1);
	cr_assert(rig__tree_of(rig, root, &before));
	rig__daemon_kill(rig);
	rig__open_gate(rig, 1);
	late = rig__meet(rig, "late", 1);
	rig__daemon_start(rig);
	cr_assert(rig__tree_of(rig, root, &after));
	cr_assert_eq(after.id, before.id);
	cr_assert_eq(after.members, 3);
	cr_assert(rig__member(rig, root, late->one[0].pid, &(struct control_proc_row){}));
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(late));
	cr_assert_eq(rig__closed(rig, root)->n, 2);
	cr_assert_not(rig__closed(rig, root)->row.reconstructed);
	assert_no_trace_in_the_maps(rig);
}

Test(restart, a_death_meanwhile_is_told_as_it_was_and_once)
{
	autorig struct rig *rig = rig__start(.no_reflex = true);
	pid_t root = rig__run(rig, ON_KILL,
			      "fork 3 { setsid as stray sleep } name victim as root sleep");
	const struct incident *incident;
	uint64_t before, after;
	char said[64];
	pid_t killer;

	rig__meet(rig, "root", 1);
	rig__meet(rig, "stray", 3);
	rig__daemon_kill(rig);
	before = clock__boottime();
	killer = rig__spawn(rig, "name assassin kill root KILL exit 0");
	cr_assert_eq(rig__join(root), SIGKILL);
	rig__join(killer);
	after = clock__boottime();
	cr_assert(rig__all_live(rig__meet(rig, "stray", 3)), "nobody is there to end them");
	rig__daemon_start(rig);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 3)));
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.reconstructed, 1);
	cr_expect_eq(incident->n, 3);
	cr_expect_eq(incident->row.kind, CAUSE_KILL);
	cr_expect_eq(incident->row.origin, ORIGIN_USER);
	cr_expect_geq(incident->row.died, before);
	cr_expect_leq(incident->row.died, after, "the true time");
	cr_expect_eq(incident->row.sender.who.pid, (__u32)killer);
	cr_expect_str_eq(incident->row.sender.comm, "assassin");
	cr_expect_str_eq(incident->row.image.comm, "victim");
	cr_expect_eq(incident->row.parent.pid, (__u32)getpid());
	restart(rig);
	rig__daemon_stop(rig);
	rig__daemon_start(rig);
	cr_expect_eq(rig__incidents(rig, root), 0);
	snprintf(said, sizeof(said), ": pid %d (victim)", root);
	cr_expect_eq(rig__log_count(rig, said), 1, "%zu times", rig__log_count(rig, said));
	assert_no_trace_in_the_maps(rig);
}

/* TERM is sent, KILL is not yet. */
Test(restart, a_guard_killed_in_grace_leaves_nobody)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(
		rig,
		POLICY(.on = ON(KILL), .signal = SIGTERM, .grace = rig__seconds(2) * NS_PER_SEC),
		"fork 3 { ignore TERM as stray sleep } as root sleep");
	const struct band *strays = rig__meet(rig, "stray", 3);

	rig__meet(rig, "root", 1);
	kill(root, SIGKILL);
	rig__await_event(rig, EVENT_SURVIVOR_SIGNALLED, strays->one[0].pid);
	rig__daemon_kill(rig);
	cr_assert(rig__all_live(strays));
	rig__daemon_start(rig);
	cr_assert(rig__all_gone(strays));
	cr_assert_eq(rig__closed(rig, root)->row.outcome, INCIDENT_CLEARED);
	cr_assert_eq(rig__incidents(rig, root), 1);
	cr_assert(rig__closed(rig, root)->row.reconstructed);
	assert_no_trace_in_the_maps(rig);
}

/* Somewhere between the death and the last of the signals. */
Test(restart, a_guard_killed_while_it_kills_leaves_nobody)
{
	autorig struct rig *rig = rig__start();

	for (int round = 0; round < 4; round++) {
		pid_t root = rig__run(rig, ON_KILL,
				      "fork 10 { fork 10 { as stray sleep } sleep } as root sleep");
		const struct band *strays = rig__meet(rig, "stray", 100);

		rig__meet(rig, "root", 1);
		kill(root, SIGKILL);
		if (round % 2)
			rig__join(root);
		restart(rig);
		cr_assert(rig__all_gone(strays), "round %d", round);
		rig__await_counter(rig, "trees", 0);
		cr_assert(rig__all_gone(rig__everyone(rig)));
		rig__next_play(rig);
	}
	assert_no_trace_in_the_maps(rig);
}

Test(restart, keeps_an_inner_tree_inside)
{
	autorig struct rig *rig = rig__start();
	struct control_tree_row outer, inner;
	pid_t root, middle;

	root = rig__run(
		rig, ON_KILL,
		"fork { as middle fork { as leaf sleep } sleep } fork { as side sleep } as root "
		"sleep");
	rig__meet(rig, "root", 1);
	rig__meet(rig, "leaf", 1);
	rig__meet(rig, "side", 1);
	middle = rig__pid(rig, "middle");
	cr_assert_gt(rig__track(rig, middle, ON_KILL, "inner"), 0, "%s", rig__why(rig));
	restart(rig);
	cr_assert(rig__tree_of(rig, root, &outer));
	cr_assert(rig__tree_of(rig, middle, &inner));
	cr_assert_eq(inner.outer, outer.id);
	cr_assert_eq(inner.members, 2);
	cr_assert_eq(outer.members, 4);
	cr_assert_str_eq(inner.name, "inner");
	rig__daemon_kill(rig);
	kill(middle, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "middle", 1)));
	rig__daemon_start(rig);
	cr_assert_eq(rig__closed(rig, middle)->n, 1);
	cr_assert(rig__all_gone(rig__meet(rig, "leaf", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "side", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "root", 1)));
}

/* Both of them while nobody is there: the outer one's incident tells of all. */
Test(restart, ends_inner_and_outer_that_died_meanwhile)
{
	autorig struct rig *rig = rig__start();
	pid_t root, middle;

	root = rig__run(
		rig, ON_KILL,
		"fork { as middle fork { as leaf sleep } sleep } fork { as side sleep } as root "
		"sleep");
	rig__meet(rig, "root", 1);
	rig__meet(rig, "leaf", 1);
	rig__meet(rig, "side", 1);
	middle = rig__pid(rig, "middle");
	cr_assert_gt(rig__track(rig, middle, ON_KILL, "inner"), 0, "%s", rig__why(rig));
	rig__daemon_kill(rig);
	kill(middle, SIGKILL);
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "middle", 1)));
	rig__join(root);
	rig__daemon_start(rig);
	cr_assert(rig__all_gone(rig__everyone(rig)));
	cr_assert_eq(rig__closed(rig, root)->row.outcome, INCIDENT_CLEARED);
	assert_no_trace_in_the_maps(rig);
}

/* ---- upgraded */

static bool is_left(uint32_t id, int (*open_by_id)(uint32_t id))
{
	struct patience patience = rig__patience(10);

	do {
		autoclose int fd = open_by_id(id);

		if (fd < 0)
			return false;
	} while (rig__retry(&patience)); /* the kernel lets them go a little later */
	return true;
}

/* The programs that the pinned links run: the kernel's number and a hash of the code of each. */
struct code {
	size_t n;
	uint32_t id[16];
	uint8_t tag[16][BPF_TAG_SIZE];
};

static void note_program(struct code *code, const char *path)
{
	autoclose int link = bpf_obj_get(path), program = -1;
	struct bpf_link_info link_info = {};
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(link_info);

	cr_assert_geq(link, 0, "%s: %s", path, strerror(errno));
	cr_assert_eq(bpf_obj_get_info_by_fd(link, &link_info, &len), 0);
	program = bpf_prog_get_fd_by_id(link_info.prog_id);
	len = sizeof(info);
	cr_assert_eq(bpf_obj_get_info_by_fd(program, &info, &len), 0);
	cr_assert_lt(code->n, 16);
	code->id[code->n] = info.id;
	memcpy(code->tag[code->n++], info.tag, sizeof(info.tag));
}

static void note_code(struct code *code, const char *folder)
{
	autoclosedir DIR *dir = opendir(folder);
	const struct dirent *entry;

	cr_assert(dir, "%s", folder);
	while ((entry = readdir(dir))) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (strncmp(entry->d_name, "links_", 6) == 0)
			note_code(code, path);
		else if (strstr(folder, "/links_") && entry->d_name[0] != '.')
			note_program(code, path);
	}
}

static size_t common_tags(const struct code *one, const struct code *other)
{
	size_t common = 0;

	for (size_t i = 0; i < one->n; i++) {
		bool found = false;

		for (size_t k = 0; k < other->n; k++)
			found |= memcmp(one->tag[i], other->tag[k], BPF_TAG_SIZE) == 0;
		common += found;
	}
	return common;
}

/* Its programs take the place of the old ones while the family breeds, and nobody is missed. */
Test(restart, an_upgrade_runs_its_own_programs_and_keeps_the_trees)
{
	autorig struct rig *rig = rig__start();
	struct control_tree_row before, after;
	struct code old = {}, new = {};
	const struct incident *incident;
	pid_t root;

	rig__spawn(rig, "undertake { fork { as root gate 1 fork { storm } fork { comet } fork { "
			"gate 2 fork { setsid as late sleep } sleep } sleep } }");
	root = rig__pid(rig, "root");
	cr_assert_gt(rig__track(rig, root, ON_KILL, "breeders"), 0, "%s", rig__why(rig));
	cr_assert(rig__tree_of(rig, root, &before));
	rig__open_gate(rig, 1);
	rig__await_births(rig, 100);
	note_code(&old, rig__pins(rig));
	rig__daemon_kill(rig);
	rig__await_births(rig, 100);
	rig__upgrade(rig);
	rig__daemon_start(rig);
	note_code(&new, rig__pins(rig));
	cr_assert_eq(new.n, old.n, "a link for a link");
	cr_assert_lt(common_tags(&old, &new), old.n, "the code is the same");
	for (size_t i = 0; i < old.n; i++)
		cr_expect_not(is_left(old.id[i], bpf_prog_get_fd_by_id), "an old program is left");
	cr_assert(rig__tree_of(rig, root, &after));
	cr_assert_eq(after.id, before.id);
	rig__open_gate(rig, 2);
	rig__meet(rig, "late", 1);
	rig__await_births(rig, 100);
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->row.outcome, INCIDENT_CLEARED);
	cr_assert_not(incident->row.reconstructed);
	cr_assert(rig__all_gone(rig__meet(rig, "late", 1)));
	cr_assert_eq(rig__marked(rig), 2, "besides the daemon and the undertaker, somebody lives");
	assert_no_trace_in_the_maps(rig);
}

/* ---- stopped for a while: it is the same guard, and nothing needs to be reconstructed */

Test(restart, a_halted_guard_makes_up_for_it)
{
	autorig struct rig *rig = rig__start(.no_reflex = true);
	pid_t root = rig__run(rig, ON_KILL, "fork 3 { as stray sleep } as root sleep");
	const struct band *strays = rig__meet(rig, "stray", 3);

	rig__meet(rig, "root", 1);
	rig__daemon_halt(rig);
	kill(root, SIGKILL);
	rig__join(root);
	cr_assert(rig__all_live(strays));
	rig__daemon_resume(rig);
	cr_assert(rig__all_gone(strays));
	cr_assert_eq(rig__closed(rig, root)->n, 3);
	cr_assert_not(rig__closed(rig, root)->row.reconstructed);
}

/* ---- pins */

static size_t lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void assert_refused_in_a_line(struct rig *rig, const char *argument, const char *reason)
{
	const char *const arguments[] = { argument, NULL };
	char text[1024];

	cr_assert_eq(rig__orphand(rig, text, sizeof(text), arguments), 1, "%s", text);
	cr_assert_eq(lines(text), 1, "%s", text);
	cr_assert(strstr(text, reason), "%s", text);
	cr_assert(strstr(text, rig__pins(rig)), "the place is told: %s", text);
}

static void assert_serving(struct rig *rig)
{
	const struct band *stray;
	pid_t root;

	rig__next_play(rig);
	root = rig__run(rig, ON_KILL, "fork { as served sleep } sleep");
	stray = rig__meet(rig, "served", 1);
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(stray));
	rig__closed(rig, root);
}

Test(restart, a_second_guard_on_the_same_pins_is_refused)
{
	autorig struct rig *rig = rig__start();

	assert_refused_in_a_line(rig, NULL, "another orphand");
	assert_serving(rig);
	rig__daemon_halt(rig);
	assert_refused_in_a_line(rig, NULL, "another orphand");
	rig__daemon_resume(rig);
	assert_serving(rig);
}

static void set_layout(const struct rig *rig, uint32_t layout)
{
	struct state_value state;
	uint32_t zero = 0;
	autoclose int fd = -1;
	char path[160];

	snprintf(path, sizeof(path), "%s/state", rig__pins(rig));
	fd = bpf_obj_get(path);
	cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
	cr_assert_eq(bpf_map_lookup_elem(fd, &zero, &state), 0);
	state.layout = layout;
	cr_assert_eq(bpf_map_update_elem(fd, &zero, &state, BPF_ANY), 0);
}

Test(restart, another_layout_is_refused_in_words)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");
	const struct band *stray = rig__meet(rig, "stray", 1);

	rig__meet(rig, "root", 1);
	rig__daemon_stop(rig);
	set_layout(rig, 99);
	assert_refused_in_a_line(rig, NULL, "layout 99");
	assert_refused_in_a_line(rig, NULL, "--unpin");
	set_layout(rig, ORPHAND_LAYOUT);
	rig__daemon_start(rig);
	cr_assert(rig__tree_of(rig, root, &(struct control_tree_row){}),
		  "the refused harm nothing");
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(stray));
	cr_assert_eq(rig__closed(rig, root)->n, 1);
}

/* The kernel's numbers of what is pinned, to be asked for when the names are gone. */
struct traces {
	size_t maps, links;
	uint32_t map[32], link[32];
};

static void note_pin(struct traces *traces, const char *path)
{
	autoclose int fd = bpf_obj_get(path);
	union {
		struct bpf_map_info map;
		struct bpf_link_info link;
	} info = {};
	uint32_t len = sizeof(info);

	cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	if (strstr(path, "/links_"))
		traces->link[traces->links++ % 32] = info.link.id;
	else
		traces->map[traces->maps++ % 32] = info.map.id;
}

static void note_pins(struct traces *traces, const char *folder)
{
	autoclosedir DIR *dir = opendir(folder);
	const struct dirent *entry;

	cr_assert(dir, "%s", folder);
	while ((entry = readdir(dir))) {
		char path[512];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_type == DT_DIR)
			note_pins(traces, path);
		else
			note_pin(traces, path);
	}
}

static void assert_no_trace(const struct traces *traces)
{
	for (size_t i = 0; i < traces->links; i++)
		cr_expect_not(is_left(traces->link[i], bpf_link_get_fd_by_id), "a link is left");
	for (size_t i = 0; i < traces->maps; i++)
		cr_expect_not(is_left(traces->map[i], bpf_map_get_fd_by_id), "a map is left");
}

static void unpin(struct rig *rig)
{
	const char *const arguments[] = { "--unpin", NULL };
	char text[1024];

	cr_assert_eq(rig__orphand(rig, text, sizeof(text), arguments), 0, "%s", text);
	cr_assert_neq(access(rig__pins(rig), F_OK), 0, "%s is left", rig__pins(rig));
}

static void see_every_trace_removed(struct rig *rig, void (*meanwhile)(struct rig *rig))
{
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");
	const struct band *stray = rig__meet(rig, "stray", 1);
	struct traces traces = {};

	rig__meet(rig, "root", 1);
	rig__daemon_kill(rig);
	note_pins(&traces, rig__pins(rig));
	cr_assert_gt(traces.maps, 0);
	cr_assert_gt(traces.links, 0);
	if (meanwhile)
		meanwhile(rig);
	unpin(rig);
	assert_no_trace(&traces);
	unpin(rig); /* where nothing is, all is well */
	kill(root, SIGKILL);
	rig__join(root);
	rig__daemon_start(rig);
	cr_assert_eq(rig__incidents(rig, root), 0);
	assert_serving(rig);
	cr_assert(rig__all_live(stray), "it was let go");
}

Test(restart, unpin_removes_every_trace)
{
	autorig struct rig *rig = rig__start();

	see_every_trace_removed(rig, NULL);
}

static void make_layout_another(struct rig *rig)
{
	set_layout(rig, 99);
}

Test(restart, unpin_removes_every_trace_of_another_layout)
{
	autorig struct rig *rig = rig__start();

	see_every_trace_removed(rig, make_layout_another);
}

Test(restart, unpin_is_refused_while_a_guard_runs)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");

	rig__meet(rig, "root", 1);
	rig__meet(rig, "stray", 1);
	assert_refused_in_a_line(rig, "--unpin", "another orphand");
	cr_assert(rig__tree_of(rig, root, &(struct control_tree_row){}));
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
	assert_serving(rig);
}

/* Without a tree nothing needs to stay. */
Test(restart, a_stop_without_trees_leaves_no_pins)
{
	autorig struct rig *rig = rig__start();
	struct traces traces = {};

	assert_serving(rig);
	rig__await_counter(rig, "trees", 0);
	note_pins(&traces, rig__pins(rig));
	rig__daemon_stop(rig);
	cr_assert_neq(access(rig__pins(rig), F_OK), 0, "%s is left", rig__pins(rig));
	assert_no_trace(&traces);
}
