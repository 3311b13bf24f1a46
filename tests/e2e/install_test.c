// SPDX-License-Identifier: GPL-2.0
/* install_test.c - what make install leaves, looked at by a script. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>

#include "user.h"

TestSuite(install, .timeout = 60);

Test(install, puts_everything_in_its_place)
{
	autorig struct rig *rig = rig__start(.bare = true);
	char script[PATH_MAX + 32];

	snprintf(script, sizeof(script), "%s/../tests/e2e/install.sh", user__build());
	said__done(user__run(rig, "/bin/bash", script, user__build(), rig__folder(rig)));
}
