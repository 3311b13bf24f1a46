// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - what every test here needs is asked for once, before the first of them: without it the
 * run fails with one line. And what the tests left behind is looked for once, after the last.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"

#define TIMEOUT 60 /* seconds, for a test that names none */

/* A descriptor that is opened in the place of a closed 0, 1 or 2 would be lost or written over. */
static void open_standard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd ? O_WRONLY : O_RDONLY);
	}
}

static int refuse(const char *what)
{
	fprintf(stderr, "orphand: %s; no test was run\n", what);
	return 1;
}

static int check_host(void)
{
	if (geteuid() != 0)
		return refuse("these tests load BPF programs: they need root");
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return refuse("these tests load BPF programs: this kernel has no BTF");
	if (access("/sys/fs/bpf", W_OK))
		return refuse("these tests pin BPF programs: /sys/fs/bpf can't be written to");
	return 0;
}

/* Criterion heeds a limit only where a test or its suite has it. */
static void set_timeouts(struct criterion_test_set *set)
{
	FOREACH_SET(struct criterion_suite_set * suite, set->suites)
	{
		FOREACH_SET(struct criterion_test * test, suite->tests)
		{
			double limit = test->data->timeout > 0 ? test->data->timeout : TIMEOUT;

			test->data->timeout = rig__seconds(1) * limit;
		}
	}
}

static size_t count_paths(const char *prefix, const char *run, bool tell)
{
	char pattern[128];
	glob_t found;
	size_t n = 0;

	snprintf(pattern, sizeof(pattern), "%s%s-*", prefix, run);
	if (glob(pattern, 0, NULL, &found) == 0) {
		n = found.gl_pathc;
		for (size_t i = 0; tell && i < n; i++)
			fprintf(stderr, "orphand: left behind: %s\n", found.gl_pathv[i]);
		globfree(&found);
	}
	return n;
}

/* The janitors of tests that crashed may still be at it. */
static int check_leavings(const char *run)
{
	struct patience patience = rig__patience(45);

	while (count_paths(RIG_FOLDER, run, false) + count_paths(RIG_PINS, run, false)) {
		if (!rig__retry(&patience)) {
			count_paths(RIG_FOLDER, run, true);
			count_paths(RIG_PINS, run, true);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char *argv[])
{
	struct criterion_test_set *tests;
	char run[16];
	int failed = 0;

	open_standard_streams();
	if (check_host())
		return 1;
	snprintf(run, sizeof(run), "%d", getpid());
	setenv(RUN_ENV, run, 1);
	tests = criterion_initialize();
	set_timeouts(tests);
	if (criterion_handle_args(argc, argv, true))
		failed = !criterion_run_all_tests(tests);
	criterion_finalize(tests);
	return check_leavings(run) || failed;
}
