// SPDX-License-Identifier: GPL-2.0
/* kernel_maps.c - the maps and the census, once the programs are loaded. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/log.h"
#include "base/own.h"
#include "guard/kernel_parts.h"

#define BATCH 1024

struct state_value kernel__state(const struct kernel *kernel)
{
	struct state_value state = {};
	uint32_t zero = 0;

	bpf_map_lookup_elem(kernel->state, &zero, &state);
	return state;
}

int kernel__put_state(struct kernel *kernel, const struct state_value *state)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(kernel->state, &zero, state, BPF_ANY) ? -errno : 0;
}

int kernel__counters(const struct kernel *kernel, struct counter_values *sum)
{
	autofree struct counter_values *values = calloc((size_t)kernel->cpus, sizeof(*values));
	uint32_t zero = 0;

	if (!values)
		return -ENOMEM;
	if (bpf_map_lookup_elem(kernel->counters, &zero, values))
		return -errno;
	*sum = (struct counter_values){};
	for (int cpu = 0; cpu < kernel->cpus; cpu++) {
		for (int i = 0; i < COUNTERS; i++)
			sum->n[i] += values[cpu].n[i];
	}
	return 0;
}

int kernel__member(const struct kernel *kernel, struct ident id, struct member *member)
{
	return bpf_map_lookup_elem(kernel->members, &id, member) ? -errno : 0;
}

bool kernel__is_member(const struct kernel *kernel, struct ident id)
{
	struct member member;

	return kernel__member(kernel, id, &member) == 0;
}

/* ---- the lists of the reflex follow the maps */

static int tend(const struct kernel *kernel, struct tend asked)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &asked, .ctx_size_in = sizeof(asked));

	if (!kernel->reflex)
		return 0;
	if (bpf_prog_test_run_opts(kernel->tend, &run))
		return -errno;
	return (int)run.retval;
}

void kernel__place_tree(struct kernel *kernel, struct ident root, struct ident outer)
{
	tend(kernel, (struct tend){ .op = TEND_TREE, .who = root, .outer = outer });
}

void kernel__place_member(struct kernel *kernel, struct ident id)
{
	tend(kernel, (struct tend){ .op = TEND_MEMBER, .who = id });
}

/* In portions, so that no CPU is held for long. */
static void tend_drop(const struct kernel *kernel, struct ident root)
{
	while (tend(kernel, (struct tend){ .op = TEND_DROP, .who = root }) > 0)
		;
}

bool kernel__has_reflex(const struct kernel *kernel)
{
	return kernel->reflex;
}

void kernel__arm_reflex(struct kernel *kernel, bool armed, uint32_t per_minute)
{
	*kernel->reflex_per_minute = per_minute;
	__atomic_store_n(kernel->reflex_armed, armed, __ATOMIC_SEQ_CST);
}

void kernel__count_incident(struct kernel *kernel)
{
	__atomic_fetch_add(&kernel->reflex_minutes->count, 1, __ATOMIC_RELAXED);
}

int kernel__put_reflex(struct kernel *kernel, struct ident root, const struct reflex *reflex)
{
	return tend(kernel, (struct tend){ .op = TEND_REFLEX, .who = root, .reflex = *reflex });
}

void kernel__spare_pid(struct kernel *kernel, uint32_t pid)
{
	uint32_t there = 1;

	if (kernel->reflex && bpf_map_update_elem(kernel->untouchables, &pid, &there, BPF_ANY))
		log_error("no room to keep the reflex from pid %u", pid);
}

uint64_t kernel__struck(const struct kernel *kernel, struct ident who)
{
	struct death death;
	struct kin kin;

	if (!kernel->reflex)
		return 0;
	if (bpf_map_lookup_elem(kernel->kin, &who, &kin) == 0)
		return kin.struck;
	return kernel__end(kernel, who, &death) ? 0 : death.struck;
}

/* ---- members and trees */

int kernel__enter(struct kernel *kernel, struct ident id, const struct member *member)
{
	__atomic_store_n(&kernel->marks[id.pid % MARKS_PIDS], 1, __ATOMIC_SEQ_CST);
	if (bpf_map_update_elem(kernel->members, &id, member, BPF_NOEXIST))
		return -errno;
	kernel__place_member(kernel, id);
	return 0;
}

int kernel__change(struct kernel *kernel, struct ident id, const struct member *member)
{
	struct member next = *member;

	next.version++;
	if (bpf_map_update_elem(kernel->members, &id, &next, BPF_EXIST))
		return -errno;
	kernel__place_member(kernel, id);
	return 0;
}

