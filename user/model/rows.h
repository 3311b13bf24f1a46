/* SPDX-License-Identifier: GPL-2.0 */
/* rows.h - whether a record of the control protocol is one. */
#ifndef ORPHAND_ROWS_H
#define ORPHAND_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include <orphand/control.h>

/* Room for any record, aligned for its widest member. */
union row {
	struct control_head head;
	struct control_end end;
	struct control_host host;
	struct control_tree_row tree;
	struct control_proc_row proc;
	struct control_event_row event;
	struct control_incident_row incident;
	struct control_survivor_row survivor;
	struct control_death_row death;
	struct control_counter_row counter;
	struct control_metric_row metric;
	struct control_histogram_row histogram;
	struct control_finding_row finding;
	struct control_note note;
};

/* An answer's record of so many bytes: its type's size, and the strings in it end. */
bool row__is_well_formed(const struct control_head *head, size_t size);

#endif
