/* SPDX-License-Identifier: GPL-2.0 */
/*
 * marks.h - the first question of every hook: may this pid be a member's? A byte for each, so that
 * who is not watched costs no look into a hash that is out of cache.
 *
 * A mark stands before the entry and falls behind it, at the exit that takes the entry out, while
 * the pid is still that process's own. A mark without an entry costs a look; an entry without one
 * would be an escape.
 */
#ifndef MARKS_H
#define MARKS_H

/* NULL: beyond what pids can be. */
static __always_inline __u8 *mark_of(__u32 pid)
{
	__u32 at = pid / MARKS_LINE;
	struct marks *line = bpf_map_lookup_elem(&marks, &at);

	return line ? &line->of[pid % MARKS_LINE] : NULL;
}

static __always_inline bool is_marked(__u32 pid)
{
	const __u8 *mark = mark_of(pid);

	return !mark || *mark;
}

/* Its entry; NULL: it is no member. */
static __always_inline struct member *member_of(const struct ident *who)
{
	return is_marked(who->pid) ? bpf_map_lookup_elem(&members, who) : NULL;
}

static __always_inline void put_mark(__u32 pid, __u8 value)
{
	__u8 *mark = mark_of(pid);

	if (mark)
		*mark = value;
}

#endif
