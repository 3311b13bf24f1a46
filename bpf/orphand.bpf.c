// SPDX-License-Identifier: GPL-2.0
/*
 * orphand.bpf.c - the one program object; each header is one thing that it does.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <orphand/records.h>

#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif

#include "compat.h"
#include "maps.h"
#include "marks.h"
#include "ring.h"
#include "task.h"
#include "kin.h"
#include "images.h"
#include "strangers.h"
#include "signals.h"
#include "reflex.h"
#include "lineage.h"
#include "deaths.h"
#include "census.h"
#include "stack.h"

char LICENSE[] SEC("license") = "GPL";
