/* SPDX-License-Identifier: GPL-2.0 */
/* resync.h - the map is the authority, the ring a doorbell: at a start, and whenever records were
 * lost, the families are mended from the maps. */
#ifndef ORPHAND_RESYNC_H
#define ORPHAND_RESYNC_H

#include "guard/guard.h"

int resync__init(struct guard *guard);
void resync__stop(struct guard *guard);

/* At the start: trees too, and who died while nobody was here. */
void resync__take_over(struct guard *guard);

/* Whether records were lost since the last look; the maps are read whole when they were. */
void resync__look(struct guard *guard);

/* A tree is there: where programs can be skipped, it is asked now and then whether they were. */
void resync__patrol(struct guard *guard);

#endif
