// SPDX-License-Identifier: GPL-2.0
/* demo_test.c - what make demo plays comes to its end, and leaves nothing. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel/parts.h"
#include "user.h"

TestSuite(demo, .timeout = 60);

#define SCRIPT "tests/e2e/demo.sh"

static pid_t demo;

/* Beside the build, or below where the test was called from. */
static const char *find_script(void)
{
	static char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/../" SCRIPT, user__build());
	if (access(path, X_OK) == 0)
		return path;
	if (!realpath(SCRIPT, path))
		cr_assert_fail(SCRIPT " is neither beside %s nor here", user__build());
	return path;
}

/* The script cleans up after itself when it is terminated. Its orphan spins: that has an end, too. */
static void play(const char *script, const char *build, const char *folder, int out)
{
	struct rlimit cpu = { 20, 20 };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setrlimit(RLIMIT_CPU, &cpu);
	alarm(50);
	setenv("TMPDIR", folder, 1);
	dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	child__close_all_but(-1);
	execl(script, script, build, NULL);
	_exit(127);
}

static void end_demo(void)
{
	if (demo > 0 && kill(demo, SIGTERM) == 0)
		waitpid(demo, NULL, 0);
}

static void see_told(const char *text)
{
	static const char *const told[] = { "$ kill -9 ", "has a new parent", "is gone", "SIGKILL",
					    "cleared" };

	for (size_t i = 0; i < COUNT(told); i++)
		cr_expect(strstr(text, told[i]), "'%s' is not told: %s", told[i], text);
}

Test(demo, is_played_to_its_end, .fini = end_demo)
{
	autorig struct rig *rig = rig__start(.bare = true);
	const char *script = find_script(), *build = user__build();
	int out = memfd_create("demo", MFD_CLOEXEC), status;
	static char text[65536];
	char pins[64];

	fcntl(out, F_SETFL, O_APPEND);
	demo = fork();
	if (demo == 0)
		play(script, build, rig__folder(rig), out);
	snprintf(pins, sizeof(pins), "/sys/fs/bpf/orphand-demo-%d", demo);
	cr_assert_eq(waitpid(demo, &status, 0), demo);
	demo = 0;
	text[pread(out, text, sizeof(text) - 1, 0)] = '\0';
	cr_assert_eq(status, 0, "wait status %#x: %s", (unsigned)status, text);
	see_told(text);
	cr_expect_neq(access(pins, F_OK), 0, "%s was left", pins);
}
