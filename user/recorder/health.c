// SPDX-License-Identifier: GPL-2.0
#include "base/clock.h"
#include "recorder/health.h"

/* How long a loss is told. */
#define RECENT (60 * NS_PER_SEC)

void health__event(struct health *health, const struct control_event_row *row, uint64_t now)
{
	if (row->type == EVENT_EVENTS_LOST && row->at > health->lost_at)
		health->lost_at = row->at;
	if (health->last_seq && row->seq > health->last_seq + 1)
		health->gap_at = now;
	if (row->seq > health->last_seq)
		health->last_seq = row->seq;
}

static bool is_recent(uint64_t at, uint64_t now)
{
	return at && now < at + RECENT;
}

static const char *word(bool yes)
{
	return yes ? "true" : "false";
}

bool health__write(FILE *out, const struct health *health, const struct picture *picture,
		   bool stale, uint64_t now)
{
	bool armed = picture__value(picture, METRIC_ARMED);
	bool attached = picture__value(picture, METRIC_ATTACHED);
	bool losing = is_recent(health->lost_at, now);
	bool lagging = stale || health->store_fails || is_recent(health->gap_at, now);
	bool well = armed && attached && !losing && !lagging;

	fprintf(out,
		"{\"status\":\"%s\",\"armed\":%s,\"attached\":%s,\"losing\":%s,\"lagging\":%s,"
		"\"observe\":%s,\"version\":\"" ORPHAND_VERSION "\"}\n",
		well ? "ok" : "wrong", word(armed), word(attached), word(losing), word(lagging),
		word(picture__value(picture, METRIC_OBSERVE)));
	return well;
}
