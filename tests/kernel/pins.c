// SPDX-License-Identifier: GPL-2.0
/* pins.c - the pinned maps, looked at past the daemon. */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "parts.h"

#define PATIENCE 15

static int open_map(const struct rig *rig, const char *map)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", rig->pins, map);
	fd = bpf_obj_get(path);
	if (fd < 0)
		cr_assert_fail("%s: %s", path, strerror(errno));
	return fd;
}

/* Keys that come and go meanwhile may be told twice or not: ask of maps at rest. */
size_t rig__entries(const struct rig *rig, const char *map)
{
	autoclose int fd = open_map(rig, map);
	struct ident key, next;
	size_t n = 0;

	for (bool more = bpf_map_get_next_key(fd, NULL, &next) == 0; more;
	     more = bpf_map_get_next_key(fd, &key, &next) == 0) {
		key = next;
		n++;
	}
	return n;
}

void rig__await_entries(const struct rig *rig, const char *map, size_t entries)
{
	struct patience patience = rig__patience(PATIENCE);
	size_t n;

	while ((n = rig__entries(rig, map)) != entries) {
		if (!rig__retry(&patience))
			cr_assert_fail("the map %s has %zu entries, %zu were to be", map, n,
				       entries);
	}
}

bool rig__is_marked(const struct rig *rig, pid_t pid)
{
	autoclose int fd = open_map(rig, "marks");
	uint32_t line = (uint32_t)pid / MARKS_LINE;
	struct marks marks;

	cr_assert_eq(bpf_map_lookup_elem(fd, &line, &marks), 0);
	return marks.of[(uint32_t)pid % MARKS_LINE];
}

void rig__enter(const struct rig *rig, struct ident who, struct ident root)
{
	autoclose int fd = open_map(rig, "members");
	struct member member = { .tree = root, .parent = root };

	cr_assert_eq(bpf_map_update_elem(fd, &who, &member, BPF_NOEXIST), 0, "%s", strerror(errno));
}
