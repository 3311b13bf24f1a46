/* SPDX-License-Identifier: GPL-2.0 */
/*
 * reflex.h - the survivors of a root are signalled by its own exit, guard or no guard.
 *
 * The exit condemns the tree and those inside it. So many signals are due then, and no more:
 * members are taken out of their rings and signalled. With each of them that dies a few more are
 * due: the sweep is passed on by the dying, on all CPUs. Whom it could not reach, the guard ends.
 *
 * Where a tracepoint does not keep its task from being preempted, who signals is preempted by whom
 * it wakes, and its program is skipped for all who exit there meanwhile (see attached_twice). So
 * one program tells an exit there, and another behind it sends what is due: its own, and what those
 * made due for whom it was skipped.
 */
#ifndef REFLEX_H
#define REFLEX_H

/* Signals due at the root's exit: no CPU is held for long. Who can be preempted holds none, and had
 * better go on alone: many who die at once preempt one another where their exits are told. */
#define REFLEX_FIRST (attached_twice ? 4096 : 64)
#define REFLEX_NEXT 16 /* and at each other */
#define REFLEX_DUES 1024
#define REFLEX_STEPS 1024 /* from tree to tree */
#define REFLEX_TREES 256
#define REFLEX_DEPTH 16
#define REFLEX_WAIT 4096 /* looks whether the signal before is out, some ns each */

#define PF_EXITING 0x00000004
#define MAIN_PID_NS 0xEFFFFFFCU /* PROC_PID_INIT_INO, whose init the kernel itself leaves alone */
#define EBUSY 16

#define MINUTE 60000000000ULL

/* Signals that dump core: QUIT ILL TRAP ABRT BUS FPE SEGV XCPU XFSZ SYS. */
#define DUMPING                                                                               \
	(1ULL << 3 | 1ULL << 4 | 1ULL << 5 | 1ULL << 6 | 1ULL << 7 | 1ULL << 8 | 1ULL << 11 | \
	 1ULL << 24 | 1ULL << 25 | 1ULL << 31)

/* Set by the guard: not while it observes, nor while the brake is open. */
bool reflex_armed = false;
/* No more incidents than that in any minute; the guard counts its own here, too. */
__u32 reflex_per_minute = 0;
struct reflex_minutes reflex_minutes = {};

/* Pids that are never signalled: the guard's, those above it, its recorder's. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, __u32);
	__type(value, __u32);
} untouchables SEC(".maps");

/* A walk over a tree and all inside it, outer before inner. */
struct sweep {
	struct ident top;  /* whose root died */
	struct ident tree; /* where it is, pid 0: at the end */
	__u32 owner;
	__u32 pid_ns;
	__u32 left; /* of the budget */
	__u32 count;
};

/* What bpf_loop() hands to each round, of which the verifier need read but one: it has to lie on
 * the stack, where the sweep may not. */
struct sweeping {
	struct sweep *sweep;
};

static __always_inline struct kin *members_of(const struct ident *tree)
{
	struct ident key = key_of(tree, KIN_MEMBERS);

	return bpf_map_lookup_elem(&kin, &key);
}

/* ---- the walk */

static __always_inline bool go_inside(struct sweep *sweep)
{
	struct ident key = key_of(&sweep->tree, KIN_TREES);
	struct kin *trees = bpf_map_lookup_elem(&kin, &key);

	if (!trees || trees->next.zero != KIN_TREE)
		return false;
	key = trees->next;
	sweep->tree = key_of(&key, 0);
	return true;
}

/* To the one beside it, or to the one outside: 1: found, 0: outside, go on from there, -1: no more.
 */
static __always_inline int go_beside(struct sweep *sweep)
{
	struct ident key = key_of(&sweep->tree, KIN_TREE);
	struct kin *tree;

	if (same(&sweep->tree, &sweep->top))
		return -1;
	tree = bpf_map_lookup_elem(&kin, &key);
	if (!tree || !tree->list.pid)
		return -1;
	key = tree->next;
	sweep->tree = key_of(&key, 0);
	return key.zero == KIN_TREE; /* the list itself has the outer's ident */
}

__noinline int go_to_next(struct sweep *sweep)
{
	int found;

	if (!sweep)
		return 0;
	if (go_inside(sweep))
		return 1;
	for (int i = 0; i < REFLEX_DEPTH; i++) {
		found = go_beside(sweep);
		if (found > 0)
			return 1;
		if (found < 0)
			break;
	}
	sweep->tree.pid = 0;
	return 0;
}

