/* SPDX-License-Identifier: GPL-2.0 */
/* signals.h - who sends a fatal signal to whom. At signal_generate, current is the sender. */
#ifndef SIGNALS_H
#define SIGNALS_H

#define SIGKILL 9

/* Their default action is to stop, to go on or nothing: CHLD CONT STOP TSTP TTIN TTOU URG WINCH. */
#define HARMLESS                                                                       \
	(1ULL << 17 | 1ULL << 18 | 1ULL << 19 | 1ULL << 20 | 1ULL << 21 | 1ULL << 22 | \
	 1ULL << 23 | 1ULL << 28)

#define TRACE_SIGNAL_DELIVERED 0
#define TRACE_SIGNAL_LOSE_INFO 4 /* delivered all the same */

/* Nobody handles or ignores it: it will end the process. */
static __always_inline bool is_unhandled(struct task_struct *task, int sig)
{
	const void *action = (const void *)task->sighand +
			     bpf_core_field_offset(struct sighand_struct, action) +
			     (sig - 1) * bpf_core_type_size(struct k_sigaction);
	__u64 handler = 1;

	bpf_probe_read_kernel(&handler, sizeof(handler), action); /* sa_handler comes first */
	return handler == 0;
}

/* Before 6.10 mark_victim tells only a thread's pid. The OOM killer sends the SIGKILL right before
 * it, in the same thread: what that thread killed last is the victim. Key: the killer's tid. */
struct kernel_kill {
	struct ident who;
	__u32 thread;
	__u32 zero;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct kernel_kill);
} kernel_kills SEC(".maps");

static __always_inline void note_kernel_kill(const struct ident *who, struct task_struct *task)
{
	struct kernel_kill kill = { .who = *who, .thread = task->pid };
	__u32 killer = (__u32)bpf_get_current_pid_tgid();

	bpf_map_update_elem(&kernel_kills, &killer, &kill, BPF_ANY);
}

static __always_inline void note_sender(struct sender *sender, int sig, __u64 info_raw,
					struct kernel_siginfo *info)
{
	sender->who = current_ident();
	sender->at = bpf_ktime_get_boot_ns();
	sender->uid = (__u32)bpf_get_current_uid_gid();
	sender->signal = (__u16)sig;
	sender->code = 0;
	if (info_raw == 0)
		sender->via = is_in_kill() ? VIA_INFO : VIA_NOINFO;
	else if (info_raw == 1)
		sender->via = VIA_PRIV;
	else {
		sender->via = VIA_INFO;
		bpf_core_read(&sender->code, sizeof(sender->code), &info->si_code);
	}
	BPF_CORE_READ_STR_INTO(&sender->comm, (struct task_struct *)bpf_get_current_task(),
			       group_leader, comm);
}

/* Whether it is news. */
static __always_inline bool note_in(void *map, const struct ident *who, int sig, __u64 raw,
				    struct kernel_siginfo *info)
{
	struct senders noted = {};
	struct senders *known = bpf_map_lookup_elem(map, who);

	if (known)
		noted = *known;
	if (sig != SIGKILL)
		note_sender(&noted.other, sig, raw, info);
	else if (!noted.kill.signal)
		note_sender(&noted.kill, sig, raw, info);
	else
		return false;
	if (bpf_map_update_elem(map, who, &noted, BPF_ANY))
		count(COUNTER_SENDERS_FULL);
	else
		count(COUNTER_SENDERS);
	return true;
}

static __always_inline int note_signal(int sig, struct kernel_siginfo *info,
				       struct task_struct *task, int result)
{
	struct ident who;
	__u64 raw;
	bool news;

	if (sig < 1 || sig > 64 || (sig < 32 && HARMLESS >> sig & 1))
		return 0;
	if (result != TRACE_SIGNAL_DELIVERED && result != TRACE_SIGNAL_LOSE_INFO)
		return 0;
	if (sig != SIGKILL && !is_unhandled(task, sig))
		return 0;
	who = ident_of(task);
	raw = number_of(info);
	if (!mark_victim_has_task() && sig == SIGKILL && raw == 1)
		note_kernel_kill(&who, task);
	if (member_of(&who))
		news = note_in(&senders, &who, sig, raw, info);
	else
		news = note_in(&strangers, &who, sig, raw, info);
	if (news)
		tell_sender(&who, raw, info);
	return 0;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal, int sig, struct kernel_siginfo *info, struct task_struct *task, int group,
	     int result)
{
	return note_signal(sig, info, task, result);
}

SEC("?tp_btf/signal_generate")
int BPF_PROG(on_signal_again, int sig, struct kernel_siginfo *info, struct task_struct *task,
	     int group, int result)
{
	return note_signal(sig, info, task, result);
}

static __always_inline void note_oom_in(void *map, const struct ident *who)
{
	struct senders noted = {};
	struct senders *known = bpf_map_lookup_elem(map, who);

	if (known)
		noted = *known;
	noted.oom = 1;
	if (bpf_map_update_elem(map, who, &noted, BPF_ANY))
		count(COUNTER_SENDERS_FULL);
}

static __always_inline void note_oom(const struct ident *who)
{
	if (member_of(who))
		note_oom_in(&senders, who);
	else
		note_oom_in(&strangers, who);
}

SEC("tp_btf/mark_victim")
int on_victim(__u64 *ctx)
{
	if (mark_victim_has_task()) {
		struct ident who = ident_of((struct task_struct *)ctx[0]);

		note_oom(&who);
	} else {
		__u32 killer = (__u32)bpf_get_current_pid_tgid();
		struct kernel_kill *kill = bpf_map_lookup_elem(&kernel_kills, &killer);

		if (kill && kill->thread == (__u32)ctx[0])
			note_oom(&kill->who);
	}
	return 0;
}

#endif