int kernel__leave(struct kernel *kernel, struct ident id)
{
	if (bpf_map_delete_elem(kernel->members, &id))
		return -errno;
	kernel__place_member(kernel, id);
	return 0;
}

int kernel__put_tree(struct kernel *kernel, struct ident root, const struct tree_value *value)
{
	if (bpf_map_update_elem(kernel->trees, &root, value, BPF_ANY))
		return -errno;
	kernel__place_tree(kernel, root, value->outer);
	return 0;
}

int kernel__tree(const struct kernel *kernel, struct ident root, struct tree_value *value)
{
	return bpf_map_lookup_elem(kernel->trees, &root, value) ? -errno : 0;
}

int kernel__drop_tree(struct kernel *kernel, struct ident root)
{
	bpf_map_delete_elem(kernel->condemned, &root);
	bpf_map_delete_elem(kernel->images, &root);
	tend_drop(kernel, root);
	return bpf_map_delete_elem(kernel->trees, &root) ? -errno : 0;
}

int kernel__condemn(struct kernel *kernel, struct ident root, uint32_t owner)
{
	return bpf_map_update_elem(kernel->condemned, &root, &owner, BPF_ANY) ? -errno : 0;
}

int kernel__pardon(struct kernel *kernel, struct ident root)
{
	int err = bpf_map_delete_elem(kernel->condemned, &root) ? -errno : 0;

	tend(kernel, (struct tend){ .op = TEND_PARDON, .who = root });
	return err;
}

int kernel__image(const struct kernel *kernel, struct ident root, struct image_value *image)
{
	return bpf_map_lookup_elem(kernel->images, &root, image) ? -errno : 0;
}

int kernel__put_image(struct kernel *kernel, struct ident root, const struct image_value *image)
{
	return bpf_map_update_elem(kernel->images, &root, image, BPF_ANY) ? -errno : 0;
}

int kernel__death(const struct kernel *kernel, struct ident who, struct death *death)
{
	return bpf_map_lookup_elem(kernel->deaths, &who, death) ? -errno : 0;
}

int kernel__senders(const struct kernel *kernel, struct ident who, struct senders *senders)
{
	return bpf_map_lookup_elem(kernel->senders, &who, senders) ? -errno : 0;
}

int kernel__forget_death(struct kernel *kernel, struct ident who)
{
	return bpf_map_delete_elem(kernel->deaths, &who) ? -errno : 0;
}

int kernel__end(const struct kernel *kernel, struct ident who, struct death *death)
{
	return kernel->ends < 0 || bpf_map_lookup_elem(kernel->ends, &who, death) ? -ENOENT : 0;
}

void kernel__forget_end(struct kernel *kernel, struct ident who)
{
	if (kernel->ends >= 0)
		bpf_map_delete_elem(kernel->ends, &who);
}

int kernel__put_prefix(struct kernel *kernel, const char *prefix, size_t len)
{
	struct prefix_key key = {};

	if (len > sizeof(key.path) - 1)
		len = sizeof(key.path) - 1;
	memcpy(key.path, prefix, len);
	key.bits = (uint32_t)len * 8;
	return bpf_map_update_elem(kernel->prefixes, &key, &kernel->prefixes_round, BPF_ANY)
		       ? -errno
		       : 0;
}

void kernel__begin_prefixes(struct kernel *kernel)
{
	kernel->prefixes_round++;
}

void kernel__end_prefixes(struct kernel *kernel)
{
	struct prefix_key key, next;
	bool more = bpf_map_get_next_key(kernel->prefixes, NULL, &next) == 0;

	while (more) {
		uint32_t round;

		key = next;
		more = bpf_map_get_next_key(kernel->prefixes, &key, &next) == 0;
		if (bpf_map_lookup_elem(kernel->prefixes, &key, &round) == 0 &&
		    round != kernel->prefixes_round)
			bpf_map_delete_elem(kernel->prefixes, &key);
	}
}

void kernel__watch_execs(struct kernel *kernel, bool watch)
{
	*kernel->watches_execs = watch;
}

static int map_fd(const struct kernel *kernel, enum kernel_map map, size_t *value_size)
{
	switch (map) {
	case MAP_MEMBERS:
		*value_size = sizeof(struct member);
		return kernel->members;
	case MAP_TREES:
		*value_size = sizeof(struct tree_value);
		return kernel->trees;
	case MAP_ENDS:
		*value_size = sizeof(struct death);
		return kernel->ends;
	case MAP_DEATHS:
	default:
		*value_size = sizeof(struct death);
		return kernel->deaths;
	}
}

