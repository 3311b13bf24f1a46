// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/text.h"
#include "model/family.h"
#include "model/rules.h"

#define TREE_BUCKETS 4096 /* a power of 2 */

struct family {
	struct proc **by_pid; /* touched only where a pid was a member: pages come as needed */
	size_t pids;
	uint32_t procs;
	uint32_t trees;
	struct tree_list all;
	struct tree_list buckets[TREE_BUCKETS];
};

bool ident__equal(struct ident a, struct ident b)
{
	return a.pid == b.pid && a.start == b.start;
}

static struct tree_list *bucket_of(const struct family *family, struct ident root)
{
	/* Only trees of the same root pid, or of one TREE_BUCKETS away, share a bucket. */
	return (struct tree_list *)&family->buckets[root.pid & (TREE_BUCKETS - 1)];
}

struct family *family__new(uint32_t pid_max)
{
	struct family *family = calloc(1, sizeof(*family));

	if (!family)
		return NULL;
	family->pids = (size_t)pid_max + 1;
	family->by_pid = mmap(NULL, family->pids * sizeof(*family->by_pid), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (family->by_pid == MAP_FAILED) {
		free(family);
		return NULL;
	}
	LIST_INIT(&family->all);
	for (size_t i = 0; i < TREE_BUCKETS; i++)
		LIST_INIT(&family->buckets[i]);
	return family;
}

void family__free(struct family *family)
{
	struct tree *tree;

	if (!family)
		return;
	while ((tree = LIST_FIRST(&family->all)))
		family__drop_tree(family, tree, NULL, NULL);
	munmap(family->by_pid, family->pids * sizeof(*family->by_pid));
	free(family);
}

struct proc *family__proc_of_pid(const struct family *family, uint32_t pid)
{
	return pid < family->pids ? family->by_pid[pid] : NULL;
}

struct proc *family__proc(const struct family *family, struct ident id)
{
	struct proc *proc = family__proc_of_pid(family, id.pid);

	return proc && proc->id.start == id.start ? proc : NULL;
}

struct tree *family__tree(const struct family *family, struct ident root)
{
	struct tree *tree;

	LIST_FOREACH(tree, bucket_of(family, root), hashed) {
		if (ident__equal(tree->root, root))
			return tree;
	}
	return NULL;
}

struct tree *family__tree_of_id(const struct family *family, uint32_t id)
{
	struct tree *tree;

	LIST_FOREACH(tree, &family->all, all) {
		if (tree->id == id)
			return tree;
	}
	return NULL;
}

struct tree *family__first_tree(const struct family *family)
{
	return LIST_FIRST(&family->all);
}

uint32_t family__trees(const struct family *family)
{
	return family->trees;
}

uint32_t family__procs(const struct family *family)
{
	return family->procs;
}

struct tree *family__add_tree(struct family *family, struct ident root,
			      const struct tree_value *value, struct tree *outer)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	tree->root = root;
	tree->id = value->id;
	tree->flags = value->flags;
	tree->owner = value->owner;
	tree->since = value->since;
	tree->policy = value->policy;
	text__copy(tree->name, sizeof(tree->name), value->name);
	tree__set_why(tree, value->why);
	LIST_INIT(&tree->inner);
	TAILQ_INIT(&tree->procs);
	tree__nest(tree, outer);
	LIST_INSERT_HEAD(&family->all, tree, all);
	LIST_INSERT_HEAD(bucket_of(family, root), tree, hashed);
	family->trees++;
	return tree;
}

const char *tree__why(const struct tree *tree)
{
	return tree->why ? tree->why : "";
}

void tree__set_why(struct tree *tree, const char *why)
{
	free(tree->why);
	tree->why = *why ? strndup(why, MATCHED_LEN - 1) : NULL;
}

void tree__nest(struct tree *tree, struct tree *outer)
{
	if (tree->outer)
		LIST_REMOVE(tree, beside);
	tree->outer = outer;
	if (outer)
		LIST_INSERT_HEAD(&outer->inner, tree, beside);
}

void tree__scope(const struct tree *tree, uint16_t *flags, uint16_t *on)
{
	*flags = 0;
	*on = 0;
	for (; tree; tree = tree->outer) {
		if (tree->policy.flags & TREE_ANY) {
			*flags |= MEMBER_ANY;
			*on |= tree->policy.on;
		}
	}
}

