// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "model/incident.h"
#include "model/json.h"
#include "model/obituary.h"
#include "model/place.h"
#include "model/policy.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- names */

#define EVENT_PREFIX "orphand."

static const char *const event_names[EVENT_TYPES] = {
	[EVENT_TREE_TRACKED] = "orphand.tree.tracked",
	[EVENT_PROCESS_FORKED] = "orphand.process.forked",
	[EVENT_PROCESS_EXECUTED] = "orphand.process.executed",
	[EVENT_PROCESS_EXITED] = "orphand.process.exited",
	[EVENT_ROOT_DIED] = "orphand.root.died",
	[EVENT_INCIDENT_OPENED] = "orphand.incident.opened",
	[EVENT_SURVIVOR_SIGNALLED] = "orphand.survivor.signalled",
	[EVENT_SURVIVOR_GONE] = "orphand.survivor.gone",
	[EVENT_INCIDENT_CLOSED] = "orphand.incident.closed",
	[EVENT_TREE_ENDED] = "orphand.tree.ended",
	[EVENT_BRAKE_OPENED] = "orphand.brake.opened",
	[EVENT_EVENTS_LOST] = "orphand.events.lost",
};

static const char *const finding_levels[] = {
	[FINDING_OK] = "ok",
	[FINDING_GAP] = "gap",
	[FINDING_WRONG] = "wrong",
};

static const char *name_of(const char *const *names, size_t count, uint32_t n)
{
	return n < count ? names[n] : "unknown";
}

const char *json__event_name(uint32_t type)
{
	return name_of(event_names, COUNT(event_names), type);
}

int json__event_type(const char *name, size_t len)
{
	for (int type = 0; type < EVENT_TYPES; type++) {
		const char *whole = event_names[type];
		const char *brief = whole + strlen(EVENT_PREFIX);

		if ((strlen(whole) == len && memcmp(whole, name, len) == 0) ||
		    (strlen(brief) == len && memcmp(brief, name, len) == 0))
			return type;
	}
	return -EINVAL;
}

const char *json__finding_level(uint32_t level)
{
	return name_of(finding_levels, COUNT(finding_levels), level);
}

/* ---- texts */

static bool is_continuation(const unsigned char *byte, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return false;
	}
	return true;
}

size_t json__utf8(const char *bytes, size_t len)
{
	const unsigned char *s = (const unsigned char *)bytes;

	if (len >= 1 && s[0] < 0x80)
		return 1;
	/* Second bytes are narrower where the range would hold longer forms than need be,
	 * surrogates, or what is past U+10FFFF. */
	if (len >= 2 && s[0] >= 0xc2 && s[0] <= 0xdf && is_continuation(s + 1, 1))
		return 2;
	if (len >= 3 && s[0] >= 0xe0 && s[0] <= 0xef && is_continuation(s + 1, 2) &&
	    (s[0] != 0xe0 || s[1] >= 0xa0) && (s[0] != 0xed || s[1] <= 0x9f))
		return 3;
	if (len >= 4 && s[0] >= 0xf0 && s[0] <= 0xf4 && is_continuation(s + 1, 3) &&
	    (s[0] != 0xf0 || s[1] >= 0x90) && (s[0] != 0xf4 || s[1] <= 0x8f))
		return 4;
	return 0;
}

size_t json__args_len(const struct control_image *image)
{
	return image->args_len > ARGS_LEN ? ARGS_LEN : image->args_len;
}

struct json_object *json__text(const char *bytes, size_t len)
{
	static const char replacement[] = "\xef\xbf\xbd";
	autofree char *clean = NULL;
	size_t n = 0;

	len = strnlen(bytes, len);
	clean = malloc(len * 3 + 1);
	if (!clean)
		return NULL;
	for (size_t i = 0; i < len;) {
		size_t width = json__utf8(bytes + i, len - i);
		size_t out = width ? width : sizeof(replacement) - 1;

		memcpy(clean + n, width ? bytes + i : replacement, out);
		n += out;
		i += width ? width : 1;
	}
	return json_object_new_string_len(clean, (int)n);
}

uint64_t json__realtime(const struct control_host *host, uint64_t at)
{
	/* in unsigned arithmetic, where an absurd difference wraps instead of being undefined */
	return at + (uint64_t)host->realtime;
}

/* ---- objects */

/* An object on its way: once anything could not be made, finish() gives NULL. */
struct maker {
	struct json_object *object;
	bool failed;
};

static struct maker begin(void)
{
	struct maker maker = { .object = json_object_new_object() };

	maker.failed = !maker.object;
	return maker;
}

