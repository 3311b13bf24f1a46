// SPDX-License-Identifier: GPL-2.0
/* metrics_test.c - the guard's rows as Prometheus' text and as OpenMetrics, and as health. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "model/histogram.h"
#include "recorder/health.h"
#include "recorder/metrics.h"

TestSuite(metrics, .timeout = 30);

static struct picture picture;

static void tell(enum metric metric, uint64_t value, const char *a, const char *b, const char *c)
{
	struct control_metric_row row = {
		.head = { CONTROL_VERSION, CONTROL_METRIC_ROW, sizeof(row) },
		.metric = metric,
		.value = value,
	};
	enum bell bell;

	text__copy(row.label[0], NAME_LEN, a);
	text__copy(row.label[1], NAME_LEN, b);
	text__copy(row.label[2], NAME_LEN, c);
	cr_assert_not(picture__row(&picture, &row.head, 1, &bell));
}

static void tell_reaction(const struct histogram *histogram)
{
	struct control_histogram_row row = {
		.head = { CONTROL_VERSION, CONTROL_HISTOGRAM_ROW, sizeof(row) },
		.metric = METRIC_REACTION,
		.histogram = *histogram,
	};
	enum bell bell;

	picture__row(&picture, &row.head, 1, &bell);
}

static void end(void)
{
	struct control_end row = { .head = { CONTROL_VERSION, CONTROL_END, sizeof(row) },
				   .tree = BELL_NUMBERS };
	enum bell bell;

	cr_assert(picture__row(&picture, &row.head, 1, &bell));
	cr_assert_eq(bell, BELL_NUMBERS);
}

static char *write_text(bool openmetrics)
{
	const struct own_numbers own = { .store_bytes = 4096, .store_dropped = 3, .clients = 2 };
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	metrics__write(out, &picture, &own, openmetrics);
	fclose(out);
	return text;
}

/* A whole line of the text. */
static bool has(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at++) {
		if ((at == text || at[-1] == '\n') && (at[len] == '\n' || !at[len]))
			return true;
	}
	return false;
}

#define expect_line(text, line) cr_expect(has(text, line), "no '%s' in:\n%s", line, text)

Test(metrics, both_formats)
{
	autofree char *plain = NULL, *open = NULL;

	tell(METRIC_TREES, 2, "", "", "");
	tell(METRIC_INCIDENTS, 7, "jobs", "cleared", "");
	tell(METRIC_SIGNALS, 9, "SIGTERM", "daemon", "sent");
	tell(METRIC_CPU, 1500000000, "", "", "");
	end();
	plain = write_text(false);
	open = write_text(true);
	expect_line(plain, "orphand_trees 2");
	expect_line(plain, "# TYPE orphand_incidents_total counter");
	expect_line(plain, "orphand_incidents_total{rule=\"jobs\",outcome=\"cleared\"} 7");
	expect_line(plain,
		    "orphand_signals_total{signal=\"SIGTERM\",by=\"daemon\",result=\"sent\"} 9");
	expect_line(plain, "process_cpu_seconds_total 1.500000000");
	expect_line(plain, "orphand_store_bytes 4096");
	expect_line(plain, "orphand_feed_dropped_total{sink=\"store\"} 3");
	expect_line(plain, "orphand_build_info{version=\"" ORPHAND_VERSION "\"} 1");
	cr_expect_not(strstr(plain, "# UNIT"));
	cr_expect_not(strstr(plain, "# EOF"));
	expect_line(open, "# TYPE orphand_incidents counter");
	expect_line(open, "# TYPE orphand_build info");
	expect_line(open, "# UNIT process_cpu_seconds seconds");
	expect_line(open, "# UNIT orphand_store_bytes bytes");
	cr_expect_str_eq(open + strlen(open) - 6, "# EOF\n");
}

Test(metrics, what_was_never_told_is_not_zero)
{
	autofree char *text = write_text(false);

	cr_expect_not(strstr(text, "orphand_trees"), "%s", text);
	expect_line(text, "orphand_store_bytes 4096");
}

Test(metrics, a_new_answer_takes_the_place_of_the_one_before)
{
	autofree char *text = NULL;

	tell(METRIC_TREES, 1, "", "", "");
	tell(METRIC_LOST, 5, "fork", "", "");
	end();
	tell(METRIC_TREES, 2, "", "", "");
	text = write_text(false);
	expect_line(text, "orphand_trees 1"); /* the second is not whole */
	free(text);
	end();
	text = write_text(false);
	expect_line(text, "orphand_trees 2");
	cr_expect_not(strstr(text, "fork"));
}

