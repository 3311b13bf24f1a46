// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "ctl/past.h"
#include "model/image.h"
#include "report/forest.h"

/* Of an event, what a family is made up from. */
struct trace {
	uint64_t at;
	uint64_t seq;
	uint32_t type;
	uint32_t tree;
	struct ident who;
	struct ident parent;
	struct image *image; /* of an exec, or a root; else NULL */
};

struct traces {
	struct trace *all;
	size_t count;
	size_t room;
};

/* When a tree was first watched. */
struct beginning {
	struct trace trace;
	char name[NAME_LEN];
	bool taken; /* its events are among the traces */
};

/* What the forest's nodes carry as their text: it is the forest's to free. */
struct relative {
	struct ident who, parent;
	struct image *image; /* a trace's own */
	uint32_t tree;
	bool dead;
};

struct past {
	struct ctl *ctl;
	struct beginning *beginnings; /* of all trees */
	size_t count;
	size_t room;
	struct beginning *tree; /* the one that is asked for */
	struct traces traces;
	struct forest known; /* who is in the traces */
	struct forest family;
	uint32_t found;		  /* a tree, by a member's pid */
	struct control_host host; /* whose events they are */
};

static void clear_past(struct past *past)
{
	for (size_t i = 0; i < past->traces.count; i++)
		image__put(past->traces.all[i].image);
	for (size_t i = 0; i < past->count; i++)
		image__put(past->beginnings[i].trace.image);
	free(past->traces.all);
	free(past->beginnings);
	forest__clear(&past->known);
	forest__clear(&past->family);
}

/* Room for one more, as arrays grow; NULL without memory. */
static void *grow(void **array, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room ? *room * 2 : 64;
	void *more;

	if (count < *room)
		return (char *)*array + count * size;
	more = reallocarray(*array, wanted, size);
	if (!more)
		return NULL;
	*array = more;
	*room = wanted;
	return (char *)more + count * size;
}

static struct image *image_of(const struct control_image *image)
{
	return image__new(NULL, image->uid, image->gid, image->comm, image->exe, image->args,
			  image->args_len, image->cgroup);
}

static struct trace trace_of(const struct control_event_row *row)
{
	bool named = row->type == EVENT_PROCESS_EXECUTED || row->type == EVENT_TREE_TRACKED;

	return (struct trace){
		.at = row->at,
		.seq = row->seq,
		.type = row->type,
		.tree = row->tree,
		.who = row->who,
		.parent = row->parent,
		.image = named ? image_of(&row->image) : NULL,
	};
}

/* ---- asking */

static enum exit_status ask(struct past *past, struct control_query query, client_row_fn *fn)
{
	struct control_end end;

	query.head = (struct control_head){ CONTROL_VERSION, CONTROL_EVENTS, sizeof(query) };
	query.until = past->ctl->options.at;
	return client__ask_once(past->ctl, &query, fn, past, &end);
}

static enum verdict take_beginning(void *data, const struct control_head *head)
{
	const struct control_event_row *row = (const struct control_event_row *)head;
	struct past *past = data;
	struct beginning *one;

	if (head->type != CONTROL_EVENT_ROW)
		return ROW_STRANGE;
	one = grow((void **)&past->beginnings, past->count, &past->room, sizeof(*one));
	if (!one)
		return ROW_NO_MEMORY;
	*one = (struct beginning){ .trace = trace_of(row) };
	text__copy(one->name, sizeof(one->name), row->name);
	past->count++;
	past->host = past->ctl->context.host;
	return ROW_TAKEN;
}

static enum verdict take_trace(void *data, const struct control_head *head)
{
	const struct control_event_row *row = (const struct control_event_row *)head;
	struct past *past = data;
	struct traces *traces = &past->traces;
	struct trace *trace;

	if (head->type != CONTROL_EVENT_ROW)
		return ROW_STRANGE;
	/* A tree of that number on another boot, or of another daemon's pins. */
	if (row->at < past->tree->trace.at ||
	    strcmp(past->ctl->context.host.boot_id, past->host.boot_id) != 0)
		return ROW_TAKEN;
	trace = grow((void **)&traces->all, traces->count, &traces->room, sizeof(*trace));
	if (!trace)
		return ROW_NO_MEMORY;
	*trace = trace_of(row);
	traces->count++;
	if (forest__find(&past->known, &row->who) ||
	    forest__add(&past->known, &row->who, &(struct ident){}, NULL))
		return ROW_TAKEN;
	return ROW_NO_MEMORY;
}

static enum verdict take_member(void *data, const struct control_head *head)
{
	const struct control_event_row *row = (const struct control_event_row *)head;
	struct past *past = data;

	if (head->type != CONTROL_EVENT_ROW)
		return ROW_STRANGE;
	past->found = row->tree;
	return ROW_TAKEN;
}

/* The newest of that number: they are told from the oldest on. */
static struct beginning *beginning_of(const struct past *past, uint32_t tree)
{
	for (size_t i = past->count; i > 0; i--) {
		if (past->beginnings[i - 1].trace.tree == tree)
			return &past->beginnings[i - 1];
	}
	return NULL;
}

static enum exit_status find_tree(struct past *past)
{
	const struct control_query beginnings = { .types = 1U << EVENT_TREE_TRACKED };
	const struct control_query member = { .pid = past->ctl->options.number,
					      .types = 1U << EVENT_TREE_TRACKED |
						       1U << EVENT_PROCESS_FORKED |
						       1U << EVENT_PROCESS_EXECUTED };
	enum exit_status status = ask(past, beginnings, take_beginning);

