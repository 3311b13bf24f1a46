// SPDX-License-Identifier: GPL-2.0
/* moments.c - what happened when: from the incident's own rows, and from what events add to them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "report/report_parts.h"
#include "report/words.h"

/* Of a command line; the tree has all of it. */
#define COMMAND_LEN 200

void moments__clear(struct moments *moments)
{
	for (uint32_t i = 0; i < moments->count; i++)
		free(moments->all[i].command);
	free(moments->all);
	*moments = (struct moments){};
}

static int add(struct moments *moments, const struct moment *moment)
{
	uint32_t room = moments->room ? moments->room * 2 : 64;
	struct moment *more;

	if (moments->count == moments->room) {
		more = reallocarray(moments->all, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		moments->all = more;
		moments->room = room;
	}
	moments->all[moments->count] = *moment;
	moments->all[moments->count].until = moment->at;
	moments->all[moments->count++].count = 1;
	return 0;
}

/* ---- from events */

/* FOREST_NONE: it was no member at the death. */
static uint32_t member_of(const struct report *report, const struct ident *who)
{
	const struct node *node = forest__find(&report->family, who);

	return node ? report->order[node - report->family.nodes] : FOREST_NONE;
}

static int take_exec(struct report *report, const struct control_event_row *row, uint32_t member)
{
	struct moment moment = { .at = row->at, .kind = MOMENT_EXECUTED, .member = member };

	if (report->moments.count >= REPORT_EXECS_MOST)
		return 0;
	moment.command = words__command(&row->image, COMMAND_LEN);
	if (moment.command && add(&report->moments, &moment) == 0)
		return 0;
	free(moment.command);
	return -ENOMEM;
}

/* Births, signals and ends are told by the incident itself, and of its members alone. */
int report__take_event(struct report *report, const struct control_event_row *row)
{
	uint32_t member;
	int err = report->members ? 0 : report__make_family(report);

	if (err || row->tree != report->incident.tree)
		return err;
	member = member_of(report, &row->who);
	if (member == FOREST_NONE)
		return 0;
	if (row->type == EVENT_PROCESS_EXECUTED)
		return take_exec(report, row, member);
	if (row->type == EVENT_TREE_TRACKED)
		return add(&report->moments, &(struct moment){ .at = row->at,
							       .kind = MOMENT_TRACKED,
							       .member = member });
	return 0;
}

/* ---- from the incident */

/* What the records have as 0 has not been. */
static int add_known(struct report *report, uint64_t at, struct moment moment)
{
	moment.at = at;
	return at ? add(&report->moments, &moment) : 0;
}

static int add_sent(struct report *report, uint32_t member, const struct sent_signal *sent)
{
	return add_known(report, sent->at,
			 (struct moment){ .kind = MOMENT_SIGNALLED,
					  .member = member,
					  .what = sent->signal,
					  .by = sent->by });
}

static int add_root(struct report *report)
{
	const struct control_incident_row *row = &report->incident;
	bool is_shot = row->exit_code & 0x7f && row->sender.who.pid && row->sender.at <= row->died;
	int err = add_known(report, row->who.start,
			    (struct moment){ .kind = MOMENT_BORN, .by = row->parent.pid });

	if (!err && is_shot)
		err = add_known(report, row->sender.at, (struct moment){ .kind = MOMENT_SHOT });
	if (!err)
		err = add_known(report, row->died, (struct moment){ .kind = MOMENT_DIED });
	if (!err)
		err = add_known(report, row->opened, (struct moment){ .kind = MOMENT_OPENED });
	return err ? err
		   : add_known(report, row->open ? 0 : row->closed,
			       (struct moment){ .kind = MOMENT_CLOSED });
}

static int add_survivor(struct report *report, uint32_t member)
{
	const struct control_survivor_row *row = report->members[member].row;
	int err = add_known(
		report, row->who.start,
		(struct moment){ .kind = MOMENT_BORN, .member = member, .by = row->parent.pid });

	if (!err)
		err = add_sent(report, member, &row->first);
	if (!err)
		err = add_sent(report, member, &row->last);
	return err ? err
		   : add_known(report, row->gone,
			       (struct moment){ .kind = MOMENT_GONE,
						.member = member,
						.what = row->exit_code });
}

/* ---- in order, and folded */

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_moments(const void *a, const void *b)
{
	const struct moment *one = a, *other = b;
	int order = compare_numbers(one->at, other->at);

	if (!order)
		order = compare_numbers(one->kind, other->kind);
	return order ? order : compare_numbers(one->member, other->member);
}

/* What happened, whoever of the same kind it happened to. */
static int compare_happenings(const struct report *report, const struct moment *one,
			      const struct moment *other)
{
	const struct relative *member = &report->members[one->member];
	const struct relative *another = &report->members[other->member];
	int order = compare_numbers(one->kind, other->kind);

	if (!order)
		order = compare_numbers(member->kind, another->kind);
	if (!order)
		order = compare_numbers(one->what, other->what);
	if (!order && one->kind == MOMENT_SIGNALLED)
		order = compare_numbers(one->by, other->by);
	if (!order && one->kind == MOMENT_EXECUTED)
		order = strcmp(one->command, other->command);
	return order;
}

static int compare_alike(const void *a, const void *b, void *report)
{
	int order = compare_happenings(report, a, b);

	return order ? order : compare_moments(a, b);
}

static uint32_t run_of(const struct report *report, const struct moment *moments, uint32_t count)
{
	uint32_t n = 1;

	while (n < count && compare_happenings(report, &moments[0], &moments[n]) == 0)
		n++;
	return n;
}

/* From the first of them to the last. */
static struct moment join(const struct moment *moments, uint32_t count)
{
	struct moment joined = moments[0];

	joined.count = count;
	joined.until = moments[count - 1].at;
	for (uint32_t i = 1; i < count; i++) {
		if (moments[i].by != joined.by)
			joined.by = 0;
	}
	return joined;
}

/* More than a few alike become one. */
static uint32_t fold(const struct report *report, struct moment *moments, uint32_t count)
{
	uint32_t kept = 0;

	for (uint32_t i = 0, n; i < count; i += n) {
		n = run_of(report, &moments[i], count - i);
		if (n > REPORT_ALIKE_MOST) {
			moments[kept++] = join(&moments[i], n);
			continue;
		}
		memmove(&moments[kept], &moments[i], n * sizeof(*moments));
		kept += n;
	}
	return kept;
}

/* Of what is still too much, the beginning and the end are told. */
static void cut(struct report *report)
{
	struct moments *told = &report->told;
	uint32_t half = REPORT_MOMENT_LINES_MOST / 2;

	if (told->count <= REPORT_MOMENT_LINES_MOST)
		return;
	report->untold = told->count - 2 * half;
	memmove(&told->all[half], &told->all[told->count - half], half * sizeof(*told->all));
	told->count = 2 * half;
}

static int make_told(struct report *report)
{
	const struct moments *moments = &report->moments;
	struct moments *told = &report->told;

	told->all = reallocarray(NULL, moments->count + 1UL, sizeof(*told->all));
	if (!told->all)
		return -ENOMEM;
	if (moments->count)
		memcpy(told->all, moments->all, moments->count * sizeof(*told->all));
	told->count = moments->count;
	if (told->count <= REPORT_MOMENTS_MOST)
		return 0;
	qsort_r(told->all, told->count, sizeof(*told->all), compare_alike, report);
	told->count = fold(report, told->all, told->count);
	qsort(told->all, told->count, sizeof(*told->all), compare_moments);
	cut(report);
	return 0;
}

int report__make_moments(struct report *report)
{
	struct moments *moments = &report->moments;
	int err = add_root(report);

	for (uint32_t i = 1; !err && i <= report->count; i++)
		err = add_survivor(report, i);
	if (err)
		return err;
	if (moments->count)
		qsort(moments->all, moments->count, sizeof(*moments->all), compare_moments);
	report->begin = report->end = report->incident.died;
	if (moments->count && moments->all[0].at < report->begin)
		report->begin = moments->all[0].at;
	if (moments->count && moments->all[moments->count - 1].at > report->end)
		report->end = moments->all[moments->count - 1].at;
	return make_told(report);
}
