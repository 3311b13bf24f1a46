// SPDX-License-Identifier: GPL-2.0
/* cmd_trees.c - list and tree. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "ctl/client.h"
#include "ctl/past.h"
#include "report/forest.h"
#include "model/policy.h"

/* ---- list */

struct list {
	struct ctl *ctl;
	struct table table;
};

static void clear_list(struct list *list)
{
	table__clear(&list->table);
}

static void add_tree(struct list *list, const struct control_tree_row *row)
{
	const struct screen *screen = &list->ctl->screen;
	const struct control_host *host = &list->ctl->context.host;
	struct table *table = &list->table;

	fprintf(table__cell(table, COLOUR_STRONG), "%" PRIu32, row->id);
	print__field(table__cell(table, COLOUR_PLAIN), row->name);
	fprintf(table__cell(table, COLOUR_PLAIN), "%" PRIu32, row->root.pid);
	if (screen->terminal)
		print__span(table__cell(table, COLOUR_PLAIN), screen,
			    host->now > row->since ? host->now - row->since : 0);
	else
		print__time(table__cell(table, COLOUR_PLAIN), host, row->since);
	fprintf(table__cell(table, COLOUR_PLAIN), "%" PRIu32, row->members);
	fputs(row->root_alive ? "watched" : "root gone",
	      table__cell(table, row->root_alive ? COLOUR_GOOD : COLOUR_WARN));
	print__command(table__cell(table, COLOUR_PLAIN), &row->image);
}

static enum verdict take_tree(void *data, const struct control_head *head)
{
	const struct control_tree_row *row = (const struct control_tree_row *)head;
	struct list *list = data;

	if (head->type != CONTROL_TREE_ROW)
		return ROW_STRANGE;
	if (list->ctl->options.json)
		return print__json(json__tree(&list->ctl->context, row)) ? ROW_NO_MEMORY
									 : ROW_TAKEN;
	add_tree(list, row);
	return ROW_TAKEN;
}

enum exit_status cmd__list(struct ctl *ctl)
{
	const struct column columns[] = {
		{ "TREE", true },     { "RULE", false },
		{ "ROOT", true },     { ctl->screen.terminal ? "AGE" : "SINCE", true },
		{ "MEMBERS", true },  { "STATE", false },
		{ "COMMAND", false },
	};
	struct control_target target = { CONTROL_REQUEST(control_target, CONTROL_LIST) };
	__attribute__((cleanup(clear_list))) struct list list = { .ctl = ctl };
	struct control_end end;
	enum exit_status status;

	if (table__begin(&list.table, columns, sizeof(columns) / sizeof(*columns))) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	status = client__ask_once(ctl, &target, take_tree, &list, &end);
	if (status != EXIT_DONE || ctl->options.json)
		return status;
	if (table__print(&list.table, &ctl->screen) == 0)
		return EXIT_DONE;
	complain("out of memory");
	return EXIT_FAILED;
}

/* ---- tree */

/* Lines further in would be all bars, and so long that a deep chain could not be printed. */
#define DEEPEST_DRAWN 40

struct view {
	struct ctl *ctl;
	struct forest forest;
	struct control_tree_row tree;
	bool has_tree;
	/* while it is drawn: whether the node at each depth has a sibling to come */
	bool *more;
};

static void clear_view(struct view *view)
{
	forest__clear(&view->forest);
	free(view->more);
}

static void describe(FILE *to, struct ctl *ctl, const struct control_proc_row *row)
{
	const char *user = users__name(&ctl->users, row->image.uid);

	fprintf(to, "%s%" PRIu32 "%s ", colour__on(&ctl->screen, COLOUR_STRONG), row->who.pid,
		colour__off(&ctl->screen, COLOUR_STRONG));
	print__command(to, &row->image);
	fputs(colour__on(&ctl->screen, COLOUR_DIM), to);
	if (user)
		fprintf(to, " (%s)", user);
	else
		fprintf(to, " (%" PRIu32 ")", row->image.uid);
	fputs(colour__off(&ctl->screen, COLOUR_DIM), to);
	if (row->flags & MEMBER_SPARED)
		fputs(" [spared]", to);
	if (row->flags & MEMBER_DOOMED)
		fputs(" [doomed]", to);
}

static char *render_text(struct ctl *ctl, const struct control_proc_row *row)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	bool failed;

	if (!stream)
		return NULL;
	describe(stream, ctl, row);
	failed = ferror(stream);
	if (fclose(stream) || failed) {
		free(text);
		return NULL;
	}
	return text;
}

