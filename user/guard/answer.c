// SPDX-License-Identifier: GPL-2.0
/* answer.c - what each request of the control socket gets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "guard/brake.h"
#include "guard/client.h"
#include "guard/coroner.h"
#include "guard/ender.h"
#include "guard/strike.h"
#include "guard/stream.h"
#include "guard/tracker.h"
#include "model/filter.h"
#include "model/policy.h"

struct control_host answer__host(struct guard *guard)
{
	struct control_host row = { .realtime = guard__realtime(guard),
				    .now = clock__boottime(),
				    .begun = guard->begun };

	text__copy(row.machine_id, sizeof(row.machine_id), guard->machine_id);
	text__copy(row.boot_id, sizeof(row.boot_id), guard->boot_id);
	text__copy(row.name, sizeof(row.name), guard->host);
	text__copy(row.version, sizeof(row.version), ORPHAND_VERSION);
	return row;
}

static void send_host(struct client *client)
{
	struct control_host row = answer__host(client->guard);

	client__send(client, &row, CONTROL_HOST_ROW, sizeof(row));
}

/* ---- watching and letting go */

static void send_note(void *context, const char *text)
{
	struct control_note row = {};

	text__copy(row.text, sizeof(row.text), text);
	client__send(context, &row, CONTROL_NOTE_ROW, sizeof(row));
}

static bool is_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	}
	return len < size;
}

static const char *fault_of(const struct control_track *request)
{
	const struct policy *policy = &request->policy;

	if (!is_text(request->name, sizeof(request->name)))
		return "the name has control characters or no end";
	if (!policy->on || policy->on >> CAUSE_KINDS)
		return "no cause, or one that is not known, is asked for";
	if (policy->signal < 1 || policy->signal > 64)
		return "there is no such signal";
	if (policy->grace > POLICY_LONGEST_GRACE)
		return "the grace is longer than a day";
	if (policy->flags & ~(uint32_t)TREE_ANY)
		return "an unknown scope is asked for";
	return NULL;
}

static void answer_track(struct client *client, const struct control_track *request)
{
	const char *fault = fault_of(request);
	struct track_request track = {
		.pid = request->pid ? request->pid : client->pid,
		.owner = client->uid,
		.policy = request->policy,
		.name = request->name,
		.note = request->pid ? send_note : NULL,
		.context = client,
	};
	char error[TEXT_LEN] = "";
	struct tree *tree = NULL;
	int err;

	if (fault) {
		client__end(client, -EINVAL, 0, fault);
		return;
	}
	if (client->foreign_pids && request->pid) {
		client__end(
			client, -EPERM, 0,
			"you live in another PID namespace, where pids are others; ask from the host's");
		return;
	}
	err = tracker__track(client->guard, &track, &tree, error, sizeof(error));
	client__end(client, err, tree ? tree->id : 0, error);
}

/* The tree that a request names: by its number, by its root's pid, or by a member's. */
static struct tree *named_tree(const struct client *client, const struct control_target *target)
{
	const struct family *family = client->guard->family;
	struct tree *tree = target->tree ? family__tree_of_id(family, target->tree) : NULL;
	struct proc *proc;

	if (!tree && target->pid && !client->foreign_pids) {
		proc = family__proc_of_pid(family, target->pid);
		tree = proc ? proc->tree : NULL;
	}
	return tree && client__may_see(client, tree->owner) ? tree : NULL;
}

static void answer_untrack(struct client *client, const struct control_target *target)
{
	struct tree *tree = named_tree(client, target);
	uint32_t id = tree ? tree->id : 0;

	if (!tree) {
		client__end(client, -ESRCH, 0, "no such tree, and no watched process of that pid");
		return;
	}
	tracker__untrack(client->guard, tree);
	client__end(client, 0, id, "");
}

static void answer_spare(struct client *client, const struct control_target *target)
{
	struct proc *proc = client->foreign_pids
				    ? NULL
				    : family__proc_of_pid(client->guard->family, target->pid);
	int err;

	if (!proc || !client__may_see(client, proc->tree->owner)) {
		client__end(client, -ESRCH, 0, "no watched process of that pid");
		return;
	}
	for (const struct tree *tree = proc->tree; tree; tree = tree->outer) {
		if (!client__may_see(client, tree->owner)) {
			client__end(client, -EPERM, 0, "it is in a tree of somebody else, too");
			return;
		}
	}
	err = tracker__spare(client->guard, proc);
	client__end(client, err, err ? 0 : proc->tree->id, err ? "the process has ended" : "");
}

