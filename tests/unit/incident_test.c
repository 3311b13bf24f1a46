// SPDX-License-Identifier: GPL-2.0
/* incident_test.c - one death, and what became of each survivor. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/text.h"
#include "model/incident.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define BOOT "0123456789abcdef0123456789abcdef"

#define DIED 1000000 /* when the root did, ns */

TestSuite(incident, .timeout = 30);
TestSuite(fate, .timeout = 30);

/* A tree whose root has died, and the incident of it. */
struct scene {
	struct family *family;
	struct tree *tree;
	struct incident *incident;
};

static const struct ident root = { .pid = 100, .start = 10 };

static struct scene set_scene(void)
{
	struct tree_value value = { .id = 17, .owner = 1000, .name = "python-jobs" };
	struct death death = { .who = root, .at = DIED, .exit_code = SIGKILL };
	struct scene scene = { .family = family__new(4096) };

	scene.tree = family__add_tree(scene.family, root, &value, NULL);
	scene.incident = incident__new(&death, scene.tree, NULL);
	return scene;
}

static void clear_scene(struct scene *scene)
{
	incident__free(scene->incident);
	family__free(scene->family);
}

#define autoscene __attribute__((cleanup(clear_scene)))

static struct proc *add_proc(struct scene *scene, uint32_t pid)
{
	struct ident id = { .pid = pid, .start = 20 + pid };

	return family__add_proc(scene->family, id, root, scene->tree);
}

static struct fate *add_fate(struct scene *scene, uint32_t pid)
{
	return incident__add(scene->incident, add_proc(scene, pid));
}

static void end(struct fate *fate, uint64_t at, uint32_t exit_code)
{
	struct death death = { .who = fate->who, .at = at, .exit_code = exit_code };

	fate__end(fate, &death);
}

/* ---- a survivor */

Test(fate, begins_pending)
{
	autoscene struct scene scene = set_scene();
	struct image *image = image__new(NULL, 1, 1, "sh", "/bin/sh", "sh", 3, "/");
	struct proc *proc = add_proc(&scene, 200);
	struct fate *fate;

	family__set_image(proc, image);
	fate = incident__add(scene.incident, proc);
	cr_assert_eq(fate->outcome, SURVIVOR_PENDING);
	cr_assert_eq(fate->pidfd, -1);
	cr_assert_eq(fate->gone, 0);
	cr_assert_eq(fate->first.at, 0);
	cr_assert(ident__equal(fate->who, proc->id));
	cr_assert(ident__equal(fate->parent, root));
	cr_assert_eq(fate->image, image);
	cr_assert_eq(image->refs, 2);
	cr_assert_eq(fate->incident, scene.incident);
	cr_assert_eq(SLIST_FIRST(&proc->fates), fate);
	cr_assert_eq(scene.incident->survivors, 1);
	cr_assert_eq(scene.incident->pending, 1);
}

/* One course of a survivor: what it was sent, and how it ended. Times are ns after the death. */
struct course {
	const char *what;
	struct {
		uint32_t signal;
		uint64_t at;
	} sent[3];
	uint64_t gone;
	uint32_t exit_code;
	enum survivor_outcome outcome;
};