/* All of the object but its closing brace, which has to wait for the children. */
static char *render_json(struct json_object *object)
{
	char *text = NULL;
	size_t len;
	const char *whole;

	if (!object)
		return NULL;
	whole = json_object_to_json_string_length(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	if (whole && len)
		text = strndup(whole, len - 1);
	json_object_put(object);
	return text;
}

static enum verdict take_proc(struct view *view, const struct control_proc_row *row)
{
	struct ctl *ctl = view->ctl;
	char *text = ctl->options.json ? render_json(json__process(&ctl->context, row))
				       : render_text(ctl, row);
	struct node *node = text ? forest__add(&view->forest, &row->who, &row->above, text) : NULL;

	if (!node)
		return ROW_NO_MEMORY;
	node->tree = row->tree;
	return ROW_TAKEN;
}

static enum verdict take_view(void *data, const struct control_head *head)
{
	struct view *view = data;

	if (head->type == CONTROL_PROC_ROW && view->has_tree)
		return take_proc(view, (const struct control_proc_row *)head);
	if (head->type != CONTROL_TREE_ROW || view->has_tree)
		return ROW_STRANGE;
	view->tree = *(const struct control_tree_row *)head;
	view->has_tree = true;
	return ROW_TAKEN;
}

static void enter_json(void *data, const struct forest *forest, const struct node *node)
{
	uint32_t up = node->above;
	uint32_t eldest = up == FOREST_NONE ? forest->first : forest->nodes[up].first;

	(void)data;
	printf("%s%s,\"children\":[", node == &forest->nodes[eldest] ? "" : ",", node->text);
}

static void leave_json(void *data, const struct forest *forest, const struct node *node)
{
	(void)data;
	(void)forest;
	(void)node;
	fputs("]}", stdout);
}

static enum exit_status print_view_json(struct view *view)
{
	autofree char *text = render_json(json__tree(&view->ctl->context, &view->tree));

	if (!text) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	printf("%s,\"children\":[", text);
	forest__walk(&view->forest, enter_json, leave_json, NULL);
	fputs("]}\n", stdout);
	return EXIT_DONE;
}

static void enter_text(void *data, const struct forest *forest, const struct node *node)
{
	static const char *const lines[2][4] = {
		{ "   ", "|  ", "`- ", "|- " },
		{ "   ", "│  ", "└─ ", "├─ " },
	};
	struct view *view = data;
	const char *const *line = lines[view->ctl->screen.utf8];
	/* a root that is gone has its line above all, and everybody hangs under that */
	uint32_t from = view->tree.root_alive ? 1 : 0;
	uint32_t hidden = node->depth > DEEPEST_DRAWN ? node->depth - DEEPEST_DRAWN : 0;
	uint32_t around = node->above == FOREST_NONE ? view->tree.id
						     : forest->nodes[node->above].tree;

	view->more[node->depth] = node->next != FOREST_NONE;
	if (hidden)
		printf("(%" PRIu32 " above) ", hidden);
	for (uint32_t i = hidden ? hidden : from; i < node->depth; i++)
		fputs(line[view->more[i]], stdout);
	if (node->depth >= from)
		fputs(line[2 + view->more[node->depth]], stdout);
	fputs(node->text, stdout);
	if (node->tree && node->tree != around)
		printf(" [tree %" PRIu32 "]", node->tree);
	fputc('\n', stdout);
}

static void print_policy(const struct policy *policy)
{
	char on[64], grace[32];

	policy__format_on(policy->on, on, sizeof(on));
	printf("on %s, scope %s, %s", on, policy->flags & TREE_ANY ? "any" : "root",
	       signal__name(policy->signal));
	clock__format_duration(policy->grace, grace, sizeof(grace));
	if (policy->grace && policy->signal != SIGKILL)
		printf(" and after %s SIGKILL", grace);
}

static void print_view_head(struct view *view)
{
	const struct control_tree_row *tree = &view->tree;
	const struct screen *screen = &view->ctl->screen;

	printf("%stree %" PRIu32 "%s", colour__on(screen, COLOUR_STRONG), tree->id,
	       colour__off(screen, COLOUR_STRONG));
	if (*tree->name) {
		fputc(' ', stdout);
		print__field(stdout, tree->name);
	}
	printf(", %" PRIu32 " %s, since ", tree->members,
	       tree->members == 1 ? "member" : "members");
	print__when(stdout, screen, &view->ctl->context.host, tree->since);
	if (tree->outer)
		printf(", within tree %" PRIu32, tree->outer);
	if (tree->policy.on) { /* it is not known of the past */
		fputs(": ", stdout);
		print_policy(&tree->policy);
	}
	fputc('\n', stdout);
	if (*tree->why) {
		fputs("matched by ", stdout);
		print__field(stdout, tree->why);
		fputc('\n', stdout);
	}
	if (tree->root_alive)
		return;
	printf("%s%" PRIu32 " ", colour__on(screen, COLOUR_DIM), tree->root.pid);
	print__command(stdout, &tree->image);
	printf(" (gone)%s\n", colour__off(screen, COLOUR_DIM));
}

static enum exit_status print_view(struct view *view)
{
	uint32_t deepest = 0;

	if (view->ctl->options.json)
		return print_view_json(view);
	for (uint32_t i = 0; i < view->forest.count; i++) {
		if (view->forest.nodes[i].depth > deepest)
			deepest = view->forest.nodes[i].depth;
	}
	view->more = calloc(deepest + 1UL, sizeof(*view->more));
	if (!view->more) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	print_view_head(view);
	forest__walk(&view->forest, enter_text, NULL, view);
	return EXIT_DONE;
}

enum exit_status cmd__tree(struct ctl *ctl)
{
	struct control_target target = {
		CONTROL_REQUEST(control_target, CONTROL_TREE),
		.pid = ctl->options.number,
		.tree = ctl->options.number,
	};
	__attribute__((cleanup(clear_view))) struct view view = { .ctl = ctl };
	struct control_end end;
	enum exit_status status;

	forest__init(&view.forest);
	status = ctl->options.at ? past__tree(ctl, take_view, &view)
				 : client__ask_once(ctl, &target, take_view, &view, &end);
	if (status != EXIT_DONE)
		return status;
	if (view.has_tree)
		return print_view(&view);
	if (ctl->options.at)
		complain("no tree and no watched process %" PRIu32
			 " is known of that time; a store that reaches further back is asked with "
			 "--store FILE",
			 ctl->options.number);
	else
		complain("no tree and no watched process %" PRIu32 "; see orphanctl list",
			 ctl->options.number);
	return EXIT_FAILED;
}
