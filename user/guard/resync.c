// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "guard/announce.h"
#include "guard/cgroups.h"
#include "guard/ender.h"
#include "guard/intake.h"
#include "guard/outside.h"
#include "guard/procfs.h"
#include "guard/reflex.h"
#include "guard/resync.h"
#include "guard/ring.h"
#include "guard/tracker.h"
#include "guard/watch.h"

/* A root's entry goes before its death record comes: one that has neither is looked for again. */
#define LOOK_AGAIN (50 * NS_PER_MS)

/* How often kernels that can skip programs are asked whether they did. */
#define PATROL (100 * NS_PER_MS)
/* Readings after which the ring has told the end of one whose entry is gone, if it was not lost. */
#define UNSEEN 2

/* Losses come in bursts: one line for each. */
#define SAY_AGAIN (10 * NS_PER_SEC)

struct entry {
	struct ident id;
	union {
		struct member member;
		struct tree_value tree;
		struct death death;
	};
};

struct entries {
	struct entry *at;
	size_t count, room;
	size_t value_size;
};

static void collect(void *context, struct ident key, const void *value)
{
	struct entries *entries = context;

	if (entries->count == entries->room) {
		size_t room = entries->room ? 2 * entries->room : 1024;
		struct entry *at = reallocarray(entries->at, room, sizeof(*at));

		if (!at)
			return; /* found by the next reading */
		entries->at = at;
		entries->room = room;
	}
	entries->at[entries->count].id = key;
	memcpy(&entries->at[entries->count].member, value, entries->value_size);
	entries->count++;
}

static int by_start(const void *a, const void *b)
{
	uint64_t x = ((const struct entry *)a)->id.start, y = ((const struct entry *)b)->id.start;

	return x < y ? -1 : x > y;
}

/* In the order of starts: parents come before their children. */
static struct entries read_map(struct guard *guard, enum kernel_map map, size_t value_size)
{
	struct entries entries = { .value_size = value_size };
	int err = kernel__each(guard->kernel, map, collect, &entries);

	if (err)
		log_error("can't read the maps: %s", strerror(-err));
	if (entries.count)
		qsort(entries.at, entries.count, sizeof(*entries.at), by_start);
	return entries;
}

/* Since the ring was read: its record is still to come, in the order of births and ends that tells
 * who is under whom, or it will be counted as lost. */
static bool is_in_ring(const struct guard *guard, uint64_t at)
{
	return at > guard->heard;
}

/* ---- trees */

static void read_trees(struct guard *guard)
{
	struct entries entries = read_map(guard, MAP_TREES, sizeof(struct tree_value));

	for (size_t i = 0; i < entries.count; i++) {
		struct tree *tree = family__tree(guard->family, entries.at[i].id);

		if (tree)
			continue;
		tree = family__add_tree(guard->family, entries.at[i].id, &entries.at[i].tree, NULL);
		if (!tree)
			continue;
		kernel__place_tree(guard->kernel, tree->root, entries.at[i].tree.outer);
		watch__bind(guard, tree);
		reflex__put(guard, tree);
	}
	for (size_t i = 0; i < entries.count; i++) {
		struct tree *tree = family__tree(guard->family, entries.at[i].id);
		struct tree *outer = family__tree(guard->family, entries.at[i].tree.outer);

		if (tree && outer && !tree->outer && !tree__is_within(outer, tree))
			tree__nest(tree, outer);
	}
	free(entries.at);
}

/* What the map of images has for a root. */
static struct image *image_in_map(struct guard *guard, struct ident root)
{
	struct image_value value;

	if (kernel__image(guard->kernel, root, &value) || value.args_len > ARGS_LEN)
		return NULL;
	return image__of_value(&guard->config.redact, &value,
			       cgroups__path(&guard->cgroups, value.cgroup));
}

/* What the root ran, when it is no more there to be asked. */
static void read_root_image(struct guard *guard, struct tree *tree)
{
	if (!tree->image)
		tree->image = image_in_map(guard, tree->root);
}

/* What it runs now: it may have become another program, whose record was lost. */
static void renew_root_image(struct guard *guard, struct tree *tree)
{
	struct image *image = image_in_map(guard, tree->root);

	if (!image || (tree->image && image__same_program(image, tree->image))) {
		image__put(image);
		return;
	}
	image__put(tree->image);
	tree->image = image;
}

/* ---- members */

struct census {
	struct task_row *rows;
	size_t count;
};

static int by_pid(const void *a, const void *b)
{
	uint32_t x = ((const struct task_row *)a)->who.pid,
		 y = ((const struct task_row *)b)->who.pid;

	return x < y ? -1 : x > y;
}