static struct json_object *finish(struct maker *maker)
{
	if (maker->failed) {
		json_object_put(maker->object);
		maker->object = NULL;
	}
	return maker->object;
}

/* Takes the value over; NULL is what is left of one that could not be made. */
static void put(struct maker *maker, const char *key, struct json_object *value)
{
	if (!maker->failed && value &&
	    json_object_object_add_ex(maker->object, key, value,
				      JSON_C_OBJECT_ADD_KEY_IS_NEW |
					      JSON_C_OBJECT_ADD_CONSTANT_KEY) == 0)
		return;
	json_object_put(value);
	maker->failed = true;
}

static void put_null(struct maker *maker, const char *key)
{
	if (maker->failed || json_object_object_add(maker->object, key, NULL))
		maker->failed = true;
}

static void put_text(struct maker *maker, const char *key, const char *text)
{
	put(maker, key, json__text(text, strlen(text)));
}

/* A field of a record, which a NUL ends only where it is not full. */
#define put_field(maker, key, field) put(maker, key, json__text(field, sizeof(field)))

static void put_number(struct maker *maker, const char *key, uint64_t n)
{
	put(maker, key, json_object_new_uint64(n));
}

static void put_bool(struct maker *maker, const char *key, bool yes)
{
	put(maker, key, json_object_new_boolean(yes));
}

static void put_time(struct maker *maker, const char *key, const struct json_context *context,
		     uint64_t at)
{
	char text[CLOCK_TEXT_LEN];

	clock__format(text, json__realtime(&context->host, at));
	put_text(maker, key, text);
}

/* at 0 is how the records say "not yet". */
static void put_time_or_null(struct maker *maker, const char *key,
			     const struct json_context *context, uint64_t at)
{
	if (at)
		put_time(maker, key, context, at);
	else
		put_null(maker, key);
}

static void put_user(struct maker *maker, const char *key, const struct json_context *context,
		     uint32_t uid)
{
	const char *name = context->user ? context->user(context->data, uid) : NULL;
	char number[16];

	snprintf(number, sizeof(number), "%" PRIu32, uid);
	put_text(maker, key, name ? name : number);
}

static void put_exit_signal(struct maker *maker, const char *key, uint32_t exit_code)
{
	if (exit_code & 0x7f)
		put_text(maker, key, signal__name((int)(exit_code & 0x7f)));
	else
		put_null(maker, key);
}

