/* SPDX-License-Identifier: GPL-2.0 */
/* held.h - rows that are not stored yet, oldest first, and no more than memory can be spared for. */
#ifndef ORPHAND_HELD_H
#define ORPHAND_HELD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct packet {
	STAILQ_ENTRY(packet) next;
	size_t size;
	char bytes[];
};

STAILQ_HEAD(packets, packet);

struct held {
	struct packets packets;
	size_t bytes;
	unsigned rows;
	uint64_t since;	  /* boottime, of the oldest */
	uint64_t dropped; /* to make room, since the last clear */
};

void held__init(struct held *held);
/* The oldest make room. */
void held__add(struct held *held, const void *bytes, size_t size);
void held__clear(struct held *held);

#endif
