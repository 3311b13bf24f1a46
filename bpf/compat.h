/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - where kernels differ. Each difference with the version that made it and the oldest
 * kernel that we serve (5.10) as the date to drop it.
 */
#ifndef COMPAT_H
#define COMPAT_H

#define SIGNAL_GROUP_EXIT 0x00000004
#define PF_KTHREAD 0x00200000

/* 6.13: a program can signal another task. Until then the guard does it alone. */
extern int bpf_send_signal_task(struct task_struct *task, int sig, enum pid_type type,
				__u64 value) __ksym __weak;
/* 6.2 */
extern struct task_struct *bpf_task_acquire(struct task_struct *task) __ksym __weak;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;

/* 6.16: sched_process_exit got a tracepoint of its own, whose second argument says whether this
 * thread's decrement of signal->live made it 0. Before, several last threads may read 0; the
 * deletion of the member's entry decides between them. */
static __always_inline bool is_last_thread(const __u64 *ctx, struct task_struct *task)
{
	if (bpf_core_type_exists(struct trace_event_raw_sched_process_exit))
		return ctx[1] & 0xff;
	return task->signal->live.counter == 0;
}

/* 6.10: mark_victim's argument is the task; before, its pid. */
static __always_inline bool mark_victim_has_task(void)
{
	return bpf_core_field_exists(struct trace_event_raw_mark_victim, uid);
}

/*
 * A tracepoint's pointer as a number. From 6.13 on the verifier takes an argument of a tp_btf
 * program for a pointer that can't be NULL, and drops the branches that ask; signal_generate's
 * siginfo is one that can be 0 or 1. Copied by a helper it is a number to the verifier too.
 */
static __always_inline __u64 number_of(const void *pointer)
{
	__u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &pointer);
	return number;
}

/*
 * 7.x: kill(2) and its kin pass SEND_SIG_NOINFO too, as cgroup.kill and the SIGPIPE of a write(2)
 * do. What system call the sender is in tells them apart. Numbers of x86-64 and i386, or of arm64,
 * where none of the one is a call of the other that signals. 5.15 brought bpf_task_pt_regs().
 */
static __always_inline bool is_in_kill(void)
{
	struct pt_regs *regs;
	long nr;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return false;
	regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
#if defined(__TARGET_ARCH_x86)
	nr = (long)BPF_CORE_READ(regs, orig_ax);
	return nr == 62 || nr == 200 || nr == 234 || nr == 129 || nr == 297 || nr == 424 ||
	       nr == 37 || nr == 238 || nr == 270 || nr == 178 || nr == 335;
#elif defined(__TARGET_ARCH_arm64)
	nr = BPF_CORE_READ(regs, syscallno);
	return nr == 129 || nr == 130 || nr == 131 || nr == 138 || nr == 240 || nr == 424;
#else
	return false;
#endif
}

/*
 * 7.0: tracepoints no longer keep a task from being preempted, and while one is preempted inside a
 * program, the kernel skips that program for all others on that CPU. There births are told where
 * nobody can be preempted (see on_wakeup_new), and each other program is attached twice, as two
 * instances with a guard each: what one misses the other does, and what both have done must be
 * told once. Set by the guard before loading.
 */
const volatile bool attached_twice = false;

#endif
