// SPDX-License-Identifier: GPL-2.0
#include <assert.h>

#include "store/tables.h"

#define FIELD(record, name, field, text, shared, ago)                                              \
	{                                                                                          \
		(name), offsetof(struct record, field), sizeof(((struct record *)0)->field), text, \
			shared, ago                                                                \
	}
#define NUMBER(record, name, field) FIELD(record, name, field, false, false, false)
#define TEXT(record, name, field) FIELD(record, name, field, true, false, false)
#define SHARED(record, name, field) FIELD(record, name, field, true, true, false)
#define AGE(record, name, field) FIELD(record, name, field, false, false, true)
/* NOLINTBEGIN(bugprone-macro-parentheses): a field is none to be put in parentheses */
#define IDENT(record, pid_name, start_name, field) \
	NUMBER(record, pid_name, field.pid), NUMBER(record, start_name, field.start)
#define SENDER(record, field)                                                                   \
	IDENT(record, "sender_pid", "sender_start", field.who),                                 \
		NUMBER(record, "sender_at", field.at), NUMBER(record, "sender_uid", field.uid), \
		NUMBER(record, "sender_code", field.code),                                      \
		NUMBER(record, "sender_signal", field.signal),                                  \
		NUMBER(record, "sender_via", field.via), TEXT(record, "sender_comm", field.comm)
/* NOLINTEND(bugprone-macro-parentheses) */
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct column event_columns[] = {
	NUMBER(stored_event, "seq", row.seq),
	NUMBER(stored_event, "at", row.at),
	NUMBER(stored_event, "type", row.type),
	NUMBER(stored_event, "tree", row.tree),
	NUMBER(stored_event, "pid", row.who.pid),
	AGE(stored_event, "age", row.who.start),
	NUMBER(stored_event, "parent_pid", row.parent.pid),
	AGE(stored_event, "parent_age", row.parent.start),
	NUMBER(stored_event, "exit_code", row.exit_code),
	NUMBER(stored_event, "signal", row.signal),
	NUMBER(stored_event, "vpid", row.vpid),
	NUMBER(stored_event, "outcome", row.outcome),
	TEXT(stored_event, "incident", row.incident),
	SHARED(stored_event, "name", row.name),
};

static const struct column incident_columns[] = {
	TEXT(stored_incident, "id", row.id),
	TEXT(stored_incident, "rule", row.rule),
	NUMBER(stored_incident, "tree", row.tree),
	NUMBER(stored_incident, "open", row.open),
	NUMBER(stored_incident, "outcome", row.outcome),
	NUMBER(stored_incident, "observed", row.observed),
	NUMBER(stored_incident, "reconstructed", row.reconstructed),
	NUMBER(stored_incident, "survivors", row.survivors),
	NUMBER(stored_incident, "died", row.died),
	NUMBER(stored_incident, "opened", row.opened),
	NUMBER(stored_incident, "closed", row.closed),
	NUMBER(stored_incident, "reaction_ns", row.reaction_ns),
	NUMBER(stored_incident, "clear_ns", row.clear_ns),
	IDENT(stored_incident, "pid", "start", row.who),
	IDENT(stored_incident, "parent_pid", "parent_start", row.parent),
	NUMBER(stored_incident, "vpid", row.vpid),
	NUMBER(stored_incident, "pid_ns", row.pid_ns),
	NUMBER(stored_incident, "kind", row.kind),
	NUMBER(stored_incident, "origin", row.origin),
	NUMBER(stored_incident, "exit_code", row.exit_code),
	SENDER(stored_incident, row.sender),
	TEXT(stored_incident, "sender_exe", row.sender_exe),
};

static const struct column survivor_columns[] = {
	TEXT(stored_survivor, "incident", incident),
	NUMBER(stored_survivor, "position", position),
	IDENT(stored_survivor, "pid", "start", row.who),
	IDENT(stored_survivor, "parent_pid", "parent_start", row.parent),
	NUMBER(stored_survivor, "outcome", row.outcome),
	NUMBER(stored_survivor, "exit_code", row.exit_code),
	NUMBER(stored_survivor, "gone", row.gone),
	NUMBER(stored_survivor, "first_at", row.first.at),
	NUMBER(stored_survivor, "first_signal", row.first.signal),
	NUMBER(stored_survivor, "first_by", row.first.by),
	NUMBER(stored_survivor, "last_at", row.last.at),
	NUMBER(stored_survivor, "last_signal", row.last.signal),
	NUMBER(stored_survivor, "last_by", row.last.by),
	TEXT(stored_survivor, "reason", row.reason),
	TEXT(stored_survivor, "state", row.state),
	TEXT(stored_survivor, "stack", row.stack),
	IDENT(stored_survivor, "above_pid", "above_start", row.above),
};

static const struct column death_columns[] = {
	NUMBER(stored_death, "seq", row.seq),
	NUMBER(stored_death, "at", row.at),
	IDENT(stored_death, "pid", "start", row.who),
	IDENT(stored_death, "parent_pid", "parent_start", row.parent),
	NUMBER(stored_death, "exit_code", row.exit_code),
	NUMBER(stored_death, "kind", row.kind),
	NUMBER(stored_death, "origin", row.origin),
	NUMBER(stored_death, "tree", row.tree),
	NUMBER(stored_death, "vpid", row.vpid),
	NUMBER(stored_death, "pid_ns", row.pid_ns),
	SENDER(stored_death, row.sender),
	TEXT(stored_death, "above", row.above),
};

#define COLUMNS(of) of##_columns, COUNT(of##_columns)
#define IMAGE(record) { { "image", offsetof(struct record, row.image) } }, 1
#define TIME(record, field) offsetof(struct record, row.field)

const struct table tables[TABLES] = {
	[TABLE_EVENT] = { "event", "host, seq", COLUMNS(event), IMAGE(stored_event),
			  TIME(stored_event, at) },
	[TABLE_INCIDENT] = { "incident", "id", COLUMNS(incident), IMAGE(stored_incident),
			     TIME(stored_incident, opened) },
	[TABLE_SURVIVOR] = { "survivor", "incident, position", COLUMNS(survivor),
			     IMAGE(stored_survivor), TIME(stored_survivor, gone) },
	[TABLE_DEATH] = { "death",
			  "pid, start, host",
			  COLUMNS(death),
			  { { "image", offsetof(struct stored_death, row.image) },
			    { "sender_image", offsetof(struct stored_death, row.sender_image) } },
			  2,
			  TIME(stored_death, at) },
};

const char *const indexes[INDEXES] = {
	"event_time ON event(time)",
	"incident_time ON incident(time)",
	"death_time ON death(time)",
	"incident_pid ON incident(pid)",
	"survivor_pid ON survivor(pid)",
	"event_tree ON event(tree)",
	"event_root ON event(time) WHERE type = 0", /* EVENT_TREE_TRACKED */
	"event_exit ON event(pid) WHERE type = 3",  /* EVENT_PROCESS_EXITED */
};

static_assert(EVENT_TREE_TRACKED == 0, "event_root");
static_assert(EVENT_PROCESS_EXITED == 3, "event_exit");
