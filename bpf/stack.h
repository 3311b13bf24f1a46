/* SPDX-License-Identifier: GPL-2.0 */
/* stack.h - the kernel stack of one process, as /proc/PID/stack has it, which only CAP_SYS_ADMIN
 * may read. */
#ifndef STACK_H
#define STACK_H

#define STACK_DEPTH 24

/* Set by the guard before each reading. */
__u32 stack_of = 0;
static __u64 frames[STACK_DEPTH];

SEC("iter/task")
int stack(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	long size;

	if (!task || (__u32)task->pid != stack_of)
		return 0;
	size = bpf_get_task_stack(task, frames, sizeof(frames), 0);
	for (int i = 0; i < STACK_DEPTH; i++) {
		if (size <= i * (long)sizeof(*frames))
			break;
		BPF_SEQ_PRINTF(seq, "%pB\n", (void *)frames[i]);
	}
	return 0;
}

#endif
