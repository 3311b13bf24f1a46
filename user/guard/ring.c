// SPDX-License-Identifier: GPL-2.0
#include "base/clock.h"
#include "guard/control.h"
#include "guard/ender.h"
#include "guard/resync.h"
#include "guard/ring.h"
#include "guard/stream.h"

/* Between two readings: what the recorder may be behind by, beside its own batches. */
#define PAUSE (50 * NS_PER_MS)

/* The same while an incident runs. */
#define SHORT_PAUSE (500 * NS_PER_US)

void ring__follow_up(struct guard *guard)
{
	resync__look(guard);
	ender__close_finished(guard);
	control__push(guard);
	stream__push(guard);
	resync__patrol(guard);
}

static void read_behind(struct guard *guard, uint64_t pause)
{
	sd_event_source_set_time_relative(guard->ring_timer, pause / NS_PER_US);
	sd_event_source_set_enabled(guard->ring_timer, SD_EVENT_ONESHOT);
}

/* While an incident runs, a wake-up for each exit takes the CPU from those who are to end. But where
 * the kernel side can't meet newborns, their end depends on how soon the guard hears of them. */
static void stay_awake(struct guard *guard)
{
	bool incident = !LIST_EMPTY(&guard->journal.running);
	bool met = kernel__strikes(guard->kernel) || kernel__refuses(guard->kernel);

	kernel__wake_me(guard->kernel, incident && !met);
	sd_event_source_set_enabled(guard->ring, incident && met ? SD_EVENT_OFF : SD_EVENT_ON);
	read_behind(guard, incident ? SHORT_PAUSE : PAUSE);
}

static void rest(struct guard *guard)
{
	kernel__wake_me(guard->kernel, true);
	sd_event_source_set_enabled(guard->ring, SD_EVENT_ON);
	sd_event_source_set_enabled(guard->ring_timer, SD_EVENT_OFF);
}

void ring__read(struct guard *guard)
{
	int records = kernel__read_ring(guard->kernel);

	if (!records) {
		rest(guard);
		records = kernel__read_ring(guard->kernel); /* what came before that was heard */
	}
	if (!records)
		return;
	ring__follow_up(guard);
	stay_awake(guard);
}

static int on_ring(sd_event_source *source, int fd, uint32_t events, void *data)
{
	(void)source;
	(void)fd;
	(void)events;
	ring__read(data);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	ring__read(data);
	return 0;
}

int ring__listen(struct guard *guard)
{
	int err = sd_event_add_io(guard->loop, &guard->ring, kernel__ring_fd(guard->kernel),
				  EPOLLIN, on_ring, guard);

	if (err >= 0)
		err = sd_event_source_set_priority(guard->ring, SD_EVENT_PRIORITY_IMPORTANT);
	if (err >= 0)
		err = sd_event_add_time(guard->loop, &guard->ring_timer, CLOCK_MONOTONIC, 0, 1,
					on_timer, guard);
	if (err >= 0)
		err = sd_event_source_set_priority(guard->ring_timer, SD_EVENT_PRIORITY_IMPORTANT);
	if (err >= 0)
		err = sd_event_source_set_enabled(guard->ring_timer, SD_EVENT_OFF);
	return err;
}

void ring__stop(struct guard *guard)
{
	if (guard->ring && guard->ring_timer)
		ring__read(guard);
	guard->ring = sd_event_source_disable_unref(guard->ring);
	guard->ring_timer = sd_event_source_disable_unref(guard->ring_timer);
}
