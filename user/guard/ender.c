// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "guard/announce.h"
#include "guard/brake.h"
#include "guard/coroner.h"
#include "guard/ender.h"
#include "guard/outside.h"
#include "guard/procfs.h"
#include "guard/sparing.h"
#include "guard/strike.h"
#include "guard/stream.h"
#include "guard/tracker.h"
#include "model/policy.h"

/* Between two rounds of SIGKILL to whoever is left. */
#define AGAIN (100 * NS_PER_MS)

struct sweep {
	struct guard *guard;
	struct incident *incident; /* NULL without memory: signalled all the same */
	int signal;
};

static struct event *tell(struct guard *guard, enum event_type type, uint64_t at,
			  const struct incident *incident, struct image *image)
{
	struct event *event = journal__add(&guard->journal, type, at, NULL, image);

	event->tree = incident->tree_id;
	event->owner = incident->owner;
	text__copy(event->name, sizeof(event->name), incident->rule);
	text__copy(event->incident, sizeof(event->incident), incident->id);
	return event;
}

static void tell_closed(struct guard *guard, const struct incident *incident)
{
	struct event *event =
		tell(guard, EVENT_INCIDENT_CLOSED, incident->closed, incident, incident->image);

	event->who = incident->death.who;
	event->outcome = incident__outcome(incident);
}

static void tell_signal(struct guard *guard, const struct fate *fate, int signal, uint64_t at)
{
	struct event *event =
		tell(guard, EVENT_SURVIVOR_SIGNALLED, at, fate->incident, fate->image);

	event->who = fate->who;
	event->parent = fate->parent;
	event->signal = (uint32_t)signal;
}

static bool has_reflex(const struct incident *incident)
{
	return incident->death.flags & DEATH_REFLEX;
}

/* What the kernel side did by itself before the guard came to it. */
static bool note_struck(struct guard *guard, struct fate *fate, uint64_t at)
{
	if (!at || fate->first.at)
		return false;
	fate__signalled(fate, SIGKILL, at, BY_KERNEL);
	tell_signal(guard, fate, SIGKILL, at);
	return true;
}

/* ---- one survivor */

static void drop_pidfd(struct fate *fate)
{
	if (fate->pidfd >= 0)
		close(fate->pidfd);
	fate->pidfd = -1;
}

/* The stamp is taken before the signal goes out: its effect can't seem older than itself. */
static void strike_fate(struct guard *guard, struct fate *fate, int signal)
{
	uint64_t at = clock__boottime();
	bool told = fate->first.at &&
		    (signal != SIGKILL || fate->first.signal == SIGKILL || fate->last.at);
	int err = strike__send(guard, fate->who, signal, &fate->pidfd, signal != SIGKILL);

	if (err) {
		if (err != -ESRCH)
			log_debug("can't signal pid %u: %s", fate->who.pid, strerror(-err));
		return;
	}
	if (told)
		return; /* again and again until it is gone: only the first of a kind is told */
	fate__signalled(fate, (uint32_t)signal, at, BY_DAEMON);
	tell_signal(guard, fate, signal, at);
}

/* One whom the reflex has signalled. */
static bool add_struck(struct sweep *sweep, struct proc *proc)
{
	uint64_t at = has_reflex(sweep->incident) ? kernel__struck(sweep->guard->kernel, proc->id)
						  : 0;
	struct fate *fate = at ? incident__add(sweep->incident, proc) : NULL;

	if (fate)
		fate__signalled(fate, SIGKILL, at, BY_KERNEL);
	return at;
}

static void strike_first(void *context, struct proc *proc)
{
	struct sweep *sweep = context;
	struct incident *incident = sweep->incident;
	const char *spared;
	uint64_t at;
	struct fate *fate;
	int pidfd = -1, err = 0;

	if (add_struck(sweep, proc))
		return;
	spared = strike__spared(sweep->guard, proc, incident->tree, incident->owner);
	at = clock__boottime();

	if (!spared)
		err = strike__send(sweep->guard, proc->id, sweep->signal, &pidfd,
				   sweep->signal != SIGKILL);
	fate = incident__add(incident, proc);
	if (!fate) {
		if (pidfd >= 0)
			close(pidfd);
		return;
	}
	fate->pidfd = pidfd;
	if (spared) {
		fate__settle(fate, SURVIVOR_SPARED, spared);
		return;
	}
	if (err)
		return;
	fate__signalled(fate, (uint32_t)sweep->signal, at, BY_DAEMON);
	/* A stopped process hears nothing but SIGKILL until it goes on. */
	if (sweep->signal != SIGKILL && procfs__state(proc->id.pid) == 'T')
		strike__send(sweep->guard, proc->id, SIGCONT, &fate->pidfd, true);
}

