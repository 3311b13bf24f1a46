// SPDX-License-Identifier: GPL-2.0
/* top_reader.c - a tree or an incident that was opened. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "ctl/top.h"

/* How often it is looked at again while it may change; what takes long, less often. */
#define AGAIN_NS (1 * NS_PER_SEC)
#define COST 10

static void start(struct top *top)
{
	struct reader *reader = &top->reader;
	int err = job__start(&reader->job, top->ctl, reader->command, reader->number, reader->id);

	reader->started_at = top->now;
	reader->due = UINT64_MAX;
	if (err)
		complain("cannot start another process: %s", strerror(-err));
}

void reader__open(struct top *top, const char *command, uint32_t number, const char *id)
{
	struct reader *reader = &top->reader;

	reader__close(reader);
	reader->open = true;
	reader->command = command;
	reader->number = number;
	text__copy(reader->id, sizeof(reader->id), id);
	start(top);
}

void reader__close(struct reader *reader)
{
	job__stop(&reader->job);
	free(reader->text);
	free(reader->lines);
	*reader = (struct reader){ .job.fd = -1 };
}

/* The selected line stays where it is, whatever is in it now. */
static void show(struct reader *reader, char *text)
{
	size_t count = 0, *lines;

	for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n')
		count++;
	lines = reallocarray(reader->lines, count + 1, sizeof(*lines));
	if (!lines) {
		free(text);
		complain("out of memory");
		return;
	}
	lines[0] = 0;
	for (size_t i = 0; i < count; i++) {
		size_t len = strcspn(text + lines[i], "\n");

		lines[i + 1] = lines[i] + len + (text[lines[i] + len] == '\n');
	}
	free(reader->text);
	reader->text = text;
	reader->lines = lines;
	reader->scroll.count = count;
	scroll__settle(&reader->scroll, reader->page);
}

/* What was there to see stays so when it is no more. */
static void take_text(struct reader *reader)
{
	autofree char *text = STEAL(reader->job.text);

	*reader->why = '\0';
	if (!text)
		return;
	if (reader->job.status == EXIT_DONE || !reader->text)
		show(reader, STEAL(text));
	else
		top__why(reader->why, text);
}

bool reader__take(struct top *top)
{
	struct reader *reader = &top->reader;
	uint64_t cost = (top->now - reader->started_at) * COST;

	if (!reader->open || !reader->job.pid || !job__take(&reader->job))
		return false;
	take_text(reader);
	reader->due = top->now + (cost > AGAIN_NS ? cost : AGAIN_NS);
	return true;
}

/* Nothing changes without an event. */
bool reader__step(struct top *top)
{
	struct reader *reader = &top->reader;

	if (!reader->open || reader->job.pid || top->now < reader->due || top->link.lost_at ||
	    top->link.changed_at < reader->started_at)
		return false;
	start(top);
	return true;
}

/* A pid stands at the head of its line, strong; in no other place is a number so. */
uint32_t reader__pid(const struct reader *reader)
{
	static const struct screen coloured = { .colour = true };
	const char *on = colour__on(&coloured, COLOUR_STRONG), *off = "\033", *at, *line;
	unsigned long pid;
	char *end;

	if (!reader->text || strcmp(reader->command, "tree") != 0 || !reader->scroll.count)
		return 0;
	line = reader->text + reader->lines[reader->scroll.at];
	at = strstr(line, on);
	if (!at || at >= reader->text + reader->lines[reader->scroll.at + 1])
		return 0;
	at += strlen(on);
	pid = strtoul(at, &end, 10);
	return end > at && *end == *off ? (uint32_t)pid : 0;
}