	if (status != EXIT_DONE)
		return status;
	past->tree = beginning_of(past, past->ctl->options.number);
	if (past->tree)
		return EXIT_DONE;
	status = ask(past, member, take_member);
	if (status == EXIT_DONE && past->found)
		past->tree = beginning_of(past, past->found);
	return status;
}

static enum exit_status take_tree(struct past *past, struct beginning *beginning)
{
	const struct control_query query = { .tree = beginning->trace.tree };

	beginning->taken = true;
	return ask(past, query, take_trace);
}

/* A tree whose root is one of the family lies inside, and its events tell of more of the family. */
static enum exit_status take_inner(struct past *past)
{
	enum exit_status status = EXIT_DONE;
	bool more = true;

	while (more && status == EXIT_DONE) {
		more = false;
		for (size_t i = 0; i < past->count && status == EXIT_DONE; i++) {
			struct beginning *one = &past->beginnings[i];

			if (one->taken || one->trace.at < past->tree->trace.at ||
			    !forest__find(&past->known, &one->trace.who))
				continue;
			status = take_tree(past, one);
			more = true;
		}
	}
	return status;
}

/* ---- replaying */

static int by_time(const void *a, const void *b)
{
	const struct trace *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static struct relative *relative_of(const struct past *past, struct ident who)
{
	const struct node *node = forest__find(&past->family, &who);

	return node ? (struct relative *)node->text : NULL;
}

/* The one, entered if it is new; NULL without memory. */
static struct relative *enter(struct past *past, const struct trace *trace)
{
	const struct relative *parent = relative_of(past, trace->parent);
	struct relative *relative = relative_of(past, trace->who);

	if (relative)
		return relative;
	relative = calloc(1, sizeof(*relative));
	if (!relative)
		return NULL;
	*relative = (struct relative){
		.who = trace->who,
		.parent = trace->parent,
		.image = parent ? parent->image : NULL,
	};
	return forest__add(&past->family, &trace->who, &trace->parent, (char *)relative) ? relative
											 : NULL;
}

static int replay_one(struct past *past, const struct trace *trace)
{
	struct relative *relative;

	switch (trace->type) {
	case EVENT_TREE_TRACKED:
	case EVENT_PROCESS_FORKED:
	case EVENT_PROCESS_EXECUTED:
		relative = enter(past, trace);
		if (!relative)
			return -ENOMEM;
		relative->tree = trace->tree;
		if (trace->image)
			relative->image = trace->image;
		return 0;
	case EVENT_PROCESS_EXITED:
	case EVENT_ROOT_DIED:
		relative = relative_of(past, trace->who);
		if (relative)
			relative->dead = true;
		return 0;
	default:
		return 0;
	}
}

static int replay(struct past *past)
{
	int err = 0;

	qsort(past->traces.all, past->traces.count, sizeof(*past->traces.all), by_time);
	for (size_t i = 0; !err && i < past->traces.count; i++)
		err = replay_one(past, &past->traces.all[i]);
	return err;
}

/* ---- telling */

struct telling {
	client_row_fn *fn;
	void *data;
	enum verdict verdict;
};

static bool is_dead(const struct forest *forest, uint32_t node)
{
	return ((const struct relative *)forest->nodes[node].text)->dead;
}

static void tell_member(void *data, const struct forest *forest, const struct node *node)
{
	const struct relative *relative = (const struct relative *)node->text;
	struct telling *telling = data;
	struct control_proc_row row = {
		.head = { CONTROL_VERSION, CONTROL_PROC_ROW, sizeof(row) },
		.who = relative->who,
		.parent = relative->parent,
		.tree = relative->tree,
	};
	uint32_t above = node->above;

	if (relative->dead || telling->verdict != ROW_TAKEN)
		return;
	while (above != FOREST_NONE && is_dead(forest, above))
		above = forest->nodes[above].above;
	if (above != FOREST_NONE)
		row.above = forest->nodes[above].who;
	image__fill(relative->image, &row.image);
	telling->verdict = telling->fn(telling->data, &row.head);
}

static enum verdict tell(const struct past *past, client_row_fn *fn, void *data)
{
	const struct trace *begun = &past->tree->trace;
	const struct relative *root = relative_of(past, begun->who);
	struct telling telling = { fn, data, ROW_TAKEN };
	struct control_tree_row row = {
		.head = { CONTROL_VERSION, CONTROL_TREE_ROW, sizeof(row) },
		.id = begun->tree,
		.root_alive = root && !root->dead,
		.since = begun->at,
		.root = begun->who,
	};

	for (uint32_t i = 0; i < past->family.count; i++)
		row.members += !is_dead(&past->family, i);
	text__copy(row.name, sizeof(row.name), past->tree->name);
	image__fill(root ? root->image : begun->image, &row.image);
	telling.verdict = fn(data, &row.head);
	forest__walk(&past->family, tell_member, NULL, &telling);
	return telling.verdict;
}

enum exit_status past__tree(struct ctl *ctl, client_row_fn *fn, void *data)
{
	__attribute__((cleanup(clear_past))) struct past past = { .ctl = ctl };
	enum exit_status status;

	forest__init(&past.known);
	forest__init(&past.family);
	status = find_tree(&past);
	if (status != EXIT_DONE || !past.tree)
		return status;
	status = take_tree(&past, past.tree);
	if (status == EXIT_DONE)
		status = take_inner(&past);
	if (status != EXIT_DONE)
		return status;
	ctl->context.host = past.host;
	if (replay(&past) || tell(&past, fn, data) != ROW_TAKEN) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
