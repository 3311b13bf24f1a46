// SPDX-License-Identifier: GPL-2.0
/* probe.c - what this kernel offers, found out by trying; what stands in for what it lacks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "base/own.h"
#include "guard/kernel.h"

struct probe {
	struct btf *btf;
	kernel_finding_fn tell;
	void *context;
	int err;
};

static void say(struct probe *probe, enum finding_level level, const char *name, const char *text)
{
	probe->tell(probe->context, level, name, text);
	if (level == FINDING_WRONG && !probe->err)
		probe->err = -ENOTSUP;
}

static bool has_function(const struct probe *probe, const char *name)
{
	return btf__find_by_name_kind(probe->btf, name, BTF_KIND_FUNC) > 0;
}

/* "return 0" on a hook: 0, or why the kernel refuses it. */
static int try_program(const struct probe *probe, enum bpf_attach_type attach, const char *target,
		       uint32_t kind)
{
	struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach);
	int id = btf__find_by_name_kind(probe->btf, target, kind);
	autoclose int fd = -1;

	if (id <= 0)
		return -ENOENT;
	opts.attach_btf_id = (uint32_t)id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "probe", "GPL", program, 2, &opts);
	return fd < 0 ? -errno : 0;
}

static void probe_tracing(struct probe *probe)
{
	/* A tp_btf program's target is the typedef of its tracepoint. */
	int err = try_program(probe, BPF_TRACE_RAW_TP, "btf_trace_sched_process_exit",
			      BTF_KIND_TYPEDEF);
	char text[TEXT_LEN];

	if (!err) {
		say(probe, FINDING_OK, "tracepoints",
		    "BPF programs follow fork, exec, exit and signals");
		return;
	}
	snprintf(text, sizeof(text),
		 "tp_btf programs are refused: %s; orphand needs CAP_BPF and "
		 "CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8)",
		 strerror(-err));
	say(probe, FINDING_WRONG, "tracepoints", text);
}

static void probe_ring(struct probe *probe)
{
	autoclose int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "probe", 0, 0, 4096, NULL);

	if (fd < 0)
		say(probe, FINDING_WRONG, "ring buffer",
		    "missing: orphand needs Linux 5.10 or later");
	else
		say(probe, FINDING_OK, "ring buffer", "records come in order, losses are counted");
}

static bool tells_group_dead(const struct probe *probe)
{
	return btf__find_by_name_kind(probe->btf, "trace_event_raw_sched_process_exit",
				      BTF_KIND_STRUCT) > 0;
}

static void probe_reflex(struct probe *probe)
{
	if (has_function(probe, "bpf_send_signal_task") && tells_group_dead(probe))
		say(probe, FINDING_OK, "reflex",
		    "survivors are signalled by their root's own exit, in the "
		    "kernel, with the daemon or without it");
	else
		say(probe, FINDING_GAP, "reflex",
		    "no exit can signal others (Linux 6.16): the daemon signals "
		    "all survivors; while it is away they live on");
}

static void probe_newborns(struct probe *probe)
{
	if (has_function(probe, "bpf_send_signal_task")) {
		say(probe, FINDING_OK, "newborns",
		    "children of a condemned tree are killed at birth, "
		    "in the kernel (bpf_send_signal_task)");
		return;
	}
	if (try_program(probe, BPF_MODIFY_RETURN, "security_task_alloc", BTF_KIND_FUNC) == 0)
		say(probe, FINDING_GAP, "newborns",
		    "no bpf_send_signal_task (Linux 6.13): forks of a "
		    "condemned tree are refused instead (fmod_ret); its "
		    "members see EAGAIN before they die");
	else
		say(probe, FINDING_GAP, "newborns",
		    "neither bpf_send_signal_task (Linux 6.13) nor fmod_ret: "
		    "newborns are swept by the daemon; a fast breeder "
		    "takes some more rounds to end");
}

static void probe_exit(struct probe *probe)
{
	if (tells_group_dead(probe))
		say(probe, FINDING_OK, "last thread", "told by the tracepoint (group_dead)");
	else
		say(probe, FINDING_GAP, "last thread",
		    "no group_dead (Linux 6.16): read from signal->live; "
		    "of several last threads the map lets one tell. "
		    "Costs nothing");
}

static void probe_census(struct probe *probe)
{
	int link = btf__find_by_name_kind(probe->btf, "bpf_iter_task_type", BTF_KIND_ENUM);

	if (link > 0)
		say(probe, FINDING_OK, "census", "one process can be asked for");
	else
		say(probe, FINDING_GAP, "census",
		    "no task filter for iterators (Linux 6.1): each 'run' and "
		    "'track' looks at every process of the host, some ms "
		    "with thousands of them");
}

bool kernel__can_skip(void)
{
	struct utsname name;

	return uname(&name) == 0 && strtoul(name.release, NULL, 10) >= 7;
}

static void probe_skips(struct probe *probe)
{
	if (!kernel__can_skip())
		say(probe, FINDING_OK, "programs",
		    "never skipped: tracepoints keep preemption off");
	else
		say(probe, FINDING_GAP, "programs",
		    "can be skipped while a task is preempted in one (Linux "
		    "7.0): no birth is; the others are attached twice, and misses "
		    "of both are mended from the maps; a look every 100 ms");
}

static void probe_pidfd(struct probe *probe)
{
	autoclose int fd = pidfd_open(getpid(), 0);

	if (fd < 0)
		say(probe, FINDING_WRONG, "pidfd", "missing: orphand needs Linux 5.10 or later");
	else
		say(probe, FINDING_OK, "pidfd", "signals go to a process, never to a number");
}

int kernel__probe(kernel_finding_fn tell, void *context)
{
	struct probe probe = { .tell = tell, .context = context };
	struct utsname name;

	uname(&name);
	say(&probe, FINDING_OK, "kernel", name.release);
	probe.btf = btf__load_vmlinux_btf();
	if (!probe.btf) {
		say(&probe, FINDING_WRONG, "BTF",
		    "missing (/sys/kernel/btf/vmlinux): orphand needs Linux 5.10 "
		    "or later with CONFIG_DEBUG_INFO_BTF");
		return probe.err;
	}
	say(&probe, FINDING_OK, "BTF", "there");
	probe_tracing(&probe);
	probe_ring(&probe);
	probe_pidfd(&probe);
	probe_newborns(&probe);
	probe_reflex(&probe);
	probe_exit(&probe);
	probe_census(&probe);
	probe_skips(&probe);
	btf__free(probe.btf);
	return probe.err;
}
