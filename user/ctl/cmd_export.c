// SPDX-License-Identifier: GPL-2.0
/* cmd_export.c - what happened as lines to send to somebody, and from such lines into a store. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "ctl/client.h"
#include "store/lines.h"

/* ---- export */

static enum exit_status export_store(const char *path, uint64_t since)
{
	struct lines lines = { .to = stdout };
	autostore struct store *store = NULL;
	char error[512];
	int err = store__open(&store, path, error, sizeof(error));

	if (err) {
		complain("%s", error);
		return EXIT_FAILED;
	}
	err = lines__write_store(&lines, store, since);
	if (!err)
		return EXIT_DONE;
	complain("%s: %s", path, err == -EBADMSG ? "the store is broken" : strerror(-err));
	return EXIT_FAILED;
}

struct exporter {
	struct ctl *ctl;
	struct lines lines;
};

static enum verdict take_row(void *data, const struct control_head *row)
{
	struct exporter *exporter = data;

	switch (lines__write_row(&exporter->lines, &exporter->ctl->context.host, row)) {
	case 0:
		return ROW_TAKEN;
	case -ENOMEM:
		return ROW_NO_MEMORY;
	default:
		return ROW_STRANGE;
	}
}

static enum exit_status export_daemon(struct ctl *ctl)
{
	static const enum control_type requests[] = { CONTROL_EVENTS, CONTROL_INCIDENTS };
	struct exporter exporter = { ctl, { .to = stdout } };
	enum exit_status status = EXIT_DONE;

	for (size_t i = 0; status == EXIT_DONE && i < 2; i++) {
		struct control_query query = { CONTROL_REQUEST(control_query,
							       (uint16_t)requests[i]),
					       .since = ctl->options.since };
		struct control_end end;

		status = client__ask_once(ctl, &query, take_row, &exporter, &end);
	}
	return status;
}

enum exit_status cmd__export(struct ctl *ctl)
{
	const struct options *options = &ctl->options;

	return options->store ? export_store(options->store, options->since) : export_daemon(ctl);
}

/* ---- import */

/* A new store that nothing came into is none. */
static void remove_store(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char name[4096];

	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
}

static enum exit_status import_from(FILE *from, const char *name, const char *path)
{
	struct store *store = NULL;
	struct stat st;
	bool is_new = stat(path, &st) != 0 && errno == ENOENT;
	char error[512];
	int err;

	umask(S_IRWXG | S_IRWXO);
	err = store__create(&store, path, error, sizeof(error));
	if (!err)
		err = lines__read(store, from, name, error, sizeof(error));
	store__close(store);
	if (!err)
		return EXIT_DONE;
	if (is_new)
		remove_store(path);
	complain("%s", error);
	return EXIT_FAILED;
}

enum exit_status cmd__import(struct ctl *ctl)
{
	const char *name = ctl->options.file;
	bool standard = strcmp(name, "-") == 0;
	autofclose FILE *file = standard ? NULL : fopen(name, "re");

	if (!standard && !file) {
		complain("%s: %s", name, strerror(errno));
		return EXIT_FAILED;
	}
	return import_from(standard ? stdin : file, standard ? "standard input" : name,
			   ctl->options.store);
}
