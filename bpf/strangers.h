/* SPDX-License-Identifier: GPL-2.0 */
/*
 * strangers.h - what is to be known of an end by a signal that nobody will be there to ask for:
 * what the sender runs, and all above it, while it sends; what a process that is no member runs,
 * while it takes the signal.
 */
#ifndef STRANGERS_H
#define STRANGERS_H

#define TOLD_FOR (10ULL * 1000000000)

struct strangers_scratch {
	struct record_sender sender;
	struct record_exec dying;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct strangers_scratch);
} strangers_scratch SEC(".maps");

/* When a sender was told of: one that ends a thousand is told of once. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct ident);
	__type(value, __u64);
} senders_told SEC(".maps");

/* The guard knows itself. Set by it before the programs are attached. */
struct ident guard_ident = {};

static __always_inline bool is_told(const struct ident *sender)
{
	__u64 now = bpf_ktime_get_boot_ns();
	__u64 *told = bpf_map_lookup_elem(&senders_told, sender);

	if (told && now - *told < TOLD_FOR)
		return true;
	bpf_map_update_elem(&senders_told, sender, &now, BPF_ANY);
	return false;
}

static __always_inline void read_above(struct record_sender *record, struct task_struct *task)
{
	record->count = 0;
	for (int i = 0; i < ANCESTORS; i++) {
		struct ancestor *above = &record->above[i];

		task = BPF_CORE_READ(task, real_parent, group_leader);
		above->who.pid = (__u32)BPF_CORE_READ(task, tgid);
		if (!above->who.pid)
			break;
		above->who.start = BPF_CORE_READ(task, start_boottime);
		above->uid = BPF_CORE_READ(task, cred, uid.val);
		BPF_CORE_READ_STR_INTO(&above->comm, task, comm);
		record->count = (__u32)i + 1;
	}
}

/* Only of one that meant it: a fault's and a timer's signals come from whoever runs. */
static __always_inline bool is_meant(__u64 raw, const struct kernel_siginfo *info)
{
	__s32 code = 0;

	if (raw <= 1)
		return raw == 0;
	bpf_core_read(&code, sizeof(code), &info->si_code);
	return code == 0 || code == -1 || code == -6; /* SI_USER, SI_QUEUE, SI_TKILL */
}

static __always_inline void tell_sender(const struct ident *target, __u64 raw,
					const struct kernel_siginfo *info)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct ident who = current_ident();
	struct strangers_scratch *scratch;
	struct record_sender *record;
	__u32 zero = 0;
	__u64 size;

	if (!is_meant(raw, info) || (who.pid == target->pid && who.start == target->start) ||
	    (who.pid == guard_ident.pid && who.start == guard_ident.start) || is_told(&who))
		return;
	scratch = bpf_map_lookup_elem(&strangers_scratch, &zero);
	if (!scratch || !BPF_CORE_READ(task, mm))
		return;
	record = &scratch->sender;
	read_above(record, BPF_CORE_READ(task, group_leader));
	read_exe(&record->image, task, WALK_SIGNAL);
	read_image(&record->image, task);
	size = record->image.args_len;
	if (size > ARGS_LEN)
		return;
	size += offsetof(struct record_sender, image.args);
	fill_head(&record->head, RECORD_SENDER, (__u32)size, &who);
	emit_aside(record, size);
}

/* The process itself takes the signal that ends it, its memory still there. */
static __always_inline void tell_dying(const struct ident *who)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct strangers_scratch *scratch;
	struct record_exec *record;
	__u32 zero = 0;
	__u64 size;

	scratch = bpf_map_lookup_elem(&strangers_scratch, &zero);
	if (!scratch || !BPF_CORE_READ(task, mm))
		return;
	record = &scratch->dying;
	read_exe(&record->image, task, WALK_SIGNAL);
	read_image(&record->image, task);
	size = record->image.args_len;
	if (size > ARGS_LEN)
		return;
	size += offsetof(struct record_exec, image.args);
	fill_head(&record->head, RECORD_DYING, (__u32)size, who);
	emit_aside(record, size);
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(on_deliver, int sig, struct kernel_siginfo *info, struct k_sigaction *action)
{
	struct senders *noted;
	struct ident who;

	/* SIG_DFL, or SIGKILL: whoever handles it was not noted. */
	if (number_of(action) == 0 || BPF_CORE_READ(action, sa.sa_handler))
		return 0;
	who = current_ident();
	noted = bpf_map_lookup_elem(&strangers, &who);
	if (!noted || noted->told)
		return 0;
	noted->told = 1;
	tell_dying(&who);
	return 0;
}

#endif
