// SPDX-License-Identifier: GPL-2.0
/* page_test.c - the live page as a person sees it: each test of page/check.mjs, in a browser. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "user.h"

/* A browser takes its time on a busy machine. */
#define TIMEOUT 100

#define NO_BROWSER 77 /* check.mjs says why */
#define NO_PROGRAM 127

static void see(const char *test)
{
	unsigned port = user__free_port();
	char yaml[64], url[64], orphanctl[PATH_MAX + 16], script[PATH_MAX + 64],
		modules[PATH_MAX + 16];
	const struct said *said;

	snprintf(yaml, sizeof(yaml), "feed: { listen: \"127.0.0.1:%u\" }\n", port);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
	snprintf(orphanctl, sizeof(orphanctl), "%s/orphanctl", user__build());
	snprintf(modules, sizeof(modules), "%s/page", user__build());
	snprintf(script, sizeof(script), "%s/../tests/e2e/page/check.mjs", user__build());

	autorig struct rig *rig = rig__start(.yaml = yaml);

	/* A browser leaves a lot behind. */
	setenv("HOME", rig__folder(rig), 1);
	setenv("TMPDIR", rig__folder(rig), 1);
	said = user__run(rig, "/usr/bin/env", "node", script, url, orphanctl, rig__socket(rig),
			 modules, test);
	if (WIFEXITED(said->status) && WEXITSTATUS(said->status) == NO_PROGRAM)
		cr_skip_test("the live page's test is skipped: no node (make deps brings it)");
	if (WIFEXITED(said->status) && WEXITSTATUS(said->status) == NO_BROWSER)
		cr_skip_test("%s", said->out);
	cr_assert_eq(said->status, 0, "wait status %#x: %s%s", (unsigned)said->status, said->out,
		     said->err);
}

#define SEE(test)                            \
	Test(page, test, .timeout = TIMEOUT) \
	{                                    \
		see(#test);                  \
	}

SEE(live)
SEE(keys)
SEE(hostile)
SEE(disarmed)
SEE(offline)
SEE(large)
SEE(fits)
SEE(access)
SEE(policy)
