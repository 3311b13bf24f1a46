// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "model/histogram.h"
#include "model/json.h"
#include "recorder/metrics.h"

enum type { GAUGE, COUNTER, HISTOGRAM, INFO };

static const char *const type_names[] = { "gauge", "counter", "histogram", "info" };

struct family {
	const char *name; /* a counter's without "_total" */
	enum type type;
	const char *unit; /* NULL: none. Seconds come as ns. */
	const char *help;
	const char *labels[METRIC_LABELS];
};

#define SECONDS "seconds"
#define BYTES "bytes"

static const struct family families[METRICS] = {
	[METRIC_TREES] = { "orphand_trees", GAUGE, NULL, "Trees that are watched.", {} },
	[METRIC_PROCESSES] = { "orphand_processes", GAUGE, NULL, "Members of them.", {} },
	[METRIC_EVENTS] = { "orphand_events", COUNTER, NULL, "What happened, by kind.", { "type" } },
	[METRIC_INCIDENTS] = { "orphand_incidents",
			       COUNTER,
			       NULL,
			       "Deaths that asked for action, when first closed.",
			       { "rule", "outcome" } },
	[METRIC_SURVIVORS] = { "orphand_survivors",
			       COUNTER,
			       NULL,
			       "Who outlived a root.",
			       { "rule", "outcome" } },
	[METRIC_SIGNALS] = { "orphand_signals",
			     COUNTER,
			     NULL,
			     "Signals to survivors.",
			     { "signal", "by", "result" } },
	[METRIC_REACTION] = { "orphand_reaction_seconds",
			      HISTOGRAM,
			      SECONDS,
			      "From a root's death to the last first signal.",
			      {} },
	[METRIC_CLEAR] = { "orphand_clear_seconds",
			   HISTOGRAM,
			   SECONDS,
			   "From a root's death to the last survivor's end.",
			   {} },
	[METRIC_LOST] = { "orphand_events_lost",
			  COUNTER,
			  NULL,
			  "Records that the kernel's ring had no room for, and programs skipped.",
			  { "type" } },
	[METRIC_RESYNCS] = { "orphand_resyncs",
			     COUNTER,
			     NULL,
			     "Readings of the maps to make up for losses.",
			     {} },
	[METRIC_MAP_ENTRIES] = { "orphand_map_entries",
				 GAUGE,
				 NULL,
				 "Entries of a BPF map.",
				 { "map" } },
	[METRIC_MAP_CAPACITY] = { "orphand_map_capacity",
				  GAUGE,
				  NULL,
				  "Entries that it has room for.",
				  { "map" } },
	[METRIC_RUNS] = { "orphand_bpf_runs",
			  COUNTER,
			  NULL,
			  "Runs of a BPF program, while kernel.bpf_stats_enabled is 1.",
			  { "program" } },
	[METRIC_RUN_TIME] = { "orphand_bpf_run_seconds",
			      COUNTER,
			      SECONDS,
			      "Time in a BPF program, while kernel.bpf_stats_enabled is 1.",
			      { "program" } },
	[METRIC_ARMED] = { "orphand_armed",
			   GAUGE,
			   NULL,
			   "1: orphans are ended; 0: the brake is open.",
			   {} },
	[METRIC_ATTACHED] = { "orphand_attached",
			      GAUGE,
			      NULL,
			      "1: every BPF program is in its place.",
			      {} },
	[METRIC_OBSERVE] = { "orphand_observe", GAUGE, NULL, "1: nobody is ever signalled.", {} },
	[METRIC_DROPPED] = { "orphand_feed_dropped",
			     COUNTER,
			     NULL,
			     "Rows, lines or clients that a reader was too slow for.",
			     { "sink" } },
	[METRIC_CPU] = { "process_cpu_seconds",
			 COUNTER,
			 SECONDS,
			 "CPU time of the daemon, user and system.",
			 {} },
	[METRIC_START] = { "process_start_time_seconds",
			   GAUGE,
			   SECONDS,
			   "When the daemon began, since the Unix epoch.",
			   {} },
	[METRIC_RESIDENT] = { "process_resident_memory_bytes",
			      GAUGE,
			      BYTES,
			      "Resident memory of the daemon.",
			      {} },
	[METRIC_VIRTUAL] = { "process_virtual_memory_bytes",
			     GAUGE,
			     BYTES,
			     "Virtual memory of the daemon.",
			     {} },
	[METRIC_FILES] = { "process_open_fds",
			   GAUGE,
			   NULL,
			   "Open file descriptors of the daemon.",
			   {} },
	[METRIC_MOST_FILES] = { "process_max_fds", GAUGE, NULL, "How many it may have.", {} },
};