/* ---- families */

struct control_tree_row answer__tree(const struct tree *tree)
{
	struct control_tree_row row = {
		.id = tree->id,
		.outer = tree->outer ? tree->outer->id : 0,
		.members = tree__members(tree),
		.flags = tree->flags,
		.owner = tree->owner,
		.root_alive = tree->root_proc != NULL,
		.since = tree->since,
		.root = tree->root,
		.policy = tree->policy,
	};

	text__copy(row.name, sizeof(row.name), tree->name);
	text__copy(row.why, sizeof(row.why), tree__why(tree));
	image__fill(tree->image, &row.image);
	return row;
}

static void send_tree(struct client *client, const struct tree *tree)
{
	struct control_tree_row row = answer__tree(tree);

	client__send(client, &row, CONTROL_TREE_ROW, sizeof(row));
}

static void answer_list(struct client *client)
{
	const struct tree *tree;

	send_host(client);
	for (tree = family__first_tree(client->guard->family); tree; tree = LIST_NEXT(tree, all)) {
		if (client__may_see(client, tree->owner))
			send_tree(client, tree);
	}
	client__end(client, 0, 0, "");
}

struct family_walk {
	struct client *client;
	const struct tree *top;
};

/* A tree of somebody else may lie inside. */
static bool is_shown(const struct family_walk *walk, const struct proc *proc)
{
	return tree__is_within(proc->tree, walk->top) &&
	       client__may_see(walk->client, proc->tree->owner);
}

static void send_proc(void *context, struct proc *proc)
{
	const struct family_walk *walk = context;
	struct control_proc_row row = {
		.who = proc->id,
		.parent = proc->parent,
		.tree = proc->tree->id,
		.flags = proc->flags,
	};

	if (!is_shown(walk, proc))
		return;
	if (proc->above && is_shown(walk, proc->above))
		row.above = proc->above->id;
	image__fill(proc->image, &row.image);
	client__send(walk->client, &row, CONTROL_PROC_ROW, sizeof(row));
}

/* Those that nobody in the tree is above of; each with all that is below it: parents first. */
static void send_tops(void *context, struct proc *proc)
{
	const struct family_walk *walk = context;

	if (proc->above && tree__is_within(proc->above->tree, walk->top))
		return;
	send_proc(context, proc);
	proc__each_below(proc, send_proc, context);
}

static void answer_tree(struct client *client, const struct control_target *target)
{
	struct tree *tree = named_tree(client, target);
	struct family_walk walk = { .client = client, .top = tree };

	if (!tree) {
		client__end(client, -ESRCH, 0, "no such tree, and no watched process of that pid");
		return;
	}
	send_host(client);
	send_tree(client, tree);
	tree__each(tree, send_tops, &walk);
	client__end(client, 0, tree->id, "");
}

/* ---- what happened */

static bool is_asked_for(const struct client *client, const struct control_query *query,
			 const struct event *event)
{
	return client__may_see(client, event->owner) &&
	       filter__takes_event(query, event->at + (uint64_t)guard__realtime(client->guard),
				   event->type, event->tree, event->who.pid);
}

static void send_event(struct client *client, const struct event *event)
{
	struct control_event_row row = {};

	if (!is_asked_for(client, &client->query, event))
		return;
	event__fill(event, &row);
	client__send(client, &row, CONTROL_EVENT_ROW, sizeof(row));
}

void client__send_events(struct client *client)
{
	const struct journal *journal = &client->guard->journal;

	if (client->next_event < journal__first(journal))
		client->next_event = journal__first(journal); /* too slow: the gap shows in seq */
	while (client->next_event <= journal->last && STAILQ_EMPTY(&client->queue) &&
	       !client->doomed)
		send_event(client, journal__event(journal, client->next_event++));
}

static uint64_t first_event(const struct client *client, const struct control_query *query)
{
	const struct journal *journal = &client->guard->journal;
	uint64_t seq = journal__first(journal), seen = 0;

	if (query->after >= seq)
		seq = query->after + 1;
	for (uint64_t at = journal->last; query->limit && at >= seq; at--) {
		seen += is_asked_for(client, query, journal__event(journal, at));
		if (seen == query->limit)
			return at;
	}
	return seq;
}