static const struct course courses[] = {
	{ "went before any signal", { {} }, 5, 0, SURVIVOR_EXITED },
	{ "somebody else killed it", { {} }, 5, SIGKILL, SURVIVOR_EXITED },
	{ "SIGKILL", { { SIGKILL, 3 } }, 5, SIGKILL, SURVIVOR_KILLED },
	{ "SIGKILL, in the same instant", { { SIGKILL, 5 } }, 5, SIGKILL, SURVIVOR_KILLED },
	{ "gone before SIGKILL came", { { SIGKILL, 7 } }, 5, SIGKILL, SURVIVOR_EXITED },
	{ "exited on its own at SIGKILL", { { SIGKILL, 3 } }, 5, 0, SURVIVOR_EXITED },
	{ "crashed on its own at SIGKILL", { { SIGKILL, 3 } }, 5, SIGSEGV | 0x80, SURVIVOR_EXITED },
	{ "SIGTERM", { { SIGTERM, 3 } }, 5, SIGTERM, SURVIVOR_TERMINATED },
	{ "SIGTERM, heeded", { { SIGTERM, 3 } }, 5, 0, SURVIVOR_TERMINATED },
	{ "SIGTERM, heeded with a status", { { SIGTERM, 3 } }, 5, 143 << 8, SURVIVOR_TERMINATED },
	{ "SIGTERM came late", { { SIGTERM, 7 } }, 5, 0, SURVIVOR_EXITED },
	{ "SIGTERM, then SIGKILL", { { SIGTERM, 3 }, { SIGKILL, 4 } }, 5, SIGKILL, SURVIVOR_KILLED },
	{ "SIGTERM, SIGKILL, SIGKILL",
	  { { SIGTERM, 2 }, { SIGKILL, 3 }, { SIGKILL, 4 } },
	  5,
	  SIGKILL,
	  SURVIVOR_KILLED },
	{ "SIGTERM was enough in the end",
	  { { SIGTERM, 3 }, { SIGKILL, 4 } },
	  5,
	  0,
	  SURVIVOR_TERMINATED },
	{ "gone before the SIGKILL",
	  { { SIGTERM, 3 }, { SIGKILL, 7 } },
	  5,
	  SIGTERM,
	  SURVIVOR_TERMINATED },
};

static void run_course(const struct course *course)
{
	autoscene struct scene scene = set_scene();
	struct fate *fate = add_fate(&scene, 200);
	struct proc *proc = fate->proc;

	for (size_t i = 0; i < COUNT(course->sent) && course->sent[i].at; i++)
		fate__signalled(fate, course->sent[i].signal, DIED + course->sent[i].at, BY_DAEMON);
	end(fate, DIED + course->gone, course->exit_code);
	cr_expect_eq(fate->outcome, course->outcome, "%s: %s", course->what,
		     survivor_outcome__name(fate->outcome));
	cr_expect_eq(fate->exit_code, course->exit_code, "%s", course->what);
	cr_expect_eq(fate->gone, DIED + course->gone, "%s", course->what);
	cr_expect_null(fate->proc, "%s", course->what);
	cr_expect(SLIST_EMPTY(&proc->fates), "%s", course->what);
	cr_expect_eq(scene.incident->pending, 0, "%s", course->what);
	cr_expect_eq(incident__outcome(scene.incident), INCIDENT_CLEARED, "%s", course->what);
	cr_expect_eq(incident__clear(scene.incident), course->gone, "%s", course->what);
}

Test(fate, outcome_of_every_kind_of_end)
{
	for (size_t i = 0; i < COUNT(courses); i++)
		run_course(&courses[i]);
}

Test(fate, notes_the_first_signal_and_the_first_kill_behind_a_gentler_one)
{
	autoscene struct scene scene = set_scene();
	struct fate *gentle = add_fate(&scene, 200), *hard = add_fate(&scene, 201);

	fate__signalled(gentle, SIGTERM, DIED + 1, BY_DAEMON);
	fate__signalled(gentle, SIGTERM, DIED + 2, BY_DAEMON);
	cr_assert_eq(gentle->last.at, 0, "another gentle one is none");
	fate__signalled(gentle, SIGKILL, DIED + 3, BY_KERNEL);
	fate__signalled(gentle, SIGKILL, DIED + 4, BY_DAEMON);
	cr_assert_eq(gentle->first.signal, SIGTERM);
	cr_assert_eq(gentle->first.at, DIED + 1);
	cr_assert_eq(gentle->first.by, BY_DAEMON);
	cr_assert_eq(gentle->last.signal, SIGKILL);
	cr_assert_eq(gentle->last.at, DIED + 3);
	cr_assert_eq(gentle->last.by, BY_KERNEL);

	fate__signalled(hard, SIGKILL, DIED + 5, BY_KERNEL);
	fate__signalled(hard, SIGKILL, DIED + 6, BY_DAEMON);
	cr_assert_eq(hard->first.at, DIED + 5);
	cr_assert_eq(hard->first.by, BY_KERNEL);
	cr_assert_eq(hard->last.at, 0, "again and again is told once");
}

