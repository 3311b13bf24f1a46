// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "guard/ender.h"
#include "guard/intake.h"
#include "guard/outside.h"
#include "guard/procfs.h"
#include "guard/reflex.h"
#include "guard/resync.h"
#include "guard/strike.h"
#include "guard/tracker.h"
#include "model/rules.h"

/* ---- what the map has of a tree */

static struct tree_value value_of(const struct tree *tree)
{
	struct tree_value value = {
		.id = tree->id,
		.flags = tree->flags,
		.policy = tree->policy,
		.since = tree->since,
		.owner = tree->owner,
	};

	if (tree->outer)
		value.outer = tree->outer->root;
	text__copy(value.name, sizeof(value.name), tree->name);
	text__copy(value.why, sizeof(value.why), tree__why(tree));
	return value;
}

static void nest(struct guard *guard, struct tree *tree, struct tree *outer)
{
	struct tree_value value;

	tree__nest(tree, outer);
	value = value_of(tree);
	kernel__put_tree(guard->kernel, tree->root, &value);
}

/* ---- letting go */

static void let_go(void *context, struct proc *proc)
{
	struct guard *guard = context;

	outside__free(proc->outside);
	kernel__leave(guard->kernel, proc->id);
}

void tracker__rehome(struct guard *guard, struct proc *proc)
{
	struct member member, wanted;
	uint16_t any;

	if (kernel__member(guard->kernel, proc->id, &member))
		return; /* gone meanwhile */
	wanted = member;
	wanted.tree = proc->tree->root;
	tree__scope(proc->tree, &any, &wanted.on);
	wanted.flags =
		(uint16_t)((member.flags & ~MEMBER_ANY) | any | (proc->flags & MEMBER_SPARED));
	proc->flags = wanted.flags;
	if (memcmp(&wanted, &member, sizeof(member)) != 0)
		kernel__change(guard->kernel, proc->id, &wanted);
}

void tracker__drop(struct guard *guard, struct tree *tree)
{
	struct tree *outer = tree->outer;
	struct ident root = tree->root;
	struct proc *proc;

	if (!(tree->flags & TREE_PROVISIONAL))
		journal__add(&guard->journal, EVENT_TREE_ENDED, clock__boottime(), tree,
			     tree->image)
			->who = root;
	while (!LIST_EMPTY(&tree->inner))
		nest(guard, LIST_FIRST(&tree->inner), outer);
	/* Before the map is changed the index has the new home: a fork that comes meanwhile is put
	 * where its parent is. */
	if (outer) {
		while ((proc = TAILQ_FIRST(&tree->procs))) {
			family__move_proc(proc, outer);
			tracker__rehome(guard, proc);
		}
	}
	family__drop_tree(guard->family, tree, let_go, guard);
	kernel__drop_tree(guard->kernel, root);
	if (outer)
		tracker__settle(guard, outer);
}

bool tracker__settle(struct guard *guard, struct tree *tree)
{
	bool empty = !tree->count && LIST_EMPTY(&tree->inner);

	if (tree->running || tree->root_proc)
		return false;
	if (!tree->released && !empty && tree->policy.flags & TREE_ANY)
		return false;
	tracker__drop(guard, tree);
	return true;
}

void tracker__untrack(struct guard *guard, struct tree *tree)
{
	struct ident root = tree->root;

	tree->released = true;
	ender__abandon(guard, tree); /* its end may already drop it */
	tree = family__tree(guard->family, root);
	if (tree)
		tracker__drop(guard, tree);
	kernel__forget_death(guard->kernel, root);
}

int tracker__spare(struct guard *guard, struct proc *proc)
{
	struct member member;
	int err = kernel__member(guard->kernel, proc->id, &member);

	if (err)
		return err == -ENOENT ? -ESRCH : err;
	member.flags |= MEMBER_SPARED;
	member.flags &= (uint16_t)~MEMBER_DOOMED;
	proc->flags = member.flags;
	err = kernel__change(guard->kernel, proc->id, &member);
	return err == -ENOENT ? -ESRCH : err;
}

/* ---- taking in */

/* The reason, and err again. */
__attribute__((format(printf, 4, 5))) static int refuse(char *error, size_t size, int err,
							const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, size, format, args);
	va_end(args);
	return err;
}

/* A user other than root leaves most of them to others, and all users together leave some to
 * root: one may have many uids. */
static const char *has_too_many(const struct guard *guard, uint32_t owner)
{
	const struct tree *tree = family__first_tree(guard->family);
	uint32_t quarter = guard->config.trees / 4, own = 0, all = 0;

	for (; owner && tree; tree = LIST_NEXT(tree, all)) {
		own += tree->owner == owner;
		all += tree->owner != 0;
	}
	if (own && own >= quarter)
		return "a quarter of all trees are yours: untrack some, or raise limits.trees";
	if (all && all >= 3 * quarter)
		return "three quarters of all trees are users': raise limits.trees";
	return NULL;
}

