// SPDX-License-Identifier: GPL-2.0
/* main.c - options, the head lines, and what all benchmarks need. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "bench.h"
#include "board.h"
#include "methods.h"
#include "ways.h"

static volatile sig_atomic_t stop_signal;

static const struct {
	const char *name;
	int (*run)(const struct settings *settings);
	const char *about;
} benchmarks[] = {
	{ "kill", bench__kill, "from a root's kill to the last end, beside other ways to it" },
	{ "families", bench__families, "who escapes and who is killed in error, way by way" },
	{ "hooks", bench__hooks, "what the programs add to processes that nobody watches" },
	{ "scale", bench__scale, "what many members and many births cost" },
	{ "start", bench__start,
	  "from its exec to its watch, its size, and what it does when idle" },
	{ "rules", bench__rules, "what many rules add to them, and how long a reload takes" },
	{ "store", bench__store, "what a recorder takes in, and how soon the store answers" },
	{ "recorder", bench__recorder, "whether the guard's signals wait for it" },
	{ "feed", bench__feed, "what a scrape and many readers cost" },
	/* The last: what audit leaves behind (audit.sh) would be in the others' numbers. */
	{ "loop", bench__loop,
	  "fork, exec and exit beside nothing, orphand and others, and in a tree" },
};
#define BENCHMARKS (sizeof(benchmarks) / sizeof(*benchmarks))

static void print_usage(FILE *file)
{
	fputs("usage: bench WHAT|all [--rounds N] [--events N] [--seconds N] [--members N]\n"
	      "             [--sizes N,...] [--shapes S,...] [--methods M,...] [--ways W,...]\n"
	      "             [--tsv FILE] [--orphand FILE]\n"
	      "\n",
	      file);
	for (size_t i = 0; i < BENCHMARKS; i++)
		fprintf(file, "%-9s %s\n", benchmarks[i].name, benchmarks[i].about);
	fputs("\n"
	      "  --events N      so many in the store (1000000)\n"
	      "  --seconds N     how long a storm lasts (60), or idleness (10)\n"
	      "  --members N     the largest crowd (100000)\n"
	      "  --rounds N      the same number for everything (by default fewer for large families)\n"
	      "  --sizes N,...   descendants (1,10,100,1000,5000,20000)\n"
	      "  --shapes S,...  of families: plain, strays, forked (all)\n"
	      "  --methods M,... of kill, by the names that its table has (all; cgroup.kill always)\n"
	      "  --ways W,...    of families, the same (all)\n"
	      "  --tsv FILE      the table's rows to its end, parted by tabs, a head before the first\n"
	      "  --orphand FILE  the daemon under test (beside the bench's own folder)\n",
	      file);
}

/* ---- what all need */

int bench__fail(const char *format, ...)
{
	va_list args;

	fputs("bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return -1;
}

int bench__go_on(void)
{
	return stop_signal ? bench__fail("stopped by signal %d", (int)stop_signal) : 0;
}

int bench__pause(uint64_t ns)
{
	struct timespec span = { .tv_sec = (time_t)(ns / NS_PER_SEC),
				 .tv_nsec = (long)(ns % NS_PER_SEC) };

	nanosleep(&span, NULL);
	return bench__go_on();
}

bool pidfd__has_ended(int pidfd)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

static void on_stop(int signal)
{
	stop_signal = signal;
}

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };
#define STOP_SIGNALS (sizeof(stop_signals) / sizeof(*stop_signals))

/* Without SA_RESTART: a wait shall end. */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_stop };

	for (size_t i = 0; i < STOP_SIGNALS; i++)
		sigaction(stop_signals[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN); /* who reads us may be gone, who cleans up is not */
}

void bench__reset_signals(void)
{
	for (size_t i = 0; i < STOP_SIGNALS; i++)
		signal(stop_signals[i], SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct spread spread__of(double *samples, size_t count)
{
	qsort(samples, count, sizeof(*samples), by_value);
	return (struct spread){
		.median = (samples[(count - 1) / 2] + samples[count / 2]) / 2,
		.min = samples[0],
		.max = samples[count - 1],
	};
}

/* ---- the head */

static void read_cpu(char *model, size_t size)
{
	autofclose FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(model, size, "unknown CPU");
	while (file && fgets(line, sizeof(line), file)) {
		const char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !value)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(model, size, "%s", value + 2);
		return;
	}
}

static void print_head(void)
{
	char model[256], date[64];
	double load[3] = {};
	struct utsname name;
	time_t now = time(NULL);
	struct tm utc;

	read_cpu(model, sizeof(model));
	uname(&name);
	getloadavg(load, 3);
	gmtime_r(&now, &utc);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &utc);
	printf("machine  %s, %ld cores, load %.1f before we began\n", model,
	       sysconf(_SC_NPROCESSORS_ONLN), load[0]);
	printf("kernel   %s %s %s\n", name.sysname, name.release, name.machine);
	printf("date     %s, orphand %s\n", date, ORPHAND_VERSION);
}

/* ---- options */

static bool parse_number(const char *text, char **end, unsigned max, unsigned *number)
{
	unsigned long value;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, end, 10);
	*number = (unsigned)value;
	return !errno && value >= 1 && value <= max;
}

