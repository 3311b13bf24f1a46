// SPDX-License-Identifier: GPL-2.0
#include "base/clock.h"
#include "base/text.h"
#include "model/histogram.h"

#define US(n) ((n)*NS_PER_US)
#define MS(n) ((n)*NS_PER_MS)
#define S(n) ((n)*NS_PER_SEC)

static const uint64_t bounds[HISTOGRAM_BUCKETS] = {
	US(10),		US(25), US(50), US(100), US(250), US(500),    MS(1),   MS(2) + US(500),
	MS(5),		MS(10), MS(25), MS(50),	 MS(100), MS(250),    MS(500), S(1),
	S(2) + MS(500), S(5),	S(10),	S(30),	 S(60),	  UINT64_MAX,
};

uint64_t histogram__bound(unsigned bucket)
{
	return bounds[bucket];
}

void histogram__add(struct histogram *histogram, uint64_t ns, const char *incident, uint64_t at)
{
	unsigned bucket = 0;
	struct exemplar *exemplar;

	while (ns > bounds[bucket])
		bucket++;
	histogram->sum += ns;
	histogram->count[bucket]++;
	exemplar = &histogram->exemplar[bucket];
	exemplar->ns = ns;
	exemplar->at = at;
	text__copy(exemplar->incident, sizeof(exemplar->incident), incident ? incident : "");
}
