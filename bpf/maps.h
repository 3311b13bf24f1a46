/* SPDX-License-Identifier: GPL-2.0 */
/*
 * maps.h - what the programs share with the guard and, pinned, with the guard to come.
 * User space sets the capacities before loading (max_entries here is a stand-in).
 */
#ifndef MAPS_H
#define MAPS_H

/* The authority on who belongs to a family. An entry of a living process changes only by user
 * space, which raises its version. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct ident);
	__type(value, struct member);
} members SEC(".maps");

/* See marks.h. User space writes through a mapping of its own. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MARKS_PIDS / MARKS_LINE);
	__type(key, __u32);
	__type(value, struct marks);
} marks SEC(".maps");

/* Roots. Here only ever asked for presence: an element may be reused while it is read. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct ident);
	__type(value, struct tree_value);
} trees SEC(".maps");

/* The mark of a tree whose members are being killed, with the uid whose processes may be (0: any).
 * It stays until the last member is gone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct ident);
	__type(value, __u32);
} condemned SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct ident);
	__type(value, struct death);
} deaths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct ident);
	__type(value, struct senders);
} senders SEC(".maps");

/* The same of processes that are no members, as long as there is room. Not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct ident);
	__type(value, struct senders);
} strangers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct ident);
	__type(value, struct image_value);
} images SEC(".maps");

/* The lists of the reflex, and what became of those whom it has ended: see kin.h and reflex.h. Only
 * where it is. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct ident);
	__type(value, struct kin);
} kin SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct ident);
	__type(value, struct death);
} ends SEC(".maps");

/* What the paths of the rules' programs begin with. Not pinned: each guard brings its own. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct prefix_key);
	__type(value, __u32);
} prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counter_values);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

#endif