static void observe_one(void *context, struct proc *proc)
{
	struct sweep *sweep = context;
	const char *spared;
	struct fate *fate;

	if (add_struck(sweep, proc))
		return;
	spared = strike__spared(sweep->guard, proc, sweep->incident->tree, sweep->incident->owner);
	fate = incident__add(sweep->incident, proc);
	if (!fate)
		return;
	if (spared)
		fate__settle(fate, SURVIVOR_SPARED, spared);
	else if (sweep->incident->braked)
		fate__settle(fate, SURVIVOR_SPARED, "the brake is open");
	else
		fate__settle(fate, SURVIVOR_OBSERVED, NULL);
}

/* ---- an incident's course */

void ender__each_survivor(const struct incident *incident, struct proc *below,
			  void (*visit)(void *context, struct proc *proc), void *context)
{
	if (incident->whole)
		tree__each(incident->tree, visit, context);
	else
		proc__each_below(below, visit, context);
}

/* The mark of one member under a member whose death counted; its children inherit it. */
static void doom_one(void *context, struct proc *proc)
{
	struct sweep *sweep = context;
	struct member member;

	proc->doom = sweep->incident;
	/* Whose owner is not root gets no mark in the map: the kernel side could not ask whose
	 * a newborn is. */
	if (!sweep->incident->hard || sweep->incident->owner != 0)
		return;
	if (kernel__member(sweep->guard->kernel, proc->id, &member) || member.flags & MEMBER_SPARED)
		return;
	member.flags |= MEMBER_DOOMED;
	kernel__change(sweep->guard->kernel, proc->id, &member);
}

/* Law 3: the marks stand before the members are read. Inner trees die with the outer, and their
 * members ask for their own tree's mark. */
static void condemn_trees(struct guard *guard, struct incident *incident)
{
	struct tree *tree;

	for (tree = incident->tree; tree; tree = tree__next(tree, incident->tree)) {
		if (kernel__condemn(guard->kernel, tree->root, incident->owner))
			log_warn("tree %u: no room for its mark; its newborns are ended one by one",
				 tree->id);
	}
}

static void turn_hard(struct guard *guard, struct incident *incident, uint64_t now)
{
	incident->hard = true;
	incident->hard_since = now;
	if (incident->whole)
		condemn_trees(guard, incident);
}

static void kill_again(struct guard *guard, struct incident *incident)
{
	struct fate *fate;

	TAILQ_FOREACH(fate, &incident->fates, of_incident) {
		if (fate->proc)
			strike_fate(guard, fate, SIGKILL);
	}
}

static void end_grace(struct guard *guard, struct incident *incident, uint64_t now)
{
	struct sweep sweep = { .guard = guard, .incident = incident };
	struct fate *fate;

	turn_hard(guard, incident, now);
	if (incident->whole)
		return;
	TAILQ_FOREACH(fate, &incident->fates, of_incident) {
		if (fate->proc)
			doom_one(&sweep, fate->proc);
	}
}

static void tell_stuck(struct guard *guard, struct incident *incident)
{
	char state[STATE_LEN], stack[STACK_LEN];
	struct fate *fate;

	TAILQ_FOREACH(fate, &incident->fates, of_incident) {
		if (fate->outcome != SURVIVOR_PENDING || !fate->proc)
			continue;
		kernel__stack(guard->kernel, fate->who.pid, stack, sizeof(stack));
		procfs__state_text(fate->who.pid, state, sizeof(state));
		fate__stuck(fate, state, stack);
		log_warn("incident %s: pid %u will not die, state %s", incident->id, fate->who.pid,
			 fate->state);
	}
	if (incident->closed)
		return;
	tally__closed(&guard->tally, incident);
	incident->closed = clock__boottime();
	tell_closed(guard, incident);
	stream__changed(guard, incident);
}

