// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "recorder/visit.h"

static void begin(struct visits *visits, struct visit *visit, uint64_t now)
{
	visit->asks = true;
	visit->since = now;
	TAILQ_INSERT_TAIL(visits, visit, waiting);
}

struct visit *visit__new(struct visits *visits, int fd, uint64_t now)
{
	struct visit *visit = calloc(1, sizeof(*visit));

	if (!visit)
		return NULL;
	visit->fd = fd;
	begin(visits, visit, now);
	return visit;
}

void visit__asked(struct visits *visits, struct visit *visit)
{
	if (visit && visit->asks)
		TAILQ_REMOVE(visits, visit, waiting);
	if (visit)
		visit->asks = false;
}

void visit__answered(struct visits *visits, struct visit *visit, uint64_t now)
{
	if (visit && !visit->asks)
		begin(visits, visit, now);
}

void visit__free(struct visits *visits, struct visit *visit)
{
	visit__asked(visits, visit);
	free(visit);
}

/* The server finds the connection closed, and tells. */
void visits__turn(struct visits *visits, uint64_t now)
{
	struct visit *visit;

	while ((visit = TAILQ_FIRST(visits)) && now >= visits__due(visits)) {
		visit__asked(visits, visit);
		shutdown(visit->fd, SHUT_RDWR);
	}
}

uint64_t visits__due(const struct visits *visits)
{
	const struct visit *first = TAILQ_FIRST(visits);

	return first ? first->since + VISIT_S * NS_PER_SEC : UINT64_MAX;
}
