/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lineage.h - who belongs to a family: birth enters.
 */
#ifndef LINEAGE_H
#define LINEAGE_H

/* How often a fork looks again when user space changes the parent's entry under it. */
#define SETTLE_TRIES 4

/*
 * Enters a child as its parent stands, then looks at the parent again: user space changes a living
 * member's entry (untrack, spare, scope) by replacing it, and the replaced element may at once
 * serve another key. Same element, same version: what was copied is true, and whatever changes the
 * parent from here on finds the child in the map. The child can't run yet, so nobody else writes
 * its entry.
 *
 * 1: entered; 0: the parent is no member; -1: no room.
 */
static __always_inline int enter_child(const struct ident *parent, const struct ident *child,
				       struct member *entry)
{
	bool entered = false;

/* 6.1 refuses a loop that begins right behind a call. */
#pragma unroll
	for (int i = 0; i < SETTLE_TRIES; i++) {
		struct member *mother = bpf_map_lookup_elem(&members, parent);
		struct member *again;
		__u32 version;

		if (!mother)
			break;
		version = mother->version;
		entry->tree = mother->tree;
		entry->parent = *parent;
		entry->flags = mother->flags;
		entry->on = mother->on;
		put_mark(child->pid, 1);
		if (bpf_map_update_elem(&members, child, entry, BPF_ANY))
			return -1;
		entered = true;
		/* Counting is a locked add, a full barrier on x86: entered before looked. */
		count(COUNTER_FORKS);
		again = bpf_map_lookup_elem(&members, parent);
		if (again == mother && again->version == version)
			return 1;
		count(COUNTER_UNSETTLED);
	}
	if (entered)
		bpf_map_delete_elem(&members, child);
	return 0;
}

/* SIGKILL to a newborn, which takes it before its first instruction in user space; or, as from
 * under the run queue's lock it goes out by an interrupt, a moment later. */
static __always_inline bool strike(struct task_struct *child)
{
	struct task_struct *task;
	int failed = -1;

	if (!bpf_send_signal_task || !bpf_task_acquire || !bpf_task_release)
		return false;
	task = bpf_task_acquire(child);
	if (!task)
		return false;
	failed = bpf_send_signal_task(task, SIGKILL, PIDTYPE_TGID, 0);
	bpf_task_release(task);
	count(failed ? COUNTER_STRIKE_FAILED : COUNTER_STRUCK);
	return !failed;
}

/* Whether the newborn's family is being killed, and it with it. Asked only after the child was
 * entered: whoever set the mark before sweeps the map after. */
static __always_inline bool is_condemned(const struct member *member, __u32 uid)
{
	__u32 *owner;

	if (member->flags & MEMBER_SPARED)
		return false;
	if (member->flags & MEMBER_DOOMED)
		return true;
	owner = bpf_map_lookup_elem(&condemned, &member->tree);
	if (!owner)
		return false;
	return *owner == 0 || *owner == uid;
}

/* reflex: it stands in its tree's ring before the mark is read, as it stands in the map. */
static __always_inline int follow_fork(struct task_struct *parent, struct task_struct *child,
				       bool reflex)
{
	struct record_fork record = {};
	struct member entry = {};
	struct ident who, mother;
	bool doomed;
	int entered;

	mother = ident_of(parent);
	who = ident_of(child);
	entry.since = bpf_ktime_get_boot_ns();
	entered = enter_child(&mother, &who, &entry);
	if (!entered)
		return 0;
	if (entered < 0)
		count(COUNTER_MEMBERS_FULL);
	if (reflex && entered > 0)
		kin_place_member(&who, &entry.tree);
	doomed = is_condemned(&entry, child->cred->uid.val);
	record.struck = doomed && strike(child);
	if (reflex && record.struck) /* should the guard not get the record */
		kin_note_struck(&who, bpf_ktime_get_boot_ns());
	record.parent = mother;
	record.tree = entry.tree;
	record.flags = entry.flags;
	read_vpid(child, &record.vpid, &record.pid_ns);
	fill_head(&record.head, entered > 0 ? RECORD_FORK : RECORD_UNENTERED, sizeof(record), &who);
	emit(&record, sizeof(record), record.head.type,
	     entered < 0 || doomed != record.struck ? NOW : SOON);
	return 0;
}

/* No thread, and perhaps a member's. */
static __always_inline bool is_birth(struct task_struct *parent, struct task_struct *child)
{
	return child->pid == child->tgid && is_marked(parent->tgid);
}

static __noinline int fork_alone(struct task_struct *parent, struct task_struct *child)
{
	return follow_fork(parent, child, false);
}

static __noinline int fork_with_kin(struct task_struct *parent, struct task_struct *child)
{
	return follow_fork(parent, child, true);
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	return is_birth(parent, child) ? fork_alone(parent, child) : 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(kin_on_fork, struct task_struct *parent, struct task_struct *child)
{
	return is_birth(parent, child) ? fork_with_kin(parent, child) : 0;
}

/* Where programs can be skipped (see attached_twice) no birth may be: the next that its parent does
 * is to wake the newborn, and that is told with the run queue locked and interrupts off. */
SEC("?tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *child)
{
	struct task_struct *parent = bpf_get_current_task_btf();

	return is_birth(parent, child) ? fork_alone(parent, child) : 0;
}

SEC("?tp_btf/sched_wakeup_new")
int BPF_PROG(kin_on_wakeup_new, struct task_struct *child)
{
	struct task_struct *parent = bpf_get_current_task_btf();

	return is_birth(parent, child) ? fork_with_kin(parent, child) : 0;
}

/* Where the kernel has no bpf_send_signal_task but lets a program change a return value: the
 * members of a condemned tree can't fork any more. Threads neither, which is as well. */
SEC("fmod_ret/security_task_alloc")
int BPF_PROG(on_task_alloc, struct task_struct *task, unsigned long clone_flags, int ret)
{
	struct ident who = current_ident();
	struct member *member, copy;

	if (ret)
		return ret;
	member = member_of(&who);
	if (!member)
		return 0;
	copy = *member;
	if (!is_condemned(&copy, (__u32)bpf_get_current_uid_gid()))
		return 0;
	count(COUNTER_REFUSED);
	return -11; /* -EAGAIN */
}

#endif
