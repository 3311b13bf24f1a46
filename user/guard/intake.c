// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "guard/cgroups.h"
#include "guard/coroner.h"
#include "guard/ender.h"
#include "guard/intake.h"
#include "guard/outside.h"
#include "guard/procfs.h"
#include "guard/strike.h"
#include "guard/tracker.h"
#include "guard/watch.h"
#include "model/policy.h"
#include "model/rules.h"

static struct event *tell(struct guard *guard, enum event_type type, uint64_t at,
			  const struct proc *proc)
{
	struct event *event = journal__add(&guard->journal, type, at, proc->tree, proc->image);

	event->who = proc->id;
	event->parent = proc->parent;
	event->vpid = proc->vpid;
	return event;
}

/* ---- deaths */

/* Which of the trees that it belongs to asks about this end of a mere member. */
static struct tree *tree_that_asks(const struct proc *proc, enum cause_kind kind)
{
	struct tree *tree;

	for (tree = proc->tree; tree; tree = tree->outer) {
		if (tree->policy.flags & TREE_ANY && policy__wants(tree->policy.on, kind))
			return tree;
	}
	return NULL;
}

/* Whether its end was acted upon. */
static bool member_died(struct guard *guard, struct proc *proc, const struct death *death)
{
	struct tree *tree;

	if (proc->flags & MEMBER_SPARED)
		return false;
	tree = tree_that_asks(proc, cause__kind(death));
	return tree && ender__end_below(guard, proc, tree, death);
}

/* Whether its end was acted upon. covered: it was a survivor of an incident itself, which tells of
 * all that is under it too. */
static bool root_died(struct guard *guard, struct tree *tree, const struct death *death,
		      bool covered)
{
	struct event *event =
		journal__add(&guard->journal, EVENT_ROOT_DIED, death->at, tree, tree->image);

	event->who = death->who;
	event->parent = death->parent;
	event->exit_code = death->exit_code;
	event->vpid = death->vpid;
	if (covered || tree->incident)
		return false;
	if (!(death->flags & DEATH_REFLEX) && !policy__wants(tree->policy.on, cause__kind(death)))
		return false;
	ender__end_tree(guard, tree, death);
	return true;
}

static void take_out(struct guard *guard, struct proc *proc, const struct death *death)
{
	struct event *event;

	if (!proc)
		return;
	event = tell(guard, EVENT_PROCESS_EXITED, death->at, proc);
	event->exit_code = death->exit_code;
	outside__free(proc->outside);
	family__drop_proc(guard->family, proc);
}

/* Whether the daemon did it, or the reflex, as an incident tells. */
static bool is_ours(const struct proc *proc, const struct death *death)
{
	const struct fate *fate = proc ? SLIST_FIRST(&proc->fates) : NULL;

	if (death->struck)
		return true;
	return fate && fate->first.at && death->sender.who.pid == (uint32_t)getpid();
}

void intake__death(struct guard *guard, const struct death *death)
{
	struct proc *proc = family__proc(guard->family, death->who);
	struct tree *root_of = family__tree(guard->family, death->who);
	struct tree *tree = root_of ? root_of : proc ? proc->tree : NULL;
	bool covered = proc && ender__is_covered(proc);
	bool ours = is_ours(proc, death);
	struct image *image;
	uint32_t id;
	bool recorded = root_of || (proc && proc->flags & MEMBER_ANY), acted = false;

	if (!tree || (!proc && (tree->incident || tree->released)))
		return; /* told already */
	image = image__ref(proc ? proc->image : tree->image);
	id = tree->id;
	if (proc)
		ender__gone(guard, proc, death);
	if (root_of) { /* out first: the dead is no survivor of its own death */
		take_out(guard, proc, death);
		root_of->root_parent = death->parent;
		acted = root_died(guard, root_of, death, covered);
	} else {
		acted = !covered && member_died(guard, proc, death);
		take_out(guard, proc, death);
	}
	if (recorded && !acted)
		kernel__forget_death(guard->kernel, death->who);
	if (death->flags & DEATH_KEPT)
		kernel__forget_end(guard->kernel, death->who);
	tracker__settle(guard, tree);
	if (!ours)
		coroner__member(guard, death, id, image);
	image__put(image);
}

/* Without a record of the death: a SIGKILL that was delivered is one that killed. */
static void guess_cause(struct guard *guard, const struct proc *proc, struct death *death)
{
	const struct fate *fate = SLIST_FIRST(&proc->fates);
	struct senders senders;

	if (kernel__senders(guard->kernel, proc->id, &senders) == 0 && senders.kill.signal) {
		death->exit_code = senders.kill.signal;
		death->sender = senders.kill;
		death->oom = senders.oom;
	} else if (fate && fate->first.at) {
		death->exit_code = fate->last.at ? fate->last.signal : fate->first.signal;
	}
}

void intake__end_unseen(struct guard *guard, struct proc *proc)
{
	struct death death = {
		.who = proc->id,
		.parent = proc->parent,
		.at = clock__boottime(),
		.vpid = proc->vpid,
		.pid_ns = proc->pid_ns,
	};

	if (kernel__death(guard->kernel, proc->id, &death) &&
	    kernel__end(guard->kernel, proc->id, &death))
		guess_cause(guard, proc, &death);
	intake__death(guard, &death);
}

/* ---- births and names */

struct proc *intake__add_proc(struct guard *guard, struct ident id, struct ident parent,
			      struct tree *tree)
{
	struct proc *proc = family__proc_of_pid(guard->family, id.pid);
	struct ident root = tree->root;

