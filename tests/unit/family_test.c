// SPDX-License-Identifier: GPL-2.0
/* family_test.c - the index: who lives, under whom, in which tree. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "model/family.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define PID_MAX 4194304

TestSuite(family, .timeout = 30);
TestSuite(tree, .timeout = 30);

static struct family *family;

static void set_up(void)
{
	family = family__new(PID_MAX);
}

static void tear_down(void)
{
	family__free(family);
}

#define FamilyTest(suite, name) Test(suite, name, .init = set_up, .fini = tear_down)

/* In these tests a process starts at its pid, unless said. */
static struct ident id_of(uint32_t pid)
{
	return (struct ident){ .pid = pid, .start = pid };
}

static const struct ident nobody = {};

static struct tree *plant(uint32_t root, struct tree *outer)
{
	struct tree_value value = { .id = root };

	return family__add_tree(family, id_of(root), &value, outer);
}

static struct proc *enter(uint32_t pid, uint32_t parent, struct tree *tree)
{
	return family__add_proc(family, id_of(pid), parent ? id_of(parent) : nobody, tree);
}

static struct proc *proc_of(uint32_t pid)
{
	return family__proc(family, id_of(pid));
}

static uint32_t above_of(uint32_t pid)
{
	const struct proc *proc = proc_of(pid);

	return proc->above ? proc->above->id.pid : 0;
}

/* Who was visited, in order. */
struct visits {
	uint32_t pid[64];
	uint32_t n;
};

static void visit(void *context, struct proc *proc)
{
	struct visits *visits = context;

	if (visits->n < COUNT(visits->pid))
		visits->pid[visits->n] = proc->id.pid;
	visits->n++;
}

static void count(void *context, struct proc *proc)
{
	(void)proc;
	++*(uint32_t *)context;
}

static uint32_t count_below(struct proc *proc)
{
	uint32_t n = 0;

	proc__each_below(proc, count, &n);
	return n;
}

static uint32_t count_each(struct tree *tree)
{
	uint32_t n = 0;

	tree__each(tree, count, &n);
	return n;
}

static bool has(const struct visits *visits, uint32_t pid)
{
	for (uint32_t i = 0; i < visits->n; i++) {
		if (visits->pid[i] == pid)
			return true;
	}
	return false;
}

/* ---- identity */

Test(family, a_process_is_its_pid_and_its_start)
{
	struct ident a = { .pid = 1, .start = 2 }, b = a;

	cr_assert(ident__equal(a, b));
	b.start = 3;
	cr_assert_not(ident__equal(a, b));
	b = (struct ident){ .pid = 2, .start = 2 };
	cr_assert_not(ident__equal(a, b));
}

FamilyTest(family, is_empty_at_first)
{
	cr_assert_eq(family__procs(family), 0);
	cr_assert_eq(family__trees(family), 0);
	cr_assert_null(family__first_tree(family));
	cr_assert_null(family__proc_of_pid(family, 1));
	cr_assert_null(proc_of(1));
	cr_assert_null(family__tree(family, id_of(1)));
	cr_assert_null(family__tree_of_id(family, 0));
}

FamilyTest(family, finds_whoever_was_entered)
{
	struct tree *tree = plant(100, NULL);
	struct proc *root = enter(100, 0, tree), *child = enter(101, 100, tree);
	struct ident later = { .pid = 101, .start = 999 };

	cr_assert_eq(proc_of(101), child);
	cr_assert_eq(family__proc_of_pid(family, 101), child);
	cr_assert_null(family__proc(family, later), "another of the same pid");
	cr_assert_eq(child->above, root);
	cr_assert(ident__equal(child->parent, root->id));
	cr_assert_eq(child->tree, tree);
	cr_assert_eq(tree->root_proc, root);
	cr_assert_eq(tree->count, 2);
	cr_assert_eq(family__procs(family), 2);
}

FamilyTest(family, who_is_there_is_not_entered_twice)
{
	struct tree *tree = plant(100, NULL), *other = plant(200, NULL);
	struct proc *proc = enter(101, 0, tree);

	cr_assert_eq(enter(101, 100, other), proc);
	cr_assert_eq(proc->tree, tree, "nothing was changed");
	cr_assert_null(proc->above);
	cr_assert_eq(family__procs(family), 1);
	cr_assert_eq(other->count, 0);
}

