// SPDX-License-Identifier: GPL-2.0
/* kernel.c - open, configure, load, pin, attach. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "guard/kernel_parts.h"
#include "guard/pins.h"
#include "orphand.skel.h"

#define PIN_PATH_LEN 256
#define STATE_PIN "state"

/* Its capacity follows from the config; it is shared with the programs of the next guard. */
struct pinned_map {
	struct bpf_map *map;
	uint32_t capacity;
};

/* libbpf's own words on what went wrong, the newest: they come through a callback without context. */
static char libbpf_said[256];

__attribute__((format(printf, 2, 0))) static int log_libbpf(enum libbpf_print_level level,
							    const char *format, va_list args)
{
	char line[512];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	if (level == LIBBPF_WARN && strncmp(line, "libbpf: failed to load", 22) != 0)
		text__copy(libbpf_said, sizeof(libbpf_said), line);
	log_debug("%s", line);
	return 0;
}

static void pin_path(const struct kernel *kernel, const char *name, char path[PIN_PATH_LEN])
{
	snprintf(path, PIN_PATH_LEN, "%s/%.64s", kernel->pin_dir, name);
}

/* What the running kernel knows. Since Linux 6.16 its BTF can be mapped, and a name, between two
 * NULs, be found in it: to read and parse all of it takes a good part of a start, and libbpf has to
 * do that once in any case. */
struct knowledge {
	void *text; /* MAP_FAILED: parsed */
	size_t size;
	struct btf *btf;
};

static int knowledge__open(struct knowledge *knowledge)
{
	autoclose int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	struct stat st;

	*knowledge = (struct knowledge){ .text = MAP_FAILED };
	if (fd >= 0 && fstat(fd, &st) == 0) {
		knowledge->size = (size_t)st.st_size;
		knowledge->text = mmap(NULL, knowledge->size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	if (knowledge->text != MAP_FAILED)
		return 0;
	knowledge->btf = btf__load_vmlinux_btf();
	return knowledge->btf ? 0 : -ENOTSUP;
}

static bool knowledge__has(const struct knowledge *knowledge, const char *name, uint32_t kind)
{
	char sought[64];
	int len = snprintf(sought, sizeof(sought), "%c%s", '\0', name);

	if (knowledge->btf)
		return btf__find_by_name_kind(knowledge->btf, name, kind) > 0;
	return memmem(knowledge->text, knowledge->size, sought, (size_t)len + 1) != NULL;
}

static void knowledge__close(struct knowledge *knowledge)
{
	if (knowledge->text != MAP_FAILED)
		munmap(knowledge->text, knowledge->size);
	btf__free(knowledge->btf);
}

/* An exit can signal others where a program can, and where there is user memory then
 * (nmi_uaccess_okay() on x86): before Linux 6.16 the tracepoint came behind its end. */
static int find_means(struct kernel *kernel, const struct config *config)
{
	struct knowledge knowledge;
	int err = knowledge__open(&knowledge);

	if (err)
		return err;
	kernel->strikes = knowledge__has(&knowledge, "bpf_send_signal_task", BTF_KIND_FUNC);
	kernel->refuses = !kernel->strikes;
	kernel->twice = kernel__can_skip();
	kernel->reflex =
		kernel->strikes && config->reflex &&
		knowledge__has(&knowledge, "trace_event_raw_sched_process_exit", BTF_KIND_STRUCT);
	knowledge__close(&knowledge);
	return 0;
}

/* ---- what a guard before us has left */

static int read_state(struct kernel *kernel, char *error, size_t size)
{
	struct state_value state;
	uint32_t zero = 0;
	char path[PIN_PATH_LEN];

	pin_path(kernel, STATE_PIN, path);
	kernel->state = bpf_obj_get(path);
	if (kernel->state < 0) {
		/* None, or one that died half-way through making them: nothing is lost. */
		pins__remove_links(kernel->pin_dir, NULL);
		kernel->makes = true;
		return 0;
	}
	if (bpf_map_lookup_elem(kernel->state, &zero, &state))
		return -errno;
	if (state.layout != ORPHAND_LAYOUT) {
		snprintf(
			error, size,
			"the pins at %s have layout %u, this orphand speaks %d: start the version that "
			"made them, or let every tree go with: orphand --unpin",
			kernel->pin_dir, state.layout, ORPHAND_LAYOUT);
		return -EPROTO;
	}
	kernel->took_over = true;
	return 0;
}

static int reuse_map(struct kernel *kernel, const struct pinned_map *pinned, char *error,
		     size_t size)
{
	const char *name = bpf_map__name(pinned->map);
	autoclose int fd = -1;
	char path[PIN_PATH_LEN];
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	pin_path(kernel, name, path);
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len)) {
		snprintf(error, size,
			 "the pin %s is gone or unreadable (%s): let every tree go with: "
			 "orphand --unpin",
			 path, strerror(errno));
		return -EPROTO;
	}
	if (info.type != bpf_map__type(pinned->map) ||
	    info.key_size != bpf_map__key_size(pinned->map) ||
	    info.value_size != bpf_map__value_size(pinned->map)) {
		snprintf(error, size,
			 "the pin %s is not a map of this layout: let every tree go with: "
			 "orphand --unpin",
			 path);
		return -EPROTO;
	}
	if (info.max_entries != pinned->capacity)
		log_warn(
			"%s keeps the size it was made with, %u: new limits hold after orphand --unpin",
			name, info.max_entries);
	return bpf_map__reuse_fd(pinned->map, fd);
}