/* Whoever names a tree may write anything. */
Test(metrics, names_spoil_nothing)
{
	autofree char *text = NULL;

	tell(METRIC_INCIDENTS, 1, "a\"} 5\norphand_armed 0\\", "cleared", "");
	tell(METRIC_INCIDENTS, 1, "\xff\xc3(\xe2\x82\xac", "cleared", "");
	end();
	text = write_text(false);
	expect_line(text, "orphand_incidents_total{rule=\"a\\\"} 5\\norphand_armed 0\\\\\","
			  "outcome=\"cleared\"} 1");
	expect_line(text, "orphand_incidents_total{rule=\"\xef\xbf\xbd\xef\xbf\xbd(\xe2\x82\xac\","
			  "outcome=\"cleared\"} 1");
}

Test(metrics, histograms_add_up_and_name_an_incident)
{
	struct histogram histogram = {};
	autofree char *plain = NULL, *open = NULL;

	histogram__add(&histogram, 10 * NS_PER_US, "01A", 5 * NS_PER_SEC);
	histogram__add(&histogram, 10 * NS_PER_US + 1, "01B", 6 * NS_PER_SEC);
	histogram__add(&histogram, 60 * NS_PER_SEC, "01C", 7 * NS_PER_SEC);
	histogram__add(&histogram, 61 * NS_PER_SEC, "01D", 8 * NS_PER_SEC);
	tell_reaction(&histogram);
	end();
	plain = write_text(false);
	open = write_text(true);
	expect_line(plain, "orphand_reaction_seconds_bucket{le=\"1e-05\"} 1");
	expect_line(plain, "orphand_reaction_seconds_bucket{le=\"2.5e-05\"} 2");
	expect_line(plain, "orphand_reaction_seconds_bucket{le=\"30.0\"} 2");
	expect_line(plain, "orphand_reaction_seconds_bucket{le=\"60.0\"} 3");
	expect_line(plain, "orphand_reaction_seconds_bucket{le=\"+Inf\"} 4");
	expect_line(plain, "orphand_reaction_seconds_count 4");
	expect_line(plain, "orphand_reaction_seconds_sum 121.000020001");
	expect_line(plain, "orphand_clear_seconds_count 0");
	expect_line(open, "orphand_reaction_seconds_bucket{le=\"1e-05\"} 1 # {incident_id=\"01A\"} "
			  "0.000010000 5.000000000");
}

/* ---- health */

static bool well(const struct health *health, bool stale, uint64_t now, const char *says)
{
	autofree char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool result = health__write(out, health, &picture, stale, now);

	fclose(out);
	cr_expect(strstr(text, says), "no %s in %s", says, text);
	return result;
}

static void event(struct health *health, enum event_type type, uint64_t seq, uint64_t at)
{
	const struct control_event_row row = { .type = type, .seq = seq, .at = at };

	health__event(health, &row, at);
}

Test(metrics, health_tells_what_is_wrong)
{
	struct health health = {};

	tell(METRIC_ARMED, 1, "", "", "");
	tell(METRIC_ATTACHED, 1, "", "", "");
	end();
	cr_expect(well(&health, false, 1, "\"status\":\"ok\""));
	cr_expect_not(well(&health, true, 1, "\"lagging\":true"));
	health.store_fails = true;
	cr_expect_not(well(&health, false, 1, "\"lagging\":true"));
	tell(METRIC_ARMED, 0, "", "", "");
	tell(METRIC_ATTACHED, 0, "", "", "");
	end();
	cr_expect_not(well(&health, false, 1, "\"armed\":false"));
	cr_expect_not(well(&health, false, 1, "\"attached\":false"));
}

Test(metrics, a_loss_is_told_for_a_minute)
{
	struct health health = {};

	tell(METRIC_ARMED, 1, "", "", "");
	tell(METRIC_ATTACHED, 1, "", "", "");
	end();
	event(&health, EVENT_PROCESS_FORKED, 100, NS_PER_SEC);
	event(&health, EVENT_EVENTS_LOST, 101, 2 * NS_PER_SEC);
	event(&health, EVENT_PROCESS_FORKED, 102, 3 * NS_PER_SEC);
	cr_expect_not(well(&health, false, 3 * NS_PER_SEC, "\"losing\":true"));
	cr_expect(well(&health, false, 63 * NS_PER_SEC, "\"losing\":false"));
	event(&health, EVENT_PROCESS_FORKED, 104, 70 * NS_PER_SEC);
	cr_expect_not(well(&health, false, 71 * NS_PER_SEC, "\"lagging\":true"));
	cr_expect(well(&health, false, 131 * NS_PER_SEC, "\"lagging\":false"));
	/* told again to another recorder */
	event(&health, EVENT_PROCESS_FORKED, 101, 140 * NS_PER_SEC);
	cr_expect(well(&health, false, 141 * NS_PER_SEC, "\"lagging\":false"));
}