static int check(struct guard *guard, const struct track_request *request,
		 const struct task_row *row, char *error, size_t size)
{
	const char *why = strike__untouchable(guard, request->pid);
	const struct proc *proc = family__proc(guard->family, row->who);
	const char *too_many;

	if (why)
		return refuse(error, size, -EPERM, "%s", why);
	if (row->flags & TASK_KERNEL)
		return refuse(error, size, -EPERM, "pid %u is a kernel thread", request->pid);
	if (request->owner != 0 && request->owner != row->uid)
		return refuse(error, size, -EPERM, "pid %u is not yours", request->pid);
	too_many = has_too_many(guard, request->owner);
	if (too_many)
		return refuse(error, size, -EDQUOT, "%s", too_many);
	if (!(row->flags & TASK_ALIVE))
		return refuse(error, size, -ESRCH, "pid %u has ended", request->pid);
	if (proc && proc->tree->root_proc == proc)
		return refuse(error, size, -EEXIST, "pid %u is watched already, as tree %u",
			      request->pid, proc->tree->id);
	return 0;
}

static struct member member_of(const struct tree *tree, struct ident parent)
{
	struct member member = {
		.tree = tree->root,
		.parent = parent,
		.since = clock__boottime(),
	};

	tree__scope(tree, &member.flags, &member.on);
	return member;
}

struct adoption {
	struct guard *guard;
	struct tree *tree;
	const struct track_request *request;
	struct task_row *rows;
	size_t count;
};

/* A member becomes a root: all that is under it goes with it, trees of its own too. */
static void take_along(void *context, struct proc *proc)
{
	struct adoption *adoption = context;
	struct tree *outer = adoption->tree->outer;

	if (proc->tree == outer) {
		family__move_proc(proc, adoption->tree);
		tracker__rehome(adoption->guard, proc);
	} else if (proc->tree->outer == outer && proc->tree->root_proc == proc) {
		nest(adoption->guard, proc->tree, adoption->tree);
	}
}

void tracker__make_root(struct guard *guard, struct tree *tree, struct proc *proc)
{
	struct adoption adoption = { .guard = guard, .tree = tree };

	family__move_proc(proc, tree);
	tracker__rehome(guard, proc);
	proc__each_below(proc, take_along, &adoption);
}

/* In the order that leaves no gap: the tree, so that the root's death is told as one; then the
 * entry. */
static int enter_root(struct guard *guard, struct tree *tree, const struct task_row *row,
		      struct proc *known)
{
	struct tree_value value = value_of(tree);
	struct member member = member_of(tree, row->parent);
	int err = kernel__put_tree(guard->kernel, tree->root, &value);

	if (err)
		return err;
	if (known) {
		tracker__make_root(guard, tree, known);
		return 0;
	}
	err = kernel__enter(guard->kernel, tree->root, &member);
	if (err && err != -EEXIST)
		return err;
	return intake__add_proc(guard, tree->root, row->parent, tree) ? 0 : -ENOMEM;
}

/* What a process runs, read while it is certain whose it is. */
static void read_image(struct guard *guard, struct proc *proc)
{
	struct image *image = procfs__image(&guard->config.redact, proc->id.pid, NULL);

	if (image && kernel__is_member(guard->kernel, proc->id))
		family__set_image(proc, image);
	else
		image__put(image);
}

static void keep_root_image(struct guard *guard, const struct tree *tree)
{
	struct image_value value = {};

	if (!tree->image)
		return;
	value.uid = tree->image->uid;
	value.gid = tree->image->gid;
	text__copy(value.comm, sizeof(value.comm), tree->image->comm);
	text__copy(value.exe, sizeof(value.exe), tree->image->exe);
	value.exe_len = (uint16_t)strlen(value.exe);
	memcpy(value.args, tree->image->args, tree->image->args_len);
	value.args_len = (uint16_t)tree->image->args_len;
	kernel__put_image(guard->kernel, tree->root, &value);
}

/* ---- the family that is there already */

static const struct task_row *row_of_pid(const struct adoption *adoption, uint32_t pid)
{
	for (size_t i = 0; i < adoption->count; i++) {
		if (adoption->rows[i].who.pid == pid)
			return &adoption->rows[i];
	}
	return NULL;
}

/* A session's members descend from its leader: only fork hands a session on. */
static struct proc *session_leader(const struct adoption *adoption, const struct task_row *row)
{
	struct proc *leader = family__proc_of_pid(adoption->guard->family, row->sid);

