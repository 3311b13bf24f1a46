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
	kernel__clear_prefixes(guard->kernel);
	rules__each_prefix(&guard->config.rules, put_prefix, guard);
	kernel__watch_execs(guard->kernel, guard->config.rules.count > 0);
}

void watch__decide(struct guard *guard, struct tree *tree)
{
	const struct rule *rule = NULL;

	if (tree->image && !strike__untouchable(guard, tree->root.pid))
		rule = rules__match(&guard->config.rules, tree->image);
	if (rule) {
		tracker__confirm(guard, tree, rule->name, &rule->policy);
		return;
	}
	kernel__forget_death(guard->kernel, tree->root);
	tracker__drop(guard, tree);
}

static void match_row(struct guard *guard, const struct task_row *row)
{
	struct track_request request = { .pid = row->who.pid, .flags = TREE_RULE };
	struct image *image;
	const struct rule *rule;
	char error[TEXT_LEN];
	struct tree *tree;

	if (row->flags & TASK_KERNEL || !(row->flags & TASK_ALIVE) ||
	    strike__untouchable(guard, row->who.pid) || family__tree(guard->family, row->who))
		return;
	image = procfs__image(row->who.pid, NULL);
	rule = image ? rules__match(&guard->config.rules, image) : NULL;
	image__put(image);
	if (!rule)
		return;
	request.name = rule->name;
	request.policy = rule->policy;
	if (tracker__track(guard, &request, &tree, error, sizeof(error)))
		log_debug("rule %s: %s", rule->name, error);
}

void watch__look_around(struct guard *guard)
{
	autofree struct task_row *rows = NULL;
	size_t count;

	if (!guard->config.rules.count)
		return;
	if (kernel__census(guard->kernel, 0, &rows, &count)) {
		log_error("can't look at what runs already");
		return;
	}
	for (size_t i = 0; i < count; i++)
		match_row(guard, &rows[i]);
}

void watch__reload(struct guard *guard)
{
	struct config config = config__default();
	char error[512];
	int err = config__read(&config, guard->config_path, error, sizeof(error));

	if (err && !(err == -ENOENT && !guard->config_named)) {
		log_error("%s; the rules stay as they were", error);
		config__free(&config);
		return;
	}
	rules__free(&guard->config.rules);
	guard->config.rules = config.rules;
	watch__begin(guard);
	watch__look_around(guard);
	log_info("reloaded: %zu rule%s; daemon and limits hold until the next start",
		 guard->config.rules.count, guard->config.rules.count == 1 ? "" : "s");
}