/* ---- whether to */

static __always_inline __u32 kind_of(const struct death *death)
{
	__u32 signal = death->exit_code & 0x7f;

	if (!signal)
		return death->exit_code >> 8 & 0xff ? CAUSE_ERROR : CAUSE_EXIT;
	if (signal == SIGKILL)
		return death->oom ? CAUSE_OOM : CAUSE_KILL;
	return signal < 64 && DUMPING >> signal & 1 ? CAUSE_CRASH : CAUSE_SIGNAL;
}

/* In calendar minutes: this one and the one before hold any sixty seconds. */
static __always_inline bool is_one_too_many(void)
{
	__u64 minute = bpf_ktime_get_boot_ns() / MINUTE;
	struct reflex_minutes *minutes = &reflex_minutes;

	if (minutes->now != minute) {
		minutes->before = minutes->now + 1 == minute ? minutes->count : 0;
		minutes->count = 0;
		minutes->now = minute;
	}
	if (minutes->before + minutes->count >= reflex_per_minute)
		return true;
	__sync_fetch_and_add(&minutes->count, 1);
	return false;
}

static long count_tree(__u32 i, struct sweeping *loop)
{
	struct kin *members = members_of(&loop->sweep->tree);

	if (members)
		loop->sweep->count += members->count;
	return !go_to_next(loop->sweep);
}

/* Who is alive in all of it; too many trees are too many members. */
__noinline int count_survivors(struct sweep *sweep)
{
	struct sweeping loop = { .sweep = sweep };

	if (!sweep)
		return 0;
	sweep->tree = sweep->top;
	sweep->count = 0;
	bpf_loop(REFLEX_TREES, count_tree, &loop, 0);
	if (sweep->tree.pid)
		sweep->count = ~0U;
	return 0;
}

__noinline int condemn_one(struct sweep *sweep)
{
	struct kin *members;
	struct kin_lock *lock = kin_lock();
	struct ident tree;

	if (!sweep || !lock)
		return -1;
	tree = sweep->tree;
	members = members_of(&tree);
	if (!members || bpf_map_update_elem(&condemned, &tree, &sweep->owner, BPF_ANY))
		return -1;
	bpf_spin_lock(&lock->lock);
	members->top = sweep->top;
	members->pid_ns = sweep->pid_ns;
	bpf_spin_unlock(&lock->lock);
	return 0;
}

static long condemn_tree(__u32 i, struct sweeping *loop)
{
	condemn_one(loop->sweep);
	return !go_to_next(loop->sweep);
}

/* Law 3: all marks stand before anybody is signalled. A tree without one is the guard's; those with
 * one are ended in any case. */
static __always_inline void condemn(struct sweep *sweep)
{
	struct sweeping loop = { .sweep = sweep };

	sweep->tree = sweep->top;
	bpf_loop(REFLEX_TREES, condemn_tree, &loop, 0);
}

/* The root is out of its ring already. */
static __always_inline bool is_asked_by(struct sweep *sweep, const struct death *death)
{
	struct kin *members = members_of(&death->who);
	struct reflex reflex;

	if (!reflex_armed || !members)
		return false;
	reflex = members->reflex;
	if (members->top.pid || !(reflex.wants >> kind_of(death) & 1))
		return false;
	if (bpf_map_lookup_elem(&condemned, &death->who))
		return false; /* the guard is at it */
	sweep->top = sweep->tree = death->who;
	sweep->owner = reflex.owner;
	sweep->pid_ns = death->pid_ns;
	count_survivors(sweep);
	if (!sweep->count)
		return false;
	if (sweep->count <= reflex.limit && !is_one_too_many())
		return true;
	count(COUNTER_REFLEX_LEFT);
	return false;
}

/* ---- one member */

/* As strike__spared() in the guard; what a rule's spare list says only the guard can tell, and
 * such trees have no reflex. */
static __always_inline bool is_spared(const struct sweep *sweep, const struct ident *who,
				      struct task_struct *task)
{
	struct member *member = bpf_map_lookup_elem(&members, who);
	__u32 pid = who->pid, vpid, pid_ns;

	if (!member || member->flags & MEMBER_SPARED)
		return true;
	if (bpf_map_lookup_elem(&untouchables, &pid))
		return true;
	if (sweep->owner && task->cred->uid.val != sweep->owner &&
	    task->cred->suid.val != sweep->owner)
		return true;
	if (sweep->pid_ns == MAIN_PID_NS)
		return false;
	read_vpid(task, &vpid, &pid_ns);
	return vpid == 1 && pid_ns == sweep->pid_ns;
}