static int prepare_map(struct kernel *kernel, const struct pinned_map *pinned, char *error,
		       size_t size)
{
	char path[PIN_PATH_LEN];

	if (kernel->took_over)
		return reuse_map(kernel, pinned, error, size);
	pin_path(kernel, bpf_map__name(pinned->map), path);
	unlink(path); /* left by a guard that died while it made them */
	return bpf_map__set_max_entries(pinned->map, pinned->capacity);
}

static int make_state(struct kernel *kernel)
{
	struct state_value state = {
		.layout = ORPHAND_LAYOUT,
		.next_tree = 1,
		.realtime = clock__offset(),
	};
	uint32_t zero = 0;
	char path[PIN_PATH_LEN];

	kernel->state = bpf_map_create(BPF_MAP_TYPE_ARRAY, "orphand_state", sizeof(zero),
				       sizeof(state), 1, NULL);
	if (kernel->state < 0 || bpf_map_update_elem(kernel->state, &zero, &state, BPF_ANY))
		return -errno;
	pin_path(kernel, STATE_PIN, path);
	return bpf_obj_pin(kernel->state, path) ? -errno : 0;
}

/* The state last: without it the others are half made, and made anew. */
static int pin_maps(struct kernel *kernel, const struct pinned_map *maps, size_t count)
{
	char path[PIN_PATH_LEN];

	if (kernel->took_over)
		return 0;
	for (size_t i = 0; i < count; i++) {
		int err;

		pin_path(kernel, bpf_map__name(maps[i].map), path);
		err = bpf_obj_pin(bpf_map__fd(maps[i].map), path) ? -errno : 0;
		if (err)
			return err;
	}
	return make_state(kernel);
}

/* ---- programs */

static bool is_attachable(const struct kernel *kernel, const struct bpf_program *program)
{
	return program != kernel->census && program != kernel->stack && program != kernel->tends &&
	       bpf_program__autoload(program);
}

/* By which its link and its runs are known: the same with the reflex and without it. */
static const char *known_name(const struct bpf_program *program)
{
	const char *name = bpf_program__name(program);

	return strncmp(name, "kin_", 4) == 0 ? name + 4 : name;
}

/* The new programs beside the old, each in a folder of its own; then the old are let go. In
 * between both run: entering twice enters the same, taking out succeeds once. */
static int attach_all(struct kernel *kernel)
{
	char path[PIN_PATH_LEN];
	struct bpf_program *program;

	pins__new_links(kernel->pin_dir, kernel->links, sizeof(kernel->links));
	pin_path(kernel, kernel->links, path);
	if (mkdir(path, 0700))
		return -errno;
	bpf_object__for_each_program(program, kernel->skel->obj) {
		struct bpf_link *link;
		char pin[PIN_PATH_LEN + 64];
		int err;

		if (!is_attachable(kernel, program))
			continue;
		link = bpf_program__attach(program);
		if (!link)
			return -errno;
		snprintf(pin, sizeof(pin), "%s/%s", path, known_name(program));
		err = bpf_link__pin(link, pin);
		if (!err)
			bpf_link__disconnect(link); /* the pin holds it from here on */
		bpf_link__destroy(link);
		if (err)
			return err;
	}
	pins__remove_links(kernel->pin_dir, kernel->links);
	return 0;
}

