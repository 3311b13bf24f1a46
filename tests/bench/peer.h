/* SPDX-License-Identifier: GPL-2.0 */
/* peer.h - what else tells a host's administrator of each exec or exit, whoever's it is. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "watcher.h"

enum peer {
	PEER_EXECSNOOP = 0, /* bcc's, of libbpf-tools */
	PEER_EXITSNOOP,
	PEER_CONNECTOR, /* somebody who listens, that is: it tells everybody or nobody */
	PEER_AUDITD,	/* with a rule for both */
	PEERS
};

const char *peer__name(enum peer peer);
/* Why it is not to be had here; NULL: it is. */
const char *peer__missing(enum peer peer);
/* Returns once it tells of what happens; watcher__stop() ends it. */
int peer__start(enum peer peer, struct watcher *watcher);

#endif