/* The kernel takes no signal through a thread that has ended, as the leader may have: the first
 * other that has not. A reference. */
static __always_inline struct task_struct *living_thread(const struct ident *who)
{
	struct task_struct *task = bpf_task_from_pid((s32)who->pid), *other;
	struct list_head *node;
	__u32 tid = 0;

	if (!task || !(task->flags & PF_EXITING))
		return task;
	node = BPF_CORE_READ(task, signal, thread_head.next);
	for (int i = 0; i < 16; i++) {
		other = (void *)node - bpf_core_field_offset(struct task_struct, thread_node);
		if (!(BPF_CORE_READ(other, flags) & PF_EXITING)) {
			tid = (__u32)BPF_CORE_READ(other, pid);
			break;
		}
		node = BPF_CORE_READ(node, next);
	}
	bpf_task_release(task);
	return tid ? bpf_task_from_pid((s32)tid) : NULL;
}

struct sending {
	struct task_struct *task;
	int err;
};

/* With preemption off the kernel sends by an interrupt to this very CPU, one at a time; they are on
 * here, so the one before is soon out. */
static long try_to_send(__u32 i, struct sending *sending)
{
	sending->err = bpf_send_signal_task(sending->task, SIGKILL, PIDTYPE_TGID, 0);
	return sending->err != -EBUSY;
}

static __always_inline int send(struct task_struct *task)
{
	struct sending sending = { .task = task };

	bpf_loop(REFLEX_WAIT, try_to_send, &sending, 0);
	return sending.err;
}

/* The reference is proof that the task stays what it is; its start, that it is the member. 1: one
 * of the budget is spent. */
__noinline int reflex_strike(struct sweep *sweep, struct ident *who)
{
	struct task_struct *task;
	__u64 now = bpf_ktime_get_boot_ns();
	struct ident is;
	bool spared = true;
	int struck = 0;

	if (!sweep || !who)
		return 0;
	task = living_thread(who);
	if (task) {
		is = ident_of(task);
		spared = !same(&is, who) || is_spared(sweep, who, task);
	}
	/* Whoever takes it out of the ring has it to himself. */
	if (kin_untie(who, spared ? 0 : now) == KIN_DONE && task && !spared) {
		struck = 1;
		if (!send(task)) {
			count(COUNTER_REFLEX_STRUCK);
		} else {
			kin_note_struck(who, 0);	 /* it is the guard's */
			if (!(task->flags & PF_EXITING)) /* who does takes no signal */
				count(COUNTER_REFLEX_FAILED);
		}
	}
	if (task)
		bpf_task_release(task);
	return struck;
}

/* ---- the sweep */

/* 0: there is nobody left in any of the trees, or no budget. */
__noinline int sweep_step(struct sweep *sweep)
{
	struct kin *members;
	struct ident who;

	if (!sweep || !sweep->left || !reflex_armed)
		return 0;
	members = members_of(&sweep->tree);
	if (!members || !same(&members->top, &sweep->top) || members->next.zero != KIN_MEMBER)
		return go_to_next(sweep);
	who = members->next;
	sweep->left -= reflex_strike(sweep, &who);
	return 1;
}

static long take_step(__u32 i, struct sweeping *loop)
{
	return !sweep_step(loop->sweep);
}

static __always_inline void sweep_all(struct sweep *sweep)
{
	struct sweeping loop = { .sweep = sweep };

	bpf_loop(sweep->left + REFLEX_STEPS, take_step, &loop, 0);
}

/* ---- what is due */

struct due {
	struct ident top;
	__u32 signals;
	__u32 zero;
};

static __always_inline void pay(const struct due *due)
{
	struct sweep sweep = { .top = due->top, .tree = due->top, .left = due->signals };
	struct kin *members = members_of(&due->top);

	if (!members)
		return;
	sweep.owner = members->reflex.owner;
	sweep.pid_ns = members->pid_ns;
	sweep_all(&sweep);
}

