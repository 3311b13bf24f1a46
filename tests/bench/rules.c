// SPDX-License-Identifier: GPL-2.0
/* rules.c - what a hundred rules cost whom none of them is about, and how long a thousand take to
 * be read while ten thousand members are followed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/clock.h"
#include "base/own.h"
#include "bench.h"
#include "daemon.h"
#include "family.h"

#define EXEC_ROUNDS 20
#define EXECS 200
#define MANY_RULES 100
#define RELOAD_ROUNDS 7
#define RELOAD_RULES 1000
#define RELOAD_MEMBERS 10000

/* Programs of all kinds of places, none of which the bench runs. The caller's to free. */
static char *make_rules(unsigned count)
{
	static const char *const places[] = { "/usr/bin/python3*", "/opt/jobs/*/run",
					      "/usr/sbin/*d", "/srv/app/bin/worker*" };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("watch:\n", out);
	for (unsigned i = 0; i < count; i++)
		fprintf(out,
			"  - { name: r%u, match: { exe: [\"%s-%u\"], args: [\"*job%u*\"] } }\n", i,
			places[i % 4], i, i);
	return fclose(out) ? (free(text), NULL) : text;
}

/* ---- an exec that no rule is about */

static int read_runs(int program, uint64_t *ns, uint64_t *count)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &len))
		return bench__fail("can't read a program's runs: %s", strerror(errno));
	*ns = info.run_time_ns;
	*count = info.run_cnt;
	return 0;
}

/* Each with a daemon to itself: two on one hook would warm each other's caches. */
static int time_exec(const char *orphand, const char *yaml, double *ns)
{
	autodaemon struct daemon daemon = { .yaml = yaml };
	autoclose int stats = bpf_enable_stats(BPF_STATS_RUN_TIME), program = -1;
	uint64_t ns_before, ns_after, count_before, count_after;

	if (stats < 0)
		return bench__fail("can't have the runs counted: %s", strerror(errno));
	if (daemon__start(&daemon, orphand))
		return -1;
	program = daemon__open_program(&daemon, "on_exec");
	if (program < 0 || bench__spawn(EXECS / 10) ||
	    read_runs(program, &ns_before, &count_before) || bench__spawn(EXECS) ||
	    read_runs(program, &ns_after, &count_after))
		return -1;
	*ns = (double)(ns_after - ns_before) / (double)(count_after - count_before);
	return 0;
}

static int measure_exec(const char *orphand, unsigned rounds)
{
	autofree char *one_rule = make_rules(1), *many_rules = make_rules(MANY_RULES);
	double one[MAX_ROUNDS], many[MAX_ROUNDS], ratios[MAX_ROUNDS];
	struct spread ratio;

	for (unsigned i = 0; i < rounds; i++) {
		bool first = i % 2;

		if (time_exec(orphand, first ? many_rules : one_rule, first ? &many[i] : &one[i]) ||
		    time_exec(orphand, first ? one_rule : many_rules, first ? &one[i] : &many[i]))
			return -1;
		ratios[i] = many[i] / one[i];
	}
	ratio = spread__of(ratios, rounds);
	printf("\nAn exec that no rule is about: ns a run of on_exec, %u rounds of %d\n", rounds,
	       EXECS);
	printf("%9s %9s  %7s %7s %7s\n", "1 rule", "100", "ratio", "min", "max");
	printf("%9.0f %9.0f  %7.2f %7.2f %7.2f\n", spread__of(one, rounds).median,
	       spread__of(many, rounds).median, ratio.median, ratio.min, ratio.max);
	return 0;
}

/* ---- SIGHUP */

static int track_me(const void *context)
{
	return daemon__track_me(context);
}

static int measure_reload(const char *orphand, unsigned rounds)
{
	autodaemon struct daemon daemon = {};
	autofamily struct family family = { .shape = SHAPE_PLAIN, .size = RELOAD_MEMBERS };
	const struct birth birth = { .prepare = track_me, .context = &daemon };
	autofree char *rules = make_rules(RELOAD_RULES);
	double ms[MAX_ROUNDS];
	struct spread spread;
	uint64_t lost;

	if (daemon__start(&daemon, orphand))
		return -1;
	family.keep[0] = daemon.pid;
	if (family__start(&family, &birth) ||
	    daemon__await_members(&daemon, family.root, RELOAD_MEMBERS + 1))
		return -1;
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t ns;

		if (daemon__reload(&daemon, i ? "" : rules, &ns))
			return -1;
		ms[i] = (double)ns / NS_PER_MS;
	}
	if (daemon__lost(&daemon, &lost))
		return -1;
	spread = spread__of(ms, rounds);
	printf("\nSIGHUP with %d rules while %d members are followed: ms until the next answer; %u "
	       "rounds\n",
	       RELOAD_RULES, RELOAD_MEMBERS, rounds);
	printf("%9s %9s %9s  %s\n", "median", "min", "max", "events lost");
	printf("%9.1f %9.1f %9.1f  %llu\n", spread.median, spread.min, spread.max,
	       (unsigned long long)lost);
	return 0;
}

int bench__rules(const struct settings *settings)
{
	if (measure_exec(settings->program, settings->rounds ? settings->rounds : EXEC_ROUNDS))
		return -1;
	return measure_reload(settings->program,
			      settings->rounds ? settings->rounds : RELOAD_ROUNDS);
}