static void go_on(struct guard *guard, struct incident *incident, uint64_t now)
{
	bool held = incident->braked || incident->observed;

	if (!incident->hard && !held)
		end_grace(guard, incident, now);
	if (!held)
		kill_again(guard, incident);
	if (now - incident->hard_since > guard->config.stuck)
		tell_stuck(guard, incident);
	incident->due = now + (incident->closed ? 10 * AGAIN : AGAIN);
}

static void pardon_one(void *context, struct proc *proc)
{
	struct guard *guard = context;
	struct member member;

	if (kernel__member(guard->kernel, proc->id, &member) || !(member.flags & MEMBER_DOOMED))
		return;
	member.flags &= (uint16_t)~MEMBER_DOOMED;
	kernel__change(guard->kernel, proc->id, &member);
}

/* Newborns live from here on. */
static void pardon_trees(struct guard *guard, struct incident *incident)
{
	struct tree *tree;

	for (tree = incident->tree; tree; tree = tree__next(tree, incident->tree))
		kernel__pardon(guard->kernel, tree->root);
	tree__each(incident->tree, pardon_one, guard);
}

/* One timer for all: it stands at the earliest that is due, and not at all when nothing runs. */
static void set_timer(struct guard *guard)
{
	struct incident *incident;
	uint64_t due = UINT64_MAX;

	LIST_FOREACH(incident, &guard->journal.running, running) {
		if (incident->due < due)
			due = incident->due;
	}
	if (due != UINT64_MAX)
		sd_event_source_set_time(guard->ender_timer, due / NS_PER_US + 1);
	sd_event_source_set_enabled(guard->ender_timer,
				    due == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct guard *guard = data;
	uint64_t now = clock__boottime();
	struct incident *incident;

	(void)source;
	(void)usec;
	LIST_FOREACH(incident, &guard->journal.running, running) {
		if (incident->due <= now)
			go_on(guard, incident, now);
	}
	set_timer(guard);
	return 0;
}

int ender__init(struct guard *guard)
{
	int err = sd_event_add_time(guard->loop, &guard->ender_timer, CLOCK_BOOTTIME, 0, 1,
				    on_timer, guard);

	return err < 0 ? err : sd_event_source_set_enabled(guard->ender_timer, SD_EVENT_OFF);
}

/* What need not be known before the signals are out. */
static void complete(struct guard *guard, struct incident *incident)
{
	const struct sender *sender = &incident->death.sender;
	const struct culprit *culprit = coroner__culprit(guard, sender->who);
	struct event *event;
	struct fate *fate;

	if (culprit && culprit->image)
		text__copy(incident->sender_exe, sizeof(incident->sender_exe), culprit->image->exe);
	else if (sender->who.pid && procfs__is(sender->who))
		procfs__exe(sender->who.pid, incident->sender_exe, sizeof(incident->sender_exe));
	event = tell(guard, EVENT_INCIDENT_OPENED, incident->opened, incident, incident->image);
	event->who = incident->death.who;
	event->parent = incident->death.parent;
	event->exit_code = incident->death.exit_code;
	event->vpid = incident->death.vpid;
	TAILQ_FOREACH(fate, &incident->fates, of_incident) {
		if (fate->first.at)
			tell_signal(guard, fate, (int)fate->first.signal, fate->first.at);
	}
	announce__opened(incident);
	stream__changed(guard, incident);
}

static struct incident *open_incident(struct guard *guard, struct tree *tree,
				      const struct death *death, struct image *image, bool whole)
{
	struct incident *incident = incident__new(death, tree, image);

	if (!incident)
		return NULL;
	incident->opened = has_reflex(incident) ? death->at : clock__boottime();
	incident->whole = whole;
	incident->observed = guard->config.observe;
	incident->braked = brake__is_open(guard);
	incident->reconstructed = guard->starting;
	incident__make_id(incident, guard->boot_id, death->at + (uint64_t)guard->state.realtime);
	tree->running++;
	journal__open_incident(&guard->journal, incident);
	return incident;
}

/* Those who are being killed are many, and each wants the CPU for its exit: the sweep must not wait
 * in line behind them. A no is no matter. */
static void sweep_first(struct incident *incident, struct proc *below, struct sweep *sweep)
{
	struct sched_param before, first = { .sched_priority = 1 };
	int policy = sched_getscheduler(0);
	bool raised = policy >= 0 && sched_getparam(0, &before) == 0 &&
		      sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first) == 0;

	ender__each_survivor(incident, below, strike_first, sweep);
	if (raised)
		sched_setscheduler(0, policy, &before);
}

