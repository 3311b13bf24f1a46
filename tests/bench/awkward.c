// SPDX-License-Identifier: GPL-2.0
/*
 * awkward.c - nine families that are awkward to end, or stand close to somebody innocent. A parent
 * in between that shall be dead is waited for by another child: to the first process of a PID
 * namespace the orphans come themselves, and a wait for all of its children would have no end.
 */
#include "awkward.h"

const struct awkward awkward[AWKWARD] = {
	{
		.name = "tree",
		.about = "children and grandchildren, every parent alive",
		.play = "as root fork 2 { fork 2 { as member sleep } as member sleep } as ready sleep",
		.members = 6,
	},
	{
		.name = "daemon",
		.about = "two that forked twice and called setsid, their parents dead",
		.play = "as root fork { fork 2 { setsid fork { as member sleep } exit 0 } reap as left exit 0 } await left 1 as ready sleep",
		.members = 2,
	},
	{
		.name = "shell",
		.about =
			"a shell with job control left one with nohup and disown, one as it was, and has "
			"ended",
		.play = "as root fork { fork { become { /bin/bash -c @shell @actor } } reap as left exit 0 } await left 1 as ready sleep",
		.members = 2,
	},
	{
		.name = "stubborn",
		.about = "one ignores what can be ignored, one is stopped, one became another user",
		.play = "as root fork { ignore TERM ignore INT ignore HUP ignore QUIT as member sleep } "
			"fork { ignore HUP as member stop sleep } "
			"fork { uid 65534 setsid as member sleep } as ready sleep",
		.members = 3,
	},
	{
		.name = "threads",
		.about =
			"the root's first thread has ended, another one forked a child whose own has, too",
		.play = "thread { as root fork { thread { as member sleep } leave } fork { as member sleep } "
			"as ready sleep } leave",
		.members = 2,
	},
	{
		.name = "breeder",
		.about = "one forks its successor and ends, without a pause; one forks in bursts",
		.play = "as root fork { comet } fork { as member storm } as ready sleep",
		.members = 1,
		.births = 100,
	},
	{
		.name = "neighbour",
		.about =
			"an innocent was started beside the root (job | tee): its process group, session, "
			"cgroup",
		.play = "as root fork 2 { as member sleep } as ready sleep",
		.members = 2,
		.beside = BESIDE_NEIGHBOUR,
	},
	{
		.name = "visitor",
		.about =
			"an innocent has entered the root's cgroup and PID namespace (docker exec, nsenter)",
		.play = "as root fork 2 { as member sleep } as ready sleep",
		.members = 2,
		.beside = BESIDE_VISITOR,
	},
	{
		.name = "heir",
		.about = "innocents have the pids of four members that have ended",
		.play = "as root fork 4 { as early gate 1 exit 0 } reap fork 2 { as member sleep } as ready "
			"sleep",
		.members = 2,
		.early = 4,
		.beside = BESIDE_HEIR,
	},
};
