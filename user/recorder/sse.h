/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sse.h - events as server-sent events, to any number of clients. Each event is written once, into
 * a ring that all of them read; who falls behind its end is dropped, and costs nobody anything.
 * What was before the ring is read from the store.
 */
#ifndef ORPHAND_SSE_H
#define ORPHAND_SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/users.h"
#include "recorder/recorder_parts.h"
#include "recorder/request.h"

#include <microhttpd.h>

#define SSE_CLIENTS 1024

struct sse;
struct sse_client;

struct sse *sse__new(struct recorder *recorder, struct users *users);

/* The rows that are events; host: whose. */
void sse__event(struct sse *sse, const struct control_host *host,
		const struct control_event_row *row);

/* A response to be queued for the connection; the client ends with it. query: types, tree, rule,
 * and after, when it is given. NULL without memory. */
struct MHD_Response *sse__begin(struct sse *sse, struct MHD_Connection *connection,
				const struct query *query);

/* After the loop's every turn, before the server's: wakes whom there is something for, and drops
 * who is too slow. */
void sse__turn(struct sse *sse, uint64_t now);

/* When a turn is due at the latest, boottime; UINT64_MAX: no need. */
uint64_t sse__due(const struct sse *sse);

/* Lets every client go, before the server stops. */
void sse__end(struct sse *sse);
void sse__free(struct sse *sse); /* behind that */

unsigned sse__clients(const struct sse *sse);
uint64_t sse__dropped(const struct sse *sse); /* clients */

#endif