/* A newborn that the kernel struck: known only when it is gone. */
Test(fate, struck_by_the_kernel_is_killed)
{
	autoscene struct scene scene = set_scene();
	struct fate *fate = add_fate(&scene, 200);

	fate__signalled(fate, SIGKILL, DIED + 1, BY_KERNEL);
	end(fate, DIED + 2, SIGKILL);
	cr_assert_eq(fate->outcome, SURVIVOR_KILLED);
	cr_assert_eq(fate->first.by, BY_KERNEL);
}

Test(fate, a_stuck_one_can_go_after_all)
{
	autoscene struct scene scene = set_scene();
	struct fate *fate = add_fate(&scene, 200);

	fate__signalled(fate, SIGKILL, DIED + 1, BY_DAEMON);
	fate->outcome = SURVIVOR_STUCK;
	cr_assert_eq(incident__outcome(scene.incident), INCIDENT_STUCK);
	cr_assert_eq(scene.incident->pending, 1, "it is still waited for");
	cr_assert_eq(incident__clear(scene.incident), 0);
	end(fate, DIED + 9, SIGKILL);
	cr_assert_eq(fate->outcome, SURVIVOR_KILLED);
	cr_assert_eq(scene.incident->pending, 0);
	cr_assert_eq(incident__outcome(scene.incident), INCIDENT_CLEARED);
	cr_assert_eq(incident__clear(scene.incident), 9);
}

Test(fate, a_spared_one_is_waited_for_no_more)
{
	autoscene struct scene scene = set_scene();
	struct fate *fate = add_fate(&scene, 200);
	struct proc *proc = fate->proc;

	fate__settle(fate, SURVIVOR_SPARED, "spared by hand");
	cr_assert_eq(fate->outcome, SURVIVOR_SPARED);
	cr_assert_str_eq(fate->reason, "spared by hand");
	cr_assert_null(fate->proc);
	cr_assert(SLIST_EMPTY(&proc->fates));
	cr_assert_eq(scene.incident->pending, 0);
	cr_assert_eq(incident__outcome(scene.incident), INCIDENT_SPARED);
	/* settled twice, and its end, tell nothing new */
	fate__settle(fate, SURVIVOR_SPARED, "untracked");
	cr_assert_eq(scene.incident->pending, 0);
	end(fate, DIED + 5, SIGTERM);
	cr_assert_eq(fate->outcome, SURVIVOR_SPARED);
	cr_assert_eq(fate->gone, 0);
	cr_assert_eq(scene.incident->pending, 0);
	cr_assert_eq(incident__clear(scene.incident), 0);
}

Test(fate, a_stuck_one_can_be_let_go)
{
	autoscene struct scene scene = set_scene();
	struct fate *fate = add_fate(&scene, 200);

	fate->outcome = SURVIVOR_STUCK;
	fate__settle(fate, SURVIVOR_SPARED, "untracked");
	cr_assert_eq(scene.incident->pending, 0);
	cr_assert_eq(incident__outcome(scene.incident), INCIDENT_SPARED);
}

/* With nested trees a process survives several deaths, and ends in each of their records. */
Test(fate, one_process_may_have_several)
{
	autoscene struct scene scene = set_scene();
	struct death other = { .who = { .pid = 101, .start = 11 }, .at = DIED + 1 };
	struct incident *outer = incident__new(&other, scene.tree, NULL);
	struct proc *proc = add_proc(&scene, 200);
	struct fate *first = incident__add(scene.incident, proc);
	struct fate *second = incident__add(outer, proc);

	end(first, DIED + 5, SIGKILL);
	cr_assert_eq(SLIST_FIRST(&proc->fates), second);
	cr_assert_eq(outer->pending, 1);
	end(second, DIED + 5, SIGKILL);
	cr_assert(SLIST_EMPTY(&proc->fates));
	cr_assert_eq(outer->pending, 0);
	incident__free(outer);
}

/* ---- the incident */

