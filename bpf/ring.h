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

/* A guard that has drained the ring and finds the counter still has missed nothing: the counter
 * moves, and then the record gets a second try. Either the ring is still full, and the guard will
 * look at the counter behind what it drains; or it was drained in between, and the record rings. */
static __always_inline void emit(void *record, __u64 size, enum record_type type)
{
	if (bpf_ringbuf_output(&events, record, size, 0) == 0)
		return;
	count(COUNTER_LOST + type);
	bpf_ringbuf_output(&events, record, size, 0);
}

/* What no family needs never takes the second half of the ring. */
static __always_inline void emit_aside(void *record, __u64 size)
{
	__u64 room = bpf_ringbuf_query(&events, BPF_RB_RING_SIZE);

	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > room / 2 ||
	    bpf_ringbuf_output(&events, record, size, 0))
		count(COUNTER_STRANGERS_LOST);
}

#endif