static const struct task_row *find_row(const struct census *census, struct ident id)
{
	struct task_row key = { .who = id };
	const struct task_row *row;

	row = census->count ? bsearch(&key, census->rows, census->count, sizeof(key), by_pid)
			    : NULL;
	return row && ident__equal(row->who, id) ? row : NULL;
}

static void describe(struct guard *guard, struct proc *proc, const struct census *census)
{
	const struct task_row *row = find_row(census, proc->id);
	struct image *image = procfs__image(&guard->config.redact, proc->id.pid, NULL);

	if (image && kernel__is_member(guard->kernel, proc->id))
		family__set_image(proc, image);
	else
		image__put(image);
	if (!row)
		return;
	proc->vpid = row->vpid;
	proc->pid_ns = row->pid_ns;
	if (proc->tree->root_proc == proc) {
		proc->tree->vpid = row->vpid;
		proc->tree->pid_ns = row->pid_ns;
	}
}

/* Where programs can be skipped, an end may have been: an entry whose process the census has not
 * alive, twice with a pause between, is taken out for it. */
static bool is_stale(struct guard *guard, struct proc *proc, const struct census *census)
{
	const struct task_row *row = find_row(census, proc->id);

	if (!kernel__skips(guard->kernel) || (row && row->flags & TASK_ALIVE)) {
		proc->stale = false;
		return false;
	}
	if (proc->stale) {
		kernel__leave(guard->kernel, proc->id);
		/* Nothing in the ring tells of it. */
		proc->seen = (uint16_t)(guard->reading - UNSEEN);
		return true;
	}
	proc->stale = true;
	guard->disturbed = true;
	return false;
}

static void read_member(struct guard *guard, const struct entry *entry, const struct census *census)
{
	struct proc *proc = family__proc(guard->family, entry->id);
	struct tree *tree = family__tree(guard->family, entry->member.tree);
	const struct task_row *row;
	struct ident parent = entry->member.parent;

	if (proc && is_stale(guard, proc, census))
		return;
	if (proc) {
		proc->seen = guard->reading;
		if (tree && tree->root_proc != proc && ident__equal(tree->root, proc->id))
			tracker__make_root(guard, tree, proc); /* its exec record was lost */
		return;
	}
	if (!tree) { /* of a tree that was let go: when in doubt, spare */
		kernel__leave(guard->kernel, entry->id);
		return;
	}
	if (is_in_ring(guard, entry->member.since))
		return;
	row = find_row(census, entry->id);
	if (row && !family__proc(guard->family, parent))
		parent = row->parent; /* who forked it is gone: under whom is it now? */
	proc = intake__add_proc(guard, entry->id, parent, tree);
	if (!proc)
		return;
	kernel__place_member(guard->kernel, proc->id);
	proc->parent = entry->member.parent;
	proc->flags = entry->member.flags;
	describe(guard, proc, census);
	ender__meet(guard, proc, 0);
}

static void read_members(struct guard *guard)
{
	struct entries entries = read_map(guard, MAP_MEMBERS, sizeof(struct member));
	struct census census = {};

	if (kernel__census(guard->kernel, 0, &census.rows, &census.count) == 0)
		qsort(census.rows, census.count, sizeof(*census.rows), by_pid);
	for (size_t i = 0; i < entries.count; i++)
		read_member(guard, &entries.at[i], &census);
	free(census.rows);
	free(entries.at);
}

/* Roots of rules whose exec record was lost, or came while nobody was here. */
static void decide_provisional(struct guard *guard)
{
	struct tree *tree = family__first_tree(guard->family), *next;

	while (tree) {
		struct tree *decided = tree->flags & TREE_PROVISIONAL ? tree : NULL;

		next = LIST_NEXT(tree, all);
		if (decided) {
			renew_root_image(guard, tree);
			watch__decide(guard, tree, true);
			next = family__first_tree(guard->family); /* outer ones may have gone too */
		}
		tree = next;
	}
}

/* ---- the dead */

/* Of a map of deaths, those that the ring won't tell. */
static struct entries read_ended(struct guard *guard, enum kernel_map map)
{
	struct entries entries = read_map(guard, map, sizeof(struct death));
	size_t kept = 0;

	for (size_t i = 0; i < entries.count; i++) {
		if (!is_in_ring(guard, entries.at[i].death.at))
			entries.at[kept++] = entries.at[i];
	}
	entries.count = kept;
	return entries;
}

