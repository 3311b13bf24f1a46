// SPDX-License-Identifier: GPL-2.0
/* http.c - a connection to the feed, from its first byte on, with a store and events behind it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/feed_rig.h"
#include "base/clock.h"
#include "base/text.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct control_host host = { .head = { CONTROL_VERSION, CONTROL_HOST_ROW, sizeof(host) },
				    .machine_id = "m1",
				    .boot_id = "b1" };

static struct control_event_row event(uint64_t seq)
{
	struct control_event_row row = {
		.head = { CONTROL_VERSION, CONTROL_EVENT_ROW, sizeof(row) },
		.seq = seq,
		.at = clock__boottime(),
		.type = seq % EVENT_TYPES,
		.tree = 1,
	};

	text__copy(row.name, sizeof(row.name), "jobs");
	return row;
}

static void fill_store(void)
{
	struct control_incident_row incident = { .id = "01M89MEZRH0CK8JEBZQMHHPGK4",
						 .rule = "jobs" };
	struct store_place place;
	char error[256];

	if (store__create(&feed_rig.store, ":memory:", error, sizeof(error)) ||
	    store__begin(feed_rig.store) || store__put_host(feed_rig.store, &host) ||
	    store__put_incident(feed_rig.store, &incident, &place))
		abort();
	for (uint64_t seq = 100; seq < 140; seq++) {
		struct control_event_row row = event(seq);

		if (store__put_event(feed_rig.store, &row))
			abort();
	}
	if (store__commit(feed_rig.store))
		abort();
}

/* The guard's answers, so that nobody waits for them. */
static void answer(enum bell bell)
{
	struct control_end end = { .head = { CONTROL_VERSION, CONTROL_END, sizeof(end) },
				   .tree = bell };

	feed__row(feed_rig.feed, &end.head);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	host.realtime = clock__offset();
	feed_rig__start("");
	fill_store();
	feed__row(feed_rig.feed, &host.head);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct control_event_row row = event(140);
	struct peer *peer = peer__ask((const char *)bytes, size);

	answer(BELL_NUMBERS);
	answer(BELL_TREES);
	feed__row(feed_rig.feed, &row.head);
	feed_rig__turn();
	peer__read(peer);
	if (peer->len && strncmp(peer->text, "HTTP/1.", 7) != 0)
		abort();
	peer__free(peer);
	return 0;
}