static void answer_events(struct client *client, const struct control_query *query)
{
	const struct journal *journal = &client->guard->journal;
	uint64_t seq = first_event(client, query);

	send_host(client);
	client->query = *query;
	if (query->follow) {
		client->follows = true;
		client->next_event = seq;
		client__send_events(client);
		return;
	}
	for (; seq <= journal->last; seq++)
		send_event(client, journal__event(journal, seq));
	client__end(client, 0, 0, "");
}

static bool matches(const struct client *client, const struct control_query *query,
		    const struct incident *incident)
{
	uint64_t time = incident->opened + (uint64_t)guard__realtime(client->guard);
	const struct sender *sender = &incident->death.sender;
	const struct image *image = incident->image;

	if (!client__may_see(client, incident->owner))
		return false;
	if (time < query->since || (query->until && time > query->until))
		return false;
	if (*query->rule && strcmp(query->rule, incident->rule) != 0)
		return false;
	if (*query->outcome && filter__outcome(query->outcome) != (int)incident__outcome(incident))
		return false;
	if (query->by_user && query->uid != (image ? image->uid : incident->death.uid))
		return false;
	return strncasecmp(query->id, incident->id, strlen(query->id)) == 0 &&
	       filter__names(query->root, incident->death.who.pid, image ? image->exe : "",
			     image ? image->comm : "") &&
	       filter__names(query->sender, sender->who.pid, incident->sender_exe, sender->comm) &&
	       filter__matches(query->cgroup, image ? image->cgroup : "");
}

static void send_survivor(struct client *client, const struct fate *fate)
{
	struct control_survivor_row row = {};

	fate__fill(fate, &row);
	client__send(client, &row, CONTROL_SURVIVOR_ROW, sizeof(row));
}

static void send_incident_row(struct client *client, const struct incident *incident)
{
	struct control_incident_row row = {};

	incident__fill(incident, &row);
	client__send(client, &row, CONTROL_INCIDENT_ROW, sizeof(row));
}

static void send_incident(struct client *client, const struct incident *incident)
{
	const struct fate *fate;

	send_incident_row(client, incident);
	TAILQ_FOREACH(fate, &incident->fates, of_incident)
		send_survivor(client, fate);
}

static void answer_incidents(struct client *client, struct control_query *query)
{
	const struct incident *incident;
	uint32_t skip = 0;

	query__close(query);
	TAILQ_FOREACH(incident, &client->guard->journal.incidents, all)
		skip += query->limit && matches(client, query, incident);
	skip = skip > query->limit ? skip - query->limit : 0; /* the newest so many */
	send_host(client);
	TAILQ_FOREACH(incident, &client->guard->journal.incidents, all) {
		if (!matches(client, query, incident))
			continue;
		if (skip)
			skip--;
		else
			send_incident(client, incident);
	}
	client__end(client, 0, 0, "");
}

/* ---- how a process ended */

static void send_deaths(struct client *client, uint32_t pid)
{
	for (uint64_t seq = coroner__first(client->guard); seq <= coroner__last(client->guard);
	     seq++) {
		const struct obituary *obituary = coroner__obituary(client->guard, seq);
		struct control_death_row row = {};

		if (obituary->death.who.pid != pid || !client__may_see(client, obituary->death.uid))
			continue;
		obituary__fill(obituary, &row);
		client__send(client, &row, CONTROL_DEATH_ROW, sizeof(row));
	}
}

static void send_exits(struct client *client, uint32_t pid)
{
	const struct journal *journal = &client->guard->journal;

	client->query = (struct control_query){ .types = 1U << EVENT_PROCESS_EXITED };
	for (uint64_t seq = journal__first(journal); seq <= journal->last; seq++) {
		if (journal__event(journal, seq)->who.pid == pid)
			send_event(client, journal__event(journal, seq));
	}
}

static void send_survivals(struct client *client, const struct incident *incident, uint32_t pid)
{
	const struct fate *fate;
	bool told = false;

	TAILQ_FOREACH(fate, &incident->fates, of_incident) {
		if (fate->who.pid != pid)
			continue;
		if (!told)
			send_incident_row(client, incident);
		told = true;
		send_survivor(client, fate);
	}
}

static void answer_why(struct client *client, const struct control_query *query)
{
	const struct incident *incident;

	if (client->foreign_pids) {
		client__end(
			client, -EPERM, 0,
			"you live in another PID namespace, where pids are others; ask from the host's");
		return;
	}
	send_host(client);
	send_deaths(client, query->pid);
	send_exits(client, query->pid);
	TAILQ_FOREACH(incident, &client->guard->journal.incidents, all) {
		if (!client__may_see(client, incident->owner))
			continue;
		if (incident->death.who.pid == query->pid)
			send_incident(client, incident);
		else
			send_survivals(client, incident, query->pid);
	}
	client__end(client, 0, 0, "");
}

