// SPDX-License-Identifier: GPL-2.0
/* confine_test.c - what the daemon has given up, and what it holds on to, from /proc. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

TestSuite(confine, .timeout = 40);

#define BIT(cap) (1ULL << (cap))

static unsigned long long capabilities(struct rig *rig, const char *set)
{
	char value[64];

	cr_assert(rig__proc(rig__daemon(rig), set, value, sizeof(value)));
	return strtoull(value, NULL, 16);
}

static const char *status(struct rig *rig, const char *key)
{
	static char value[64];

	cr_assert(rig__proc(rig__daemon(rig), key, value, sizeof(value)), "%s", key);
	return value;
}

Test(confine, no_capability_is_left_but_the_needed)
{
	autorig struct rig *rig = rig__start();
	const unsigned long long needed = BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_KILL) |
					  BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_READ_SEARCH) |
					  BIT(CAP_SYS_NICE) | BIT(CAP_IPC_LOCK);

	cr_expect_eq(capabilities(rig, "CapEff"), needed, "%s", status(rig, "CapEff"));
	cr_expect_eq(capabilities(rig, "CapPrm"), needed, "%s", status(rig, "CapPrm"));
	cr_expect_eq(capabilities(rig, "CapInh"), 0);
	cr_expect_eq(capabilities(rig, "CapBnd"), 0);
	cr_expect_eq(capabilities(rig, "CapAmb"), 0);
}

Test(confine, nothing_new_can_be_had_and_few_calls_are_left)
{
	autorig struct rig *rig = rig__start();

	cr_expect_str_eq(status(rig, "NoNewPrivs"), "1");
	cr_expect_str_eq(status(rig, "Seccomp"), "2", "a filter");
}

/* Every page that is there is locked. */
Test(confine, it_is_locked_in_memory)
{
#ifdef __SANITIZE_ADDRESS__
	cr_skip_test("the address sanitizer has mlockall() do nothing");
#endif
	autorig struct rig *rig = rig__start();
	unsigned long locked = strtoul(status(rig, "VmLck"), NULL, 10);
	unsigned long data = strtoul(status(rig, "VmData"), NULL, 10);

	cr_expect_geq(locked, data, "locked %lu kB, data alone %lu kB", locked, data);
}

/* Not where the tests themselves may not. */
static bool may_be_spared_by_oom(void)
{
	int status = 1;
	pid_t child = fork();

	if (child == 0) {
		int fd = open("/proc/self/oom_score_adj", O_WRONLY);

		_exit(fd < 0 || write(fd, "-1000", 5) != 5);
	}
	waitpid(child, &status, 0);
	return status == 0;
}

Test(confine, the_oom_killer_leaves_it)
{
	autorig struct rig *rig = NULL;
	char path[64], text[16] = "";
	FILE *file;

	if (!may_be_spared_by_oom())
		cr_skip_test("CAP_SYS_RESOURCE is missing here");
	rig = rig__start();
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", rig__daemon(rig));
	file = fopen(path, "re");
	cr_assert(file && fgets(text, sizeof(text), file));
	fclose(file);
	cr_expect_str_eq(text, "-1000\n");
}
