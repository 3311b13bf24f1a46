// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "ctl/archive.h"
#include "store/store.h"

struct listener {
	struct ctl *ctl;
	client_row_fn *fn;
	void *data;
	enum verdict verdict;
};

static int take(void *context, const struct control_head *row)
{
	struct listener *listener = context;

	if (row->type == CONTROL_HOST_ROW) {
		memcpy(&listener->ctl->context.host, row, sizeof(struct control_host));
		return 0;
	}
	listener->verdict = listener->fn(listener->data, row);
	return listener->verdict != ROW_TAKEN || ferror(stdout);
}

static int ask(struct store *store, const struct control_query *query, struct listener *listener)
{
	switch (query->head.type) {
	case CONTROL_EVENTS:
		return store__events(store, query, take, listener);
	case CONTROL_WHY:
		return store__why(store, query, take, listener);
	default:
		return store__incidents(store, query, take, listener);
	}
}

enum exit_status archive__ask(struct ctl *ctl, const struct control_query *query, client_row_fn *fn,
			      void *data)
{
	struct listener listener = { ctl, fn, data, ROW_TAKEN };
	const char *path = ctl->options.store;
	autostore struct store *store = NULL;
	char error[512];
	int err = store__open(&store, path, error, sizeof(error));

	if (err) {
		complain("%s", error);
		return EXIT_FAILED;
	}
	err = ask(store, query, &listener);
	if (err < 0) {
		complain("%s: %s", path, err == -EBADMSG ? "the store is broken" : strerror(-err));
		return EXIT_FAILED;
	}
	if (listener.verdict == ROW_NO_MEMORY) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	if (listener.verdict == ROW_STRANGE) {
		complain("%s: rows that make no sense together; it is broken", path);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