FamilyTest(family, a_pid_that_an_older_one_holds_is_refused)
{
	struct tree *tree = plant(100, NULL);
	struct proc *old = enter(101, 0, tree), *new;
	struct ident next = { .pid = 101, .start = 5000 };

	cr_assert_null(family__add_proc(family, next, nobody, tree));
	cr_assert_eq(proc_of(101), old);
	cr_assert_eq(tree->count, 1);
	family__drop_proc(family, old);
	new = family__add_proc(family, next, nobody, tree);
	cr_assert_eq(family__proc_of_pid(family, 101), new);
	cr_assert_null(proc_of(101));
}

FamilyTest(family, pids_have_an_end)
{
	struct tree *tree = plant(100, NULL);

	cr_assert_not_null(enter(PID_MAX, 0, tree));
	cr_assert_null(enter(PID_MAX + 1, 0, tree));
	cr_assert_null(enter(UINT32_MAX, 0, tree));
	cr_assert_null(family__proc_of_pid(family, PID_MAX + 1));
	cr_assert_null(family__proc_of_pid(family, UINT32_MAX));
	cr_assert_eq(family__procs(family), 1);
	cr_assert_eq(tree->count, 1);
	/* nor is there a parent of such a pid */
	cr_assert_null(enter(101, UINT32_MAX, tree)->above);
}

/* ---- what a child has from its parent */

FamilyTest(family, a_child_inherits)
{
	struct tree *tree = plant(100, NULL);
	struct proc *root = enter(100, 0, tree), *child, *grandchild;
	struct image *image = image__new(NULL, 1, 1, "sh", "/bin/sh", "sh", 3, "/");

	family__set_image(root, image);
	root->flags = MEMBER_SPARED;
	root->doom = (struct incident *)&root; /* any */
	child = enter(101, 100, tree);
	grandchild = enter(102, 101, tree);
	cr_assert_eq(child->image, image);
	cr_assert_eq(grandchild->image, image);
	cr_assert_eq(image->refs, 4, "three processes and the tree");
	cr_assert_eq(grandchild->flags, MEMBER_SPARED);
	cr_assert_eq(grandchild->doom, root->doom);
	cr_assert(SLIST_EMPTY(&child->fates), "fates are its own");
}

FamilyTest(family, what_comes_later_is_its_own)
{
	struct tree *tree = plant(100, NULL);
	struct proc *root = enter(100, 0, tree), *child = enter(101, 100, tree);
	struct image *image = image__new(NULL, 1, 1, "vi", "/bin/vi", "vi", 3, "/");

	root->flags = MEMBER_SPARED;
	family__set_image(child, image);
	cr_assert_eq(child->flags, 0);
	cr_assert_null(root->image);
	cr_assert_null(tree->image);
	cr_assert_eq(image->refs, 1);
}

FamilyTest(family, a_child_of_nobody_known_inherits_nothing)
{
	struct tree *tree = plant(100, NULL);
	struct proc *orphan = enter(103, 102, tree);

	cr_assert_null(orphan->above);
	cr_assert_eq(orphan->parent.pid, 102, "it is known who forked it");
	cr_assert_null(orphan->image);
	cr_assert_eq(orphan->flags, 0);
	cr_assert_null(orphan->doom);
}

FamilyTest(family, the_tree_has_its_roots_newest_image)
{
	struct tree *tree = plant(100, NULL);
	struct proc *root = enter(100, 0, tree);
	struct image *first = image__new(NULL, 1, 1, "sh", "/bin/sh", "sh", 3, "/");
	struct image *second = image__new(NULL, 1, 1, "vi", "/bin/vi", "vi", 3, "/");

	image__ref(first);
	family__set_image(root, first);
	cr_assert_eq(tree->image, first);
	family__set_image(root, second);
	cr_assert_eq(tree->image, second);
	cr_assert_eq(first->refs, 1, "nobody runs it any more");
	image__put(first);
	family__drop_proc(family, root);
	cr_assert_eq(tree->image, second, "it outlives the root");
}

/* ---- deaths */

