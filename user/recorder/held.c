// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "recorder/held.h"

#define MOST (64UL << 20)

void held__init(struct held *held)
{
	*held = (struct held){};
	STAILQ_INIT(&held->packets);
}

static void drop_first(struct held *held)
{
	struct packet *packet = STAILQ_FIRST(&held->packets);

	STAILQ_REMOVE_HEAD(&held->packets, next);
	held->bytes -= packet->size;
	held->rows--;
	free(packet);
}

void held__add(struct held *held, const void *bytes, size_t size)
{
	struct packet *packet = malloc(sizeof(*packet) + size);

	if (!packet) {
		held->dropped++;
		return;
	}
	packet->size = size;
	memcpy(packet->bytes, bytes, size);
	if (STAILQ_EMPTY(&held->packets))
		held->since = clock__boottime();
	STAILQ_INSERT_TAIL(&held->packets, packet, next);
	held->bytes += size;
	held->rows++;
	for (; held->bytes > MOST; held->dropped++)
		drop_first(held);
}

void held__clear(struct held *held)
{
	while (!STAILQ_EMPTY(&held->packets))
		drop_first(held);
	held->dropped = 0;
}
