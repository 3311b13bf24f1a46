// SPDX-License-Identifier: GPL-2.0
/* empty.bpf.c - what the least of programs costs on the hooks that orphand uses. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

SEC("tp_btf/sched_process_fork")
int empty_fork(void *ctx)
{
	return 0;
}

SEC("tp_btf/sched_process_exec")
int empty_exec(void *ctx)
{
	return 0;
}

SEC("tp_btf/sched_process_exit")
int empty_exit(void *ctx)
{
	return 0;
}

SEC("tp_btf/signal_generate")
int empty_signal(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