void family__drop_tree(struct family *family, struct tree *tree,
		       void (*let_go)(void *context, struct proc *proc), void *context)
{
	struct tree *inner;
	struct proc *proc;

	while ((proc = TAILQ_FIRST(&tree->procs))) {
		if (tree->outer) {
			family__move_proc(proc, tree->outer);
			continue;
		}
		if (let_go)
			let_go(context, proc);
		family__drop_proc(family, proc);
	}
	while ((inner = LIST_FIRST(&tree->inner)))
		tree__nest(inner, tree->outer);
	tree__nest(tree, NULL);
	LIST_REMOVE(tree, all);
	LIST_REMOVE(tree, hashed);
	image__put(tree->image);
	rule__put(tree->rule);
	free(tree->why);
	free(tree);
	family->trees--;
}

static void put_in_tree(struct proc *proc, struct tree *tree)
{
	proc->tree = tree;
	TAILQ_INSERT_TAIL(&tree->procs, proc, in_tree);
	tree->count++;
	if (ident__equal(tree->root, proc->id)) {
		tree->root_proc = proc;
		tree->root_parent = proc->parent;
	}
}

static void take_from_tree(struct proc *proc)
{
	TAILQ_REMOVE(&proc->tree->procs, proc, in_tree);
	proc->tree->count--;
	if (proc->tree->root_proc == proc)
		proc->tree->root_proc = NULL;
}

void family__move_proc(struct proc *proc, struct tree *tree)
{
	if (proc->tree == tree)
		return;
	take_from_tree(proc);
	put_in_tree(proc, tree);
}

static void put_under(struct proc *proc, struct proc *above)
{
	proc->above = above;
	if (above)
		TAILQ_INSERT_TAIL(&above->below, proc, beside);
}

struct proc *family__add_proc(struct family *family, struct ident id, struct ident parent,
			      struct tree *tree)
{
	struct proc *proc = family__proc_of_pid(family, id.pid);
	struct proc *above = family__proc(family, parent);

	if (proc && proc->id.start == id.start)
		return proc;
	if (id.pid >= family->pids)
		return NULL;
	if (proc)
		return NULL; /* the caller lets the older one go first */
	proc = calloc(1, sizeof(*proc));
	if (!proc)
		return NULL;
	proc->id = id;
	proc->parent = parent;
	TAILQ_INIT(&proc->below);
	SLIST_INIT(&proc->fates);
	put_in_tree(proc, tree);
	put_under(proc, above);
	if (above) {
		proc->image = image__ref(above->image);
		proc->flags = above->flags;
		proc->spared = above->spared;
		proc->doom = above->doom;
	}
	family->by_pid[id.pid] = proc;
	family->procs++;
	return proc;
}

void family__set_image(struct proc *proc, struct image *image)
{
	image__put(proc->image);
	proc->image = image;
	if (proc->tree->root_proc == proc) {
		image__put(proc->tree->image);
		proc->tree->image = image__ref(image);
	}
}

void family__drop_proc(struct family *family, struct proc *proc)
{
	struct proc *child;

	while ((child = TAILQ_FIRST(&proc->below))) {
		TAILQ_REMOVE(&proc->below, child, beside);
		put_under(child, proc->above);
	}
	if (proc->above)
		TAILQ_REMOVE(&proc->above->below, proc, beside);
	take_from_tree(proc);
	family->by_pid[proc->id.pid] = NULL;
	family->procs--;
	image__put(proc->image);
	free(proc);
}

bool tree__is_within(const struct tree *tree, const struct tree *outer)
{
	while (tree && tree != outer)
		tree = tree->outer;
	return tree;
}

struct tree *tree__next(const struct tree *tree, const struct tree *start)
{
	if (!LIST_EMPTY(&tree->inner))
		return LIST_FIRST(&tree->inner);
	while (tree != start && !LIST_NEXT(tree, beside))
		tree = tree->outer;
	return tree == start ? NULL : LIST_NEXT(tree, beside);
}

uint32_t tree__members(const struct tree *start)
{
	uint32_t count = 0;

	for (const struct tree *tree = start; tree; tree = tree__next(tree, start))
		count += tree->count;
	return count;
}

void tree__each(struct tree *start, void (*visit)(void *context, struct proc *proc), void *context)
{
	for (struct tree *tree = start; tree; tree = tree__next(tree, start)) {
		struct proc *proc;

		TAILQ_FOREACH(proc, &tree->procs, in_tree)
			visit(context, proc);
	}
}

void proc__each_below(struct proc *start, void (*visit)(void *context, struct proc *proc),
		      void *context)
{
	struct proc *proc = TAILQ_FIRST(&start->below);

	while (proc) {
		visit(context, proc);
		if (!TAILQ_EMPTY(&proc->below)) {
			proc = TAILQ_FIRST(&proc->below);
			continue;
		}
		while (proc != start && !TAILQ_NEXT(proc, beside))
			proc = proc->above;
		proc = proc == start ? NULL : TAILQ_NEXT(proc, beside);
	}
}