Test(incident, begins_with_what_the_tree_and_the_death_say)
{
	autoscene struct scene scene = set_scene();
	const struct incident *incident = scene.incident;

	cr_assert_str_eq(incident->rule, "python-jobs");
	cr_assert_eq(incident->tree, scene.tree);
	cr_assert_eq(incident->tree_id, 17);
	cr_assert_eq(incident->owner, 1000);
	cr_assert(ident__equal(incident->death.who, root));
	cr_assert_eq(incident->survivors, 0);
	cr_assert_eq(incident->pending, 0);
	cr_assert_eq(incident__outcome(incident), INCIDENT_CLEARED, "nobody is left");
	cr_assert_eq(incident__reaction(incident), 0);
	cr_assert_eq(incident__clear(incident), 0);
}

/* What stands in the way of what: a bit for each that there is. */
Test(incident, outcome_of_every_mixture)
{
	enum { KILLED = 1, SPARED = 2, STUCK = 4, OBSERVED = 8, BRAKED = 16, ALL = 31 };

	for (unsigned mix = 0; mix <= ALL; mix++) {
		autoscene struct scene scene = set_scene();
		enum incident_outcome outcome = mix & BRAKED	 ? INCIDENT_BRAKED
						: mix & OBSERVED ? INCIDENT_OBSERVED
						: mix & STUCK	 ? INCIDENT_STUCK
						: mix & SPARED	 ? INCIDENT_SPARED
								 : INCIDENT_CLEARED;

		scene.incident->observed = mix & OBSERVED;
		scene.incident->braked = mix & BRAKED;
		if (mix & SPARED)
			fate__settle(add_fate(&scene, 200), SURVIVOR_SPARED, "");
		if (mix & STUCK)
			add_fate(&scene, 201)->outcome = SURVIVOR_STUCK;
		if (mix & KILLED)
			end(add_fate(&scene, 202), DIED + 1, SIGKILL);
		cr_expect_eq(incident__outcome(scene.incident), outcome, "%#x: %s", mix,
			     incident_outcome__name(incident__outcome(scene.incident)));
	}
}

Test(incident, counts_who_is_left)
{
	autoscene struct scene scene = set_scene();
	struct fate *fates[50];

	for (uint32_t i = 0; i < COUNT(fates); i++) {
		fates[i] = add_fate(&scene, 200 + i);
		cr_assert_eq(scene.incident->pending, i + 1);
	}
	for (uint32_t i = 0; i < COUNT(fates); i++) {
		cr_assert_eq(incident__clear(scene.incident), 0, "somebody is left");
		if (i % 2)
			fate__settle(fates[i], SURVIVOR_SPARED, "");
		else
			end(fates[i], DIED + 100 - i, SIGKILL);
		cr_assert_eq(scene.incident->pending, COUNT(fates) - 1 - i);
	}
	cr_assert_eq(scene.incident->survivors, COUNT(fates));
	cr_assert_eq(incident__clear(scene.incident), 100, "the last end, not the last told");
}

Test(incident, reaction_is_until_the_last_first_signal)
{
	autoscene struct scene scene = set_scene();
	struct fate *a = add_fate(&scene, 200), *b = add_fate(&scene, 201);

	fate__signalled(a, SIGTERM, DIED + 30, BY_DAEMON);
	cr_assert_eq(incident__reaction(scene.incident), 30);
	fate__signalled(b, SIGTERM, DIED + 20, BY_DAEMON);
	cr_assert_eq(incident__reaction(scene.incident), 30);
	fate__signalled(a, SIGKILL, DIED + 90, BY_DAEMON);
	cr_assert_eq(incident__reaction(scene.incident), 30, "the last signal is no reaction");
	fate__signalled(add_fate(&scene, 202), SIGKILL, DIED + 40, BY_KERNEL);
	cr_assert_eq(incident__reaction(scene.incident), 40);
}

/* A member that ended before the root did was told late: its end is no time at all. */
Test(incident, latencies_are_never_negative)
{
	autoscene struct scene scene = set_scene();
	struct fate *fate = add_fate(&scene, 200);

	fate__signalled(fate, SIGKILL, DIED - 5, BY_KERNEL);
	end(fate, DIED - 1, SIGKILL);
	cr_assert_eq(incident__reaction(scene.incident), 0);
	cr_assert_eq(incident__clear(scene.incident), 0);
}

