/* SPDX-License-Identifier: GPL-2.0 */
/* census.h - every process of the host with its start to the nanosecond, which /proc rounds. */
#ifndef CENSUS_H
#define CENSUS_H

SEC("iter/task")
int census(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_row row = {};

	if (!task || task->pid != task->tgid)
		return 0;
	row.who = ident_of(task);
	row.parent = ident_of(task->real_parent);
	row.uid = task->cred->uid.val;
	read_vpid(task, &row.vpid, &row.pid_ns);
	row.sid = session_of(task);
	if (task->signal->live.counter > 0)
		row.flags |= TASK_ALIVE;
	if (task->flags & PF_KTHREAD)
		row.flags |= TASK_KERNEL;
	if (member_of(&row.who))
		row.flags |= TASK_MEMBER;
	bpf_probe_read_kernel_str(row.comm, sizeof(row.comm), task->comm);
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}

#endif
