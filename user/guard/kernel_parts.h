/* SPDX-License-Identifier: GPL-2.0 */
/* kernel_parts.h - what kernel.c (loading) and kernel_maps.c (using) share; nobody else reads it. */
#ifndef ORPHAND_KERNEL_PARTS_H
#define ORPHAND_KERNEL_PARTS_H

#include <bpf/libbpf.h>

#include "guard/kernel.h"
#include "model/misses.h"

#define PAIRS 3 /* of instances, where programs can be skipped */

struct kernel {
	struct orphand_bpf *skel;
	struct ring_buffer *ring;
	const struct bpf_program *census, *stack; /* iterators */
	const struct bpf_program *tends;	  /* the lists: attached to nothing */
	int members, trees, condemned, deaths, images, counters, prefixes, senders;
	uint8_t *marks;			   /* map "marks", mapped: a byte for each pid */
	int kin, ends, untouchables, tend; /* -1: no reflex */
	/* In the programs' own memory: */
	bool *watches_execs;
	bool *guard_looks;
	bool *reflex_armed;
	uint32_t *reflex_per_minute;
	struct reflex_minutes *reflex_minutes;
	uint32_t *stack_of;
	struct ident *guard;
	int state;		 /* not one of the programs' maps: ours, -1 until it is there */
	uint32_t prefixes_round; /* of the rules: what an earlier one has put goes */
	int lock;		 /* on the folder of pins */
	int cpus;
	bool strikes;
	bool reflex;
	bool refuses;
	bool took_over;
	bool makes; /* nothing was there: the pins are ours to make, and to remove */
	bool twice; /* programs can be skipped: all but that of births is attached twice */
	struct misses misses[PAIRS];
	kernel_record_fn on_record;
	void *context;
	char pin_dir[CONFIG_PATH_LEN];
	char links[64]; /* the folder in it that holds the programs attached */
};

#endif
