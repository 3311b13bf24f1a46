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

bool above__next(const char **at, struct ancestor *ancestor)
{
	size_t len = strcspn(*at, "\n");
	char line[ABOVE_LEN];
	uint64_t start;
	int comm = 0;

	*ancestor = (struct ancestor){};
	text__copy(line, len + 1 < sizeof(line) ? len + 1 : sizeof(line), *at);
	*at += len + ((*at)[len] == '\n');
	if (sscanf(line, "%" SCNu32 " %" SCNu64 " %" SCNu32 " %n", &ancestor->who.pid, &start,
		   &ancestor->uid, &comm) < 3 ||
	    !comm)
		return false;
	ancestor->who.start = start;
	text__copy(ancestor->comm, sizeof(ancestor->comm), line + comm);
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
