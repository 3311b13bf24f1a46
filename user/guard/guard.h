/* SPDX-License-Identifier: GPL-2.0 */
/* guard.h - the daemon's one context, handed to all of its parts. */
#ifndef ORPHAND_GUARD_H
#define ORPHAND_GUARD_H

#include <systemd/sd-event.h>

#include "guard/cgroups.h"
#include "guard/config.h"
#include "guard/journal.h"
#include "guard/kernel.h"
#include "guard/tally.h"
#include "model/family.h"

#define GUARD_ANCESTORS 64

LIST_HEAD(outside_list, outside);

struct guard {
	struct config config;
	const char *config_path;
	bool config_named; /* by an option: it must be there */
	struct kernel *kernel;
	struct family *family;
	struct journal journal;
	struct tally tally;
	sd_event *loop;
	struct control *control;
	struct coroner *coroner;
	struct cgroups cgroups;
	struct stream *stream;		      /* to the recorder; NULL: there is none */
	struct control_finding_row *findings; /* what doctor found the first time */
	size_t finding_count;
	sd_event_source *ring;
	sd_event_source *ring_timer; /* until the ring is read again */
	sd_event_source *ender_timer;
	sd_event_source *resync_timer;
	sd_event_source *patrol_timer; /* on kernels that can skip programs */
	sd_event_source *outside_timer;
	struct outside_list outside; /* held without an entry */
	struct state_value state;    /* as pinned: next tree, brake */
	uint64_t begun;		     /* boottime */
	int64_t realtime;	     /* ns to add for CLOCK_REALTIME */
	char boot_id[40];
	char machine_id[40];
	char host[NAME_LEN];
	bool starting;	/* what is found dead now died while nobody was here */
	bool settling;	/* the maps are about to be read once more: nothing is closed before */
	bool disturbed; /* a root is neither alive nor told as dead: the maps are read once more */
	uint16_t reading; /* mark of the newest whole reading */
	uint64_t heard;	  /* the ring was read since: who was born before is known, or was lost */
	struct counter_values counters; /* as of the last look */
	uint64_t resyncs;
	uint64_t runs_skipped; /* by the kernel, of both instances of a program: no more than this */
	uint64_t loss_said;
	uint64_t skip_said;
	uint64_t signals_sent;
	uint64_t signals_failed;
	/* Never signalled: this process and those above it, as they were at the start. */
	uint32_t ancestors[GUARD_ANCESTORS];
	size_t ancestor_count;
};

/* What turns a boottime into a realtime. Held still until the clock was really set: a process's
 * start shall not read differently each time. */
int64_t guard__realtime(struct guard *guard);

#endif