FamilyTest(family, children_of_the_dead_hang_on_to_who_is_above)
{
	struct tree *tree = plant(100, NULL);

	enter(100, 0, tree);
	enter(101, 100, tree);
	enter(102, 101, tree);
	enter(103, 101, tree);
	enter(104, 103, tree);
	family__drop_proc(family, proc_of(101));
	cr_assert_eq(above_of(102), 100);
	cr_assert_eq(above_of(103), 100);
	cr_assert_eq(above_of(104), 103);
	cr_assert_eq(proc_of(102)->parent.pid, 101, "who forked it stays true");
	cr_assert_eq(count_below(proc_of(100)), 3);
	family__drop_proc(family, proc_of(103));
	cr_assert_eq(above_of(104), 100);
	family__drop_proc(family, proc_of(100));
	cr_assert_eq(above_of(102), 0);
	cr_assert_eq(above_of(104), 0);
	cr_assert_null(tree->root_proc);
	cr_assert_eq(tree->count, 2);
	cr_assert_eq(count_each(tree), 2);
}

/* Every order of deaths in a chain of five leaves each of the living under the next living one. */
static void kill_in_order(const int *order)
{
	bool dead[6] = { [0] = true };
	struct tree *tree = plant(1, NULL);

	for (uint32_t pid = 1; pid <= 5; pid++)
		enter(pid, pid - 1, tree);
	for (int i = 0; i < 5; i++) {
		family__drop_proc(family, proc_of((uint32_t)order[i]));
		dead[order[i]] = true;
		for (uint32_t pid = 1; pid <= 5; pid++) {
			uint32_t above = pid - 1;

			while (above && dead[above])
				above--;
			if (!dead[pid])
				cr_assert_eq(above_of(pid), above);
		}
	}
	cr_assert_eq(tree->count, 0);
	family__drop_tree(family, tree, NULL, NULL);
}

FamilyTest(family, chains_are_spliced_in_whatever_order_they_die)
{
	int order[5];

	for (int code = 0; code < 3125; code++) {
		unsigned seen = 0;

		for (int i = 0, rest = code; i < 5; i++, rest /= 5) {
			order[i] = rest % 5 + 1;
			seen |= 1U << order[i];
		}
		if (seen == 0x3e)
			kill_in_order(order);
	}
	cr_assert_eq(family__procs(family), 0);
}

/* ---- walks */

/*	100
 *	|- 101
 *	|  |- 102
 *	|  |  `- 103
 *	|  `- 104
 *	`- 105
 *	   `- 106 */
static struct tree *plant_example(void)
{
	struct tree *tree = plant(100, NULL);

	enter(100, 0, tree);
	enter(101, 100, tree);
	enter(102, 101, tree);
	enter(103, 102, tree);
	enter(104, 101, tree);
	enter(105, 100, tree);
	enter(106, 105, tree);
	return tree;
}

static void see_below(uint32_t pid, uint32_t n, const uint32_t *pids)
{
	struct visits visits = {};

	proc__each_below(proc_of(pid), visit, &visits);
	cr_expect_eq(visits.n, n, "below %u: %u", pid, visits.n);
	for (uint32_t i = 0; i < n && i < visits.n; i++)
		cr_expect_eq(visits.pid[i], pids[i], "below %u: %u", pid, visits.pid[i]);
}

#define BELOW(pid, ...)                                            \
	see_below(pid, COUNT(((const uint32_t[]){ __VA_ARGS__ })), \
		  (const uint32_t[]){ __VA_ARGS__ })

FamilyTest(family, each_below_goes_parents_first_and_nowhere_else)
{
	plant_example();
	BELOW(100, 101, 102, 103, 104, 105, 106);
	BELOW(101, 102, 103, 104);
	BELOW(102, 103);
	BELOW(105, 106);
	see_below(103, 0, NULL);
	see_below(106, 0, NULL);
}

FamilyTest(family, each_below_sees_the_spliced)
{
	plant_example();
	family__drop_proc(family, proc_of(101));
	cr_assert_eq(count_below(proc_of(100)), 5);
	BELOW(102, 103);
	family__drop_proc(family, proc_of(105));
	cr_assert_eq(count_below(proc_of(100)), 4);
}

