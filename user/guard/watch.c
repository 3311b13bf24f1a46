// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "guard/ender.h"
#include "guard/procfs.h"
#include "guard/reflex.h"
#include "guard/strike.h"
#include "guard/tracker.h"
#include "guard/watch.h"
#include "model/rules.h"

static void put_prefix(void *context, const char *prefix, size_t len)
{
	struct guard *guard = context;

	if (kernel__put_prefix(guard->kernel, prefix, len))
		log_error("no room for the rules' paths: '%.*s' is matched only at a start",
			  (int)len, prefix);
}

void watch__begin(struct guard *guard)
{
	kernel__begin_prefixes(guard->kernel);
	rules__each_prefix(&guard->config.rules, put_prefix, guard);
	kernel__end_prefixes(guard->kernel);
	kernel__watch_execs(guard->kernel, guard->config.rules.count > 0);
}

/* ---- one process */

/* What its parent runs, NULL when nobody knows. The caller's reference. */
static struct image *image_of_parent(struct guard *guard, struct ident parent)
{
	const struct proc *proc = family__proc(guard->family, parent);
	struct image *image;

	if (!rules__ask_for_parents(&guard->config.rules))
		return NULL;
	if (proc)
		return image__ref(proc->image);
	image = procfs__image(&guard->config.redact, parent.pid, NULL);
	if (image && procfs__is(parent))
		return image;
	image__put(image);
	return NULL;
}

/* The rule that it comes under, NULL: none; and why. */
static struct rule *rule_of(struct guard *guard, const struct image *image, struct ident parent,
			    char why[MATCHED_LEN])
{
	struct image *above = image_of_parent(guard, parent);
	struct rule *rule = rules__match(&guard->config.rules, image, above);

	if (rule)
		rule__why(rule, image, above, why, MATCHED_LEN);
	image__put(above);
	return rule;
}

void watch__decide(struct guard *guard, struct tree *tree, bool newest)
{
	struct rule *rule = NULL;
	char why[MATCHED_LEN];

	if (tree->image && !strike__untouchable(guard, tree->root.pid))
		rule = rule_of(guard, tree->image, tree->root_parent, why);
	if (rule) {
		tracker__confirm(guard, tree, rule, why);
		return;
	}
	if (!newest)
		return;
	kernel__forget_death(guard->kernel, tree->root);
	tracker__drop(guard, tree);
}

void watch__bind(struct guard *guard, struct tree *tree)
{
	struct rule *rule = tree->flags & TREE_RULE && !(tree->flags & TREE_PROVISIONAL)
				    ? rules__find(&guard->config.rules, tree->name)
				    : NULL;

	if (rule && rule != tree->rule)
		tracker__rebind(guard, tree, rule);
}

/* ---- what runs already */

static struct image *image_of(struct guard *guard, const struct task_row *row)
{
	const struct proc *proc = family__proc(guard->family, row->who);

	return proc && proc->image ? image__ref(proc->image)
				   : procfs__image(&guard->config.redact, row->who.pid, NULL);
}

/* Who comes under no rule. Forks share their image: most of a large family is answered by the one
 * before. */
struct look {
	struct image *unmatched; /* a reference */
};

static bool was_answered(const struct look *look, const struct image *image,
			 const struct rules *rules)
{
	return image && image == look->unmatched && !rules__ask_for_parents(rules);
}

static void match_row(struct guard *guard, const struct task_row *row, struct look *look)
{
	struct track_request request = { .pid = row->who.pid };
	struct image *image;
	char error[TEXT_LEN], why[MATCHED_LEN];
	struct tree *tree;

	if (row->flags & TASK_KERNEL || !(row->flags & TASK_ALIVE) ||
	    strike__untouchable(guard, row->who.pid) || family__tree(guard->family, row->who))
		return;
	image = image_of(guard, row);
	if (image && !was_answered(look, image, &guard->config.rules))
		request.rule = rule_of(guard, image, row->parent, why);
	if (!request.rule) {
		image__put(look->unmatched);
		look->unmatched = image;
		return;
	}
	image__put(image);
	request.policy = request.rule->policy;
	request.why = why;
	if (tracker__track(guard, &request, &tree, error, sizeof(error)))
		log_debug("rule %s: %s", request.rule->name, error);
}

void watch__look_at(struct guard *guard, struct ident who)
{
	autofree struct task_row *row = NULL;
	struct look look = {};
	size_t count;

	if (kernel__census(guard->kernel, who.pid, &row, &count) == 0 &&
	    ident__equal(row->who, who))
		match_row(guard, row, &look);
	image__put(look.unmatched);
}

void watch__look_around(struct guard *guard)
{
	autofree struct task_row *rows = NULL;
	struct look look = {};
	size_t count;

	if (!guard->config.rules.count)
		return;
	if (kernel__census(guard->kernel, 0, &rows, &count)) {
		log_error("can't look at what runs already");
		return;
	}
	for (size_t i = 0; i < count; i++)
		match_row(guard, &rows[i], &look);
	image__put(look.unmatched);
}

/* ---- SIGHUP */

static void take_rules(struct guard *guard, struct rules *rules)
{
	struct rules before = guard->config.rules;
	struct tree *tree;

	guard->config.rules = *rules;
	for (tree = family__first_tree(guard->family); tree; tree = LIST_NEXT(tree, all))
		watch__bind(guard, tree);
	rules__free(&before); /* but for those that trees still hold */
	watch__begin(guard);
	watch__look_around(guard);
}

/* Who runs already is shown by the new patterns, too. Forks share their image. */
static void take_redactor(struct guard *guard, const struct redactor *redactor)
{
	const struct image *done = NULL;
	struct tree *tree;
	struct proc *proc;

	redactor__free(&guard->config.redact);
	guard->config.redact = *redactor;
	for (tree = family__first_tree(guard->family); tree; tree = LIST_NEXT(tree, all)) {
		if (tree->image)
			image__redact(tree->image, redactor);
		TAILQ_FOREACH(proc, &tree->procs, in_tree) {
			if (proc->image && proc->image != done)
				image__redact(proc->image, redactor);
			done = proc->image;
		}
	}
}

void watch__reload(struct guard *guard)
{
	struct config config = config__default();
	char error[512];

	if (config__read(&config, guard->config_path, guard->config_named, error, sizeof(error))) {
		log_error("%s; the rules stay as they were", error);
		config__free(&config);
		return;
	}
	guard->config.survivors_per_incident = config.survivors_per_incident;
	guard->config.incidents_per_minute = config.incidents_per_minute;
	take_redactor(guard, &config.redact);
	take_rules(guard, &config.rules);
	reflex__arm(guard);
	reflex__put_all(guard);
	log_info("reloaded: %zu rule%s; daemon and limits hold until the next start",
		 guard->config.rules.count, guard->config.rules.count == 1 ? "" : "s");
}
