/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel.h - the BPF side as the guard sees it: programs loaded and pinned, the ring, the maps.
 * Every function that can fail returns 0 or a negative errno.
 */
#ifndef ORPHAND_KERNEL_H
#define ORPHAND_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <orphand/control.h>

#include "guard/config.h"

struct kernel;

typedef void (*kernel_record_fn)(void *context, const struct record *record);

/*
 * Opens, configures, loads, takes over or makes the pins, in that order. What goes wrong is told in
 * error, in one line. -EBUSY: another guard has these pins. -EPROTO: they have another
 * layout. Others: this kernel or these capabilities do not serve.
 */
int kernel__open(struct kernel **kernel, const struct config *config, char *error, size_t size);

/* Attaches, once what the programs shall know is in the maps; lets those of the guard before go. */
int kernel__attach(struct kernel *kernel, char *error, size_t size);

/* Whether the pins that hold the programs attached are all there still. */
bool kernel__is_attached(const struct kernel *kernel);

/* How often each attached program ran, and for how long (ns); 0 while the sysctl
 * kernel.bpf_stats_enabled is 0. */
typedef void (*kernel_runs_fn)(void *context, const char *program, uint64_t runs, uint64_t ns);
void kernel__runs(const struct kernel *kernel, kernel_runs_fn visit, void *context);

/* Ends the attachment; what is pinned goes on in the kernel unless unpin is asked for. */
void kernel__close(struct kernel *kernel, bool unpin);

/* Removes every pin below pin_dir, unless a guard holds them (-EBUSY). */
int kernel__unpin(const char *pin_dir);

/* Tells of each thing that the kernel has or lacks, by trying it; nothing of it stays. 0, or the
 * error of what orphand can't do without. */
typedef void (*kernel_finding_fn)(void *context, enum finding_level level, const char *name,
				  const char *text);
int kernel__probe(kernel_finding_fn tell, void *context);

/* Whether the kernel side ends survivors by itself (bpf/reflex.h). Without it the calls that follow
 * do nothing. */
bool kernel__has_reflex(const struct kernel *kernel);
/* Whether it may now, and for how many incidents in a minute. */
void kernel__arm_reflex(struct kernel *kernel, bool armed, uint32_t per_minute);
/* An incident that it had no part in. */
void kernel__count_incident(struct kernel *kernel);
int kernel__put_reflex(struct kernel *kernel, struct ident root, const struct reflex *reflex);
/* The places of a tree and a member in its lists, where an earlier guard may have kept none. */
void kernel__place_tree(struct kernel *kernel, struct ident root, struct ident outer);
void kernel__place_member(struct kernel *kernel, struct ident id);
/* A pid that it shall never signal. */
void kernel__spare_pid(struct kernel *kernel, uint32_t pid);
/* When it signalled that process, dead or alive; 0: it did not. */
uint64_t kernel__struck(const struct kernel *kernel, struct ident who);

/* Whether newborns of a condemned tree are signalled in the kernel, or forks of it refused. */
bool kernel__strikes(const struct kernel *kernel);
bool kernel__refuses(const struct kernel *kernel);
/* Whether this kernel can skip programs (7.0 and later, see bpf/compat.h), and how many times since
 * the last call both instances of one may have been skipped for the same thing, at the most. */
bool kernel__can_skip(void);
bool kernel__skips(const struct kernel *kernel);
uint64_t kernel__missed(struct kernel *kernel);

/* Whether the maps were there already: somebody before us followed trees in them. */
bool kernel__took_over(const struct kernel *kernel);

/* The ring: readable when there are records; reading hands each to the function. How many. */
int kernel__ring_fd(const struct kernel *kernel);
int kernel__read_ring(struct kernel *kernel);
/* Whether the next record shall wake the guard, as at the start, and no other until it is said
 * again; or only what can't wait. What came before it was asked for wakes nobody: look once more. */
void kernel__wake_me(struct kernel *kernel, bool at_next);
void kernel__on_record(struct kernel *kernel, kernel_record_fn on_record, void *context);

struct state_value kernel__state(const struct kernel *kernel);
int kernel__put_state(struct kernel *kernel, const struct state_value *state);

/* Sums over the CPUs. */
int kernel__counters(const struct kernel *kernel, struct counter_values *sum);

bool kernel__is_member(const struct kernel *kernel, struct ident id);
int kernel__member(const struct kernel *kernel, struct ident id, struct member *member);
/* Enters it where it is not (-EEXIST where it is). */
int kernel__enter(struct kernel *kernel, struct ident id, const struct member *member);
/* Changes a living member's entry: its tree, its flags. -ENOENT when it is none any more. */
int kernel__change(struct kernel *kernel, struct ident id, const struct member *member);
int kernel__leave(struct kernel *kernel, struct ident id);

int kernel__put_tree(struct kernel *kernel, struct ident root, const struct tree_value *value);
int kernel__tree(const struct kernel *kernel, struct ident root, struct tree_value *value);
int kernel__drop_tree(struct kernel *kernel, struct ident root);
int kernel__condemn(struct kernel *kernel, struct ident root, uint32_t owner);
int kernel__pardon(struct kernel *kernel, struct ident root);
int kernel__image(const struct kernel *kernel, struct ident root, struct image_value *image);
int kernel__put_image(struct kernel *kernel, struct ident root, const struct image_value *image);
int kernel__death(const struct kernel *kernel, struct ident who, struct death *death);
/* Who sent it a fatal signal, while nobody has seen it end. */
int kernel__senders(const struct kernel *kernel, struct ident who, struct senders *senders);
int kernel__forget_death(struct kernel *kernel, struct ident who);
/* The end of one who outlived a root that the reflex has answered. */
int kernel__end(const struct kernel *kernel, struct ident who, struct death *death);
void kernel__forget_end(struct kernel *kernel, struct ident who);

/* The paths that make provisional roots at exec, and whether execs are looked at for them. Between
 * begin and end all that shall hold from then on is put; what was there before goes at the end, so
 * that no exec slips through in between. */
void kernel__begin_prefixes(struct kernel *kernel);
int kernel__put_prefix(struct kernel *kernel, const char *prefix, size_t len);
void kernel__end_prefixes(struct kernel *kernel);
void kernel__watch_execs(struct kernel *kernel, bool watch);

/* Each entry once that stood through the whole reading; visit may change the map. */
enum kernel_map { MAP_MEMBERS, MAP_TREES, MAP_DEATHS, MAP_ENDS };
typedef void (*kernel_entry_fn)(void *context, struct ident key, const void *value);
int kernel__each(const struct kernel *kernel, enum kernel_map map, kernel_entry_fn visit,
		 void *context);
/* How many entries the map holds at the most. */
uint32_t kernel__capacity(const struct kernel *kernel, enum kernel_map map);

/* Every process of the host, in the order of their starts: parents come before their children. Or,
 * with pid, that one (-ESRCH). Rows are the caller's to free. */
int kernel__census(const struct kernel *kernel, uint32_t pid, struct task_row **rows,
		   size_t *count);

/* Its kernel stack, a line for each frame; "" when it can't be told. */
void kernel__stack(const struct kernel *kernel, uint32_t pid, char *text, size_t size);

/* Whether a thread of it has not come to its exit yet: its end will find an entry that stands now. */
bool kernel__is_alive(const struct kernel *kernel, struct ident id);

#endif