	if (proc && proc->id.start != id.start) {
		intake__end_unseen(guard, proc); /* which may have ended the tree */
		tree = family__tree(guard->family, root);
	}
	proc = tree ? family__add_proc(guard->family, id, parent, tree) : NULL;
	if (proc)
		proc->seen = guard->reading;
	/* In the map too: what the daemon or one above it starts must not be struck at birth. */
	if (proc && !(proc->flags & MEMBER_SPARED) && strike__untouchable(guard, id.pid))
		tracker__spare(guard, proc);
	return proc;
}

static void on_fork(struct guard *guard, const struct record_fork *record)
{
	struct proc *parent = family__proc(guard->family, record->parent), *proc;
	struct tree *tree = parent ? parent->tree : family__tree(guard->family, record->tree);

	if (!tree) { /* let go since: so is what it starts */
		kernel__leave(guard->kernel, record->head.who);
		return;
	}
	proc = intake__add_proc(guard, record->head.who, record->parent, tree);
	if (!proc)
		return;
	proc->vpid = record->vpid;
	proc->pid_ns = record->pid_ns;
	if (!parent)
		proc->flags = record->flags;
	if (!ident__equal(record->tree, tree->root) || record->flags != proc->flags)
		tracker__rehome(guard, proc);
	ender__meet(guard, proc, record->struck ? record->head.at : 0);
	tell(guard, EVENT_PROCESS_FORKED, record->head.at, proc);
}

/* Beside v1 hierarchies /proc has the cgroup; while the entry stands it speaks of this process. */
static struct image *name_process(struct guard *guard, const struct record_exec *record)
{
	const struct image_value *value = &record->image;
	uint32_t pid = record->head.who.pid;
	char exe[PATH_LEN], cgroup[CGROUP_LEN] = "";
	enum image_cookie cookie = COOKIE_UNKNOWN;
	struct image *image;

	if (!cgroups__are_unified(&guard->cgroups))
		procfs__cgroup(pid, cgroup, sizeof(cgroup));
	if (rules__spare_by(&guard->config.rules, SPARE_COOKIE))
		cookie = procfs__cookie(pid);
	text__copy(exe, sizeof(exe), value->exe);
	if (!*exe || value->truncated) /* no path, or perhaps not all of it */
		procfs__exe(pid, exe, sizeof(exe));
	if (!kernel__is_member(guard->kernel, record->head.who)) {
		*cgroup = '\0';
		text__copy(exe, sizeof(exe), value->exe);
		cookie = COOKIE_UNKNOWN;
	}
	image = image__new(&guard->config.redact, value->uid, value->gid, value->comm, exe,
			   value->args, value->args_len,
			   *cgroup ? cgroup : cgroups__path(&guard->cgroups, value->cgroup));
	if (image)
		image->cookie = cookie;
	return image;
}

/* A program that a rule may ask for. Its tree is in the map since before this record was sent,
 * until it was decided about; it may have ended since, and even then the rule decides about what it
 * left. */
static struct proc *on_provisional(struct guard *guard, const struct record_exec *record,
				   struct proc *proc)
{
	struct ident who = record->head.who;
	struct tree_value value;
	struct tree *tree;

	if (family__tree(guard->family, who))
		return proc;
	if (kernel__tree(guard->kernel, who, &value)) {
		/* Let go for what it ran before, in the moment of this exec. */
		watch__look_at(guard, who);
		return family__proc(guard->family, who);
	}
	tree = family__add_tree(guard->family, who, &value, proc ? proc->tree : NULL);
	if (!tree)
		return proc;
	tree->vpid = record->vpid;
	tree->pid_ns = record->pid_ns;
	if (proc) {
		tracker__make_root(guard, tree, proc);
		return proc;
	}
	proc = intake__add_proc(guard, who, record->parent, tree);
	if (proc) {
		proc->vpid = record->vpid;
		proc->pid_ns = record->pid_ns;
	}
	return proc;
}

/* Whether it has not become yet another program since. */
static bool is_newest(struct guard *guard, const struct record_exec *record)
{
	const struct image_value *told = &record->image;
	struct image_value now;

	return kernel__image(guard->kernel, record->head.who, &now) ||
	       (now.uid == told->uid && now.exe_len == told->exe_len &&
		now.args_len == told->args_len && now.cgroup == told->cgroup &&
		memcmp(now.exe, told->exe, told->exe_len) == 0 &&
		memcmp(now.args, told->args, told->args_len) == 0);
}

static void on_exec(struct guard *guard, const struct record_exec *record)
{
	struct proc *proc = family__proc(guard->family, record->head.who);
	struct image *image;

	if (record->provisional)
		proc = on_provisional(guard, record, proc);
	if (!proc)
		return;
	image = name_process(guard, record);
	if (image)
		family__set_image(proc, image);
	if (proc->tree->root_proc == proc && proc->tree->flags & TREE_PROVISIONAL) {
		watch__decide(guard, proc->tree, is_newest(guard, record));
		proc = family__proc(guard->family, record->head.who);
	}
	if (proc)
		tell(guard, EVENT_PROCESS_EXECUTED, record->head.at, proc);
}

void intake__record(void *context, const struct record *record)
{
	struct guard *guard = context;

	switch (record->type) {
	case RECORD_UNENTERED: /* looked for, as its counter has moved */
		log_debug("pid %u could not be entered: the map of members is full",
			  record->who.pid);
		break;
	case RECORD_FORK:
		on_fork(guard, (const struct record_fork *)record);
		break;
	case RECORD_EXEC:
		on_exec(guard, (const struct record_exec *)record);
		break;
	case RECORD_EXIT:
		intake__death(guard, &((const struct record_exit *)record)->death);
		break;
	case RECORD_SENDER:
	case RECORD_DYING:
	case RECORD_STRANGER:
		coroner__record(guard, record);
		break;
	default:
		break;
	}
}
