// SPDX-License-Identifier: GPL-2.0
#include <signal.h>

#include "base/log.h"
#include "guard/brake.h"
#include "guard/reflex.h"
#include "model/policy.h"
#include "model/rules.h"

void reflex__arm(struct guard *guard)
{
	kernel__arm_reflex(guard->kernel, !guard->config.observe && !brake__is_open(guard),
			   guard->config.incidents_per_minute);
}

/* Of a rule that is no more nobody knows whether it had one. Whom a spare list leaves alone can't
 * be told in the kernel. */
static bool may(const struct tree *tree)
{
	if (tree->flags & (TREE_PROVISIONAL | TREE_SPARES) || tree->policy.signal != SIGKILL)
		return false;
	return tree->flags & TREE_RULE ? tree->rule && tree->rule->reflex : true;
}

void reflex__put(struct guard *guard, const struct tree *tree)
{
	struct reflex reflex = { .owner = tree->owner, .limit = brake__limit(guard, tree) };

	if (!kernel__has_reflex(guard->kernel))
		return;
	for (int kind = 0; may(tree) && kind < CAUSE_KINDS; kind++) {
		if (policy__wants(tree->policy.on, (enum cause_kind)kind))
			reflex.wants |= (uint16_t)(1U << kind);
	}
	if (kernel__put_reflex(guard->kernel, tree->root, &reflex))
		log_debug("tree %u has no reflex: the daemon ends its survivors", tree->id);
}

void reflex__put_all(struct guard *guard)
{
	struct tree *tree;

	for (tree = family__first_tree(guard->family); tree; tree = LIST_NEXT(tree, all))
		reflex__put(guard, tree);
}
