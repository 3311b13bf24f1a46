// SPDX-License-Identifier: GPL-2.0
#include <sys/prctl.h>
#include <unistd.h>

#include "bench.h"
#include "embed.h"
#include "peer.h"

#define EXECSNOOP "/usr/sbin/execsnoop"
#define EXITSNOOP "/usr/sbin/exitsnoop"

EMBED(audit_sh, "audit.sh");

/* Line by line, as on a terminal. */
static void run_tool(const char *tool)
{
	execlp("stdbuf", "stdbuf", "-oL", tool, NULL);
}

static void trace_execs(void)
{
	run_tool(EXECSNOOP);
}

static void trace_exits(void)
{
	run_tool(EXITSNOOP);
}

/* It sees our end by its standard input, and has things to set right then. */
static void audit(void)
{
	prctl(PR_SET_PDEATHSIG, 0);
	execlp("sh", "sh", "-c", audit_sh, NULL);
}

static const struct {
	const char *name;
	const char *file; /* of its package; NULL: it is ours */
	void (*run)(void);
} peers[PEERS] = {
	[PEER_EXECSNOOP] = { "execsnoop", EXECSNOOP, trace_execs },
	[PEER_EXITSNOOP] = { "exitsnoop", EXITSNOOP, trace_exits },
	[PEER_CONNECTOR] = { "proc connector", NULL, watcher__connect },
	[PEER_AUDITD] = { "auditd rule", "/usr/sbin/auditctl", audit },
};

const char *peer__name(enum peer peer)
{
	return peers[peer].name;
}

/* It is tried: what it complains of stands on standard error. */
const char *peer__missing(enum peer peer)
{
	autowatcher struct watcher watcher = {};

	if (peers[peer].file && access(peers[peer].file, X_OK))
		return "not installed (make deps-bench)";
	return peer__start(peer, &watcher) ? "does not run on this host" : NULL;
}

int peer__start(enum peer peer, struct watcher *watcher)
{
	watcher->ends_with_us = peer == PEER_AUDITD;
	if (watcher__start(watcher, peers[peer].run))
		return -1;
	return peer == PEER_CONNECTOR ? watcher__await_sight(watcher)
				      : watcher__await_word(watcher, "true");
}