/* Appends the value, which is taken over; NULL is what is left of one that could not be made. */
static bool append(struct json_object *array, struct json_object *value)
{
	if (value && json_object_array_add(array, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

/* The last argument may have lost its NUL when the vector was cut. */
static struct json_object *args_of_image(const struct control_image *image)
{
	size_t len = json__args_len(image);
	struct json_object *args = json_object_new_array();

	for (size_t at = 0; args && at < len;) {
		size_t one = strnlen(image->args + at, len - at);

		if (!append(args, json__text(image->args + at, one))) {
			json_object_put(args);
			return NULL;
		}
		at += one + 1;
	}
	return args;
}

static void put_place(struct maker *maker, const struct control_image *image)
{
	struct place place = place__of_image(image);

	put_text(maker, "container", place.container);
	put_text(maker, "runtime", place.runtime);
	put_text(maker, "pod", place.pod);
	put_text(maker, "unit", place.unit);
}

/* What a process runs, and as whom: the middle of every process in the JSON. */
static void put_image(struct maker *maker, const struct json_context *context,
		      const struct control_image *image)
{
	put_field(maker, "exe", image->exe);
	put(maker, "args", args_of_image(image));
	put_field(maker, "comm", image->comm);
	put_number(maker, "uid", image->uid);
	put_user(maker, "user", context, image->uid);
	put_field(maker, "cgroup", image->cgroup);
	put_place(maker, image);
}

/* ---- incidents */

static struct json_object *make_host(const struct control_host *host)
{
	struct maker maker = begin();

	put_field(&maker, "id", host->machine_id);
	put_field(&maker, "name", host->name);
	put_field(&maker, "boot_id", host->boot_id);
	return finish(&maker);
}

static struct json_object *make_root(const struct json_context *context,
				     const struct control_incident_row *row)
{
	struct maker maker = begin();

	put_number(&maker, "pid", row->who.pid);
	put_time(&maker, "start", context, row->who.start);
	put_number(&maker, "parent_pid", row->parent.pid);
	put_number(&maker, "vpid", row->vpid);
	put_number(&maker, "pid_ns", row->pid_ns);
	put_image(&maker, context, &row->image);
	return finish(&maker);
}

static void put_sender(struct maker *maker, const struct json_context *context,
		       const struct sender *sender, const char exe[static PATH_LEN])
{
	put_number(maker, "pid", sender->who.pid);
	put_field(maker, "comm", sender->comm);
	put(maker, "exe", json__text(exe, PATH_LEN));
	put_number(maker, "uid", sender->uid);
	put_user(maker, "user", context, sender->uid);
}

static struct json_object *make_sender(const struct json_context *context,
				       const struct control_incident_row *row)
{
	struct maker maker = begin();

	put_sender(&maker, context, &row->sender, row->sender_exe);
	return finish(&maker);
}

/* sender is taken over; NULL when there is none. */
static struct json_object *make_cause(uint32_t kind, uint32_t origin, uint32_t exit_code,
				      bool has_sender, struct json_object *sender)
{
	struct maker maker = begin();

	put_text(&maker, "kind", cause__name(kind));
	put_exit_signal(&maker, "signal", exit_code);
	if (exit_code & 0x7f)
		put_null(&maker, "exit_code");
	else
		put_number(&maker, "exit_code", (exit_code >> 8) & 0xff);
	put_bool(&maker, "core", exit_code & 0x80);
	put_text(&maker, "origin", origin__name(origin));
	if (has_sender)
		put(&maker, "sender", sender);
	else
		put_null(&maker, "sender");
	return finish(&maker);
}

static struct json_object *make_incident_cause(const struct json_context *context,
					       const struct control_incident_row *row)
{
	bool known = row->sender.who.pid;

	return make_cause(row->kind, row->origin, row->exit_code, known,
			  known ? make_sender(context, row) : NULL);
}

struct json_object *json__incident(const struct json_context *context,
				   const struct control_incident_row *row)
{
	struct maker maker = begin();

	put_field(&maker, "id", row->id);
	put(&maker, "host", make_host(&context->host));
	put_field(&maker, "rule", row->rule);
	put_number(&maker, "tree", row->tree);
	put_text(&maker, "state", row->open ? "open" : "closed");
	put_text(&maker, "outcome", incident_outcome__name(row->outcome));
	put_bool(&maker, "observed", row->observed);
	put_bool(&maker, "reconstructed", row->reconstructed);
	put_time(&maker, "opened", context, row->opened);
	put_time_or_null(&maker, "closed", context, row->open ? 0 : row->closed);
	put(&maker, "root", make_root(context, row));
	put(&maker, "cause", make_incident_cause(context, row));
	put(&maker, "survivors", json_object_new_array());
	put_number(&maker, "reaction_ns", row->reaction_ns);
	put_number(&maker, "clear_ns", row->clear_ns);
	return finish(&maker);
}

static struct json_object *make_signal(const struct json_context *context,
				       const struct sent_signal *sent)
{
	struct maker maker = begin();

	put_text(&maker, "signal", signal__name((int)sent->signal));
	put_time(&maker, "at", context, sent->at);
	put_text(&maker, "by", sent->by == BY_KERNEL ? "kernel" : "daemon");
	return finish(&maker);
}

static struct json_object *make_signals(const struct json_context *context,
					const struct control_survivor_row *row)
{
	struct json_object *signals = json_object_new_array();

	if (!signals)
		return NULL;
	if ((!row->first.at || append(signals, make_signal(context, &row->first))) &&
	    (!row->last.at || append(signals, make_signal(context, &row->last))))
		return signals;
	json_object_put(signals);
	return NULL;
}

static struct json_object *make_survivor(const struct json_context *context,
					 const struct control_survivor_row *row)
{
	struct maker maker = begin();

	put_number(&maker, "pid", row->who.pid);
	put_time(&maker, "start", context, row->who.start);
	put_number(&maker, "parent_pid", row->parent.pid);
	put_field(&maker, "exe", row->image.exe);
	put(&maker, "args", args_of_image(&row->image));
	put_number(&maker, "uid", row->image.uid);
	put_place(&maker, &row->image);
	put_text(&maker, "outcome", survivor_outcome__name(row->outcome));
	put(&maker, "signals", make_signals(context, row));
	put_time_or_null(&maker, "gone", context, row->gone);
	put_exit_signal(&maker, "exit_signal", row->gone ? row->exit_code : 0);
	if (row->outcome == SURVIVOR_SPARED)
		put_field(&maker, "reason", row->reason);
	if (row->outcome == SURVIVOR_STUCK) {
		put_field(&maker, "state", row->state);
		put_field(&maker, "stack", row->stack);
	}
	return finish(&maker);
}

int json__add_survivor(struct json_object *incident, const struct json_context *context,
		       const struct control_survivor_row *row)
{
	struct json_object *survivors, *survivor = make_survivor(context, row);

	if (!survivor)
		return -ENOMEM;
	if (json_object_object_get_ex(incident, "survivors", &survivors) &&
	    json_object_array_add(survivors, survivor) == 0)
		return 0;
	json_object_put(survivor);
	return -ENOMEM;
}

/* ---- deaths */

static struct json_object *make_ancestor(const struct json_context *context,
					 const struct ancestor *ancestor)
{
	struct maker maker = begin();

	put_number(&maker, "pid", ancestor->who.pid);
	put_time(&maker, "start", context, ancestor->who.start);
	put_field(&maker, "comm", ancestor->comm);
	put_number(&maker, "uid", ancestor->uid);
	put_user(&maker, "user", context, ancestor->uid);
	return finish(&maker);
}

static struct json_object *make_above(const struct json_context *context, const char *above)
{
	struct json_object *array = json_object_new_array();
	struct ancestor ancestor;

	while (array && above__next(&above, &ancestor)) {
		if (!append(array, make_ancestor(context, &ancestor))) {
			json_object_put(array);
			return NULL;
		}
	}
	return array;
}

static struct json_object *make_known_sender(const struct json_context *context,
					     const struct control_death_row *row)
{
	struct maker maker = begin();

	put_sender(&maker, context, &row->sender, row->sender_image.exe);
	put_time(&maker, "start", context, row->sender.who.start);
	put(&maker, "args", args_of_image(&row->sender_image));
	put_field(&maker, "cgroup", row->sender_image.cgroup);
	put_place(&maker, &row->sender_image);
	put(&maker, "parents", make_above(context, row->above));
	return finish(&maker);
}

struct json_object *json__death(const struct json_context *context,
				const struct control_death_row *row)
{
	struct maker maker = begin();
	bool known = row->sender.who.pid;

	put_number(&maker, "pid", row->who.pid);
	put_time(&maker, "start", context, row->who.start);
	put_time(&maker, "ended", context, row->at);
	put_number(&maker, "parent_pid", row->parent.pid);
	put_number(&maker, "vpid", row->vpid);
	put_number(&maker, "pid_ns", row->pid_ns);
	put_image(&maker, context, &row->image);
	put_number(&maker, "tree", row->tree);
	put(&maker, "cause",
	    make_cause(row->kind, row->origin, row->exit_code, known,
		       known ? make_known_sender(context, row) : NULL));
	return finish(&maker);
}

/* ---- events: what is not known is left out */

static void put_event_process(struct maker *maker, const struct json_context *context,
			      const struct control_event_row *row)
{
	if (row->who.pid) {
		put_number(maker, "process.pid", row->who.pid);
		put_time(maker, "process.creation.time", context, row->who.start);
	}
	if (row->parent.pid)
		put_number(maker, "process.parent_pid", row->parent.pid);
	if (row->vpid)
		put_number(maker, "process.vpid", row->vpid);
}

static void put_known(struct maker *maker, const char *key, const char *text)
{
	if (*text)
		put_text(maker, key, text);
}

static void put_event_image(struct maker *maker, const struct control_image *image)
{
	struct place place = place__of_image(image);
	char exe[PATH_LEN + 1];
	const char *base;

	snprintf(exe, sizeof(exe), "%.*s", PATH_LEN, image->exe);
	base = strrchr(exe, '/');
	base = base ? base + 1 : exe;
	if (*exe)
		put_text(maker, "process.executable.path", exe);
	if (*base)
		put_text(maker, "process.executable.name", base);
	if (image->args_len)
		put(maker, "process.command_args", args_of_image(image));
	if (*image->cgroup)
		put_field(maker, "process.linux.cgroup", image->cgroup);
	put_known(maker, "container.id", place.container);
	put_known(maker, "container.runtime", place.runtime);
	put_known(maker, "k8s.pod.uid", place.pod);
	put_known(maker, "orphand.unit", place.unit);
}

static void put_event_end(struct maker *maker, uint32_t exit_code)
{
	if (exit_code & 0x7f)
		put_exit_signal(maker, "orphand.exit.signal", exit_code);
	else
		put_number(maker, "process.exit.code", (exit_code >> 8) & 0xff);
}

static void put_event_details(struct maker *maker, const struct control_event_row *row)
{
	switch (row->type) {
	case EVENT_SURVIVOR_GONE:
		put_text(maker, "orphand.outcome", survivor_outcome__name(row->outcome));
		put_event_end(maker, row->exit_code);
		break;
	case EVENT_PROCESS_EXITED:
	case EVENT_ROOT_DIED:
		put_event_end(maker, row->exit_code);
		break;
	case EVENT_SURVIVOR_SIGNALLED:
		put_text(maker, "orphand.signal", signal__name((int)row->signal));
		break;
	case EVENT_INCIDENT_CLOSED:
		put_text(maker, "orphand.outcome", incident_outcome__name(row->outcome));
		break;
	case EVENT_EVENTS_LOST:
		put_number(maker, "orphand.lost", row->signal);
		break;
	default:
		break;
	}
}

struct json_object *json__event(const struct json_context *context,
				const struct control_event_row *row)
{
	struct maker maker = begin();

	put_text(&maker, "event.name", json__event_name(row->type));
	put_time(&maker, "time", context, row->at);
	put_number(&maker, "orphand.seq", row->seq);
	if (*context->host.machine_id)
		put_field(&maker, "host.id", context->host.machine_id);
	if (row->tree)
		put_number(&maker, "orphand.tree.id", row->tree);
	if (*row->name)
		put_field(&maker, "orphand.rule", row->name);
	if (*row->incident)
		put_field(&maker, "orphand.incident.id", row->incident);
	put_event_process(&maker, context, row);
	put_event_image(&maker, &row->image);
	put_event_details(&maker, row);
	return finish(&maker);
}

/* ---- trees */

static struct json_object *make_on(uint16_t on)
{
	struct json_object *kinds = json_object_new_array();

	for (unsigned i = 0; kinds && i < CAUSE_KINDS; i++) {
		if (!(on & (1U << i)) || append(kinds, json_object_new_string(cause__name(i))))
			continue;
		json_object_put(kinds);
		return NULL;
	}
	return kinds;
}

static struct json_object *make_policy(const struct policy *policy)
{
	struct maker maker = begin();
	char grace[32];

	clock__format_duration(policy->grace, grace, sizeof(grace));
	put(&maker, "on", make_on(policy->on));
	put_text(&maker, "scope", policy->flags & TREE_ANY ? "any" : "root");
	put_text(&maker, "signal", signal__name(policy->signal));
	put_text(&maker, "grace", grace);
	return finish(&maker);
}

static struct json_object *make_tree_root(const struct json_context *context,
					  const struct control_tree_row *row)
{
	struct maker maker = begin();

	put_number(&maker, "pid", row->root.pid);
	put_time(&maker, "start", context, row->root.start);
	put_image(&maker, context, &row->image);
	put_bool(&maker, "alive", row->root_alive);
	return finish(&maker);
}

static const char *tree_state(uint32_t flags)
{
	return flags & TREE_PROVISIONAL ? "provisional" : "watched";
}

struct json_object *json__tree(const struct json_context *context,
			       const struct control_tree_row *row)
{
	struct maker maker = begin();
	uint64_t now = context->host.now;

	put_number(&maker, "id", row->id);
	put_field(&maker, "rule", row->name);
	put_field(&maker, "matched_by", row->why);
	put(&maker, "root", make_tree_root(context, row));
	if (row->policy.on)
		put_number(&maker, "owner", row->owner);
	else
		put_null(&maker, "owner"); /* a tree of the past */
	put_time(&maker, "since", context, row->since);
	put_number(&maker, "age_ns", now > row->since ? now - row->since : 0);
	put_number(&maker, "members", row->members);
	if (row->outer)
		put_number(&maker, "outer", row->outer);
	else
		put_null(&maker, "outer");
	put_text(&maker, "state", tree_state(row->flags));
	if (!row->policy.on) {
		put_null(&maker, "made_by");
		put_null(&maker, "policy");
		return finish(&maker);
	}
	put_text(&maker, "made_by", row->flags & TREE_RULE ? "rule" : "hand");
	put(&maker, "policy", make_policy(&row->policy));
	return finish(&maker);
}

struct json_object *json__process(const struct json_context *context,
				  const struct control_proc_row *row)
{
	struct maker maker = begin();

	put_number(&maker, "pid", row->who.pid);
	put_time(&maker, "start", context, row->who.start);
	put_number(&maker, "parent_pid", row->parent.pid);
	put_image(&maker, context, &row->image);
	put_number(&maker, "tree", row->tree);
	put_bool(&maker, "spared", row->flags & MEMBER_SPARED);
	put_bool(&maker, "doomed", row->flags & MEMBER_DOOMED);
	return finish(&maker);
}

struct json_object *json__finding(const struct control_finding_row *row)
{
	struct maker maker = begin();

	put_text(&maker, "level", json__finding_level(row->level));
	put_field(&maker, "name", row->name);
	put_field(&maker, "text", row->text);
	return finish(&maker);
}
