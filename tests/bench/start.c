// SPDX-License-Identifier: GPL-2.0
/* start.c - from its exec to its watch, its size, and what it does when nothing happens. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench.h"
#include "daemon.h"
#include "family.h"

#define START_ROUNDS 20
#define IDLE_SECONDS 10
#define SETTLING NS_PER_SEC /* what a start leaves to be done */

/* To within daemon__start's pause between two questions. */
static int time_start(const char *program, double *ms)
{
	autodaemon struct daemon daemon = {};
	uint64_t start = bench__now();

	if (daemon__start(&daemon, program))
		return -1;
	*ms = (double)(bench__now() - start) / NS_PER_MS;
	return 0;
}

static void tell(const struct settings *settings, const char *what, unsigned rounds,
		 struct spread value)
{
	struct row row = {
		.benchmark = "start",
		.shape = "-",
		.method = what,
		.rounds = rounds,
		.value = value,
	};

	printf("%-28s %10.3f %10.3f %10.3f\n", what, value.median, value.min, value.max);
	bench__tsv(settings, &row);
}

static void tell_one(const struct settings *settings, const char *what, double value)
{
	tell(settings, what, 1, (struct spread){ value, value, value });
}

static int measure_start(const struct settings *settings)
{
	unsigned rounds = settings->rounds ? settings->rounds : START_ROUNDS;
	double ms[MAX_ROUNDS];

	for (unsigned i = 0; i < rounds; i++) {
		if (time_start(settings->program, &ms[i]))
			return -1;
	}
	tell(settings, "exec to watch, ms", rounds, spread__of(ms, rounds));
	return 0;
}

static int measure_idleness(const struct settings *settings)
{
	unsigned seconds = settings->seconds ? settings->seconds : IDLE_SECONDS;
	autodaemon struct daemon daemon = {};
	struct usage before, after;

	if (daemon__start(&daemon, settings->program) || bench__pause(SETTLING) ||
	    daemon__usage(&daemon, &before) || bench__pause(seconds * NS_PER_SEC) ||
	    daemon__usage(&daemon, &after))
		return -1;
	printf("idle for %u s\n", seconds);
	tell_one(settings, "guard's CPU, ms", (double)(after.cpu - before.cpu) / NS_PER_MS);
	tell_one(settings, "guard's wake-ups", (double)(after.switches - before.switches));
	tell_one(settings, "recorder's CPU, ms",
		 (double)(after.recorder_cpu - before.recorder_cpu) / NS_PER_MS);
	tell_one(settings, "recorder's wake-ups",
		 (double)(after.recorder_switches - before.recorder_switches));
	return 0;
}

static int strip(const char *program, const char *to)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		alarm(60);
		execlp("strip", "strip", "-o", to, program, NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status ? bench__fail("can't strip %s", program) : 0;
}

static int measure_size(const struct settings *settings)
{
	char path[] = "/tmp/orphand-bench.XXXXXX";
	int fd = mkstemp(path), err;
	struct stat st = {};

	if (fd < 0)
		return bench__fail("%s: %s", path, strerror(errno));
	close(fd);
	err = strip(settings->program, path) || stat(path, &st);
	unlink(path);
	if (!err)
		tell_one(settings, "program stripped, KiB", (double)st.st_size / 1024);
	return err ? -1 : 0;
}

int bench__start(const struct settings *settings)
{
	printf("\nIts start, its size, and what it does when nobody is watched and nothing happens\n"
	       "%-28s %10s %10s %10s\n",
	       "", "median", "min", "max");
	return measure_start(settings) || measure_idleness(settings) || measure_size(settings) ? -1
											       : 0;
}