static void end_survivors(struct guard *guard, struct incident *incident, struct proc *below)
{
	const struct policy *policy = &incident->policy;
	struct sweep sweep = { .guard = guard, .incident = incident, .signal = policy->signal };

	if (!LIST_EMPTY(&guard->outside)) /* whose children the kernel does not enter */
		outside__look(guard);
	if (policy->signal == SIGKILL)
		turn_hard(guard, incident, clock__boottime());
	if (!incident->whole)
		proc__each_below(below, doom_one, &sweep);
	sweep_first(incident, below, &sweep);
	incident->due = clock__boottime() + (incident->hard ? AGAIN : policy->grace);
}

static void count_one(void *context, struct proc *proc)
{
	(void)proc;
	++*(uint32_t *)context;
}

/* Before anybody is marked or signalled: it may be one incident too many. */
static void look_at_brake(struct guard *guard, struct incident *incident, struct proc *below)
{
	uint32_t survivors = 0;

	if (incident->observed || incident->braked)
		return;
	if (has_reflex(incident))
		return; /* it has asked already */
	ender__each_survivor(incident, below, count_one, &survivors);
	brake__look(guard, incident, survivors);
	if (survivors)
		kernel__count_incident(guard->kernel);
	incident->braked |= brake__is_open(guard);
}

static void run_course(struct guard *guard, struct incident *incident, struct proc *below)
{
	struct sweep sweep = { .guard = guard, .incident = incident };

	look_at_brake(guard, incident, below);
	sparing__mark(guard, incident, below);
	if ((incident->observed || incident->braked) && has_reflex(incident))
		pardon_trees(guard, incident); /* condemned before it was so */
	if (incident->observed || incident->braked)
		ender__each_survivor(incident, below, observe_one, &sweep);
	else
		end_survivors(guard, incident, below);
	complete(guard, incident);
	set_timer(guard);
}

void ender__end_tree(struct guard *guard, struct tree *tree, const struct death *death)
{
	struct incident *incident = open_incident(guard, tree, death, tree->image, true);

	if (!incident)
		return;
	tree->incident = incident;
	run_course(guard, incident, NULL);
}

bool ender__end_below(struct guard *guard, struct proc *proc, struct tree *tree,
		      const struct death *death)
{
	struct incident *incident;

	if (TAILQ_EMPTY(&proc->below))
		return false;
	incident = open_incident(guard, tree, death, proc->image, false);
	if (!incident)
		return false;
	run_course(guard, incident, proc);
	return true;
}

/* ---- who comes and goes meanwhile */

bool ender__is_covered(const struct proc *proc)
{
	if (proc->doom || !SLIST_EMPTY(&proc->fates))
		return true;
	for (const struct tree *tree = proc->tree; tree; tree = tree->outer) {
		if (tree->incident)
			return true;
	}
	return false;
}

/* Whether its end was in the map, before what the ring still has of it. */
static bool is_listed(const struct incident *incident, struct ident who)
{
	const struct fate *fate;

	TAILQ_FOREACH(fate, &incident->fates, of_incident) {
		if (ident__equal(fate->who, who))
			return true;
	}
	return false;
}

