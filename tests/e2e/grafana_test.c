// SPDX-License-Identifier: GPL-2.0
/* grafana_test.c - the dashboard's queries and the alert rules, in a real Prometheus. */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "user.h"

static void file_of(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/../%s", user__build(), name);
}

Test(grafana, every_query_answers_with_data, .timeout = 100)
{
	/* What the programs' runs cost is counted as long as somebody wants to know. */
	autoclose int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	char yaml[64], feed[32], script[PATH_MAX + 32], orphanctl[PATH_MAX + 32];
	unsigned port = user__free_port();

	cr_assert(stats >= 0, "bpf_enable_stats: %s", strerror(-stats));
	snprintf(feed, sizeof(feed), "127.0.0.1:%u", port);
	snprintf(yaml, sizeof(yaml), "feed: { listen: \"%s\" }\n", feed);
	file_of(script, sizeof(script), "tests/e2e/grafana.py");
	snprintf(orphanctl, sizeof(orphanctl), "%s/orphanctl", user__build());

	autorig struct rig *rig = rig__start(.yaml = yaml);

	said__done(user__run(rig, "/usr/bin/python3", script, feed, orphanctl, rig__socket(rig),
			     rig__folder(rig)));
}

Test(grafana, every_alert_is_given_and_taken_back, .timeout = 60)
{
	autorig struct rig *rig = rig__start(.bare = true);
	char path[PATH_MAX + 64];

	file_of(path, sizeof(path), "packaging/prometheus/orphand-rules-test.yaml");
	said__done(user__run(rig, "/usr/bin/promtool", "test", "rules", path));
}