bool kernel__is_attached(const struct kernel *kernel)
{
	const struct bpf_program *program = NULL;
	char path[PIN_PATH_LEN + 64];

	while ((program = bpf_object__next_program(kernel->skel->obj,
						   (struct bpf_program *)program))) {
		snprintf(path, sizeof(path), "%s/%s/%s", kernel->pin_dir, kernel->links,
			 known_name(program));
		if (is_attachable(kernel, program) && access(path, F_OK))
			return false;
	}
	return true;
}

void kernel__runs(const struct kernel *kernel, kernel_runs_fn visit, void *context)
{
	const struct bpf_program *program = NULL;

	while ((program = bpf_object__next_program(kernel->skel->obj,
						   (struct bpf_program *)program))) {
		struct bpf_prog_info info = {};
		uint32_t len = sizeof(info);

		if (is_attachable(kernel, program) &&
		    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len) == 0)
			visit(context, known_name(program), info.run_cnt, info.run_time_ns);
	}
}

struct pair {
	struct bpf_program *once, *again;
};

/* With the reflex the members' lists are kept, by programs that older kernels could not read. */
static struct pair pair(const struct kernel *kernel, size_t i)
{
	const struct orphand_bpf *skel = kernel->skel;
	const struct pair pairs[2][PAIRS] = {
		{ { skel->progs.on_signal, skel->progs.on_signal_again },
		  { skel->progs.on_exec, skel->progs.on_exec_again },
		  { skel->progs.on_exit, skel->progs.on_exit_again } },
		{ { skel->progs.on_signal, skel->progs.on_signal_again },
		  { skel->progs.kin_on_exec, skel->progs.kin_on_exec_again },
		  { skel->progs.kin_on_exit, skel->progs.kin_on_exit_again } },
	};

	return pairs[kernel->reflex][i];
}

/* Never skipped, so there is but one of them. */
static struct bpf_program *births(const struct kernel *kernel)
{
	const struct orphand_bpf *skel = kernel->skel;

	if (kernel->twice)
		return kernel->reflex ? skel->progs.kin_on_wakeup_new : skel->progs.on_wakeup_new;
	return kernel->reflex ? skel->progs.kin_on_fork : skel->progs.on_fork;
}

static void choose_programs(const struct kernel *kernel)
{
	const struct orphand_bpf *skel = kernel->skel;
	bool sweeps = kernel->reflex && kernel->twice;

	bpf_program__set_autoload(births(kernel), true);
	for (size_t i = 0; i < PAIRS; i++) {
		struct pair chosen = pair(kernel, i);

		bpf_program__set_autoload(chosen.once, true);
		bpf_program__set_autoload(chosen.again, kernel->twice);
	}
	bpf_program__set_autoload(skel->progs.sweep_on_exit, sweeps);
	bpf_program__set_autoload(skel->progs.sweep_on_exit_again, sweeps);
	bpf_program__set_autoload(skel->progs.tend, kernel->reflex);
}

static uint64_t misses_of(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len)
		       ? 0
		       : info.recursion_misses;
}

bool kernel__skips(const struct kernel *kernel)
{
	return kernel->twice;
}

uint64_t kernel__missed(struct kernel *kernel)
{
	uint64_t missed = 0;

	for (size_t i = 0; kernel->twice && i < PAIRS; i++) {
		struct pair programs = pair(kernel, i);
		uint64_t now[2] = { misses_of(programs.once), misses_of(programs.again) };

		missed += misses__look(&kernel->misses[i], now);
	}
	return missed;
}

#define PLAIN_MAPS 9 /* of any kernel */
#define MAPS 11

/* How many there are. Where the kernel can't have the reflex, its maps are not made. */
static size_t list_maps(const struct kernel *kernel, const struct config *config,
			struct pinned_map maps[static MAPS])
{
	struct orphand_bpf *skel = kernel->skel;

	maps[0] = (struct pinned_map){ skel->maps.members, config->processes };
	maps[1] = (struct pinned_map){ skel->maps.trees, config->trees };
	maps[2] = (struct pinned_map){ skel->maps.condemned, config->trees };
	maps[3] = (struct pinned_map){ skel->maps.deaths, config->processes };
	maps[4] = (struct pinned_map){ skel->maps.senders, config->processes };
	maps[5] = (struct pinned_map){ skel->maps.images, config->trees };
	maps[6] = (struct pinned_map){ skel->maps.counters, 1 };
	maps[7] = (struct pinned_map){ skel->maps.events, config->ring };
	maps[8] = (struct pinned_map){ skel->maps.marks, MARKS_PIDS / MARKS_LINE };
	maps[PLAIN_MAPS] = (struct pinned_map){ skel->maps.kin, config->processes };
	maps[PLAIN_MAPS + 1] = (struct pinned_map){ skel->maps.ends, config->processes };
	bpf_map__set_autocreate(skel->maps.dues, kernel->strikes && kernel->twice);
	if (kernel->strikes)
		return MAPS;
	for (size_t i = PLAIN_MAPS; i < MAPS; i++)
		bpf_map__set_autocreate(maps[i].map, false);
	bpf_map__set_autocreate(skel->maps.wakers, false);
	bpf_map__set_autocreate(skel->maps.kin_locks, false);
	bpf_map__set_autocreate(skel->maps.untouchables, false);
	return PLAIN_MAPS;
}

