/* SPDX-License-Identifier: GPL-2.0 */
/* task.h - what the programs read of a task. */
#ifndef TASK_H
#define TASK_H

/* The leader's start is the process's: a thread that execs takes it over before it takes the
 * leader's place (de_thread() in fs/exec.c). */
static __always_inline struct ident ident_of(struct task_struct *task)
{
	struct ident ident = {
		.start = task->group_leader->start_boottime,
		.pid = task->tgid,
	};

	return ident;
}

/* The running process. bpf_get_current_task_btf() came with 5.11. */
static __always_inline struct ident current_ident(void)
{
	struct task_struct *leader =
		BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), group_leader);
	struct ident ident = {
		.start = BPF_CORE_READ(leader, start_boottime),
		.pid = (__u32)(bpf_get_current_pid_tgid() >> 32),
	};

	return ident;
}

/* The pid in the process's own PID namespace, and that namespace. */
static __always_inline void read_vpid(struct task_struct *task, __u32 *vpid, __u32 *pid_ns)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct upid *own = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
			   level * bpf_core_type_size(struct upid);

	*vpid = (__u32)BPF_CORE_READ(own, nr);
	*pid_ns = BPF_CORE_READ(own, ns, ns.inum);
}

/* The session's leader's pid, 0 when there is none. */
static __always_inline __u32 session_of(struct task_struct *task)
{
	struct pid *session = BPF_CORE_READ(task, signal, pids[PIDTYPE_SID]);

	return session ? (__u32)BPF_CORE_READ(session, numbers[0].nr) : 0;
}

/* As wait(2) will tell it: a group's exit outranks that of its last thread. */
static __always_inline __u32 exit_code_of(struct task_struct *task)
{
	if (task->signal->flags & SIGNAL_GROUP_EXIT)
		return (__u32)task->signal->group_exit_code;
	return (__u32)task->group_leader->exit_code;
}

#endif
