// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/obituary.h"
#include "model/policy.h"

struct culprit *culprit__new(const struct record_sender *record, struct image *image)
{
	struct culprit *culprit = calloc(1, sizeof(*culprit));

	if (!culprit) {
		image__put(image);
		return NULL;
	}
	culprit->refs = 1;
	culprit->who = record->head.who;
	culprit->image = image;
	culprit->count = record->count < ANCESTORS ? record->count : ANCESTORS;
	memcpy(culprit->above, record->above, sizeof(culprit->above));
	return culprit;
}

struct culprit *culprit__ref(struct culprit *culprit)
{
	if (culprit)
		culprit->refs++;
	return culprit;
}

void culprit__put(struct culprit *culprit)
{
	if (!culprit || --culprit->refs)
		return;
	image__put(culprit->image);
	free(culprit);
}

void obituary__clear(struct obituary *obituary)
{
	image__put(obituary->image);
	culprit__put(obituary->culprit);
	*obituary = (struct obituary){};
}

static void format_above(const struct culprit *culprit, char *text, size_t size)
{
	size_t n = 0;

	for (uint32_t i = 0; i < culprit->count && n < size; i++) {
		const struct ancestor *above = &culprit->above[i];
		char comm[COMM_LEN + 1] = "";

		memcpy(comm, above->comm, COMM_LEN);
		for (char *at = comm; *at; at++) {
			if ((unsigned char)*at < ' ' || *at == 0x7f)
				*at = '?';
		}
		n += (size_t)snprintf(text + n, size - n,
				      "%" PRIu32 " %" PRIu64 " %" PRIu32 " %s\n", above->who.pid,
				      (uint64_t)above->who.start, above->uid, comm);
	}
}

/* A number and the blank behind it; at is moved behind both. */
static bool take_number(const char **at, uint64_t *number)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	*number = strtoull(*at, &end, 10);
	if (*end != ' ')
		return false;
	*at = end + 1;
	return true;
}

bool above__next(const char **at, struct ancestor *ancestor)
{
	const char *line = *at;
	uint64_t pid, start, uid;
	size_t len;

	*ancestor = (struct ancestor){};
	*at += strcspn(*at, "\n");
	*at += **at == '\n';
	if (!take_number(&line, &pid) || !take_number(&line, &start) || !take_number(&line, &uid))
		return false;
	len = strcspn(line, "\n");
	if (len >= sizeof(ancestor->comm))
		len = sizeof(ancestor->comm) - 1;
	*ancestor = (struct ancestor){ .who = { .start = start, .pid = (uint32_t)pid },
				       .uid = (uint32_t)uid };
	memcpy(ancestor->comm, line, len);
	return true;
}

void obituary__fill(const struct obituary *obituary, struct control_death_row *row)
{
	const struct death *death = &obituary->death;

	row->seq = obituary->seq;
	row->at = death->at;
	row->who = death->who;
	row->parent = death->parent;
	row->exit_code = death->exit_code;
	row->kind = cause__kind(death);
	row->origin = cause__origin(death);
	row->tree = obituary->tree;
	row->vpid = death->vpid;
	row->pid_ns = death->pid_ns;
	row->sender = death->sender;
	image__fill(obituary->image, &row->image);
	if (!obituary->culprit)
		return;
	image__fill(obituary->culprit->image, &row->sender_image);
	format_above(obituary->culprit, row->above, sizeof(row->above));
}