static const struct family build = {
	"orphand_build", INFO, NULL, "The daemon's version.", { "version" }
};
static const struct family store_bytes = {
	"orphand_store_bytes", GAUGE, BYTES, "Size of the store's files.", {}
};
static const struct family clients = {
	"orphand_feed_clients", GAUGE, NULL, "Clients that follow the events.", {}
};
static const struct family stale = {
	"orphand_feed_stale",
	GAUGE,
	NULL,
	"1: the daemon did not answer in time, and its numbers here are older.",
	{}
};

struct writer {
	FILE *out;
	const struct picture *picture;
	bool open; /* OpenMetrics */
};

/* ---- lines */

static void write_head(const struct writer *writer, const struct family *family)
{
	const char *suffix = writer->open	       ? ""
			     : family->type == COUNTER ? "_total"
			     : family->type == INFO    ? "_info"
						       : "";
	enum type type = family->type == INFO && !writer->open ? GAUGE : family->type;

	fprintf(writer->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", family->name, suffix, family->help,
		family->name, suffix, type_names[type]);
	if (writer->open && family->unit)
		fprintf(writer->out, "# UNIT %s %s\n", family->name, family->unit);
}

/* Whoever named a tree may have written anything; one bad byte would spoil it all. */
static void write_text(FILE *out, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len;) {
		size_t width = json__utf8(text + i, len - i);

		if (!width)
			fputs("\xef\xbf\xbd", out);
		else if (text[i] == '\n')
			fputs("\\n", out);
		else if (text[i] == '"' || text[i] == '\\')
			fprintf(out, "\\%c", text[i]);
		else
			fwrite(text + i, 1, width, out);
		i += width ? width : 1;
	}
}

static void write_seconds(FILE *out, uint64_t ns)
{
	fprintf(out, "%llu.%09llu", ns / NS_PER_SEC, ns % NS_PER_SEC);
}

static void write_value(const struct writer *writer, const struct family *family, uint64_t value)
{
	fputc(' ', writer->out);
	if (family->unit && strcmp(family->unit, SECONDS) == 0)
		write_seconds(writer->out, value);
	else
		fprintf(writer->out, "%" PRIu64, value);
	fputc('\n', writer->out);
}

static void write_sample(const struct writer *writer, const struct family *family,
			 const char *const labels[METRIC_LABELS], uint64_t value)
{
	const char *before = "{";

	fprintf(writer->out, "%s%s", family->name,
		family->type == COUNTER ? "_total"
		: family->type == INFO	? "_info"
					: "");
	for (int i = 0; i < METRIC_LABELS && family->labels[i]; i++, before = ",") {
		fprintf(writer->out, "%s%s=\"", before, family->labels[i]);
		write_text(writer->out, labels[i] ? labels[i] : "");
		fputc('"', writer->out);
	}
	if (family->labels[0])
		fputc('}', writer->out);
	write_value(writer, family, value);
}

static void write_one(const struct writer *writer, const struct family *family, uint64_t value,
		      const char *label)
{
	write_head(writer, family);
	write_sample(writer, family, (const char *[METRIC_LABELS]){ label }, value);
}