/* What is below a process may be in inner trees, too. */
FamilyTest(family, each_below_crosses_trees)
{
	struct tree *outer = plant(100, NULL), *inner = plant(101, outer);

	enter(100, 0, outer);
	enter(101, 100, inner);
	enter(102, 101, inner);
	BELOW(100, 101, 102);
}

enum { MANY = 100000 };

FamilyTest(family, a_chain_of_a_hundred_thousand)
{
	struct tree *tree = plant(1, NULL);

	for (uint32_t pid = 1; pid <= MANY; pid++)
		cr_assert_not_null(enter(pid, pid - 1, tree));
	cr_assert_eq(family__procs(family), MANY);
	cr_assert_eq(count_below(proc_of(1)), MANY - 1);
	cr_assert_eq(count_below(proc_of(MANY / 2)), MANY / 2);
	/* from the middle outwards: every death splices */
	for (uint32_t pid = 2; pid < MANY; pid += 2)
		family__drop_proc(family, proc_of(pid));
	cr_assert_eq(count_below(proc_of(1)), MANY / 2);
	cr_assert_eq(above_of(MANY - 1), MANY - 3);
	cr_assert_eq(tree__members(tree), MANY / 2 + 1);
}

FamilyTest(family, a_hundred_thousand_siblings)
{
	struct tree *tree = plant(1, NULL);

	enter(1, 0, tree);
	for (uint32_t pid = 2; pid <= MANY; pid++)
		cr_assert_not_null(enter(pid, 1, tree));
	cr_assert_eq(count_below(proc_of(1)), MANY - 1);
	cr_assert_eq(count_each(tree), MANY);
	family__drop_proc(family, proc_of(1));
	cr_assert_eq(above_of(MANY), 0);
	cr_assert_eq(count_each(tree), MANY - 1);
	for (uint32_t pid = MANY; pid > 1; pid--)
		family__drop_proc(family, proc_of(pid));
	cr_assert_eq(family__procs(family), 0);
	cr_assert_eq(tree->count, 0);
}

FamilyTest(family, ten_thousand_trees)
{
	enum { TREES = 10000 };

	/* roots whose pids fall together in whatever table there is */
	for (uint32_t i = 1; i <= TREES; i++)
		enter(i * 256, 0, plant(i * 256, NULL));
	cr_assert_eq(family__trees(family), TREES);
	for (uint32_t i = 1; i <= TREES; i++) {
		struct tree *tree = family__tree(family, id_of(i * 256));

		cr_assert_not_null(tree);
		cr_assert_eq(tree->root.pid, i * 256);
		cr_assert_eq(tree->root_proc, proc_of(i * 256));
	}
	cr_assert_null(family__tree(family, (struct ident){ .pid = 256, .start = 1 }));
}

/* ---- nested trees */

FamilyTest(tree, keeps_what_it_is_given)
{
	struct tree_value value = {
		.id = 17,
		.flags = TREE_RULE,
		.owner = 1000,
		.since = 5,
		.policy = { .on = 3, .signal = 15, .grace = 9, .flags = TREE_ANY },
		.name = "python-jobs",
	};
	struct tree *tree = family__add_tree(family, id_of(100), &value, NULL);

	cr_assert_eq(family__tree_of_id(family, 17), tree);
	cr_assert_eq(family__tree(family, id_of(100)), tree);
	cr_assert_eq(family__first_tree(family), tree);
	cr_assert_eq(tree->flags, TREE_RULE);
	cr_assert_eq(tree->owner, 1000);
	cr_assert_eq(tree->since, 5);
	cr_assert_eq(memcmp(&tree->policy, &value.policy, sizeof(value.policy)), 0);
	cr_assert_str_eq(tree->name, "python-jobs");
	cr_assert_eq(tree->count, 0);
	cr_assert_null(tree->root_proc);
	cr_assert_null(tree->outer);
}

/* Two roots of one pid: the older tree may stand until its last member is gone. */
FamilyTest(tree, roots_of_one_pid_are_told_apart)
{
	struct tree_value value = { .id = 1 };
	struct ident late = { .pid = 100, .start = 999 };
	struct tree *old = plant(100, NULL);
	struct tree *new = family__add_tree(family, late, &value, NULL);

	cr_assert_eq(family__tree(family, id_of(100)), old);
	cr_assert_eq(family__tree(family, late), new);
	family__drop_tree(family, old, NULL, NULL);
	cr_assert_null(family__tree(family, id_of(100)));
	cr_assert_eq(family__tree(family, late), new);
}

