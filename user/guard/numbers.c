// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "guard/brake.h"
#include "guard/numbers.h"
#include "guard/procfs.h"
#include "guard/stream.h"

static struct control_metric_row *add_row(struct numbers *numbers, enum metric metric,
					  uint64_t value)
{
	struct control_metric_row *row;

	if (numbers->count == numbers->room) {
		size_t room = numbers->room ? numbers->room * 2 : 128;
		void *more = reallocarray(numbers->rows, room, sizeof(*numbers->rows));

		if (!more)
			return NULL;
		numbers->rows = more;
		numbers->room = room;
	}
	row = &numbers->rows[numbers->count++];
	*row = (struct control_metric_row){ .metric = metric, .value = value };
	return row;
}

#define add(numbers, metric, value, ...) \
	add_labelled(numbers, metric, value, (const char *[METRIC_LABELS]){ __VA_ARGS__ })

static void add_labelled(struct numbers *numbers, enum metric metric, uint64_t value,
			 const char *const labels[METRIC_LABELS])
{
	struct control_metric_row *row = add_row(numbers, metric, value);

	for (size_t i = 0; row && i < METRIC_LABELS && labels[i]; i++)
		text__copy(row->label[i], sizeof(row->label[i]), labels[i]);
}

/* ---- what was done */

static void add_rules(struct numbers *numbers, const struct tally *tally)
{
	for (size_t i = 0; i <= TALLY_RULES; i++) {
		const struct rule_tally *rule = &tally->rules[i];

		for (int k = 0; k < INCIDENT_OUTCOMES; k++) {
			if (rule->incidents[k])
				add(numbers, METRIC_INCIDENTS, rule->incidents[k], rule->rule,
				    incident_outcome__name((enum incident_outcome)k));
		}
		for (int k = 0; k < SURVIVOR_OUTCOMES; k++) {
			if (rule->survivors[k])
				add(numbers, METRIC_SURVIVORS, rule->survivors[k], rule->rule,
				    survivor_outcome__name((enum survivor_outcome)k));
		}
	}
}

static void add_signals(struct numbers *numbers, const struct tally *tally,
			const struct counter_values *values)
{
	static const char *const results[SIGNAL_RESULTS] = { "sent", "gone", "refused" };

	for (int signal = 1; signal < TALLY_SIGNALS; signal++) {
		for (int k = 0; k < SIGNAL_RESULTS; k++) {
			if (tally->signals[signal][k])
				add(numbers, METRIC_SIGNALS, tally->signals[signal][k],
				    signal__name(signal), "daemon", results[k]);
		}
	}
	add(numbers, METRIC_SIGNALS, values->n[COUNTER_STRUCK], "SIGKILL", "kernel", "sent");
	add(numbers, METRIC_SIGNALS, values->n[COUNTER_STRIKE_FAILED], "SIGKILL", "kernel",
	    "refused");
}

static void add_events(struct numbers *numbers, const struct guard *guard,
		       const struct counter_values *values)
{
	static const char *const types[RECORD_TYPES] = {
		[RECORD_FORK] = "fork",
		[RECORD_EXEC] = "exec",
		[RECORD_EXIT] = "exit",
		[RECORD_UNENTERED] = "unentered",
	};

	for (uint32_t type = 0; type < EVENT_TYPES; type++) {
		struct control_metric_row *row =
			add_row(numbers, METRIC_EVENTS, guard->journal.counts[type]);

		if (row)
			row->which = type;
	}
	for (int type = 0; type < RECORD_TYPES; type++)
		add(numbers, METRIC_LOST, values->n[COUNTER_LOST + type], types[type]);
	add(numbers, METRIC_LOST, guard->runs_skipped, "skipped");
}

/* ---- what there is */

static void add_program(void *context, const char *program, uint64_t runs, uint64_t ns)
{
	add(context, METRIC_RUNS, runs, program);
	add(context, METRIC_RUN_TIME, ns, program);
}

static void add_state(struct numbers *numbers, const struct guard *guard)
{
	uint32_t trees = family__trees(guard->family), procs = family__procs(guard->family);

	add(numbers, METRIC_ARMED, !brake__is_open(guard));
	add(numbers, METRIC_OBSERVE, guard->config.observe);
	add(numbers, METRIC_ATTACHED, kernel__is_attached(guard->kernel));
	add(numbers, METRIC_TREES, trees);
	add(numbers, METRIC_PROCESSES, procs);
	add(numbers, METRIC_RESYNCS, guard->resyncs);
	add(numbers, METRIC_MAP_ENTRIES, procs, "members");
	add(numbers, METRIC_MAP_ENTRIES, trees, "trees");
	add(numbers, METRIC_MAP_CAPACITY, kernel__capacity(guard->kernel, MAP_MEMBERS), "members");
	add(numbers, METRIC_MAP_CAPACITY, kernel__capacity(guard->kernel, MAP_TREES), "trees");
	add(numbers, METRIC_DROPPED, stream__dropped(guard), "recorder");
	add(numbers, METRIC_DROPPED, log__dropped(), "log");
	kernel__runs(guard->kernel, add_program, numbers);
}

/* ---- the daemon itself */

static uint64_t count_files(void)
{
	autoclosedir DIR *folder = opendir("/proc/self/fd");
	uint64_t count = 0;

	if (!folder)
		return 0;
	while (readdir(folder))
		count++;
	return count - 3; /* ".", "..", and the one that reads this */
}

static void add_self(struct numbers *numbers, struct guard *guard)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct rlimit files = {};
	struct timespec used = {};
	char line[128], *resident;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	getrlimit(RLIMIT_NOFILE, &files);
	procfs__line("/proc/self/statm", line, sizeof(line));
	add(numbers, METRIC_CPU, (uint64_t)used.tv_sec * NS_PER_SEC + (uint64_t)used.tv_nsec);
	add(numbers, METRIC_START, guard->begun + (uint64_t)guard__realtime(guard));
	add(numbers, METRIC_VIRTUAL, strtoull(line, &resident, 10) * page);
	add(numbers, METRIC_RESIDENT, strtoull(resident, NULL, 10) * page);
	add(numbers, METRIC_FILES, count_files());
	add(numbers, METRIC_MOST_FILES, files.rlim_cur);
}

struct numbers *numbers__take(struct guard *guard)
{
	struct numbers *numbers = calloc(1, sizeof(*numbers));
	struct counter_values values = {};

	if (!numbers)
		return NULL;
	kernel__counters(guard->kernel, &values);
	add_state(numbers, guard);
	add_events(numbers, guard, &values);
	add_rules(numbers, &guard->tally);
	add_signals(numbers, &guard->tally, &values);
	add_self(numbers, guard);
	numbers->histogram[0] = guard->tally.reaction;
	numbers->histogram[1] = guard->tally.clear;
	return numbers;
}

void numbers__free(struct numbers *numbers)
{
	if (!numbers)
		return;
	free(numbers->rows);
	free(numbers);
}
