// SPDX-License-Identifier: GPL-2.0
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "model/filter.h"
#include "model/incident.h"

static void close_text(char *text, size_t size)
{
	text[size - 1] = '\0';
}

void query__close(struct control_query *query)
{
	close_text(query->id, sizeof(query->id));
	close_text(query->rule, sizeof(query->rule));
	close_text(query->outcome, sizeof(query->outcome));
	close_text(query->root, sizeof(query->root));
	close_text(query->sender, sizeof(query->sender));
	close_text(query->cgroup, sizeof(query->cgroup));
}

bool filter__matches(const char *glob, const char *text)
{
	return !*glob || fnmatch(glob, text, 0) == 0;
}

bool filter__names(const char *asked, uint32_t pid, const char *exe, const char *comm)
{
	char number[16];

	if (!*asked)
		return true;
	snprintf(number, sizeof(number), "%u", pid);
	return strcmp(asked, number) == 0 || fnmatch(asked, exe, 0) == 0 ||
	       fnmatch(asked, comm, 0) == 0;
}

int filter__outcome(const char *name)
{
	for (int i = 0; i < INCIDENT_OUTCOMES; i++) {
		if (strcmp(name, incident_outcome__name((enum incident_outcome)i)) == 0)
			return i;
	}
	return -1;
}

bool filter__takes_event(const struct control_query *query, uint64_t time, uint32_t type,
			 uint32_t tree, uint32_t pid)
{
	if (time < query->since || (query->until && time > query->until))
		return false;
	return (!query->types || query->types >> type & 1) &&
	       (!query->tree || query->tree == tree) && (!query->pid || query->pid == pid);
}
