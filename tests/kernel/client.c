// SPDX-License-Identifier: GPL-2.0
/* client.c - the test's side of the control socket. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "parts.h"

#define PATIENCE 15
#define PACKET_MAX 8192

/* The kernel notes the peer's effective user at the connect. */
int client__connect(const char *socket_path, uid_t uid)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = rig__seconds(PATIENCE) };
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	uid_t own = geteuid();
	int failed;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	text__copy(address.sun_path, sizeof(address.sun_path), socket_path);
	if (uid != own && seteuid(uid))
		return -1;
	failed = connect(fd, (struct sockaddr *)&address, sizeof(address));
	if (uid != own && seteuid(own))
		abort();
	return failed ? -1 : STEAL_FD(fd);
}

void rig__be(struct rig *rig, uid_t uid)
{
	rig->uid = uid;
}

int rig__connect(struct rig *rig)
{
	int fd = client__connect(rig->socket, rig->uid);

	if (fd < 0)
		cr_assert_fail("%s: %s", rig->socket, strerror(errno));
	return fd;
}

static void add_row(struct answer *answer, const void *packet, size_t size)
{
	answer->row = realloc(answer->row, (answer->n + 1) * sizeof(*answer->row));
	answer->row[answer->n] = malloc(size);
	memcpy(answer->row[answer->n++], packet, size);
}

static void take_end(struct answer *answer, const struct control_end *end)
{
	answer->status = end->status;
	answer->tree = end->tree;
	text__copy(answer->text, sizeof(answer->text), end->text);
}

struct answer *rig__read(int socket)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	union {
		struct control_head head;
		struct control_end end;
		char room[PACKET_MAX];
	} packet;

	for (;;) {
		ssize_t n = recv(socket, &packet, sizeof(packet), 0);

		if (n < (ssize_t)sizeof(packet.head)) {
			answer->status = n < 0 && errno == EAGAIN ? -ETIMEDOUT : -ECONNRESET;
			return answer;
		}
		if (packet.head.version != CONTROL_VERSION || packet.head.size != (size_t)n) {
			answer->status = -EBADMSG;
			return answer;
		}
		if (packet.head.type == CONTROL_END) {
			take_end(answer, &packet.end);
			return answer;
		}
		add_row(answer, &packet, (size_t)n);
	}
}

void answer__free(struct answer *answer)
{
	for (size_t i = 0; i < answer->n; i++)
		free(answer->row[i]);
	free(answer->row);
	free(answer);
}

struct answer *rig__ask(struct rig *rig, const void *request, size_t size)
{
	autoclose int fd = client__connect(rig->socket, rig->uid);
	struct answer *answer;

	if (fd >= 0 && send(fd, request, size, MSG_NOSIGNAL) == (ssize_t)size) {
		answer = rig__read(fd);
	} else {
		answer = calloc(1, sizeof(*answer));
		answer->status = -ECONNREFUSED;
	}
	text__copy(rig->why, sizeof(rig->why), answer->text);
	return answer;
}

static int ask_plainly(struct rig *rig, const void *request, size_t size)
{
	struct answer *answer = rig__ask(rig, request, size);
	int status = answer->status ? answer->status : (int)answer->tree;

	answer__free(answer);
	return status;
}

int rig__track(struct rig *rig, pid_t pid, const struct policy *policy, const char *name)
{
	struct control_track track = {
		.head = { CONTROL_VERSION, CONTROL_TRACK, sizeof(track) },
		.pid = (__u32)pid,
		.policy = *policy,
	};

	text__copy(track.name, sizeof(track.name), name ? name : "");
	return ask_plainly(rig, &track, sizeof(track));
}

static struct answer *ask_about(struct rig *rig, enum control_type type, pid_t pid)
{
	struct control_target target = {
		.head = { CONTROL_VERSION, (__u16)type, sizeof(target) },
		.pid = (__u32)pid,
	};

	return rig__ask(rig, &target, sizeof(target));
}

