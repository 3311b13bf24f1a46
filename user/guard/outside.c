// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "guard/ender.h"
#include "guard/intake.h"
#include "guard/outside.h"
#include "guard/procfs.h"
#include "guard/ring.h"

/* While somebody is outside: how often there is a look for room, and for children. */
#define LOOK_AGAIN (100 * NS_PER_MS)
#define MOST_PASSES 20

static int on_timer(sd_event_source *source, uint64_t usec, void *data);

static void set_timer(struct guard *guard)
{
	if (LIST_EMPTY(&guard->outside))
		return;
	if (!guard->outside_timer && sd_event_add_time(guard->loop, &guard->outside_timer,
						       CLOCK_BOOTTIME, 0, 1, on_timer, guard) < 0)
		return;
	sd_event_source_set_time_relative(guard->outside_timer, LOOK_AGAIN / NS_PER_US);
	sd_event_source_set_enabled(guard->outside_timer, SD_EVENT_ONESHOT);
}

void outside__free(struct outside *outside)
{
	if (!outside)
		return;
	LIST_REMOVE(outside, all);
	outside->proc->outside = NULL;
	sd_event_source_disable_unref(outside->ended);
	close(outside->pidfd);
	free(outside);
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct outside *outside = data;
	struct guard *guard = outside->guard;

	(void)source;
	(void)fd;
	(void)events;
	intake__end_unseen(guard, outside->proc); /* frees outside */
	ring__follow_up(guard);
	return 0;
}

/* Proof: the pid was this process's before the pidfd was opened, and is after. */
static struct outside *hold(struct guard *guard, struct proc *proc)
{
	struct outside *outside = calloc(1, sizeof(*outside));

	if (!outside)
		return NULL;
	outside->guard = guard;
	outside->proc = proc;
	outside->pidfd = pidfd_open((pid_t)proc->id.pid, 0);
	if (outside->pidfd < 0 || !kernel__is_alive(guard->kernel, proc->id) ||
	    sd_event_add_io(guard->loop, &outside->ended, outside->pidfd, EPOLLIN, on_end,
			    outside) < 0) {
		if (outside->pidfd >= 0)
			close(outside->pidfd);
		free(outside);
		return NULL;
	}
	LIST_INSERT_HEAD(&guard->outside, outside, all);
	proc->outside = outside;
	return outside;
}

static struct member member_of(const struct proc *proc)
{
	struct member member = { .tree = proc->tree->root,
				 .parent = proc->parent,
				 .since = clock__boottime() };
	uint16_t any;

	tree__scope(proc->tree, &any, &member.on);
	member.flags = (uint16_t)((proc->flags & (MEMBER_SPARED | MEMBER_DOOMED)) | any);
	return member;
}

/* Alive after the entry stood (a thread of it has not come to its exit): its end takes the entry
 * out. The pidfd tells of an end too late for that. */
static bool enter(struct guard *guard, const struct proc *proc)
{
	struct member member = member_of(proc);
	int err = kernel__enter(guard->kernel, proc->id, &member);

	if (err && err != -EEXIST) /* its parent's fork was only about to: it is in by now */
		return false;
	if (kernel__is_alive(guard->kernel, proc->id))
		return true;
	kernel__leave(guard->kernel, proc->id);
	return false;
}

static bool take_in(struct guard *guard, const struct task_row *row)
{
	struct proc *parent, *proc;
	struct image *image;

	if (!(row->flags & TASK_ALIVE) || row->flags & (TASK_KERNEL | TASK_MEMBER) ||
	    family__proc(guard->family, row->who))
		return false;
	parent = family__proc(guard->family, row->parent);
	if (!parent)
		return false;
	proc = intake__add_proc(guard, row->who, row->parent, parent->tree);
	if (!proc)
		return false;
	proc->vpid = row->vpid;
	proc->pid_ns = row->pid_ns;
	if (!hold(guard, proc)) {
		family__drop_proc(guard->family, proc);
		return false;
	}
	image = procfs__image(&guard->config.redact, row->who.pid, NULL);
	if (image)
		family__set_image(proc, image);
	if (enter(guard, proc))
		outside__free(proc->outside);
	else
		log_warn("pid %u (%s) is held without an entry: limits.processes is too low",
			 row->who.pid, row->comm);
	ender__meet(guard, proc, 0);
	return true;
}

static void let_in(struct guard *guard)
{
	struct outside *outside, *next;

	for (outside = LIST_FIRST(&guard->outside); outside; outside = next) {
		next = LIST_NEXT(outside, all);
		if (enter(guard, outside->proc))
			outside__free(outside);
	}
}

void outside__look(struct guard *guard)
{
	bool found = true;

	let_in(guard);
	for (int pass = 0; found && pass < MOST_PASSES; pass++) {
		autofree struct task_row *rows = NULL;
		size_t count;

		found = false;
		if (kernel__census(guard->kernel, 0, &rows, &count))
			break;
		for (size_t i = 0; i < count; i++)
			found |= take_in(guard, &rows[i]);
	}
	set_timer(guard);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct guard *guard = data;

	(void)source;
	(void)usec;
	outside__look(guard);
	ring__follow_up(guard);
	return 0;
}

void outside__stop(struct guard *guard)
{
	while (!LIST_EMPTY(&guard->outside))
		outside__free(LIST_FIRST(&guard->outside));
	guard->outside_timer = sd_event_source_disable_unref(guard->outside_timer);
}