static void find_maps(struct kernel *kernel)
{
	struct orphand_bpf *skel = kernel->skel;

	kernel->census = skel->progs.census;
	kernel->members = bpf_map__fd(skel->maps.members);
	kernel->trees = bpf_map__fd(skel->maps.trees);
	kernel->condemned = bpf_map__fd(skel->maps.condemned);
	kernel->deaths = bpf_map__fd(skel->maps.deaths);
	kernel->images = bpf_map__fd(skel->maps.images);
	kernel->counters = bpf_map__fd(skel->maps.counters);
	kernel->prefixes = bpf_map__fd(skel->maps.prefixes);
	kernel->senders = bpf_map__fd(skel->maps.senders);
	kernel->watches_execs = &skel->bss->rules_are_there;
	kernel->stack = skel->progs.stack;
	kernel->tends = skel->progs.tend;
	kernel->stack_of = &skel->bss->stack_of;
	kernel->guard = &skel->bss->guard_ident;
	kernel->guard_looks = &skel->bss->guard_looks;
	kernel->reflex_armed = &skel->bss->reflex_armed;
	kernel->reflex_per_minute = &skel->bss->reflex_per_minute;
	kernel->reflex_minutes = &skel->bss->reflex_minutes;
	kernel->kin = kernel->ends = kernel->untouchables = kernel->tend = -1;
	if (kernel->strikes)
		kernel->ends = bpf_map__fd(skel->maps.ends);
	if (!kernel->reflex)
		return;
	kernel->kin = bpf_map__fd(skel->maps.kin);
	kernel->untouchables = bpf_map__fd(skel->maps.untouchables);
	kernel->tend = bpf_program__fd(skel->progs.tend);
}

static int map_marks(struct kernel *kernel)
{
	void *marks = mmap(NULL, MARKS_PIDS, PROT_READ | PROT_WRITE, MAP_SHARED,
			   bpf_map__fd(kernel->skel->maps.marks), 0);

	if (marks == MAP_FAILED)
		return -errno;
	kernel->marks = marks;
	return 0;
}

/*
 * A kernel function that this kernel lacks is looked for in its modules, too, which wants
 * CAP_SYS_ADMIN; without it, libbpf 1.1 fails. But it looks only once, and may fail to here. Ours
 * are in the kernel itself, or nowhere.
 */
static void look_into_no_module(struct orphand_bpf *skel)
{
	bpf_program__set_attach_target(skel->progs.census, 0, "in no module");
}

/* One try, with or without the program that refuses forks. */
static int load(struct kernel *kernel, const struct config *config, bool refuse, char *error,
		size_t size)
{
	struct pinned_map maps[MAPS];
	size_t count;
	int err;

	kernel->skel = orphand_bpf__open();
	if (!kernel->skel)
		return -errno;
	look_into_no_module(kernel->skel);
	count = list_maps(kernel, config, maps);
	bpf_program__set_autoload(kernel->skel->progs.on_task_alloc, refuse);
	kernel->skel->rodata->attached_twice = kernel->twice;
	choose_programs(kernel);
	for (size_t i = 0; i < count; i++) {
		err = prepare_map(kernel, &maps[i], error, size);
		if (err)
			return err;
	}
	err = orphand_bpf__load(kernel->skel);
	if (err)
		return err;
	find_maps(kernel);
	err = map_marks(kernel);
	return err ? err : pin_maps(kernel, maps, count);
}

/* How newborns of a condemned tree are met: signalled in the kernel where it can, else their
 * forks refused where it can, else swept by the guard alone. */
