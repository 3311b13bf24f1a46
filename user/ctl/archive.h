/* SPDX-License-Identifier: GPL-2.0 */
/* archive.h - questions to a store's file, answered as the daemon would. */
#ifndef ORPHAND_CTL_ARCHIVE_H
#define ORPHAND_CTL_ARCHIVE_H

#include "ctl/client.h"

/* CONTROL_EVENTS or CONTROL_INCIDENTS. What is not EXIT_DONE has been complained about. */
enum exit_status archive__ask(struct ctl *ctl, const struct control_query *query, client_row_fn *fn,
			      void *data);

#endif