/* ---- histograms */

/* "1e-05", "0.0025", "10.0": as OpenMetrics wants bounds to be written, everywhere the same. */
static void write_bound(FILE *out, unsigned bucket)
{
	uint64_t bound = histogram__bound(bucket);

	if (bound == UINT64_MAX)
		fputs("+Inf", out);
	else if (bound % NS_PER_SEC == 0)
		fprintf(out, "%llu.0", bound / NS_PER_SEC);
	else
		fprintf(out, "%.10g", (double)bound / NS_PER_SEC);
}

static void write_exemplar(const struct writer *writer, const struct exemplar *exemplar)
{
	if (!writer->open || !*exemplar->incident)
		return;
	fputs(" # {incident_id=\"", writer->out);
	write_text(writer->out, exemplar->incident);
	fputs("\"} ", writer->out);
	write_seconds(writer->out, exemplar->ns);
	fputc(' ', writer->out);
	write_seconds(writer->out, json__realtime(&writer->picture->host, exemplar->at));
}

static void write_histogram(const struct writer *writer, const struct family *family,
			    const struct histogram *histogram)
{
	uint64_t count = 0;

	write_head(writer, family);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		count += histogram->count[i];
		fprintf(writer->out, "%s_bucket{le=\"", family->name);
		write_bound(writer->out, i);
		fprintf(writer->out, "\"} %" PRIu64, count);
		write_exemplar(writer, &histogram->exemplar[i]);
		fputc('\n', writer->out);
	}
	fprintf(writer->out, "%s_sum ", family->name);
	write_seconds(writer->out, histogram->sum);
	fprintf(writer->out, "\n%s_count %" PRIu64 "\n", family->name, count);
}

/* ---- all of it */

static void write_row(const struct writer *writer, const struct family *family,
		      const struct control_metric_row *row)
{
	const char *labels[METRIC_LABELS] = { row->label[0], row->label[1], row->label[2] };

	if (row->metric == METRIC_EVENTS)
		labels[0] = json__event_name(row->which);
	write_sample(writer, family, labels, row->value);
}

static void write_dropped(const struct writer *writer, const struct own_numbers *own)
{
	const struct family *family = &families[METRIC_DROPPED];

	write_sample(writer, family, (const char *[METRIC_LABELS]){ "store" }, own->store_dropped);
	write_sample(writer, family, (const char *[METRIC_LABELS]){ "events" },
		     own->events_dropped);
}

static void write_family(const struct writer *writer, enum metric metric,
			 const struct own_numbers *own)
{
	const struct control_metric_row *rows = writer->picture->metrics.at;
	const struct family *family = &families[metric];

	if (family->type == HISTOGRAM) {
		write_histogram(writer, family,
				&writer->picture->histogram[metric == METRIC_CLEAR]);
		return;
	}
	write_head(writer, family);
	for (size_t i = 0; i < writer->picture->metrics.count; i++) {
		if (rows[i].metric == metric)
			write_row(writer, family, &rows[i]);
	}
	if (metric == METRIC_DROPPED)
		write_dropped(writer, own);
}

void metrics__write(FILE *out, const struct picture *picture, const struct own_numbers *own,
		    bool openmetrics)
{
	const struct writer writer = { .out = out, .picture = picture, .open = openmetrics };

	write_one(&writer, &build, 1, ORPHAND_VERSION);
	/* Of a guard that has never answered nothing is known, which is not 0. */
	for (int metric = 0; metric < METRICS; metric++) {
		if (picture->taken[BELL_NUMBERS] || metric == METRIC_DROPPED)
			write_family(&writer, (enum metric)metric, own);
	}
	write_one(&writer, &store_bytes, own->store_bytes, NULL);
	write_one(&writer, &clients, own->clients, NULL);
	write_one(&writer, &stale, own->stale, NULL);
	if (openmetrics)
		fputs("# EOF\n", out);
}
