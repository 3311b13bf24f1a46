// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "base/text.h"
#include "guard/cgroups.h"
#include "guard/ender.h"
#include "guard/procfs.h"
#include "guard/sparing.h"
#include "guard/tracker.h"
#include "model/place.h"
#include "model/rules.h"

struct question {
	struct guard *guard;
	const struct incident *incident;
	const struct rule *rule; /* NULL: it had a spare list, and is no more */
	char unit[UNIT_LEN];	 /* of the dead */
};

/* Forked by one that was gone before the death, and in another session than the dead. Whoever is
 * gone is not in the index; the dead itself is out already. */
static bool is_detached(const struct question *question, const struct proc *proc)
{
	const struct death *death = &question->incident->death;
	uint32_t session;

	if (ident__equal(proc->parent, death->who) ||
	    family__proc(question->guard->family, proc->parent))
		return false;
	session = procfs__session(proc->id.pid);
	return session && session != death->sid;
}

static bool is_in_another_unit(const struct question *question, const struct proc *proc)
{
	char cgroup[CGROUP_LEN];
	struct place place;

	procfs__cgroup(proc->id.pid, cgroup, sizeof(cgroup));
	place = place__of(cgroup);
	return *place.unit && *question->unit && strcmp(place.unit, question->unit) != 0;
}

static bool has_cookie(const struct proc *proc)
{
	if (!proc->image || proc->image->cookie == COOKIE_UNKNOWN)
		return procfs__cookie(proc->id.pid) == COOKIE_YES;
	return proc->image->cookie == COOKIE_YES;
}

/* Static text, or NULL. What is under a spared one is spared with it. */
static const char *reason(const struct question *question, const struct proc *proc)
{
	const struct rule *rule = question->rule;

	if (proc->above && proc->above->spared)
		return proc->above->spared;
	if (!rule)
		return "its rule, which had a spare list, is no more";
	if (proc->image && rule__spares(rule, proc->image, proc->above ? proc->above->image : NULL))
		return "the rule's spare list";
	if (rule->spare_words & SPARE_COOKIE && has_cookie(proc))
		return "it asks for it: ORPHAND_SPARE=1";
	if (rule->spare_words & SPARE_DETACHED && is_detached(question, proc))
		return "detached before the death";
	if (rule->spare_words & SPARE_UNIT && is_in_another_unit(question, proc))
		return "moved into another unit";
	return NULL;
}

static void mark_one(void *context, struct proc *proc)
{
	const struct question *question = context;
	const char *why = proc->flags & MEMBER_SPARED ? NULL : reason(question, proc);

	if (!why)
		return;
	proc->spared = why;
	tracker__spare(question->guard, proc);
}

static bool asks(struct guard *guard, const struct incident *incident, struct question *question)
{
	const struct tree *tree = incident->tree;
	const char *cgroup;
	struct place place;

	*question = (struct question){ guard, incident, tree->rule, "" };
	if (!tree->rule)
		return tree->flags & TREE_SPARES;
	if (!rule__has_spares(tree->rule))
		return false;
	if (tree->rule->spare_words & SPARE_UNIT) {
		cgroup = cgroups__path(&guard->cgroups, incident->death.cgroup);
		if (!*cgroup && incident->image)
			cgroup = incident->image->cgroup;
		place = place__of(cgroup);
		text__copy(question->unit, sizeof(question->unit), place.unit);
	}
	return true;
}

void sparing__mark(struct guard *guard, const struct incident *incident, struct proc *below)
{
	struct question question;

	if (asks(guard, incident, &question))
		ender__each_survivor(incident, below, mark_one, &question);
}

void sparing__meet(struct guard *guard, const struct incident *incident, struct proc *proc)
{
	struct question question;

	if (proc->id.start < incident->death.at && asks(guard, incident, &question))
		mark_one(&question, proc);
}