	if (!leader || !tree__is_within(leader->tree, adoption->tree) || row->sid == row->who.pid)
		return NULL;
	/* The session keeps its number from being used again, so a member with that pid that was
	 * there before is its leader, if it leads one. */
	return leader->id.start <= row->who.start && row_of_pid(adoption, row->sid) &&
			       row_of_pid(adoption, row->sid)->sid == row->sid
		       ? leader
		       : NULL;
}

/* Its parent, or the leader of its session, when that one belongs to the tree. */
static struct proc *proven_by(const struct adoption *adoption, const struct task_row *row)
{
	struct proc *parent = family__proc(adoption->guard->family, row->parent);

	if (parent && tree__is_within(parent->tree, adoption->tree))
		return parent;
	return session_leader(adoption, row);
}

static bool adopt_row(struct adoption *adoption, const struct task_row *row)
{
	struct guard *guard = adoption->guard;
	struct proc *proc = family__proc(guard->family, row->who), *above;
	struct member member;

	if (!(row->flags & TASK_ALIVE) || row->flags & TASK_KERNEL)
		return false;
	if (proc && tree__is_within(proc->tree, adoption->tree))
		return false;
	above = proven_by(adoption, row);
	if (!above)
		return false;
	if (proc) { /* a tree of its own below ours: from now on an inner one */
		if (proc->tree->outer || tree__is_within(adoption->tree, proc->tree))
			return false;
		nest(guard, proc->tree, adoption->tree);
		return true;
	}
	member = member_of(above->tree, row->parent);
	if (kernel__enter(guard->kernel, row->who, &member))
		return false;
	proc = intake__add_proc(guard, row->who, above->id, above->tree);
	if (!proc)
		return false;
	proc->parent = row->parent;
	proc->vpid = row->vpid;
	proc->pid_ns = row->pid_ns;
	read_image(guard, proc);
	return true;
}

/* An entry that was made for a process whose last thread had ended before is never taken out by
 * it: whoever the next census has not alive goes. */
static void drop_stale(struct adoption *adoption, struct proc *proc)
{
	const struct task_row *row = row_of_pid(adoption, proc->id.pid);

	if (row && ident__equal(row->who, proc->id) && row->flags & TASK_ALIVE)
		return;
	kernel__leave(adoption->guard->kernel, proc->id);
	family__drop_proc(adoption->guard->family, proc);
}

static int take_census(struct adoption *adoption)
{
	free(adoption->rows);
	adoption->rows = NULL;
	adoption->count = 0;
	return kernel__census(adoption->guard->kernel, 0, &adoption->rows, &adoption->count);
}

/* Whoever shares the root's session, began after it and has lost its parent may be one of the
 * family, or may have come from elsewhere in the session: it is named, not taken. */
static void note_unproven(const struct adoption *adoption)
{
	const struct track_request *request = adoption->request;
	const struct task_row *root = row_of_pid(adoption, adoption->tree->root.pid);

	for (size_t i = 0; root && request->note && i < adoption->count; i++) {
		const struct task_row *row = &adoption->rows[i], *parent;
		char text[TEXT_LEN];

		if (row->sid != root->sid || row->who.start < root->who.start ||
		    row->sid == row->who.pid || !(row->flags & TASK_ALIVE) ||
		    family__proc(adoption->guard->family, row->who))
			continue;
		parent = row_of_pid(adoption, row->parent.pid);
		if (parent && parent->sid == row->sid)
			continue; /* somebody else's child */
		snprintf(
			text, sizeof(text),
			"pid %u (%s) is of the root's session and has lost its parent: it could not be "
			"proven one of the family, and is not watched",
			row->who.pid, row->comm);
		request->note(request->context, text);
	}
}

/*
 * Nobody can be proven to be of its family: it has no child, and leads no session. Whom it forks
 * from now on the kernel enters, for its entry stands. So a tree that is asked for before its
 * program runs costs the same on every host, however many processes there are.
 */
static bool is_alone(const struct task_row *root)
{
	return root->sid != root->who.pid && procfs__is_childless(root->who.pid);
}

/* Parents start before their children, so one pass in the order of starts finds a whole family;
 * who was forked by somebody not yet entered is found by the next. Two passes that find nobody
 * prove that it is whole: whatever forks after the first is entered by the kernel. */
static void adopt(struct guard *guard, struct tree *tree, const struct track_request *request)
{
	struct adoption adoption = { .guard = guard, .tree = tree, .request = request };
	int quiet = 0;

	for (int pass = 0; quiet < 2 && pass < 100; pass++) {
		struct proc *proc, *next;
		bool found = false;

		if (take_census(&adoption))
			break;
		for (size_t i = 0; i < adoption.count; i++)
			found |= adopt_row(&adoption, &adoption.rows[i]);
		for (proc = TAILQ_FIRST(&tree->procs); proc && pass; proc = next) {
			next = TAILQ_NEXT(proc, in_tree);
			if (proc != tree->root_proc)
				drop_stale(&adoption, proc);
		}
		quiet = found ? 0 : quiet + 1;
	}
	note_unproven(&adoption);
	free(adoption.rows);
}

