/* SPDX-License-Identifier: GPL-2.0 */
/* client.h - questions to the daemon. Every failure is told to the user here, in one line. */
#ifndef ORPHAND_CTL_CLIENT_H
#define ORPHAND_CTL_CLIENT_H

#include <stdbool.h>

#include <orphand/control.h>

#include "ctl/ctl.h"
#include "model/rows.h"

struct client {
	const char *path;
	int fd;
	bool patient; /* rows come whenever they do, until the reader of our output is gone */
};

/* A request's head; the rest is all zero. */
#define CONTROL_REQUEST(record, kind) \
	.head = { .version = CONTROL_VERSION, .type = (kind), .size = sizeof(struct record) }

/* What fn makes of a row. */
enum verdict {
	ROW_TAKEN = 0,
	ROW_LAST,    /* no need of any more */
	ROW_STRANGE, /* this command's answer has no such row here */
	ROW_NO_MEMORY,
};

/* The row is of its type's size, and the strings in it end. The HOST row is in ctl->context
 * already; notes are printed. Without fn any row is strange. */
typedef enum verdict client_row_fn(void *data, const struct control_head *row);

enum exit_status client__open(struct client *client, const char *path);
void client__close(struct client *client);

#define autoclient __attribute__((cleanup(client__close)))

/* The two halves of client__ask, for who waits for more than the daemon. */
enum exit_status client__send(const struct client *client, const void *request);

enum received {
	RECEIVED_RECORD = 0,
	RECEIVED_FAILURE,  /* complained about */
	RECEIVED_UNWANTED, /* nobody reads our output any more */
};

/* The next record, well-formed and of our version; waits for it. */
enum received client__receive(const struct client *client, union row *record);

/* Sends the request and waits for its END. What is not EXIT_DONE has been complained about. */
enum exit_status client__ask(struct client *client, struct ctl *ctl, const void *request,
			     client_row_fn *fn, void *data, struct control_end *end);

/* Opens, asks, closes. With --store it is the store that is asked. */
enum exit_status client__ask_once(struct ctl *ctl, const void *request, client_row_fn *fn,
				  void *data, struct control_end *end);

#endif
