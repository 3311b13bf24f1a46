// SPDX-License-Identifier: GPL-2.0
/* dot.c - the tree for graphviz. Only what is between quotes came from elsewhere, and it can't end
 * them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/own.h"
#include "model/incident.h"
#include "report/report_parts.h"
#include "report/words.h"

struct graph {
	const struct report *report;
	FILE *to;
	FILE *text; /* the same, for what stands between quotes */
};

static void put_node(const struct graph *graph, uint32_t at)
{
	const struct report *report = graph->report;
	const struct relative *member = &report->members[at];

	fprintf(graph->to, "\tm%" PRIu32 " [color=\"%s\", label=\"", at,
		looks[relative__look(member)].light);
	if (member->count == 1)
		fprintf(graph->to, "%" PRIu32 " ", member->who.pid);
	report__program(report, graph->text, at, member->count);
	fprintf(graph->to, "\\n%s", relative__fate(member));
	report__course(report, graph->text, member);
	fputs("\", tooltip=\"", graph->to);
	print__command(graph->text, member->image);
	fprintf(graph->to, "\"%s];\n", member->count > 1 ? ", peripheries=2" : "");
}

static void enter(void *data, const struct forest *forest, const struct node *node)
{
	const struct graph *graph = data;
	const uint32_t *lines = graph->report->lines;
	uint32_t at = lines[node - forest->nodes];

	put_node(graph, at);
	if (node->above != FOREST_NONE)
		fprintf(graph->to, "\tm%" PRIu32 " -> m%" PRIu32 ";\n", lines[node->above], at);
}

int report__write_dot(const struct report *report, FILE *to)
{
	autofclose FILE *text = escape__dot(to);
	struct graph graph = { report, to, text };

	if (!text)
		return -ENOMEM;
	fputs("digraph incident {\n\tgraph [rankdir=LR, labelloc=t, fontname=\"sans-serif\", label=\"",
	      to);
	fputs("incident ", to);
	print__field(text, report->incident.id);
	fprintf(to, ": %s\\n",
		report->incident.open ? "open" : incident_outcome__name(report->incident.outcome));
	report__cause(report, text);
	if (report->hidden)
		fprintf(to, "\\n%" PRIu32 " members further down are not drawn", report->hidden);
	fputs("\"];\n\tnode [shape=box, style=rounded, penwidth=2, fontname=\"sans-serif\", "
	      "fontsize=11];\n\tedge [arrowsize=0.6];\n",
	      to);
	forest__walk(&report->folded, enter, NULL, &graph);
	fputs("}\n", to);
	return 0;
}