/* 1 holds 2 and 3, 2 holds 4, 4 holds 5; each has its root and one more. */
static struct tree *trees[6];

static void plant_nested(void)
{
	static const uint32_t outer[] = { [2] = 1, [3] = 1, [4] = 2, [5] = 4 };

	for (uint32_t id = 1; id <= 5; id++) {
		trees[id] = plant(id, id > 1 ? trees[outer[id]] : NULL);
		enter(id, id > 1 ? outer[id] : 0, trees[id]);
		enter(id + 10, id, trees[id]);
	}
}

FamilyTest(tree, within_is_at_any_depth)
{
	plant_nested();
	cr_assert(tree__is_within(trees[5], trees[1]));
	cr_assert(tree__is_within(trees[5], trees[2]));
	cr_assert(tree__is_within(trees[5], trees[5]));
	cr_assert_not(tree__is_within(trees[5], trees[3]));
	cr_assert_not(tree__is_within(trees[1], trees[5]));
	cr_assert_not(tree__is_within(trees[3], trees[2]));
	cr_assert_not(tree__is_within(NULL, trees[1]));
}

FamilyTest(tree, members_are_those_of_the_inner_ones_too)
{
	static const uint32_t members[] = { [1] = 10, [2] = 6, [3] = 2, [4] = 4, [5] = 2 };

	plant_nested();
	for (uint32_t id = 1; id <= 5; id++) {
		cr_expect_eq(tree__members(trees[id]), members[id], "%u", id);
		cr_expect_eq(count_each(trees[id]), members[id], "%u", id);
		cr_expect_eq(trees[id]->count, 2, "%u", id);
	}
}

FamilyTest(tree, the_walk_is_outer_first_and_comes_to_each_once)
{
	unsigned seen = 0;

	plant_nested();
	for (struct tree *tree = trees[1]; tree; tree = tree__next(tree, trees[1])) {
		cr_assert_not(seen & (1U << tree->id));
		cr_assert(!tree->outer || seen & (1U << tree->outer->id));
		seen |= 1U << tree->id;
	}
	cr_assert_eq(seen, 0x3e);
	/* and stays within its start, however many stand beside it */
	cr_assert_eq(tree__next(trees[2], trees[2]), trees[4]);
	cr_assert_eq(tree__next(trees[4], trees[2]), trees[5]);
	cr_assert_null(tree__next(trees[5], trees[2]));
	cr_assert_null(tree__next(trees[3], trees[3]));
}

FamilyTest(tree, can_be_put_elsewhere)
{
	plant_nested();
	tree__nest(trees[4], trees[3]);
	cr_assert_eq(tree__members(trees[2]), 2);
	cr_assert_eq(tree__members(trees[3]), 6);
	cr_assert(tree__is_within(trees[5], trees[3]));
	tree__nest(trees[4], NULL);
	cr_assert_eq(tree__members(trees[3]), 2);
	cr_assert_eq(tree__members(trees[1]), 6);
	cr_assert_null(trees[4]->outer);
	tree__nest(trees[4], trees[3]);
	tree__nest(trees[4], trees[3]); /* where it is */
	cr_assert_eq(tree__members(trees[1]), 10);
}

FamilyTest(tree, a_process_can_be_moved)
{
	struct tree *from = plant(100, NULL), *to = plant(101, from);
	struct proc *root = enter(100, 0, from), *proc = enter(101, 100, from);

	enter(102, 101, from);
	cr_assert_null(to->root_proc);
	family__move_proc(proc, to);
	cr_assert_eq(proc->tree, to);
	cr_assert_eq(to->root_proc, proc);
	cr_assert(ident__equal(to->root_parent, root->id));
	cr_assert_eq(from->count, 2);
	cr_assert_eq(to->count, 1);
	cr_assert_eq(proc->above, root, "it is below whom it was");
	cr_assert_eq(proc_of(102)->tree, from, "its children stay behind");
	family__move_proc(proc, to); /* where it is */
	cr_assert_eq(to->count, 1);
	family__move_proc(proc, from);
	cr_assert_null(to->root_proc);
	cr_assert_eq(from->root_proc, root);
	cr_assert_eq(from->count, 3);
}

