// SPDX-License-Identifier: GPL-2.0
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include "model/incident.h"
#include "model/policy.h"

static const char *const incident_outcomes[INCIDENT_OUTCOMES] = {
	[INCIDENT_CLEARED] = "cleared", [INCIDENT_STUCK] = "stuck",
	[INCIDENT_SPARED] = "spared",	[INCIDENT_OBSERVED] = "observed",
	[INCIDENT_BRAKED] = "braked",
};

static const char *const survivor_outcomes[SURVIVOR_OUTCOMES] = {
	[SURVIVOR_KILLED] = "killed",	[SURVIVOR_TERMINATED] = "terminated",
	[SURVIVOR_EXITED] = "exited",	[SURVIVOR_SPARED] = "spared",
	[SURVIVOR_STUCK] = "stuck",	[SURVIVOR_OBSERVED] = "observed",
	[SURVIVOR_PENDING] = "pending",
};

const char *incident_outcome__name(enum incident_outcome outcome)
{
	return outcome < INCIDENT_OUTCOMES ? incident_outcomes[outcome] : "unknown";
}

const char *survivor_outcome__name(enum survivor_outcome outcome)
{
	return outcome < SURVIVOR_OUTCOMES ? survivor_outcomes[outcome] : "unknown";
}

struct incident *incident__new(const struct death *death, const struct tree *tree,
			       struct image *image)
{
	struct incident *incident = calloc(1, sizeof(*incident));

	if (!incident)
		return NULL;
	TAILQ_INIT(&incident->fates);
	text__copy(incident->rule, sizeof(incident->rule), tree->name);
	incident->tree = (struct tree *)tree;
	incident->tree_id = tree->id;
	incident->policy = tree->policy;
	incident->owner = tree->owner;
	incident->death = *death;
	incident->image = image__ref(image);
	return incident;
}

static void fate__free(struct fate *fate)
{
	image__put(fate->image);
	free(fate->stack);
	free(fate);
}

void incident__free(struct incident *incident)
{
	struct fate *fate;

	while ((fate = TAILQ_FIRST(&incident->fates))) {
		TAILQ_REMOVE(&incident->fates, fate, of_incident);
		fate__free(fate);
	}
	image__put(incident->image);
	free(incident);
}

/* With the finish of splitmix64, so that every bit counts. */
static uint64_t hash(uint64_t seed, const void *data, size_t size)
{
	seed = hash__more(seed, data, size);
	seed = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9ULL;
	seed = (seed ^ seed >> 27) * 0x94d049bb133111ebULL;
	return seed ^ seed >> 31;
}

/* ULID: 48 bits of milliseconds, 80 that tell ids of the same millisecond apart, in Crockford's
 * base 32. https://github.com/ulid/spec */
static void format_ulid(char text[INCIDENT_ID_LEN], uint64_t ms, uint64_t high, uint64_t low)
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	unsigned __int128 value = (unsigned __int128)(ms & 0xffffffffffffULL) << 80 |
				  (unsigned __int128)(high & 0xffff) << 64 | low;

	for (int i = 25; i >= 0; i--) {
		text[i] = digits[(unsigned)(value & 31)];
		value >>= 5;
	}
	text[26] = '\0';
}

void incident__make_id(struct incident *incident, const char *boot_id, uint64_t realtime)
{
	uint64_t low = hash(HASH_START, boot_id, strlen(boot_id));
	uint64_t high;

	low = hash(low, &incident->death.who, sizeof(incident->death.who));
	low = hash(low, &incident->death.at, sizeof(incident->death.at));
	high = hash(low, "", 1);
	format_ulid(incident->id, realtime / NS_PER_MS, high, low);
}

struct fate *incident__add(struct incident *incident, struct proc *proc)
{
	struct fate *fate = calloc(1, sizeof(*fate));

	if (!fate)
		return NULL;
	fate->incident = incident;
	fate->proc = proc;
	fate->who = proc->id;
	fate->parent = proc->parent;
	if (proc->above)
		fate->above = proc->above->id;
	fate->image = image__ref(proc->image);
	fate->outcome = SURVIVOR_PENDING;
	fate->pidfd = -1;
	SLIST_INSERT_HEAD(&proc->fates, fate, of_proc);
	TAILQ_INSERT_TAIL(&incident->fates, fate, of_incident);
	incident->survivors++;
	incident->pending++;
	return fate;
}

void fate__signalled(struct fate *fate, uint32_t signal, uint64_t at, enum signal_by by)
{
	struct sent_signal sent = { .at = at, .signal = signal, .by = by };

	if (!fate->first.at) {
		fate->first = sent;
		if (at > fate->incident->last_first)
			fate->incident->last_first = at;
	} else if (!fate->last.at && signal == SIGKILL && fate->first.signal != SIGKILL) {
		fate->last = sent;
	}
}

