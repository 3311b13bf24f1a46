/* SPDX-License-Identifier: GPL-2.0 */
/* client.h - one connection at the control socket: its requests in, records out, never waiting. */
#ifndef ORPHAND_CLIENT_H
#define ORPHAND_CLIENT_H

#include "guard/guard.h"

struct packet {
	STAILQ_ENTRY(packet) queued;
	size_t size;
	char bytes[];
};

struct client {
	LIST_ENTRY(client) all;
	struct guard *guard;
	sd_event_source *io;
	int fd;
	uint32_t uid;
	uint32_t pid;
	bool foreign_pids; /* it lives in another PID namespace: its numbers mean others here */
	bool doomed;	   /* to be closed once the loop is back */
	bool closing;	   /* to be closed once all is sent */
	bool cut;	   /* an answer did not fit */
	bool follows;
	uint64_t next_event;	    /* sequence number, for who follows */
	struct control_query query; /* which events it asked for */
	STAILQ_HEAD(packets, packet) queue;
	size_t queued;
};

/* Fills in the head and sends it, or queues what the peer does not take yet. Past a bound of queued
 * bytes rows are dropped, and the END will say so. */
void client__send(struct client *client, void *record, enum control_type type, size_t size);

/* Ends an answer. text: why, when status is not 0. */
void client__end(struct client *client, int status, uint32_t tree, const char *text);

bool client__may_see(const struct client *client, uint32_t owner);

/* Sends what the socket takes; false when the peer is gone. */
bool client__flush(struct client *client);

/* What a HOST row tells, but for its head. */
struct control_host answer__host(struct guard *guard);
struct control_tree_row answer__tree(const struct tree *tree);

/* answer.c: one request, whole. */
void client__answer(struct client *client, const struct control_head *request, size_t size);
/* Events from next_event on, to one who follows. */
void client__send_events(struct client *client);

#endif