FamilyTest(tree, an_inner_one_that_is_dropped_leaves_all_to_the_outer)
{
	plant_nested();
	family__drop_tree(family, trees[2], visit, NULL); /* nobody is let go */
	cr_assert_eq(family__trees(family), 4);
	cr_assert_eq(proc_of(2)->tree, trees[1]);
	cr_assert_eq(proc_of(12)->tree, trees[1]);
	cr_assert_eq(trees[4]->outer, trees[1]);
	cr_assert_eq(tree__members(trees[1]), 10);
	cr_assert_eq(trees[1]->count, 4);
	cr_assert_eq(trees[1]->root_proc, proc_of(1), "not the root of the one that is gone");
	cr_assert_null(family__tree(family, id_of(2)));
	cr_assert_null(family__tree_of_id(family, 2));
}

FamilyTest(tree, an_outermost_one_that_is_dropped_lets_its_own_go)
{
	struct visits visits = {};

	plant_nested();
	family__drop_tree(family, trees[1], visit, &visits);
	cr_assert_eq(visits.n, 2);
	cr_assert(has(&visits, 1) && has(&visits, 11));
	cr_assert_null(proc_of(1));
	cr_assert_null(trees[2]->outer);
	cr_assert_null(trees[3]->outer);
	cr_assert_eq(tree__members(trees[2]), 6);
	cr_assert_eq(above_of(2), 0);
	cr_assert_eq(family__procs(family), 8);
	family__drop_tree(family, trees[3], NULL, NULL);
	cr_assert_eq(family__procs(family), 6);
	cr_assert_eq(family__trees(family), 3);
}

FamilyTest(tree, a_thousand_deep)
{
	enum { DEEP = 1000 };
	struct tree *tree = NULL, *top = NULL;

	for (uint32_t id = 1; id <= DEEP; id++) {
		tree = plant(id, tree);
		top = top ? top : tree;
		enter(id, id - 1, tree);
	}
	cr_assert(tree__is_within(tree, top));
	cr_assert_eq(tree__members(top), DEEP);
	cr_assert_eq(count_each(top), DEEP);
	for (uint32_t id = 2; id < DEEP; id++)
		family__drop_tree(family, family__tree_of_id(family, id), NULL, NULL);
	cr_assert_eq(tree->outer, top);
	cr_assert_eq(top->count, DEEP - 1);
}

FamilyTest(tree, a_thousand_wide)
{
	enum { WIDE = 1000 };
	struct tree *top = plant(1, NULL);

	for (uint32_t id = 2; id <= WIDE; id++)
		enter(id, 0, plant(id, top));
	cr_assert_eq(tree__members(top), WIDE - 1);
	family__drop_tree(family, top, NULL, NULL);
	cr_assert_eq(family__trees(family), WIDE - 1);
	cr_assert_eq(family__procs(family), WIDE - 1);
}

/* ---- scope */

FamilyTest(tree, scope_any_counts_over_all_that_it_is_within)
{
	uint16_t flags = 0xff, on = 0xff;

	plant_nested();
	trees[1]->policy = (struct policy){ .on = 1 << CAUSE_KILL, .flags = TREE_ANY };
	trees[2]->policy = (struct policy){ .on = 1 << CAUSE_EXIT };
	trees[4]->policy = (struct policy){ .on = 1 << CAUSE_ERROR, .flags = TREE_ANY };
	tree__scope(trees[5], &flags, &on);
	cr_assert_eq(flags, MEMBER_ANY);
	cr_assert_eq(on, 1 << CAUSE_KILL | 1 << CAUSE_ERROR);
	tree__scope(trees[2], &flags, &on);
	cr_assert_eq(on, 1 << CAUSE_KILL);
	trees[1]->policy.flags = 0;
	tree__scope(trees[2], &flags, &on);
	cr_assert_eq(flags, 0);
	cr_assert_eq(on, 0);
	tree__scope(NULL, &flags, &on);
	cr_assert_eq(flags, 0);
}

Test(family, none_is_freed_as_well)
{
	family__free(NULL);
}