/* ---- numbers */

static void send_counter(struct client *client, const char *name, uint64_t value)
{
	struct control_counter_row row = { .value = value };

	text__copy(row.name, sizeof(row.name), name);
	client__send(client, &row, CONTROL_COUNTER_ROW, sizeof(row));
}

static const char *const counter_names[COUNTERS] = {
	[COUNTER_FORKS] = "forks",
	[COUNTER_EXECS] = "execs",
	[COUNTER_EXITS] = "exits",
	[COUNTER_DEATHS] = "root_deaths",
	[COUNTER_SENDERS] = "senders_noted",
	[COUNTER_STRUCK] = "newborns_struck",
	[COUNTER_STRIKE_FAILED] = "newborns_not_struck",
	[COUNTER_REFUSED] = "forks_refused",
	[COUNTER_LOST + RECORD_FORK] = "events_lost_fork",
	[COUNTER_LOST + RECORD_EXEC] = "events_lost_exec",
	[COUNTER_LOST + RECORD_EXIT] = "events_lost_exit",
	[COUNTER_LOST + RECORD_UNENTERED] = "events_lost_unentered",
	[COUNTER_MEMBERS_FULL] = "members_full",
	[COUNTER_DEATHS_FULL] = "deaths_full",
	[COUNTER_SENDERS_FULL] = "senders_full",
	[COUNTER_TREES_FULL] = "trees_full",
	[COUNTER_UNSETTLED] = "parents_unsettled",
	[COUNTER_ARGS_UNREAD] = "args_unread",
	[COUNTER_STRANGERS] = "strangers_ended",
	[COUNTER_STRANGERS_LOST] = "strangers_lost",
	[COUNTER_REFLEXES] = "reflexes",
	[COUNTER_REFLEX_STRUCK] = "reflex_signals",
	[COUNTER_REFLEX_FAILED] = "reflex_signals_failed",
	[COUNTER_REFLEX_LEFT] = "reflexes_left",
	[COUNTER_KIN_LOST] = "members_unlisted",
	[COUNTER_ENDS_FULL] = "ends_full",
};

static void answer_stats(struct client *client)
{
	const struct guard *guard = client->guard;
	struct counter_values values = {};
	uint64_t lost = 0;

	kernel__counters(guard->kernel, &values);
	for (int type = 0; type < RECORD_TYPES; type++)
		lost += values.n[COUNTER_LOST + type];
	send_counter(client, "armed", !brake__is_open(guard));
	send_counter(client, "observe", guard->config.observe);
	send_counter(client, "trees", family__trees(guard->family));
	send_counter(client, "processes", family__procs(guard->family));
	send_counter(client, "map_capacity_members", kernel__capacity(guard->kernel, MAP_MEMBERS));
	send_counter(client, "map_capacity_trees", kernel__capacity(guard->kernel, MAP_TREES));
	for (int i = 0; i < INCIDENT_OUTCOMES; i++) {
		char name[NAME_LEN];

		snprintf(name, sizeof(name), "incidents_%s",
			 incident_outcome__name((enum incident_outcome)i));
		send_counter(client, name, guard->journal.totals[i]);
	}
	send_counter(client, "signals_sent", guard->signals_sent);
	send_counter(client, "signals_failed", guard->signals_failed);
	send_counter(client, "events_lost", lost);
	send_counter(client, "resyncs", guard->resyncs);
	send_counter(client, "runs_skipped", guard->runs_skipped);
	send_counter(client, "store_dropped", stream__dropped(guard));
	send_counter(client, "log_dropped", log__dropped());
	for (int i = 0; i < COUNTERS; i++)
		send_counter(client, counter_names[i], values.n[i]);
	client__end(client, 0, 0, "");
}

static struct control_finding_row finding(enum finding_level level, const char *name,
					  const char *text)
{
	struct control_finding_row row = { .level = level };

	text__copy(row.name, sizeof(row.name), name);
	text__copy(row.text, sizeof(row.text), text);
	return row;
}

static void send_finding(struct client *client, struct control_finding_row row)
{
	client__send(client, &row, CONTROL_FINDING_ROW, sizeof(row));
}