/* Which signal of ours had reached it, if any, by the time it ended. */
static enum survivor_outcome outcome_of_end(const struct fate *fate, const struct death *death)
{
	bool killed = (death->exit_code & 0x7f) == SIGKILL;
	const struct sent_signal *kill = fate->first.signal == SIGKILL ? &fate->first : &fate->last;

	if (!fate->first.at || fate->first.at > death->at)
		return SURVIVOR_EXITED;
	if (killed && kill->at && kill->at <= death->at)
		return SURVIVOR_KILLED;
	return fate->first.signal == SIGKILL ? SURVIVOR_EXITED : SURVIVOR_TERMINATED;
}

static void fate__take_off(struct fate *fate)
{
	if (!fate->proc)
		return;
	SLIST_REMOVE(&fate->proc->fates, fate, fate, of_proc);
	fate->proc = NULL;
}

static bool is_pending(const struct fate *fate)
{
	return fate->outcome == SURVIVOR_PENDING || fate->outcome == SURVIVOR_STUCK;
}

void fate__end(struct fate *fate, const struct death *death)
{
	fate__take_off(fate);
	if (!is_pending(fate))
		return;
	fate->outcome = outcome_of_end(fate, death);
	fate->exit_code = death->exit_code;
	fate->gone = death->at;
	if (death->at > fate->incident->last_gone)
		fate->incident->last_gone = death->at;
	fate->incident->pending--;
}

void fate__stuck(struct fate *fate, const char *state, const char *stack)
{
	fate->outcome = SURVIVOR_STUCK;
	text__copy(fate->state, sizeof(fate->state), state);
	free(fate->stack);
	fate->stack = *stack ? strdup(stack) : NULL;
}

void fate__settle(struct fate *fate, enum survivor_outcome outcome, const char *reason)
{
	if (is_pending(fate))
		fate->incident->pending--;
	fate->outcome = outcome;
	fate->reason = reason;
	fate__take_off(fate);
}

enum incident_outcome incident__outcome(const struct incident *incident)
{
	enum incident_outcome outcome = INCIDENT_CLEARED;
	struct fate *fate;

	if (incident->braked)
		return INCIDENT_BRAKED;
	if (incident->observed)
		return INCIDENT_OBSERVED;
	TAILQ_FOREACH(fate, &incident->fates, of_incident) {
		if (fate->outcome == SURVIVOR_STUCK)
			return INCIDENT_STUCK;
		if (fate->outcome == SURVIVOR_SPARED)
			outcome = INCIDENT_SPARED;
	}
	return outcome;
}

static uint64_t since_death(const struct incident *incident, uint64_t at)
{
	return at > incident->death.at ? at - incident->death.at : 0;
}

uint64_t incident__reaction(const struct incident *incident)
{
	return since_death(incident, incident->last_first);
}

uint64_t incident__clear(const struct incident *incident)
{
	return incident->pending ? 0 : since_death(incident, incident->last_gone);
}

void incident__fill(const struct incident *incident, struct control_incident_row *row)
{
	const struct death *death = &incident->death;

	text__copy(row->id, sizeof(row->id), incident->id);
	text__copy(row->rule, sizeof(row->rule), incident->rule);
	row->tree = incident->tree_id;
	row->open = !incident->closed;
	row->outcome = incident__outcome(incident);
	row->observed = incident->observed;
	row->reconstructed = incident->reconstructed;
	row->survivors = incident->survivors;
	row->died = death->at;
	row->opened = incident->opened;
	row->closed = incident->closed;
	row->reaction_ns = incident__reaction(incident);
	row->clear_ns = incident__clear(incident);
	row->who = death->who;
	row->parent = death->parent;
	row->vpid = death->vpid;
	row->pid_ns = death->pid_ns;
	image__fill(incident->image, &row->image);
	if (*death->comm) /* as it called itself in the end */
		text__copy(row->image.comm, sizeof(row->image.comm), death->comm);
	row->kind = cause__kind(death);
	row->origin = cause__origin(death);
	row->exit_code = death->exit_code;
	row->sender = death->sender;
	text__copy(row->sender_exe, sizeof(row->sender_exe), incident->sender_exe);
}

void fate__fill(const struct fate *fate, struct control_survivor_row *row)
{
	row->who = fate->who;
	row->parent = fate->parent;
	row->above = fate->above;
	row->outcome = fate->outcome;
	row->exit_code = fate->exit_code;
	row->gone = fate->gone;
	row->first = fate->first;
	row->last = fate->last;
	if (fate->reason)
		text__copy(row->reason, sizeof(row->reason), fate->reason);
	text__copy(row->state, sizeof(row->state), fate->state);
	if (fate->stack)
		text__copy(row->stack, sizeof(row->stack), fate->stack);
	image__fill(fate->image, &row->image);
}