Test(incident, shares_its_image)
{
	struct image *image = image__new(NULL, 1, 1, "sh", "/bin/sh", "sh", 3, "/");
	autoscene struct scene scene = set_scene();
	struct incident *other = incident__new(&scene.incident->death, scene.tree, image);

	cr_assert_eq(image->refs, 2);
	incident__free(other);
	cr_assert_eq(image->refs, 1);
	image__put(image);
}

Test(incident, names_are_the_contracts)
{
	static const char *const incidents[] = { "cleared", "stuck", "spared", "observed",
						 "braked" };
	static const char *const survivors[] = { "killed", "terminated", "exited", "spared",
						 "stuck",  "observed",	 "pending" };

	cr_assert_eq(COUNT(incidents), INCIDENT_OUTCOMES);
	cr_assert_eq(COUNT(survivors), SURVIVOR_OUTCOMES);
	for (unsigned i = 0; i < COUNT(incidents); i++)
		cr_expect_str_eq(incident_outcome__name(i), incidents[i]);
	for (unsigned i = 0; i < COUNT(survivors); i++)
		cr_expect_str_eq(survivor_outcome__name(i), survivors[i]);
	cr_expect_str_eq(incident_outcome__name(INCIDENT_OUTCOMES), "unknown");
	cr_expect_str_eq(survivor_outcome__name(SURVIVOR_OUTCOMES), "unknown");
}

/* ---- ids */

#define DAY_MS 86400000ULL

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* The id of a death like that. */
static const char *id_of(const char *boot, uint32_t pid, uint64_t start, uint64_t at, uint64_t ms)
{
	static char ids[8][INCIDENT_ID_LEN];
	static unsigned next;
	char *id = ids[next++ % COUNT(ids)];
	struct incident incident = { .death = { .who = { .pid = pid, .start = start }, .at = at } };

	incident__make_id(&incident, boot, ms * NS_PER_MS);
	text__copy(id, INCIDENT_ID_LEN, incident.id);
	return id;
}

Test(incident, id_is_a_ulid)
{
	const char *id = id_of(BOOT, 100, 10, DIED, 1469918176385);

	cr_assert_eq(strlen(id), 26);
	cr_assert_eq(strspn(id, crockford), 26, "%s", id);
	/* the time of the example at https://github.com/ulid/spec */
	cr_assert_eq(strncmp(id, "01ARYZ6S41", 10), 0, "%s", id);
}

Test(incident, id_is_the_same_on_every_reading)
{
	cr_assert_str_eq(id_of(BOOT, 100, 10, DIED, 5), id_of(BOOT, 100, 10, DIED, 5));
}

Test(incident, id_is_another_for_another_death)
{
	const char *id = id_of(BOOT, 100, 10, DIED, 5);

	cr_expect_str_neq(id, id_of("1123456789abcdef0123456789abcdef", 100, 10, DIED, 5));
	cr_expect_str_neq(id, id_of("", 100, 10, DIED, 5));
	cr_expect_str_neq(id, id_of(BOOT, 101, 10, DIED, 5));
	cr_expect_str_neq(id, id_of(BOOT, 100, 11, DIED, 5));
	cr_expect_str_neq(id, id_of(BOOT, 100, 10, DIED + 1, 5));
	cr_expect_str_neq(id, id_of(BOOT, 100, 10, DIED, 6));
}

/* What else was known of it says nothing about which death it was. */
Test(incident, id_is_of_who_and_when_alone)
{
	struct incident a = { .death = { .who = root, .at = DIED } }, b = a;

	b.death.exit_code = SIGKILL;
	b.death.parent.pid = 1;
	b.tree_id = 4;
	incident__make_id(&a, BOOT, DIED);
	incident__make_id(&b, BOOT, DIED);
	cr_assert_str_eq(a.id, b.id);
}