static int load_best(struct kernel *kernel, const struct config *config, char *error, size_t size)
{
	int err = find_means(kernel, config);

	if (err) {
		snprintf(error, size,
			 "this kernel has no BTF (/sys/kernel/btf/vmlinux): orphand needs "
			 "Linux 5.10 or later with CONFIG_DEBUG_INFO_BTF");
		return err;
	}
	err = load(kernel, config, kernel->refuses, error, size);
	if (!err || !kernel->refuses || *error)
		return err;
	orphand_bpf__destroy(kernel->skel);
	kernel->refuses = false;
	return load(kernel, config, false, error, size);
}

static int hand_on_record(void *context, void *data, size_t size)
{
	const struct record *record = data;
	struct kernel *kernel = context;

	if (size >= sizeof(*record) && record->size == size)
		kernel->on_record(kernel->context, record);
	return 0;
}

static void explain(int err, char *error, size_t size)
{
	if (*error)
		return;
	if (err == -EPERM || err == -EACCES)
		snprintf(error, size,
			 "the kernel refuses to load the programs (%s): run as root, or with "
			 "CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8)",
			 strerror(-err));
	else
		snprintf(error, size, "can't load the programs: %s (%s)", strerror(-err),
			 libbpf_said);
}

int kernel__open(struct kernel **out, const struct config *config, char *error, size_t size)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	int err;

	if (!kernel)
		return -ENOMEM;
	*error = '\0';
	libbpf_set_print(log_libbpf);
	text__copy(kernel->pin_dir, sizeof(kernel->pin_dir), config->pin_dir);
	kernel->state = -1;
	kernel->cpus = libbpf_num_possible_cpus();
	kernel->lock = pins__lock(kernel->pin_dir, error, size);
	err = kernel->lock < 0 ? kernel->lock : read_state(kernel, error, size);
	if (!err)
		err = load_best(kernel, config, error, size);
	if (!err) {
		kernel->ring = ring_buffer__new(bpf_map__fd(kernel->skel->maps.events),
						hand_on_record, kernel, NULL);
		err = kernel->ring ? 0 : -errno;
	}
	if (err) {
		explain(err, error, size);
		/* What we made ourselves serves nobody; what was there before stays. */
		kernel__close(kernel, kernel->makes);
		return err;
	}
	*out = kernel;
	return 0;
}

/* For the programs to know our signals by. */
static int tell_who_we_are(struct kernel *kernel)
{
	autofree struct task_row *row = NULL;
	size_t count;
	int err = kernel__census(kernel, (uint32_t)getpid(), &row, &count);

	if (!err)
		*kernel->guard = row->who;
	return err;
}

int kernel__attach(struct kernel *kernel, char *error, size_t size)
{
	int err = tell_who_we_are(kernel);

	if (!err)
		err = attach_all(kernel);
	*error = '\0';
	if (err)
		explain(err, error, size);
	return err;
}

void kernel__close(struct kernel *kernel, bool unpin)
{
	if (!kernel)
		return;
	ring_buffer__free(kernel->ring);
	if (kernel->marks)
		munmap(kernel->marks, MARKS_PIDS);
	if (unpin)
		pins__remove(kernel->pin_dir);
	orphand_bpf__destroy(kernel->skel);
	if (kernel->state >= 0)
		close(kernel->state);
	if (kernel->lock >= 0)
		close(kernel->lock);
	free(kernel);
}

int kernel__unpin(const char *pin_dir)
{
	char error[256];
	struct stat st;
	int lock;

	if (stat(pin_dir, &st))
		return errno == ENOENT ? 0 : -errno;
	lock = pins__lock(pin_dir, error, sizeof(error));
	if (lock < 0) {
		log_error("%s", error);
		return lock;
	}
	close(lock);
	return pins__remove(pin_dir);
}

bool kernel__strikes(const struct kernel *kernel)
{
	return kernel->strikes;
}

bool kernel__refuses(const struct kernel *kernel)
{
	return kernel->refuses;
}

bool kernel__took_over(const struct kernel *kernel)
{
	return kernel->took_over;
}

int kernel__ring_fd(const struct kernel *kernel)
{
	return ring_buffer__epoll_fd(kernel->ring);
}

int kernel__read_ring(struct kernel *kernel)
{
	return ring_buffer__consume(kernel->ring);
}

void kernel__wake_me(struct kernel *kernel, bool at_next)
{
	__atomic_store_n(kernel->guard_looks, !at_next, __ATOMIC_SEQ_CST);
}

void kernel__on_record(struct kernel *kernel, kernel_record_fn on_record, void *context)
{
	kernel->on_record = on_record;
	kernel->context = context;
}