/* In batches, bucket by bucket: walking by "next key" begins anew whenever its key is deleted. */
int kernel__each(const struct kernel *kernel, enum kernel_map map, kernel_entry_fn visit,
		 void *context)
{
	size_t value_size;
	int fd = map_fd(kernel, map, &value_size);
	autofree struct ident *keys = calloc(BATCH, sizeof(*keys));
	autofree char *values = calloc(BATCH, value_size);
	uint32_t at, *from = NULL;
	int err = 0;

	if (!keys || !values)
		return -ENOMEM;
	while (fd >= 0 && !err) {
		uint32_t count = BATCH;

		if (bpf_map_lookup_batch(fd, from, &at, keys, values, &count, NULL))
			err = -errno;
		if (err && err != -ENOENT) /* ENOENT: that was the last */
			return err;
		for (uint32_t i = 0; i < count; i++)
			visit(context, keys[i], values + i * value_size);
		from = &at;
	}
	return 0;
}

uint32_t kernel__capacity(const struct kernel *kernel, enum kernel_map map)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	size_t value_size;

	if (bpf_obj_get_info_by_fd(map_fd(kernel, map, &value_size), &info, &len))
		return 0;
	return info.max_entries;
}

/* An iterator's file; pid 0: all. Before Linux 6.1 there is only all. */
static int open_iterator(const struct bpf_program *program, uint32_t pid)
{
	LIBBPF_OPTS(bpf_iter_attach_opts, opts);
	union bpf_iter_link_info info = { .task = { .tid = pid } };
	struct bpf_link *link;
	int fd;

	if (pid) {
		opts.link_info = &info;
		opts.link_info_len = sizeof(info);
	}
	link = bpf_program__attach_iter(program, &opts);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		fd = -errno;
	bpf_link__destroy(link);
	return fd;
}

static int read_rows(int fd, struct task_row **rows, size_t *count)
{
	size_t room = 0, used = 0;
	autofree char *bytes = NULL;

	for (;;) {
		ssize_t n;

		if (room - used < 65536) {
			char *more = realloc(bytes, room + 262144);

			if (!more)
				return -ENOMEM;
			bytes = more;
			room += 262144;
		}
		n = read(fd, bytes + used, room - used);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	*count = used / sizeof(**rows);
	*rows = (struct task_row *)STEAL(bytes);
	return 0;
}

static int by_start(const void *a, const void *b)
{
	uint64_t x = ((const struct task_row *)a)->who.start;
	uint64_t y = ((const struct task_row *)b)->who.start;

	return x < y ? -1 : x > y;
}

int kernel__census(const struct kernel *kernel, uint32_t pid, struct task_row **rows, size_t *count)
{
	autoclose int fd = open_iterator(kernel->census, pid);
	autofree struct task_row *all = NULL;
	size_t n = 0;
	int err;

	if (fd < 0 && pid) /* no such pid, or a kernel that can't ask for one */
		fd = open_iterator(kernel->census, 0);
	if (fd < 0)
		return fd;
	err = read_rows(fd, &all, &n);
	if (err)
		return err;
	for (size_t i = 0; pid && i < n; i++) {
		if (all[i].who.pid == pid) {
			all[0] = all[i];
			*count = 1;
			*rows = STEAL(all);
			return 0;
		}
	}
	if (pid)
		return -ESRCH;
	if (n)
		qsort(all, n, sizeof(*all), by_start);
	*count = n;
	*rows = STEAL(all);
	return 0;
}

void kernel__stack(const struct kernel *kernel, uint32_t pid, char *text, size_t size)
{
	autoclose int fd = -1;
	size_t used = 0;
	ssize_t n;

	*kernel->stack_of = pid;
	fd = open_iterator(kernel->stack, pid);
	if (fd < 0)
		fd = open_iterator(kernel->stack, 0);
	while (fd >= 0 && used < size - 1) {
		n = read(fd, text + used, size - 1 - used);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	text[used] = '\0';
}

bool kernel__is_alive(const struct kernel *kernel, struct ident id)
{
	autofree struct task_row *row = NULL;
	size_t count;

	return kernel__census(kernel, id.pid, &row, &count) == 0 && row->flags & TASK_ALIVE &&
	       row->who.start == id.start;
}
