/* SPDX-License-Identifier: GPL-2.0 */
/* ring.h - the one way out: every record through one wrapper, every failure counted. */
#ifndef RING_H
#define RING_H

static __always_inline void count(enum counter counter)
{
	__u32 key = 0;
	struct counter_values *values = bpf_map_lookup_elem(&counters, &key);

	if (values)
		__sync_fetch_and_add(&values->n[counter], 1);
}

static __always_inline void fill_head(struct record *head, enum record_type type, __u32 size,
				      const struct ident *who)
{
	head->type = type;
	head->cpu = (__u16)bpf_get_smp_processor_id();
	head->size = size;
	head->at = bpf_ktime_get_boot_ns();
	head->who = *who;
}

/* Whether the guard will look at the ring by itself, soon: set by who wakes it or has it woken, and
 * by it; taken back by it, before its last look, and by who fails to wake it. Until then nobody
 * else need wake it, but before the ring gets full. */
bool guard_looks = false;

static __always_inline bool guard_sleeps(void)
{
	return !*(volatile bool *)&guard_looks;
}

/* Whether more than half of it would be taken. */
static __always_inline bool is_filling(__u64 size)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) + size >
	       bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / 2;
}

/* A record that nobody sees. */
static __always_inline void wake_guard(void)
{
	void *nothing;

	guard_looks = true;
	nothing = bpf_ringbuf_reserve(&events, sizeof(__u64), 0);
	if (nothing)
		bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
	else
		guard_looks = false;
}

#define CLOCK_MONOTONIC 1
#define LATER 5000000 /* ns, in which the reflex is done with a hundred */

struct waker {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct waker);
} wakers SEC(".maps");

bool waker_is_set = false;

static int on_waker(void *map, __u32 *key, struct waker *waker)
{
	waker_is_set = false;
	wake_guard();
	return 0;
}

static __always_inline bool set_waker(void)
{
	__u32 zero = 0;
	struct waker *waker = bpf_map_lookup_elem(&wakers, &zero);

	if (!waker)
		return false;
	bpf_timer_init(&waker->timer, &wakers, CLOCK_MONOTONIC); /* once; then it says no */
	return !bpf_timer_set_callback(&waker->timer, on_waker) &&
	       !bpf_timer_start(&waker->timer, LATER, 0);
}

/* For what the reflex does already and the guard has but to tell: at once it would take the CPU
 * from those who are to end. Who asks again does not put it off. */
__noinline int wake_guard_later(void)
{
	if (waker_is_set)
		return 0;
	waker_is_set = guard_looks = true;
	if (!set_waker()) {
		waker_is_set = false;
		wake_guard();
	}
	return 0;
}

/* When the guard is to have a record. */
enum haste {
	WOKEN_FOR = 0, /* its sender will have it woken */
	SOON,
	NOW,
};

/* The guard says that it sleeps and then looks once more; here the record is put and then the guard
 * looked at once more, the xchg of its commit between: one of the two finds the other. */
static __always_inline long put_record(void *record, __u64 size, enum haste haste)
{
	long err;

	if (haste == NOW || (haste == SOON && guard_sleeps()) || is_filling(size)) {
		guard_looks = true;
		return bpf_ringbuf_output(&events, record, size, BPF_RB_FORCE_WAKEUP);
	}
	err = bpf_ringbuf_output(&events, record, size, BPF_RB_NO_WAKEUP);
	if (!err && haste == SOON && guard_sleeps())
		wake_guard();
	return err;
}

/* A guard that has drained the ring and finds the counter still has missed nothing: the counter
 * moves, and then the record gets a second try. Either the ring is still full, and the guard will
 * look at the counter behind what it drains; or it was drained in between, and the record rings. */
static __always_inline void emit(void *record, __u64 size, enum record_type type, enum haste haste)
{
	if (put_record(record, size, haste) == 0)
		return;
	count(COUNTER_LOST + type);
	bpf_ringbuf_output(&events, record, size, BPF_RB_FORCE_WAKEUP);
}

/* What no family needs never takes the second half of the ring. */
static __always_inline void emit_aside(void *record, __u64 size)
{
	if (is_filling(0) || put_record(record, size, SOON))
		count(COUNTER_STRANGERS_LOST);
}

#endif