static int tell(struct rig *rig, enum control_type type, pid_t pid)
{
	struct answer *answer = ask_about(rig, type, pid);
	int status = answer->status;

	answer__free(answer);
	return status;
}

int rig__untrack(struct rig *rig, pid_t pid)
{
	return tell(rig, CONTROL_UNTRACK, pid);
}

int rig__spare(struct rig *rig, pid_t pid)
{
	return tell(rig, CONTROL_SPARE, pid);
}

int rig__arm(struct rig *rig, bool arm)
{
	return tell(rig, arm ? CONTROL_ARM : CONTROL_DISARM, 0);
}

const char *rig__why(const struct rig *rig)
{
	return rig->why;
}

struct answer *rig__list(struct rig *rig)
{
	return ask_about(rig, CONTROL_LIST, 0);
}

struct answer *rig__members(struct rig *rig, pid_t root)
{
	return ask_about(rig, CONTROL_TREE, root);
}

bool rig__tree_of(struct rig *rig, pid_t root, struct control_tree_row *row)
{
	struct answer *answer = rig__list(rig);
	bool found = false;

	for (size_t i = 0; i < answer->n && !found; i++) {
		const struct control_tree_row *tree = (const void *)answer->row[i];

		found = tree->head.type == CONTROL_TREE_ROW && tree->root.pid == (__u32)root;
		if (found)
			*row = *tree;
	}
	answer__free(answer);
	return found;
}

bool rig__member(struct rig *rig, pid_t root, pid_t pid, struct control_proc_row *row)
{
	struct answer *answer = rig__members(rig, root);
	bool found = false;

	for (size_t i = 0; i < answer->n && !found; i++) {
		const struct control_proc_row *proc = (const void *)answer->row[i];

		found = proc->head.type == CONTROL_PROC_ROW && proc->who.pid == (__u32)pid;
		if (found)
			*row = *proc;
	}
	answer__free(answer);
	return found;
}

void rig__await_members(struct rig *rig, pid_t root, uint32_t members)
{
	struct patience patience = rig__patience(PATIENCE);
	struct control_tree_row row = {};

	while (!rig__tree_of(rig, root, &row) || row.members != members) {
		if (!rig__retry(&patience))
			cr_assert_fail("the tree of %d has %u members, %u were to be", root,
				       row.members, members);
	}
}

uint64_t rig__counter(struct rig *rig, const char *name)
{
	struct answer *answer = ask_about(rig, CONTROL_STATS, 0);
	bool found = false;
	uint64_t value = 0;

	for (size_t i = 0; i < answer->n; i++) {
		const struct control_counter_row *row = (const void *)answer->row[i];

		if (row->head.type == CONTROL_COUNTER_ROW && strcmp(row->name, name) == 0) {
			found = true;
			value += row->value;
		}
	}
	answer__free(answer);
	if (!found)
		cr_assert_fail("no counter %s", name);
	return value;
}

void rig__await_counter(struct rig *rig, const char *name, uint64_t value)
{
	struct patience patience = rig__patience(PATIENCE);
	uint64_t now;

	while ((now = rig__counter(rig, name)) != value) {
		if (!rig__retry(&patience))
			cr_assert_fail("%s is %llu, %llu was to be", name, (unsigned long long)now,
				       (unsigned long long)value);
	}
}

static struct answer *query(struct rig *rig, enum control_type type)
{
	struct control_query request = { .head = { CONTROL_VERSION, (__u16)type,
						   sizeof(request) } };

	return rig__ask(rig, &request, sizeof(request));
}

static bool find_event(struct rig *rig, enum event_type type, pid_t pid,
		       struct control_event_row *row)
{
	struct answer *answer = query(rig, CONTROL_EVENTS);
	bool found = false;

	for (size_t i = 0; i < answer->n && !found; i++) {
		const struct control_event_row *event = (const void *)answer->row[i];

		found = event->head.type == CONTROL_EVENT_ROW && event->type == type &&
			event->who.pid == (__u32)pid;
		if (found)
			*row = *event;
	}
	answer__free(answer);
	return found;
}

