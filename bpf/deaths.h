/* SPDX-License-Identifier: GPL-2.0 */
/* deaths.h - the end of a member, told once, when no thread of it is left. */
#ifndef DEATHS_H
#define DEATHS_H

static __always_inline void fill_sender(struct death *death, void *map)
{
	struct senders *noted = bpf_map_lookup_elem(map, &death->who);
	__u32 signal = death->exit_code & 0x7f;

	if (!noted)
		return;
	death->oom = noted->oom;
	if (signal == SIGKILL)
		death->sender = noted->kill;
	else if (signal && noted->other.signal == signal)
		death->sender = noted->other;
}

static __always_inline void fill_death(struct death *death, struct task_struct *task,
				       const struct ident *who)
{
	death->who = *who;
	death->parent = ident_of(task->group_leader->real_parent);
	death->at = bpf_ktime_get_boot_ns();
	death->exit_code = exit_code_of(task);
	death->uid = task->cred->uid.val;
	read_vpid(task, &death->vpid, &death->pid_ns);
	death->cgroup = bpf_get_current_cgroup_id();
	death->sid = session_of(task);
	bpf_probe_read_kernel_str(death->comm, sizeof(death->comm), task->group_leader->comm);
}

/* With scope: any, whether this member's end may be one that its tree asks about. The guard
 * decides; an exit that can't count shall not cost it a look. */
static __always_inline bool may_count(__u16 flags, __u16 on, __u32 exit_code)
{
	if (!(flags & MEMBER_ANY))
		return false;
	return exit_code & 0x7f || on & (1 << CAUSE_ERROR | 1 << CAUSE_EXIT);
}

/* No member: told when a signal ended it, and who sent that. */
static __always_inline int tell_stranger(struct task_struct *task, const struct ident *who)
{
	struct record_exit record = {};

	if (!(exit_code_of(task) & 0x7f))
		return 0;
	fill_death(&record.death, task, who);
	fill_sender(&record.death, &strangers);
	/* Of two last threads, or instances, the first tells; both do of one that nobody noted. */
	if (record.death.sender.signal && bpf_map_delete_elem(&strangers, who))
		return 0;
	count(COUNTER_STRANGERS);
	fill_head(&record.head, RECORD_STRANGER, sizeof(record), who);
	emit_aside(&record, sizeof(record));
	return 0;
}

static __always_inline int take_out(const __u64 *ctx, struct task_struct *task)
{
	struct record_exit record = {};
	struct member *member;
	struct ident who;
	__u16 flags, on;

	if (!is_last_thread(ctx, task))
		return 0;
	who = ident_of(task);
	member = bpf_map_lookup_elem(&members, &who);
	if (!member)
		return tell_stranger(task, &who);
	flags = member->flags;
	on = member->on;
	if (bpf_map_delete_elem(&members, &who))
		return 0; /* another last thread was first, or the other instance */
	fill_death(&record.death, task, &who);
	fill_sender(&record.death, &senders);
	bpf_map_delete_elem(&senders, &who);
	record.death.root = bpf_map_lookup_elem(&trees, &who) != NULL;
	if (record.death.root || may_count(flags, on, record.death.exit_code)) {
		if (bpf_map_update_elem(&deaths, &who, &record.death, BPF_ANY))
			count(COUNTER_DEATHS_FULL);
	}
	count(record.death.root ? COUNTER_DEATHS : COUNTER_EXITS);
	fill_head(&record.head, RECORD_EXIT, sizeof(record), &who);
	emit(&record, sizeof(record), RECORD_EXIT);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	return take_out(ctx, task);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit_again, struct task_struct *task)
{
	return take_out(ctx, task);
}

#endif