static void meet_in(struct guard *guard, struct incident *incident, struct proc *proc,
		    uint64_t struck)
{
	struct sweep sweep = { .guard = guard, .incident = incident, .signal = SIGKILL };
	struct fate *fate;

	SLIST_FOREACH(fate, &proc->fates, of_proc) {
		if (fate->incident == incident)
			return;
	}
	if (incident->has_ended && is_listed(incident, proc->id))
		return;
	if (incident->observed || incident->braked)
		return;
	sparing__meet(guard, incident, proc);
	if (incident->hard && !struck) {
		strike_first(&sweep, proc);
		return;
	}
	/* In grace forks are free: it may well be part of the clearing up. */
	fate = incident__add(incident, proc);
	if (fate && struck)
		fate__signalled(fate, SIGKILL, struck, BY_KERNEL);
}

void ender__meet(struct guard *guard, struct proc *proc, uint64_t struck)
{
	if (proc->doom)
		meet_in(guard, proc->doom, proc, struck);
	for (struct tree *tree = proc->tree; tree; tree = tree->outer) {
		if (tree->incident)
			meet_in(guard, tree->incident, proc, struck);
	}
}

void ender__gone(struct guard *guard, struct proc *proc, const struct death *death)
{
	struct fate *fate;

	while ((fate = SLIST_FIRST(&proc->fates))) {
		struct event *event;

		drop_pidfd(fate);
		note_struck(guard, fate, death->struck);
		fate__end(fate, death);
		event = tell(guard, EVENT_SURVIVOR_GONE, death->at, fate->incident, fate->image);
		event->who = fate->who;
		event->parent = fate->parent;
		event->exit_code = death->exit_code;
		event->outcome = fate->outcome;
	}
}

/* ---- the end of it */

static void clear_doom(void *context, struct proc *proc)
{
	if (proc->doom == context)
		proc->doom = NULL;
}

static void finish(struct guard *guard, struct incident *incident)
{
	struct tree *tree = incident->tree;

	if (!incident->closed) /* else it was counted as stuck */
		tally__closed(&guard->tally, incident);
	incident->closed = clock__boottime();
	tell_closed(guard, incident);
	announce__closed(incident);
	stream__changed(guard, incident);
	journal__finish_incident(&guard->journal, incident);
	kernel__forget_death(guard->kernel, incident->death.who);
	tree->running--;
	if (incident->whole) {
		tree->incident = NULL;
		tree->released = true;
	} else {
		tree__each(tree, clear_doom, incident);
	}
	tracker__settle(guard, tree);
}

void ender__close_finished(struct guard *guard)
{
	struct incident *incident = LIST_FIRST(&guard->journal.running), *next;

	if (!incident || guard->settling)
		return;
	for (; incident; incident = next) {
		next = LIST_NEXT(incident, running);
		if (!incident->pending)
			finish(guard, incident);
	}
	set_timer(guard);
}

void ender__abandon(struct guard *guard, struct tree *tree)
{
	struct incident *incident;
	struct fate *fate;

	LIST_FOREACH(incident, &guard->journal.running, running) {
		if (incident->tree != tree)
			continue;
		TAILQ_FOREACH(fate, &incident->fates, of_incident) {
			if (fate->proc)
				fate__settle(fate, SURVIVOR_SPARED, "untracked");
			drop_pidfd(fate);
		}
	}
	ender__close_finished(guard);
}

/* But for those whom SIGKILL has reached: their ends are yet to be seen. */
static void let_survivors_be(struct incident *incident)
{
	struct fate *fate;

	TAILQ_FOREACH(fate, &incident->fates, of_incident) {
		if (fate->proc && fate->first.signal != SIGKILL && !fate->last.at)
			fate__settle(fate, SURVIVOR_SPARED, "the brake is open");
		drop_pidfd(fate);
	}
}

void ender__brake_all(struct guard *guard)
{
	struct incident *incident;

	LIST_FOREACH(incident, &guard->journal.running, running) {
		if (incident->observed || incident->braked || TAILQ_EMPTY(&incident->fates))
			continue;
		incident->braked = true;
		pardon_trees(guard, incident);
		let_survivors_be(incident);
	}
}

void ender__stop(struct guard *guard)
{
	struct incident *incident;
	struct fate *fate;

	LIST_FOREACH(incident, &guard->journal.running, running) {
		TAILQ_FOREACH(fate, &incident->fates, of_incident)
			drop_pidfd(fate);
	}
	guard->ender_timer = sd_event_source_disable_unref(guard->ender_timer);
}
