/* SPDX-License-Identifier: GPL-2.0 */
/* past.h - a tree as it stood at some time, made up from the events until then. */
#ifndef ORPHAND_CTL_PAST_H
#define ORPHAND_CTL_PAST_H

#include "ctl/client.h"

/*
 * Of the tree that --at and the operand name: a TREE row, of which only what events tell is filled
 * in (policy.on is 0), then its members' PROC rows, parents first, as the daemon would answer
 * CONTROL_TREE. Members that lived already when their tree was watched by hand are there from their
 * first exec or child on. No TREE row: there was no such tree. What is not EXIT_DONE has been
 * complained about.
 */
enum exit_status past__tree(struct ctl *ctl, client_row_fn *fn, void *data);

#endif