Test(incident, ids_sort_by_time)
{
	const char *before = id_of(BOOT, 1, 1, 1, 0);
	uint64_t step = 1;

	for (uint64_t ms = 1; ms < 200000 * DAY_MS; step = step * 3 + 1, ms += step) {
		const char *id = id_of(BOOT, (uint32_t)(step % 4096), step, ms, ms);

		cr_expect_lt(strcmp(before, id), 0, "%s, %s", before, id);
		before = id;
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Many roots that die in the same instant, pids and starts as near as can be. */
Test(incident, ids_of_one_instant_differ)
{
	enum { PIDS = 256, DEATHS = PIDS * 64 };
	static char ids[DEATHS][INCIDENT_ID_LEN];

	for (uint32_t i = 0; i < DEATHS; i++)
		text__copy(ids[i], INCIDENT_ID_LEN, id_of(BOOT, i % PIDS, i / PIDS, DIED, 5));
	qsort(ids, DEATHS, sizeof(*ids), by_text);
	for (size_t i = 1; i < DEATHS; i++)
		cr_assert_str_neq(ids[i - 1], ids[i]);
}

/* ---- rows */

static struct incident *make_told(struct scene *scene)
{
	struct image *image =
		image__new(NULL, 1000, 1000, "python3", "/usr/bin/python3", "python3", 8, "/a");
	struct death death = {
		.who = root,
		.parent = { .pid = 99, .start = 9 },
		.at = DIED,
		.exit_code = SIGKILL,
		.vpid = 7,
		.pid_ns = 4026531836,
		.sender = { .who = { .pid = 50, .start = 5 }, .uid = 3, .comm = "platform" },
	};
	struct incident *incident = incident__new(&death, scene->tree, image);

	image__put(image);
	incident__make_id(incident, BOOT, DIED);
	incident->opened = DIED + 1;
	incident->closed = DIED + 50;
	text__copy(incident->sender_exe, sizeof(incident->sender_exe), "/usr/bin/platform");
	return incident;
}

Test(incident, fills_its_row)
{
	autoscene struct scene scene = set_scene();
	struct incident *incident = make_told(&scene);
	struct control_incident_row row = {};
	struct fate *fate = incident__add(incident, add_proc(&scene, 200));

	fate__signalled(fate, SIGKILL, DIED + 10, BY_DAEMON);
	end(fate, DIED + 20, SIGKILL);
	incident__fill(incident, &row);
	cr_expect_str_eq(row.id, incident->id);
	cr_expect_str_eq(row.rule, "python-jobs");
	cr_expect_eq(row.tree, 17);
	cr_expect_eq(row.open, 0);
	cr_expect_eq(row.outcome, INCIDENT_CLEARED);
	cr_expect_eq(row.observed, 0);
	cr_expect_eq(row.reconstructed, 0);
	cr_expect_eq(row.survivors, 1);
	cr_expect_eq(row.opened, DIED + 1);
	cr_expect_eq(row.closed, DIED + 50);
	cr_expect_eq(row.reaction_ns, 10);
	cr_expect_eq(row.clear_ns, 20);
	cr_expect(ident__equal(row.who, root));
	cr_expect_eq(row.parent.pid, 99);
	cr_expect_eq(row.vpid, 7);
	cr_expect_eq(row.pid_ns, 4026531836);
	cr_expect_str_eq(row.image.exe, "/usr/bin/python3");
	cr_expect_eq(row.kind, CAUSE_KILL);
	cr_expect_eq(row.origin, ORIGIN_USER);
	cr_expect_eq(row.exit_code, SIGKILL);
	cr_expect_eq(row.sender.who.pid, 50);
	cr_expect_str_eq(row.sender.comm, "platform");
	cr_expect_str_eq(row.sender_exe, "/usr/bin/platform");
	incident__free(incident);
}

Test(incident, an_open_one_says_so)
{
	autoscene struct scene scene = set_scene();
	struct control_incident_row row = {};

	add_fate(&scene, 200);
	scene.incident->observed = true;
	scene.incident->reconstructed = true;
	incident__fill(scene.incident, &row);
	cr_expect_eq(row.open, 1);
	cr_expect_eq(row.closed, 0);
	cr_expect_eq(row.clear_ns, 0);
	cr_expect_eq(row.outcome, INCIDENT_OBSERVED);
	cr_expect_eq(row.observed, 1);
	cr_expect_eq(row.reconstructed, 1);
	cr_expect_eq(row.image.args_len, 0, "nobody knows what it ran");
}

Test(fate, fills_its_row)
{
	autoscene struct scene scene = set_scene();
	struct control_survivor_row row = {};
	struct proc *proc = add_proc(&scene, 200);
	struct fate *fate;

	family__set_image(proc, image__new(NULL, 5, 5, "sh", "/bin/sh", "sh", 3, "/a"));
	fate = incident__add(scene.incident, proc);
	fate__signalled(fate, SIGTERM, DIED + 1, BY_DAEMON);
	fate__signalled(fate, SIGKILL, DIED + 2, BY_KERNEL);
	end(fate, DIED + 3, SIGKILL);
	fate__fill(fate, &row);
	cr_expect_eq(row.who.pid, 200);
	cr_expect(ident__equal(row.parent, root));
	cr_expect_eq(row.outcome, SURVIVOR_KILLED);
	cr_expect_eq(row.exit_code, SIGKILL);
	cr_expect_eq(row.gone, DIED + 3);
	cr_expect_eq(row.first.signal, SIGTERM);
	cr_expect_eq(row.first.by, BY_DAEMON);
	cr_expect_eq(row.last.signal, SIGKILL);
	cr_expect_eq(row.last.by, BY_KERNEL);
	cr_expect_str_eq(row.image.exe, "/bin/sh");
	cr_expect_str_empty(row.reason);
	cr_expect_str_empty(row.state);
	cr_expect_str_empty(row.stack);
}

/* Who forked it may be gone; who it was under is told even when that one has ended since. */
Test(fate, tells_its_nearest_living_ancestor)
{
	autoscene struct scene scene = set_scene();
	struct proc *top = add_proc(&scene, 200);
	struct ident between = { .pid = 201, .start = 221 }, low = { .pid = 202, .start = 222 };
	struct control_survivor_row top_row = {}, low_row = {};
	struct fate *top_fate, *low_fate;
	struct ident above = top->id;

	family__add_proc(scene.family, between, top->id, scene.tree);
	family__add_proc(scene.family, low, between, scene.tree);
	family__drop_proc(scene.family, family__proc(scene.family, between));
	top_fate = incident__add(scene.incident, top);
	low_fate = incident__add(scene.incident, family__proc(scene.family, low));
	end(top_fate, DIED + 1, SIGKILL);
	family__drop_proc(scene.family, top);
	fate__fill(top_fate, &top_row);
	fate__fill(low_fate, &low_row);
	cr_expect_eq(top_row.above.pid, 0, "only the root was above it, and that is dead");
	cr_expect(ident__equal(low_row.parent, between));
	cr_expect(ident__equal(low_row.above, above));
}

/* A stack may be longer than its field, a reason too. */
Test(fate, long_texts_are_cut_in_its_row)
{
	autoscene struct scene scene = set_scene();
	struct control_survivor_row row = {};
	struct fate *fate = add_fate(&scene, 200);
	char reason[NAME_LEN + 10];

	memset(reason, 'r', sizeof(reason));
	reason[sizeof(reason) - 1] = '\0';
	fate->outcome = SURVIVOR_STUCK;
	fate->reason = reason;
	fate->stack = malloc(STACK_LEN + 10);
	memset(fate->stack, 's', STACK_LEN + 9);
	fate->stack[STACK_LEN + 9] = '\0';
	text__copy(fate->state, sizeof(fate->state), "D (disk sleep)");
	fate__fill(fate, &row);
	cr_expect_eq(row.outcome, SURVIVOR_STUCK);
	cr_expect_eq(strlen(row.reason), NAME_LEN - 1);
	cr_expect_eq(strlen(row.stack), STACK_LEN - 1);
	cr_expect_str_eq(row.state, "D (disk sleep)");
	fate->reason = NULL;
}