struct control_event_row rig__await_event(struct rig *rig, enum event_type type, pid_t pid)
{
	struct patience patience = rig__patience(PATIENCE);
	struct control_event_row row = {};

	while (!find_event(rig, type, pid, &row)) {
		if (!rig__retry(&patience))
			cr_assert_fail("no event of type %u about process %d", type, pid);
	}
	return row;
}

/* ---- incidents */

static void free_incidents(struct incident *list)
{
	while (list) {
		struct incident *incident = list;

		list = incident->next;
		free(incident->survivor);
		free(incident);
	}
}

void rig__free_incidents(struct rig *rig)
{
	free_incidents(rig->shown);
	rig->shown = NULL;
}

/* Newest first: each INCIDENT row with the SURVIVOR rows that follow it. */
static struct incident *read_incidents(struct rig *rig)
{
	struct answer *answer = query(rig, CONTROL_INCIDENTS);
	struct incident *list = NULL;

	for (size_t i = 0; i < answer->n; i++) {
		const struct control_head *head = answer->row[i];

		if (head->type == CONTROL_INCIDENT_ROW) {
			struct incident *incident = calloc(1, sizeof(*incident));

			incident->row = *(const struct control_incident_row *)head;
			incident->next = list;
			list = incident;
		} else if (head->type == CONTROL_SURVIVOR_ROW && list) {
			list->survivor =
				realloc(list->survivor, (list->n + 1) * sizeof(*list->survivor));
			list->survivor[list->n++] = *(const struct control_survivor_row *)head;
		}
	}
	answer__free(answer);
	return list;
}

/* Those that were handed out stay until the rig's end. */
const struct incident *rig__incident(struct rig *rig, pid_t root)
{
	struct incident *list = read_incidents(rig);
	struct incident **link = &list;
	struct incident *found;

	while (*link && (*link)->row.who.pid != (__u32)root)
		link = &(*link)->next;
	found = *link;
	if (found) {
		*link = found->next;
		found->next = rig->shown;
		rig->shown = found;
	}
	free_incidents(list);
	return found;
}

size_t rig__incidents(struct rig *rig, pid_t root)
{
	struct incident *list = read_incidents(rig);
	size_t n = 0;

	for (const struct incident *incident = list; incident; incident = incident->next)
		n += incident->row.who.pid == (__u32)root;
	free_incidents(list);
	return n;
}

/* One that is looked at again need not be kept: it may have a thousand survivors. */
static void drop_last_shown(struct rig *rig)
{
	struct incident *incident = rig->shown;

	rig->shown = incident->next;
	free(incident->survivor);
	free(incident);
}

static const struct incident *await_incident(struct rig *rig, pid_t root, bool closed)
{
	struct patience patience = rig__patience(PATIENCE);
	const struct incident *incident;

	while (!(incident = rig__incident(rig, root)) || (closed && incident->row.open)) {
		if (!rig__retry(&patience))
			cr_assert_fail("%s: root %d",
				       incident ? "an incident stays open" : "no incident came",
				       root);
		if (incident)
			drop_last_shown(rig);
	}
	if (incident->row.survivors != incident->n)
		cr_assert_fail("%u survivors announced, %zu told", incident->row.survivors,
			       incident->n);
	return incident;
}

const struct incident *rig__await_incident(struct rig *rig, pid_t root)
{
	return await_incident(rig, root, false);
}

const struct incident *rig__closed(struct rig *rig, pid_t root)
{
	return await_incident(rig, root, true);
}

const struct control_survivor_row *incident__survivor(const struct incident *incident, pid_t pid)
{
	for (size_t i = 0; i < incident->n; i++) {
		if (incident->survivor[i].who.pid == (__u32)pid)
			return &incident->survivor[i];
	}
	cr_assert_fail("process %d is no survivor of that incident", pid);
	return NULL;
}

size_t incident__count(const struct incident *incident, uint32_t outcome)
{
	size_t n = 0;

	for (size_t i = 0; i < incident->n; i++)
		n += incident->survivor[i].outcome == outcome;
	return n;
}