static void read_deaths(struct guard *guard)
{
	struct entries entries = read_ended(guard, MAP_DEATHS);

	for (size_t i = 0; i < entries.count; i++) {
		const struct death *death = &entries.at[i].death;
		struct tree *tree = family__tree(guard->family, death->who);

		if (tree) {
			read_root_image(guard, tree);
			tree->pid_ns = death->pid_ns; /* whose init is spared */
		} else if (!family__proc(guard->family, death->who)) {
			kernel__forget_death(guard->kernel, death->who);
		}
		intake__death(guard, death);
	}
	free(entries.at);
}

/* All that is known of it, but for what its parent ran. */
static struct image *image_of_dead(struct guard *guard, const struct death *death)
{
	return image__new(&guard->config.redact, death->uid, death->uid, death->comm, "", "", 0,
			  cgroups__path(&guard->cgroups, death->cgroup));
}

/* Who outlived a root that the reflex has answered, and did not outlive the reflex: there once
 * more, so that the root's death finds it among its survivors. */
static void raise_dead(struct guard *guard, const struct death *death)
{
	struct tree *tree = family__tree(guard->family, death->tree);
	struct proc *proc;

	if (!tree || family__proc_of_pid(guard->family, death->who.pid))
		return;
	proc = intake__add_proc(guard, death->who, death->forker, tree);
	if (!proc)
		return;
	proc->vpid = death->vpid;
	proc->pid_ns = death->pid_ns;
	if (!proc->image || strcmp(proc->image->comm, death->comm) != 0)
		family__set_image(proc, image_of_dead(guard, death));
	ender__meet(guard, proc, death->struck);
}

static void read_dead(struct guard *guard)
{
	/* These first: whoever is among them, its root's death was kept before. */
	struct entries ends = read_ended(guard, MAP_ENDS);

	for (size_t i = 0; i < ends.count; i++)
		raise_dead(guard, &ends.at[i].death);
	read_deaths(guard);
	for (size_t i = 0; i < ends.count; i++) {
		struct proc *proc = family__proc(guard->family, ends.at[i].id);
		struct fate *fate;

		if (proc) {
			SLIST_FOREACH(fate, &proc->fates, of_proc)
				fate->incident->has_ended = true;
			intake__death(guard, &ends.at[i].death);
		}
		kernel__forget_end(guard->kernel, ends.at[i].id);
	}
	free(ends.at);
}

static bool was_killed(struct guard *guard, struct ident id)
{
	struct senders senders;

	return kernel__senders(guard->kernel, id, &senders) == 0 && senders.kill.signal;
}

/* Its entry is gone, and so is it: for two readings, else the ring may still tell its end and the
 * births before. A root may be between entry and death record: it gets another reading, and a root
 * that died of nobody knows what is nobody's reason to kill. */
static bool is_unseen(struct guard *guard, struct proc *proc)
{
	uint16_t unseen = (uint16_t)(guard->reading - proc->seen);
	struct death death;

	if (unseen < UNSEEN || proc->outside || kernel__is_member(guard->kernel, proc->id))
		return false;
	if (proc->tree->root_proc != proc || kernel__death(guard->kernel, proc->id, &death) == 0 ||
	    was_killed(guard, proc->id))
		return true;
	if (unseen < UNSEEN + 1) {
		guard->disturbed = true;
		return false;
	}
	log_warn("tree %u: nothing tells how its root, pid %u, ended: its members are let go",
		 proc->tree->id, proc->id.pid);
	return true;
}

static void end_unseen(struct guard *guard)
{
	struct tree *tree = family__first_tree(guard->family), *next_tree;
	autofree struct ident *gone = calloc(family__procs(guard->family) + 1, sizeof(*gone));
	size_t count = 0;

	/* Ends may drop trees: who is gone is listed first. */
	for (; tree && gone; tree = next_tree) {
		struct proc *proc;

		next_tree = LIST_NEXT(tree, all);
		TAILQ_FOREACH(proc, &tree->procs, in_tree) {
			if (is_unseen(guard, proc))
				gone[count++] = proc->id;
		}
	}
	for (size_t i = 0; i < count; i++) {
		struct proc *proc = family__proc(guard->family, gone[i]);

		if (proc)
			intake__end_unseen(guard, proc);
	}
}

/* Trees whose root is neither alive nor told as dead. */
static void settle_trees(struct guard *guard)
{
	struct tree *tree = family__first_tree(guard->family);

	while (tree) /* an end may take others along */
		tree = tracker__settle(guard, tree) ? family__first_tree(guard->family)
						    : LIST_NEXT(tree, all);
}