static bool parse_sizes(const char *text, struct settings *settings)
{
	char *end;

	settings->size_count = 0;
	for (;;) {
		unsigned *size = &settings->sizes[settings->size_count];

		if (settings->size_count == MAX_SIZES || !parse_number(text, &end, 1000000, size))
			return false;
		settings->size_count++;
		if (!*end)
			return true;
		if (*end != ',')
			return false;
		text = end + 1;
	}
}

static const char *nth_shape(unsigned n)
{
	return shape__name((enum shape)n);
}

static const char *nth_way(unsigned n)
{
	return ways[n].name;
}

static const char *nth_method(unsigned n)
{
	return methods[n].name;
}

static bool parse_names(char *text, const char *(*nth)(unsigned n), unsigned count, unsigned *bits)
{
	char *word, *rest;

	*bits = 0;
	for (word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		unsigned n = 0;

		while (n < count && strcmp(nth(n), word) != 0)
			n++;
		if (n == count)
			return false;
		*bits |= 1U << n;
	}
	return *bits;
}

static bool parse_whole(const char *text, unsigned max, unsigned *number)
{
	char *end;

	return parse_number(text, &end, max, number) && !*end;
}

static bool parse_option(int option, char *value, struct settings *settings)
{
	switch (option) {
	case 'r':
		return parse_whole(value, MAX_ROUNDS, &settings->rounds);
	case 'e':
		return parse_whole(value, UINT32_MAX, &settings->events);
	case 'm':
		return parse_whole(value, 1000000, &settings->members);
	case 'd':
		return parse_whole(value, 3600, &settings->seconds);
	case 's':
		return parse_sizes(value, settings);
	case 'f':
		return parse_names(value, nth_shape, SHAPES, &settings->shapes);
	case 'w':
		return parse_names(value, nth_way, WAYS, &settings->ways);
	case 'k':
		return parse_names(value, nth_method, METHODS, &settings->methods);
	case 't':
		settings->tsv_path = value;
		return true;
	case 'o':
		settings->program = value;
		return true;
	case 'h':
		print_usage(stdout);
		exit(0);
	default:
		return false;
	}
}

static bool parse_options(int argc, char **argv, struct settings *settings)
{
	static const struct option known[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "events", required_argument, NULL, 'e' },
		{ "seconds", required_argument, NULL, 'd' },
		{ "members", required_argument, NULL, 'm' },
		{ "sizes", required_argument, NULL, 's' },
		{ "shapes", required_argument, NULL, 'f' },
		{ "ways", required_argument, NULL, 'w' },
		{ "methods", required_argument, NULL, 'k' },
		{ "tsv", required_argument, NULL, 't' },
		{ "orphand", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{},
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (!parse_option(option, optarg, settings))
			return false;
	}
	return optind == argc - 1;
}

/* build/tests/bench tests build/orphand. */
static void find_program(char *path, size_t size)
{
	char self[PATH_MAX - 16] = "";
	char *slash;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return;
	for (int i = 0; i < 2; i++) {
		slash = strrchr(self, '/');
		if (slash)
			*slash = '\0';
	}
	snprintf(path, size, "%s/orphand", self);
}

static int open_tsv(struct settings *settings)
{
	if (!settings->tsv_path)
		return 0;
	settings->tsv = fopen(settings->tsv_path, "ae");
	if (!settings->tsv || fseek(settings->tsv, 0, SEEK_END))
		return bench__fail("can't write %s: %s", settings->tsv_path, strerror(errno));
	return 0;
}

static bool is_known(const char *what)
{
	if (strcmp(what, "all") == 0)
		return true;
	for (size_t i = 0; i < BENCHMARKS; i++) {
		if (strcmp(what, benchmarks[i].name) == 0)
			return true;
	}
	return false;
}

static int run(const char *what, const struct settings *settings)
{
	bool all = strcmp(what, "all") == 0;

	print_head();
	for (size_t i = 0; i < BENCHMARKS; i++) {
		if ((all || strcmp(what, benchmarks[i].name) == 0) && benchmarks[i].run(settings))
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct settings settings = { .sizes = { 1, 10, 100, 1000, 5000, 20000 },
				     .size_count = 6,
				     .shapes = (1U << SHAPES) - 1,
				     .methods = (1U << METHODS) - 1,
				     .ways = (1U << WAYS) - 1 };
	char program[PATH_MAX] = "";
	const char *what;

	if (argc == 3 && strcmp(argv[1], ROOT_MODE) == 0)
		return root__main(argv[2]);
	find_program(program, sizeof(program));
	settings.program = program;
	if (!parse_options(argc, argv, &settings)) {
		print_usage(stderr);
		return 2;
	}
	what = argv[optind];
	if (!is_known(what)) {
		print_usage(stderr);
		return 2;
	}
	if (geteuid() != 0)
		return bench__fail("only root can load BPF programs"), EXIT_FAILURE;
	if (access(settings.program, X_OK))
		return bench__fail("no orphand at %s: build it, or name it with --orphand",
				   settings.program),
		       EXIT_FAILURE;
	if (open_tsv(&settings))
		return EXIT_FAILURE;
	/* Orphans come to us, and are reaped between the rounds. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	catch_signals();
	setvbuf(stdout, NULL, _IOLBF, 0);
	return run(what, &settings);
}