static void tell_tracked(struct guard *guard, struct tree *tree)
{
	struct event *event =
		journal__add(&guard->journal, EVENT_TREE_TRACKED, tree->since, tree, tree->image);

	resync__patrol(guard);
	event->who = tree->root;
	event->parent = tree->root_parent;
	event->vpid = tree->vpid;
	log_info("tree %u: watching pid %u (%s)%s%s", tree->id, tree->root.pid,
		 tree->image ? tree->image->comm : "?", *tree->name ? " as " : "", tree->name);
}

static uint32_t next_id(struct guard *guard)
{
	uint32_t id = guard->state.next_tree++;

	kernel__put_state(guard->kernel, &guard->state);
	return id;
}

static void rehome_one(void *context, struct proc *proc)
{
	tracker__rehome(context, proc);
}

static void take_rule(struct tree *tree, struct rule *rule)
{
	rule__ref(rule);
	rule__put(tree->rule);
	tree->rule = rule;
	tree->policy = rule->policy;
	tree->flags &= ~(uint32_t)(TREE_PROVISIONAL | TREE_SPARES);
	tree->flags |= TREE_RULE | (rule__has_spares(rule) ? TREE_SPARES : 0U);
	text__copy(tree->name, sizeof(tree->name), rule->name);
}

void tracker__rebind(struct guard *guard, struct tree *tree, struct rule *rule)
{
	bool any = tree->policy.flags & TREE_ANY || rule->policy.flags & TREE_ANY;
	struct tree_value value;

	take_rule(tree, rule);
	value = value_of(tree);
	kernel__put_tree(guard->kernel, tree->root, &value);
	reflex__put(guard, tree);
	if (any)
		tree__each(tree, rehome_one, guard);
}

void tracker__confirm(struct guard *guard, struct tree *tree, struct rule *rule, const char *why)
{
	tree->id = next_id(guard);
	tree__set_why(tree, why);
	tracker__rebind(guard, tree, rule);
	tell_tracked(guard, tree);
}

/* Undoes what was begun; the process is as it was. */
static void forget(struct guard *guard, struct tree *tree, bool was_member)
{
	struct ident root = tree->root;

	family__drop_tree(guard->family, tree, was_member ? NULL : let_go, guard);
	kernel__drop_tree(guard->kernel, root);
	kernel__forget_death(guard->kernel, root);
}

int tracker__track(struct guard *guard, const struct track_request *request, struct tree **out,
		   char *error, size_t size)
{
	autofree struct task_row *row = NULL;
	struct tree_value value = { .policy = request->policy,
				    .owner = request->owner,
				    .since = clock__boottime() };
	struct proc *known;
	struct tree *tree;
	size_t count;
	int err = kernel__census(guard->kernel, request->pid, &row, &count);

	if (err == -ESRCH &&
	    strike__untouchable(guard, request->pid)) /* iterators may leave out pid 1 */
		return refuse(error, size, -EPERM, "%s", strike__untouchable(guard, request->pid));
	if (err == -ESRCH)
		return refuse(error, size, err, "there is no process %u", request->pid);
	if (err)
		return refuse(error, size, err, "can't look at pid %u", request->pid);
	err = check(guard, request, row, error, size);
	if (err)
		return err;
	known = family__proc(guard->family, row->who);
	value.id = next_id(guard);
	text__copy(value.name, sizeof(value.name), request->name ? request->name : "");
	tree = family__add_tree(guard->family, row->who, &value, known ? known->tree : NULL);
	if (!tree)
		return refuse(error, size, -ENOMEM, "no memory to watch pid %u", request->pid);
	tree->vpid = row->vpid;
	tree->pid_ns = row->pid_ns;
	if (request->rule) {
		take_rule(tree, request->rule);
		tree__set_why(tree, request->why);
	}
	err = enter_root(guard, tree, row, known);
	if (err) {
		forget(guard, tree, known);
		return refuse(error, size, -ENOSPC,
			      "no room to watch pid %u: raise limits.processes or limits.trees",
			      request->pid);
	}
	/* It may have ended before its entry stood. Alive after: its end will find the entry. */
	if (!kernel__is_alive(guard->kernel, tree->root) && !known) {
		forget(guard, tree, false);
		return refuse(error, size, -ESRCH, "pid %u has ended", request->pid);
	}
	read_image(guard, tree->root_proc);
	keep_root_image(guard, tree);
	if (request->note || !is_alone(row))
		adopt(guard, tree, request);
	reflex__put(guard, tree);
	tell_tracked(guard, tree);
	*out = tree;
	return 0;
}
