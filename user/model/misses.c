// SPDX-License-Identifier: GPL-2.0
#include "model/misses.h"

uint64_t misses__look(struct misses *misses, const uint64_t now[static 2])
{
	uint64_t once = now[0] - misses->counted[0], again = now[1] - misses->counted[1];
	uint64_t both = once < again ? once : again;

	for (int i = 0; i < 2; i++) {
		misses->counted[i] += both;
		if (misses->counted[i] < misses->seen[i])
			misses->counted[i] = misses->seen[i];
		misses->seen[i] = now[i];
	}
	return both;
}