static void read_again_soon(struct guard *guard)
{
	guard->settling = true;
	sd_event_source_set_time_relative(guard->resync_timer, LOOK_AGAIN / NS_PER_US);
	sd_event_source_set_enabled(guard->resync_timer, SD_EVENT_ONESHOT);
}

static void read_maps(struct guard *guard)
{
	guard->reading++;
	guard->disturbed = false;
	read_trees(guard);
	read_members(guard);
	decide_provisional(guard);
	read_dead(guard);
	end_unseen(guard);
	outside__look(guard);
	if (guard->disturbed)
		read_again_soon(guard);
}

static void read_all(struct guard *guard)
{
	guard->heard = clock__boottime();
	kernel__read_ring(guard->kernel);
	read_maps(guard);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct guard *guard = data;

	(void)source;
	(void)usec;
	guard->settling = false;
	read_all(guard);
	settle_trees(guard);
	ring__follow_up(guard);
	return 0;
}

/* Nothing in the ring tells of a program that was skipped. */
static int on_patrol(sd_event_source *source, uint64_t usec, void *data)
{
	struct guard *guard = data;

	(void)source;
	(void)usec;
	ring__follow_up(guard);
	return 0;
}

void resync__patrol(struct guard *guard)
{
	if (!guard->patrol_timer || !family__first_tree(guard->family) ||
	    sd_event_source_get_enabled(guard->patrol_timer, NULL) > 0)
		return;
	sd_event_source_set_time_relative(guard->patrol_timer, PATROL / NS_PER_US);
	sd_event_source_set_enabled(guard->patrol_timer, SD_EVENT_ONESHOT);
}

int resync__init(struct guard *guard)
{
	int err = sd_event_add_time(guard->loop, &guard->resync_timer, CLOCK_BOOTTIME, 0, 1,
				    on_timer, guard);

	if (err >= 0)
		err = sd_event_source_set_enabled(guard->resync_timer, SD_EVENT_OFF);
	if (err < 0 || !kernel__skips(guard->kernel))
		return err;
	err = sd_event_add_time(guard->loop, &guard->patrol_timer, CLOCK_BOOTTIME, 0, 1, on_patrol,
				guard);
	return err < 0 ? err : sd_event_source_set_enabled(guard->patrol_timer, SD_EVENT_OFF);
}

void resync__stop(struct guard *guard)
{
	guard->resync_timer = sd_event_source_disable_unref(guard->resync_timer);
	guard->patrol_timer = sd_event_source_disable_unref(guard->patrol_timer);
}

void resync__take_over(struct guard *guard)
{
	kernel__counters(guard->kernel, &guard->counters);
	guard->starting = true;
	guard->heard = UINT64_MAX; /* the maps alone tell of those who are there */
	read_maps(guard);
	guard->starting = false;
	read_again_soon(guard); /* a root may have been between its entry and its death record */
	if (family__trees(guard->family))
		log_info("took over %u tree%s with %u member%s", family__trees(guard->family),
			 family__trees(guard->family) == 1 ? "" : "s", family__procs(guard->family),
			 family__procs(guard->family) == 1 ? "" : "s");
}

static uint64_t losses(const struct counter_values *values)
{
	uint64_t sum = values->n[COUNTER_DEATHS_FULL] + values->n[COUNTER_MEMBERS_FULL];

	for (int type = 0; type < RECORD_TYPES; type++)
		sum += values->n[COUNTER_LOST + type];
	return sum;
}

static void say(struct guard *guard, uint64_t lost, const char *what, uint64_t *said)
{
	uint64_t at = clock__boottime();

	guard->resyncs++;
	journal__add(&guard->journal, EVENT_EVENTS_LOST, at, NULL, NULL)->signal = (uint32_t)lost;
	if (*said && at - *said < SAY_AGAIN)
		return;
	announce__lost(lost, what);
	*said = at;
}

void resync__look(struct guard *guard)
{
	struct counter_values now;
	uint64_t lost, missed = kernel__missed(guard->kernel);

	guard->runs_skipped += missed;
	if (kernel__counters(guard->kernel, &now))
		return;
	lost = losses(&now) - losses(&guard->counters);
	guard->counters = now;
	if (lost)
		say(guard, lost, "records were lost", &guard->loss_said);
	else if (missed)
		say(guard, missed, "runs of a program were skipped by the kernel",
		    &guard->skip_said);
	if (!lost && !missed)
		return;
	/* The counters first, then the ring, then the maps: else a birth from the ring may be one
	 * whose end was lost. And once more behind whatever came meanwhile, before anything is
	 * closed. */
	read_all(guard);
	read_again_soon(guard);
}