static void keep_finding(void *context, enum finding_level level, const char *name,
			 const char *text)
{
	struct guard *guard = context;
	void *more =
		reallocarray(guard->findings, guard->finding_count + 1, sizeof(*guard->findings));

	if (!more)
		return;
	guard->findings = more;
	guard->findings[guard->finding_count++] = finding(level, name, text);
}

/* ---- the brake */

static void send_brake(struct client *client)
{
	const struct state_value *state = &client->guard->state;
	char text[TEXT_LEN];

	snprintf(text, sizeof(text), "open (%s): nobody is signalled until 'orphanctl arm'",
		 state->why);
	if (brake__is_open(client->guard))
		send_finding(client, finding(FINDING_GAP, "brake", text));
	else
		send_finding(client, finding(FINDING_OK, "brake", "closed: orphans are ended"));
}

/* To try what the kernel offers takes long, and anybody may ask: it is done once. */
static void answer_doctor(struct client *client)
{
	struct guard *guard = client->guard;

	if (!guard->findings)
		kernel__probe(keep_finding, guard);
	for (size_t i = 0; i < guard->finding_count; i++)
		send_finding(client, guard->findings[i]);
	if (!guard->config.reflex)
		send_finding(client, finding(FINDING_GAP, "daemon.reflex",
					     "off in the config: the daemon signals all survivors; "
					     "while it is away they live on"));
	send_brake(client);
	client__end(client, 0, 0, "");
}

static void answer_brake(struct client *client, bool disarm)
{
	struct guard *guard = client->guard;

	if (client->uid != 0) {
		client__end(client, -EPERM, 0, "only root arms and disarms");
		return;
	}
	if (!disarm) {
		brake__close(guard);
	} else {
		brake__open(guard, "by hand");
		ender__close_finished(guard); /* those that it let be */
	}
	client__end(client, 0, 0, "");
}

/* ---- dispatch */

static size_t size_of(enum control_type type)
{
	switch (type) {
	case CONTROL_TRACK:
		return sizeof(struct control_track);
	case CONTROL_EVENTS:
	case CONTROL_INCIDENTS:
	case CONTROL_WHY:
		return sizeof(struct control_query);
	case CONTROL_UNTRACK:
	case CONTROL_SPARE:
	case CONTROL_LIST:
	case CONTROL_TREE:
	case CONTROL_STATS:
	case CONTROL_DOCTOR:
	case CONTROL_ARM:
	case CONTROL_DISARM:
		return sizeof(struct control_target);
	default:
		return 0;
	}
}

/* Why a packet is no request, NULL when it is one. */
static const char *malformed(const struct control_head *request, size_t size)
{
	if (size < sizeof(*request))
		return "a packet that is no request";
	if (request->version != CONTROL_VERSION)
		return "a request of another version; use the orphanctl that came with this orphand";
	if (!size_of(request->type))
		return "an unknown request";
	if (request->size != size || size != size_of(request->type))
		return "a request of the wrong size";
	return NULL;
}

static void dispatch(struct client *client, const struct control_head *request)
{
	switch ((enum control_type)request->type) {
	case CONTROL_TRACK:
		answer_track(client, (const struct control_track *)request);
		break;
	case CONTROL_UNTRACK:
		answer_untrack(client, (const struct control_target *)request);
		break;
	case CONTROL_SPARE:
		answer_spare(client, (const struct control_target *)request);
		break;
	case CONTROL_LIST:
		answer_list(client);
		break;
	case CONTROL_TREE:
		answer_tree(client, (const struct control_target *)request);
		break;
	case CONTROL_EVENTS:
		answer_events(client, (const struct control_query *)request);
		break;
	case CONTROL_INCIDENTS:
		answer_incidents(client, (struct control_query *)request);
		break;
	case CONTROL_WHY:
		answer_why(client, (const struct control_query *)request);
		break;
	case CONTROL_STATS:
		answer_stats(client);
		break;
	case CONTROL_DOCTOR:
		answer_doctor(client);
		break;
	case CONTROL_ARM:
	case CONTROL_DISARM:
	default:
		answer_brake(client, request->type == CONTROL_DISARM);
		break;
	}
}

void client__answer(struct client *client, const struct control_head *request, size_t size)
{
	const char *fault = malformed(request, size);

	if (fault) {
		client__end(client, -EPROTO, 0, fault);
		client->closing = true;
		return;
	}
	dispatch(client, request);
}
