// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "guard/announce.h"
#include "model/policy.h"

#define ID_OPENED "7f2b1c0d9a3e4f6c8b5d2e1f0a9c8b71"
#define ID_CLOSED "3c9e5a7d1b2f4e8fa0c6d4b3e2f1a095"
#define ID_DISARMED "b1d4c7e2f5a84936807c9d0e1f2a3b4c"
#define ID_LOST "e8a1f3b5c7d94260b8e0f2a4c6d8eaf1"

struct fields {
	char text[1024];
	size_t used;
};

/* What a process calls itself may hold anything: a newline would begin another field. */
__attribute__((format(printf, 3, 4))) static void add(struct fields *fields, const char *key,
						      const char *format, ...)
{
	size_t room = sizeof(fields->text) - fields->used;
	char value[256];
	va_list args;
	int n;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	for (char *at = value; *at; at++) {
		if ((unsigned char)*at < ' ')
			*at = '?';
	}
	n = snprintf(fields->text + fields->used, room, "%s=%s\n", key, value);
	if (n > 0 && (size_t)n < room)
		fields->used += (size_t)n;
	else
		fields->text[fields->used] = '\0';
}

static void add_incident(struct fields *fields, const struct incident *incident)
{
	const struct death *death = &incident->death;

	add(fields, "ORPHAND_INCIDENT", "%s", incident->id);
	add(fields, "ORPHAND_RULE", "%s", incident->rule);
	add(fields, "ORPHAND_TREE", "%u", incident->tree_id);
	add(fields, "ORPHAND_ROOT_PID", "%u", death->who.pid);
	add(fields, "ORPHAND_ROOT_COMM", "%s", death->comm);
	add(fields, "ORPHAND_CAUSE", "%s", cause__name(cause__kind(death)));
	add(fields, "ORPHAND_ORIGIN", "%s", origin__name(cause__origin(death)));
	if (death->sender.who.pid)
		add(fields, "ORPHAND_SENDER_PID", "%u", death->sender.who.pid);
	add(fields, "ORPHAND_SURVIVORS", "%u", incident->survivors);
	add(fields, "OBJECT_PID", "%u", death->who.pid);
}

void announce__opened(const struct incident *incident)
{
	const struct death *death = &incident->death;
	int signal = death->exit_code & 0x7f;
	struct fields fields = {};
	char message[512];

	add_incident(&fields, incident);
	snprintf(message, sizeof(message),
		 "incident %s: pid %u (%s) of tree %u%s%s ended by %s; %u survivor%s%s",
		 incident->id, death->who.pid, death->comm, incident->tree_id,
		 *incident->rule ? " " : "", incident->rule, signal ? signal__name(signal) : "exit",
		 incident->survivors, incident->survivors == 1 ? "" : "s",
		 incident->observed ? ", observed"
		 : incident->braked ? ", the brake is open"
				    : "");
	log__entry(LOG_LEVEL_INFO, ID_OPENED, fields.text, message);
}

void announce__closed(const struct incident *incident)
{
	const char *outcome = incident_outcome__name(incident__outcome(incident));
	struct fields fields = {};
	char message[128];

	add_incident(&fields, incident);
	add(&fields, "ORPHAND_OUTCOME", "%s", outcome);
	add(&fields, "ORPHAND_REACTION_NS", "%" PRIu64, incident__reaction(incident));
	add(&fields, "ORPHAND_CLEAR_NS", "%" PRIu64, incident__clear(incident));
	snprintf(message, sizeof(message), "incident %s: %s", incident->id, outcome);
	log__entry(LOG_LEVEL_INFO, ID_CLOSED, fields.text, message);
}

void announce__disarmed(const char *why)
{
	struct fields fields = {};
	char message[256];

	add(&fields, "ORPHAND_REASON", "%s", why);
	snprintf(message, sizeof(message),
		 "disarmed (%s): nobody is signalled until 'orphanctl arm'", why);
	log__entry(LOG_LEVEL_ERROR, ID_DISARMED, fields.text, message);
}

void announce__lost(uint64_t count, const char *what)
{
	struct fields fields = {};
	char message[256];

	add(&fields, "ORPHAND_LOST", "%" PRIu64, count);
	snprintf(message, sizeof(message), "%" PRIu64 " %s: the families are read from the maps",
		 count, what);
	log__entry(LOG_LEVEL_WARN, ID_LOST, fields.text, message);
}
