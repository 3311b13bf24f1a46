/* SPDX-License-Identifier: GPL-2.0 */
/* deaths.h - the end of a member, told once, when no thread of it is left. */
#ifndef DEATHS_H
#define DEATHS_H

static __always_inline bool was_signalled(struct task_struct *task)
{
	return exit_code_of(task) & 0x7f;
}

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

static __always_inline void fill_death(struct death *death, struct task_struct *task)
{
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

/* No member: told when a signal ended it, and who sent that. record: one for both, the stack has
 * room for no more. */
static __always_inline int tell_stranger(struct task_struct *task, struct record_exit *record)
{
	struct death *death = &record->death;

	if (!was_signalled(task))
		return 0;
	fill_death(death, task);
	fill_sender(death, &strangers);
	/* Of two last threads, or instances, the first tells. Of one that nobody noted both threads
	 * do, and no instance: to the second, a member that the first has taken out is such a one. */
	if ((attached_twice || death->sender.signal) &&
	    bpf_map_delete_elem(&strangers, &death->who))
		return 0;
	count(COUNTER_STRANGERS);
	fill_head(&record->head, RECORD_STRANGER, sizeof(*record), &death->who);
	emit_aside(record, sizeof(*record));
	return 0;
}

/* Until the guard has read it. */
static __always_inline bool keep(const struct death *death)
{
	if (bpf_map_update_elem(&deaths, &death->who, death, BPF_ANY) == 0)
		return true;
	count(COUNTER_DEATHS_FULL);
	return false;
}

static __always_inline void keep_end(struct death *death)
{
	if (death->flags & DEATH_KEPT && bpf_map_update_elem(&ends, &death->who, death, BPF_ANY)) {
		death->flags &= ~DEATH_KEPT;
		count(COUNTER_ENDS_FULL);
	}
}

/* Out of its ring; whether a reflex runs in its tree, and what for. */
static __always_inline void leave_kin(struct death *death, struct sweep *sweep)
{
	struct ident key = key_of(&death->who, KIN_MEMBER);
	struct kin *own = bpf_map_lookup_elem(&kin, &key);
	struct kin *members = members_of(&death->tree);

	if (own)
		death->struck = own->struck;
	kin_drop(&key);
	if (members)
		sweep->top = members->top;
	if (sweep->top.pid)
		death->flags |= DEATH_KEPT;
}

/* Whether the last thread of a process ends that somebody may ask about. */
static __always_inline bool is_of_interest(const __u64 *ctx, struct task_struct *task)
{
	return is_last_thread(ctx, task) && (is_marked(task->tgid) || was_signalled(task));
}

static __always_inline int take_out(struct task_struct *task, bool reflex)
{
	struct record_exit record = {};
	struct death *death = &record.death;
	struct sweep sweep = {};
	struct member *member;
	bool counts, kept = true, answered = false;
	__u16 flags, on;

	death->who = ident_of(task);
	member = member_of(&death->who);
	if (!member)
		return tell_stranger(task, &record);
	flags = member->flags;
	on = member->on;
	death->tree = member->tree;
	death->forker = member->parent;
	if (bpf_map_delete_elem(&members, &death->who))
		return 0; /* another last thread was first, or the other instance */
	put_mark(death->who.pid, 0);
	fill_death(death, task);
	fill_sender(death, &senders);
	bpf_map_delete_elem(&senders, &death->who);
	death->root = bpf_map_lookup_elem(&trees, &death->who) != NULL;
	if (reflex)
		leave_kin(death, &sweep);
	if (reflex && death->root && !sweep.top.pid)
		answered = is_asked_by(&sweep, death);
	if (answered)
		death->flags |= DEATH_REFLEX;
	if (reflex)
		keep_end(death);
	counts = death->root || may_count(flags, on, death->exit_code);
	if (counts)
		kept = keep(death);
	if (answered && !kept) { /* nobody could tell of it */
		death->flags &= ~DEATH_REFLEX;
		answered = false;
		count(COUNTER_REFLEX_LEFT);
	}
	if (answered)
		condemn(&sweep);
	count(death->root ? COUNTER_DEATHS : COUNTER_EXITS);
	fill_head(&record.head, RECORD_EXIT, sizeof(record), &death->who);
	/* Before those of the ones that it leaves behind; but whoever wakes the guard pays for it. */
	emit(&record, sizeof(record), RECORD_EXIT, answered ? WOKEN_FOR : counts ? NOW : SOON);
	if (answered) {
		count(COUNTER_REFLEXES);
		wake_guard_later();
		if (owe(&sweep.top, REFLEX_FIRST))
			count(COUNTER_REFLEX_LEFT);
	} else if (reflex && death->flags & DEATH_KEPT) {
		owe(&sweep.top, REFLEX_NEXT);
	}
	return 0;
}

static __noinline int exit_alone(struct task_struct *task)
{
	return take_out(task, false);
}

static __noinline int exit_with_kin(struct task_struct *task)
{
	return take_out(task, true);
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	return is_of_interest(ctx, task) ? exit_alone(task) : 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(on_exit_again, struct task_struct *task)
{
	return is_of_interest(ctx, task) ? exit_alone(task) : 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(kin_on_exit, struct task_struct *task)
{
	return is_of_interest(ctx, task) ? exit_with_kin(task) : 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(kin_on_exit_again, struct task_struct *task)
{
	return is_of_interest(ctx, task) ? exit_with_kin(task) : 0;
}

/* Where programs can be skipped: behind those that tell. */
SEC("?tp_btf/sched_process_exit")
int BPF_PROG(sweep_on_exit, struct task_struct *task)
{
	return pay_dues();
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(sweep_on_exit_again, struct task_struct *task)
{
	return pay_dues();
}

#endif
