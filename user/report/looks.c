// SPDX-License-Identifier: GPL-2.0
#include "report/report_parts.h"

const struct look looks[LOOKS] = {
	[SURVIVOR_KILLED] = { "killed", "#0f766e", "#2dd4bf", "M-4-4L4 4M4-4L-4 4" },
	[SURVIVOR_TERMINATED] = { "terminated", "#1d4ed8", "#7cb0ff", "M-4-4H4V4H-4Z" },
	[SURVIVOR_EXITED] = { "exited", "#57606e", "#a3b1c4", "M0-4A4 4 0 1 1 0 4A4 4 0 1 1 0-4Z" },
	[SURVIVOR_SPARED] = { "spared", "#a34a00", "#fbbf24", "M-3-4L4 0L-3 4Z" },
	[SURVIVOR_STUCK] = { "stuck", "#c0181c", "#ff8080", "M-5 0L0-5L5 0L0 5ZM0-2V2" },
	[SURVIVOR_OBSERVED] = { "observed", "#6d28d9", "#b79bff", "M-5 0Q0-6 5 0Q0 6-5 0Z" },
	[SURVIVOR_PENDING] = { "pending", "#a8145f", "#f782c0", "M-4 0H4M1-3L4 0L1 3" },
	[SURVIVOR_OUTCOMES] = { "died", "#1f2937", "#e2e8f0", "M-5-5L5 5M5-5L-5 5M0-6V6" },
};

uint32_t relative__look(const struct relative *member)
{
	if (!member->row)
		return SURVIVOR_OUTCOMES;
	return member->row->outcome < SURVIVOR_OUTCOMES ? member->row->outcome : SURVIVOR_PENDING;
}
