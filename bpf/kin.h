/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kin.h - a tree's members in a ring of their own, so that finding them costs what the tree is
 * large, whatever else is on the host.
 *
 * One map holds the members and the heads of their rings, tied by their keys. All ties are changed
 * under one lock. No map can be asked while it is held, so whoever is to be tied is looked up
 * before and proven after: an element says itself who it is and whose ring it is in, both of which
 * change under the lock alone, and it is taken out of its ring before it is deleted. Whatever was
 * found otherwise is looked up anew.
 *
 * Loaded where the kernel has the reflex, so that nothing here need suit older ones.
 */
#ifndef KIN_H
#define KIN_H

#define KIN_TRIES 16

struct kin_lock {
	struct bpf_spin_lock lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kin_lock);
} kin_locks SEC(".maps");

enum { KIN_AGAIN = -2, KIN_LOST = -1, KIN_NOT = 0, KIN_DONE = 1 };

static __always_inline struct ident key_of(const struct ident *who, enum kin_kind kind)
{
	struct ident key = { .start = who->start, .pid = who->pid, .zero = kind };

	return key;
}

static __always_inline bool same(const struct ident *a, const struct ident *b)
{
	return a->start == b->start && a->pid == b->pid && a->zero == b->zero;
}

static __always_inline bool is_in(const struct kin *one, const struct ident *self,
				  const struct ident *list)
{
	return same(&one->self, self) && same(&one->list, list);
}

static __always_inline struct kin_lock *kin_lock(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&kin_locks, &zero);
}

__noinline int kin_tie_once(struct ident *key, struct ident *list)
{
	struct kin_lock *lock = kin_lock();
	struct kin *one, *head, *last;
	int done = KIN_AGAIN;
	struct ident at;

	if (!key || !list || !lock)
		return KIN_LOST;
	one = bpf_map_lookup_elem(&kin, key);
	head = bpf_map_lookup_elem(&kin, list);
	if (!one || !head)
		return KIN_LOST;
	at = head->prev;
	last = bpf_map_lookup_elem(&kin, &at);
	if (!last)
		return KIN_AGAIN;
	bpf_spin_lock(&lock->lock);
	if (!head->list.pid) {
		done = KIN_LOST; /* it is being dropped */
	} else if (same(&one->self, key) && one->list.pid) {
		done = KIN_NOT;
	} else if (same(&one->self, key) && is_in(head, list, list) && same(&head->prev, &at) &&
		   is_in(last, &at, list)) {
		one->list = *list;
		one->prev = at;
		one->next = *list;
		last->next = *key;
		head->prev = *key;
		head->count++;
		done = KIN_DONE;
	}
	bpf_spin_unlock(&lock->lock);
	return done;
}

/* Takes it out of its ring, and with struck notes that time, before anybody else can. */
__noinline int kin_untie_once(struct ident *key, __u64 struck)
{
	struct kin_lock *lock = kin_lock();
	struct kin *one, *head, *before, *behind;
	struct ident list, prev, next;
	int done = KIN_AGAIN;

	if (!key || !lock)
		return KIN_LOST;
	one = bpf_map_lookup_elem(&kin, key);
	if (!one)
		return KIN_LOST;
	list = one->list;
	prev = one->prev;
	next = one->next;
	if (!list.pid)
		return KIN_NOT;
	head = bpf_map_lookup_elem(&kin, &list);
	before = bpf_map_lookup_elem(&kin, &prev);
	behind = bpf_map_lookup_elem(&kin, &next);
	if (!head || !before || !behind)
		return KIN_AGAIN;
	bpf_spin_lock(&lock->lock);
	if (is_in(one, key, &list) && same(&one->prev, &prev) && same(&one->next, &next) &&
	    is_in(head, &list, &list) && is_in(before, &prev, &list) &&
	    is_in(behind, &next, &list)) {
		before->next = next;
		behind->prev = prev;
		head->count--;
		one->list.pid = 0;
		if (struck)
			one->struck = struck;
		done = KIN_DONE;
	}
	bpf_spin_unlock(&lock->lock);
	return done;
}

/* A member's, by who has it to himself; 0: not struck after all. */
static __always_inline void kin_note_struck(const struct ident *who, __u64 struck)
{
	struct ident key = key_of(who, KIN_MEMBER);
	struct kin *one = bpf_map_lookup_elem(&kin, &key);

	if (one)
		one->struck = struck;
}

/* Not inline: what comes behind a loop is read by the verifier for each of its ends. */
__noinline int kin_tie(struct ident *key, struct ident *list)
{
	int done = KIN_AGAIN;

	for (int i = 0; done == KIN_AGAIN && i < KIN_TRIES; i++)
		done = kin_tie_once(key, list);
	if (done < 0)
		count(COUNTER_KIN_LOST);
	return done;
}

__noinline int kin_untie(struct ident *key, __u64 struck)
{
	int done = KIN_AGAIN;

	for (int i = 0; done == KIN_AGAIN && i < KIN_TRIES; i++)
		done = kin_untie_once(key, struck);
	return done;
}

/* Makes the element where there is none. A list begins as a ring of itself. */
__noinline int kin_make(struct ident *key)
{
	struct kin one = {};

	if (!key)
		return 0;
	if (bpf_map_lookup_elem(&kin, key))
		return 0;
	one.self = *key;
	if (key->zero == KIN_MEMBERS || key->zero == KIN_TREES)
		one.list = one.prev = one.next = *key;
	return bpf_map_update_elem(&kin, key, &one, BPF_NOEXIST) != 0;
}

static __always_inline void kin_drop(struct ident *key)
{
	/* Still tied: better an element too many than a ring that leads nowhere. */
	if (kin_untie(key, 0) != KIN_AGAIN)
		bpf_map_delete_elem(&kin, key);
}

/* Into that list, out of any other. */
static __always_inline void kin_place(struct ident *key, struct ident *list)
{
	struct kin *one;

	kin_make(list);
	kin_make(key);
	one = bpf_map_lookup_elem(&kin, key);
	if (one && one->list.pid && !same(&one->list, list))
		kin_untie(key, 0);
	kin_tie(key, list);
}

/* A member into its tree's. A global function: three programs share it, and its stack. */
__noinline int kin_place_member(struct ident *who, struct ident *tree)
{
	struct ident key, list;

	if (!who || !tree)
		return 0;
	key = key_of(who, KIN_MEMBER);
	list = key_of(tree, KIN_MEMBERS);
	kin_place(&key, &list);
	return 0;
}

__noinline int kin_place_tree(struct ident *root, struct ident *outer)
{
	struct ident key, list;

	if (!root || !outer)
		return 0;
	key = key_of(root, KIN_MEMBERS);
	kin_make(&key);
	key.zero = KIN_TREE;
	list = key_of(outer, KIN_TREES);
	if (outer->pid)
		kin_place(&key, &list);
	else
		kin_drop(&key);
	return 0;
}

#endif