/* Where programs can be skipped. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, REFLEX_DUES);
	__type(value, struct due);
} dues SEC(".maps");

__u64 dues_left = 0;

static __always_inline int put_due(const struct due *due)
{
	if (bpf_map_push_elem(&dues, due, BPF_ANY))
		return -1;
	__sync_fetch_and_add(&dues_left, 1);
	return 0;
}

static long pay_one(__u32 i, void *unused)
{
	struct due due;

	if (bpf_map_pop_elem(&dues, &due))
		return 1;
	__sync_fetch_and_sub(&dues_left, 1);
	pay(&due);
	return 0;
}

static __always_inline int pay_dues(void)
{
	if (dues_left)
		bpf_loop(REFLEX_DUES, pay_one, NULL, 0);
	return 0;
}

/* 0: they are sent, or whoever exits next sends them, which is this task itself as a rule. */
static __always_inline int owe(const struct ident *top, __u32 signals)
{
	struct due due = { .top = *top, .signals = signals };

	if (attached_twice)
		return put_due(&due);
	pay(&due);
	return 0;
}

/* ---- what the guard asks for */

static __always_inline int tend_reflex(const struct tend *tend)
{
	struct kin_lock *lock = kin_lock();
	struct kin *members = members_of(&tend->who);
	struct reflex reflex = tend->reflex;

	if (!members || !lock)
		return -1;
	bpf_spin_lock(&lock->lock);
	members->reflex = reflex;
	bpf_spin_unlock(&lock->lock);
	return 0;
}

/* Who is left is not looked for any more. */
static __always_inline int tend_pardon(const struct ident *root)
{
	struct kin_lock *lock = kin_lock();
	struct kin *members = members_of(root);

	if (!members || !lock)
		return -1;
	bpf_spin_lock(&lock->lock);
	members->top.pid = 0;
	bpf_spin_unlock(&lock->lock);
	return 0;
}

/* Its entry may change or go while it is put in its place. */
static __always_inline int tend_member(struct ident *who)
{
	struct ident key = key_of(who, KIN_MEMBER), tree;
	struct member *member;

	for (int i = 0; i < 4; i++) {
		member = bpf_map_lookup_elem(&members, who);
		if (!member)
			break;
		tree = member->tree;
		kin_place_member(who, &tree);
		member = bpf_map_lookup_elem(&members, who);
		if (member && same(&member->tree, &tree))
			return 0;
	}
	kin_drop(&key);
	return 0;
}

struct emptying {
	struct ident key; /* of the list */
	int left;	  /* 0: it is gone */
};

/* Takes out the first of a list, or closes the empty one for good. 0: it is gone. */
__noinline int tend_empty(struct ident *key)
{
	struct kin_lock *lock = kin_lock();
	struct kin *list;
	struct ident first;
	bool closed = false;

	if (!key || !lock)
		return 0;
	list = bpf_map_lookup_elem(&kin, key);
	if (!list)
		return 0;
	first = list->next;
	if (!same(&first, key)) {
		kin_untie(&first, 0);
		if (first.zero == KIN_MEMBER && !bpf_map_lookup_elem(&members, &first))
			bpf_map_delete_elem(&kin, &first); /* left there by its exit */
		return 1;
	}
	bpf_spin_lock(&lock->lock);
	if (same(&list->self, key) && same(&list->next, key)) {
		list->list.pid = 0;
		closed = true;
	}
	bpf_spin_unlock(&lock->lock);
	if (closed)
		bpf_map_delete_elem(&kin, key);
	return !closed;
}

static long empty_one(__u32 i, struct emptying *emptying)
{
	emptying->left = tend_empty(&emptying->key);
	return !emptying->left;
}

/* 1: not all of it yet. */
static __always_inline int tend_drop(const struct ident *root)
{
	struct emptying emptying = { .key = key_of(root, KIN_TREE) };

	kin_drop(&emptying.key);
	emptying.key.zero = KIN_TREES;
	bpf_loop(REFLEX_STEPS, empty_one, &emptying, 0);
	if (emptying.left)
		return 1;
	emptying.key.zero = KIN_MEMBERS;
	bpf_loop(REFLEX_STEPS, empty_one, &emptying, 0);
	return emptying.left;
}

SEC("?syscall")
int tend(struct tend *asked)
{
	struct tend tend = *asked;

	switch (tend.op) {
	case TEND_MEMBER:
		return tend_member(&tend.who);
	case TEND_TREE:
		return kin_place_tree(&tend.who, &tend.outer);
	case TEND_REFLEX:
		return tend_reflex(&tend);
	case TEND_PARDON:
		return tend_pardon(&tend.who);
	case TEND_DROP:
		return tend_drop(&tend.who);
	default:
		return -1;
	}
}

#endif
