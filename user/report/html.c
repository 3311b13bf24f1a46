// SPDX-License-Identifier: GPL-2.0
/*
 * html.c - one incident as one page, which needs nothing else: no script, no network. It is
 * well-formed XML too. What came from elsewhere goes through page->text and can't be markup.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <json-c/json.h>

#include "base/own.h"
#include "model/incident.h"
#include "model/place.h"
#include "report/report_parts.h"
#include "report/words.h"

/* The table of moments is open where it is short. */
#define OPEN_MOMENTS 40

struct page {
	const struct report *report;
	FILE *to;
	FILE *text;
};

static const char *open_if(bool open)
{
	return open ? " open=\"open\"" : "";
}

/* ---- head */

static void put_style(FILE *to)
{
	fputs("<style>\n"
	      ":root{color-scheme:light dark;--ink:#1f2937;--dim:#57606e;--line:#d5dae1;--back:#f3f5f8;"
	      "--card:#fff;--strong:#111827}\n"
	      "*{box-sizing:border-box}\n"
	      "body{margin:0;background:var(--back);color:var(--ink);"
	      "font:15px/1.5 ui-sans-serif,system-ui,sans-serif;overflow-wrap:anywhere}\n"
	      "main{max-width:72rem;margin:0 auto;padding:1.5rem 1rem}\n"
	      "code,pre,.at,.pid{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;"
	      "font-size:.9em}\n"
	      "h1{font-size:1.35rem;margin:0;color:var(--strong);display:flex;flex-wrap:wrap;"
	      "gap:.2rem .7rem;align-items:baseline}\n"
	      "h2{font-size:1rem;margin:0 0 .8rem;color:var(--strong)}\n"
	      ".story{margin:.6rem 0 0;max-width:60rem}\n"
	      ".badge{font-size:.85rem;font-weight:600;padding:.05rem .6rem;border-radius:1rem;"
	      "border:1.5px solid currentColor}\n"
	      "section,header{background:var(--card);border:1px solid var(--line);border-radius:.6rem;"
	      "padding:1.1rem 1.2rem;margin:0 0 1rem}\n"
	      ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));"
	      "gap:.6rem;margin:1rem 0 0;padding:0;list-style:none}\n"
	      ".tiles li{border:1px solid var(--line);border-radius:.5rem;padding:.5rem .8rem}\n"
	      ".tiles b{display:block;font-size:1.3rem;line-height:1.3;color:var(--strong)}\n"
	      ".dim,.course,dt,footer,th{color:var(--dim)}\n"
	      "dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.2rem;margin:0}\n"
	      "dd{margin:0;min-width:0}\n"
	      "ul.tree,.tree ul{list-style:none;margin:0;padding:0}\n"
	      ".tree ul{padding-left:1.1rem;margin-left:.3rem;border-left:1px solid var(--line)}\n"
	      ".tree .leaf{padding-left:1.05rem}.tree li{margin:.15rem 0}\n"
	      "summary{cursor:pointer}\n"
	      "summary:focus-visible{outline:2px solid #3b82f6;outline-offset:2px}\n"
	      ".tree svg{vertical-align:-1px;margin-right:.15rem}\n"
	      ".pid,.fate{font-weight:600}.course{font-size:.9em}\n"
	      ".pids{margin:.2rem 0 .4rem 1.05rem;color:var(--dim);max-height:14rem;overflow:auto}\n"
	      ".chart svg.tl{width:100%;display:block}\n"
	      "table{border-collapse:collapse;width:100%;margin-top:.6rem;font-size:.93em}\n"
	      "th{text-align:left;font-weight:500}\n"
	      "td,th{padding:.15rem .8rem .15rem 0;vertical-align:top;"
	      "border-bottom:1px solid var(--line)}\n"
	      "td.at{white-space:nowrap}td.who{min-width:7rem}\n"
	      "tr.death td{font-weight:600;color:var(--strong)}\n"
	      "pre{margin:.6rem 0 0;white-space:pre-wrap;font-size:.8rem}\n"
	      "footer{font-size:.85rem;padding:0 .2rem}\n"
	      "@media (max-width:600px){main{padding:.5rem}section,header{padding:.8rem}"
	      "dl{grid-template-columns:max-content 1fr;gap:.25rem .7rem}"
	      ".tree ul{padding-left:.55rem;margin-left:.2rem}"
	      "thead{display:none}tr{display:block;padding:.25rem 0;"
	      "border-bottom:1px solid var(--line)}td{display:inline;border:0;padding:0 .5rem 0 0}"
	      "td:last-child{display:block}}\n",
	      to);
	for (size_t i = 0; i < LOOKS; i++)
		fprintf(to, ".%s{color:%s}", looks[i].name, looks[i].light);
	fputs("\n.cleared{color:#0f766e}.braked{color:#a34a00}\n"
	      "@media screen and (prefers-color-scheme:dark){\n"
	      ":root{--ink:#d6dde8;--dim:#a3b1c4;--line:#303845;--back:#0c0f14;--card:#14181f;"
	      "--strong:#f5f7fa}\n",
	      to);
	for (size_t i = 0; i < LOOKS; i++)
		fprintf(to, ".%s{color:%s}", looks[i].name, looks[i].dark);
	fputs("\n.cleared{color:#2dd4bf}.braked{color:#fbbf24}}\n"
	      "@media print{body{background:#fff;font-size:10pt}main{max-width:none;padding:0}"
	      "section,header{border:0;padding:0;margin:0 0 1.2rem}.screen{display:none}"
	      ".tree li,tr,.tiles li{break-inside:avoid}.pids{max-height:none}"
	      "details.paper::details-content{content-visibility:visible}"
	      "summary{list-style:none}h2{break-after:avoid}}\n"
	      "</style>\n",
	      to);
}

static const char *outcome_of(const struct report *report)
{
	return report->incident.open ? "open" : incident_outcome__name(report->incident.outcome);
}

static void put_head(const struct page *page)
{
	const struct report *report = page->report;

	fputs("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
	      "<meta charset=\"utf-8\"/>\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	      "<meta http-equiv=\"Content-Security-Policy\" "
	      "content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
	      "<meta name=\"referrer\" content=\"no-referrer\"/>\n<title>Incident ",
	      page->to);
	print__field(page->text, report->incident.id);
	fprintf(page->to, ": %s</title>\n", outcome_of(report));
	put_style(page->to);
	fputs("</head>\n<body>\n<main>\n", page->to);
}

/* ---- summary */

static void put_tile(const struct page *page, const char *label, uint64_t ns)
{
	if (!ns)
		return;
	fputs("<li><b>", page->to);
	report__span(page->report, page->text, ns);
	fprintf(page->to, "</b>%s</li>\n", label);
}

static void put_fates(const struct page *page)
{
	const struct report *report = page->report;
	uint32_t counts[LOOKS] = {};

	for (uint32_t i = 1; i <= report->count; i++)
		counts[relative__look(&report->members[i])]++;
	for (size_t i = 0; i < SURVIVOR_OUTCOMES; i++) {
		if (!counts[i])
			continue;
		fprintf(page->to, "<li><b class=\"%s\">", looks[i].name);
		report__number(page->to, counts[i]);
		fprintf(page->to, "</b>%s</li>\n", looks[i].name);
	}
}

static void put_summary(const struct page *page)
{
	const struct report *report = page->report;
	const struct control_incident_row *row = &report->incident;

	fputs("<header>\n<h1><span>Incident <code>", page->to);
	print__field(page->text, row->id);
	fprintf(page->to, "</code></span><span class=\"badge %s\">%s</span></h1>\n",
		row->open ? "pending" : outcome_of(report), outcome_of(report));
	fputs("<p class=\"story\"><code>", page->to);
	print__command(page->text, &row->image);
	fprintf(page->to, "</code>, pid %" PRIu32 ", ", row->who.pid);
	report__cause(report, page->text);
	fputs(".</p>\n<ul class=\"tiles\">\n<li><b>", page->to);
	report__number(page->to, report->count);
	fprintf(page->to, "</b>survivor%s</li>\n", report->count == 1 ? "" : "s");
	put_fates(page);
	put_tile(page, "from the death to the last first signal", row->reaction_ns);
	put_tile(page, "from the death to the last end", row->clear_ns);
	fputs("</ul>\n</header>\n", page->to);
}

static void put_term(const struct page *page, const char *name)
{
	fprintf(page->to, "<dt>%s</dt><dd>", name);
}

static void put_text(const struct page *page, const char *name, const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	if (!len)
		return;
	put_term(page, name);
	print__safe(page->text, text, len);
	fputs("</dd>\n", page->to);
}

#define put_field(page, name, field) put_text(page, name, field, sizeof(field))

static void put_time(const struct page *page, const char *name, uint64_t at)
{
	if (!at)
		return;
	put_term(page, name);
	print__time(page->to, &page->report->context.host, at);
	fputs("</dd>\n", page->to);
}

static void put_place(const struct page *page)
{
	struct place place = place__of_image(&page->report->incident.image);

	put_field(page, "cgroup", page->report->incident.image.cgroup);
	put_field(page, "unit", place.unit);
	put_field(page, "pod", place.pod);
	put_field(page, "container", place.container);
	if (*place.runtime)
		put_text(page, "runtime", place.runtime, strlen(place.runtime));
}

static void put_details(const struct page *page)
{
	const struct report *report = page->report;
	const struct control_incident_row *row = &report->incident;

	fputs("<section>\n<h2>The root</h2>\n<dl>\n", page->to);
	put_field(page, "host", report->context.host.name);
	put_field(page, "rule", row->rule);
	put_term(page, "tree");
	fprintf(page->to, "%" PRIu32 "</dd>\n", row->tree);
	put_term(page, "command");
	fputs("<code>", page->to);
	print__command(page->text, &row->image);
	fputs("</code></dd>\n", page->to);
	put_field(page, "exe", row->image.exe);
	put_term(page, "pid");
	fprintf(page->to, "%" PRIu32 ", parent %" PRIu32, row->who.pid, row->parent.pid);
	if (row->vpid && row->vpid != row->who.pid)
		fprintf(page->to, ", pid %" PRIu32 " in PID namespace %" PRIu32, row->vpid,
			row->pid_ns);
	fputs("</dd>\n", page->to);
	put_term(page, "user");
	report__user(report, page->text, row->image.uid);
	fputs("</dd>\n", page->to);
	put_place(page);
	put_time(page, "started", row->who.start);
	put_time(page, "died", row->died);
	put_term(page, "cause");
	report__cause(report, page->text);
	fputs("</dd>\n", page->to);
	put_time(page, "closed", row->open ? 0 : row->closed);
	put_term(page, "outcome");
	fprintf(page->to, "%s%s%s%s</dd>\n</dl>\n</section>\n",
		incident_outcome__name(row->outcome), row->open ? " so far" : "",
		row->observed ? ", observed only" : "",
		row->reconstructed ? ", reconstructed: the death happened while no daemon ran"
				   : "");
}

/* ---- the tree */

static void put_pids(const struct page *page, const struct relative *member)
{
	const struct report *report = page->report;

	fputs("<p class=\"pids\">", page->to);
	for (;; member = &report->members[member->alike]) {
		fprintf(page->to, "%" PRIu32 " ", member->who.pid);
		if (member->alike == FOREST_NONE)
			break;
	}
	fputs("</p>\n", page->to);
}

static void put_line(const struct page *page, uint32_t at, uint32_t too_deep)
{
	const struct report *report = page->report;
	const struct relative *member = &report->members[at];
	const char *look = looks[relative__look(member)].name;

	if (too_deep)
		fprintf(page->to, "<span class=\"dim\">(%" PRIu32 " above)</span> ", too_deep);
	fprintf(page->to,
		"<svg class=\"tl\" width=\"13\" height=\"12\"><use href=\"#tl-%s\" class=\"%s\" "
		"x=\"6.5\" y=\"6\"/></svg> ",
		look, look);
	if (member->count > 1) {
		fputs("<b>", page->to);
		report__program(report, page->text, at, member->count);
		fputs("</b>", page->to);
	} else {
		fprintf(page->to, "<span class=\"pid\">%" PRIu32 "</span> <code>", member->who.pid);
		print__command(page->text, member->image);
		fputs("</code>", page->to);
	}
	fprintf(page->to, " <span class=\"fate %s\">%s</span><span class=\"course\">", look,
		relative__fate(member));
	report__course(report, page->text, member);
	fputs("</span>", page->to);
}

/* Browsers go only so deep. */
static bool is_nested(const struct node *node)
{
	return node->first != FOREST_NONE && node->depth < REPORT_DEEPEST;
}

static void enter(void *data, const struct forest *forest, const struct node *node)
{
	const struct page *page = data;
	uint32_t at = page->report->lines[node - forest->nodes];
	const struct relative *member = &page->report->members[at];
	bool nested = is_nested(node), folded = member->count > 1;

	fputs("<li>", page->to);
	if (nested || folded)
		fprintf(page->to, "<details%s><summary>", open_if(nested));
	else
		fputs("<div class=\"leaf\">", page->to);
	put_line(page, at, node->depth > REPORT_DEEPEST ? node->depth - REPORT_DEEPEST : 0);
	fputs(nested || folded ? "</summary>\n" : "</div>", page->to);
	if (folded)
		put_pids(page, member);
	if (nested)
		fputs("<ul>\n", page->to);
	else
		fputs(folded ? "</details></li>\n" : "</li>\n", page->to);
}

static void leave(void *data, const struct forest *forest, const struct node *node)
{
	const struct page *page = data;

	(void)forest;
	if (is_nested(node))
		fputs("</ul></details></li>\n", page->to);
}

static void put_stuck(const struct page *page)
{
	const struct report *report = page->report;

	for (uint32_t i = 0; i < report->count; i++) {
		const struct control_survivor_row *row = &report->survivors[i];

		if (row->outcome != SURVIVOR_STUCK)
			continue;
		fprintf(page->to, "<p><b class=\"stuck\">%" PRIu32 " would not die</b>, state ",
			row->who.pid);
		print__field(page->text, row->state);
		fputs("</p>\n", page->to);
		if (!*row->stack)
			continue;
		fputs("<pre>", page->to);
		print__lines(page->text, row->stack);
		fputs("</pre>\n", page->to);
	}
}

static void put_tree(const struct page *page)
{
	const struct report *report = page->report;

	fputs("<section>\n<h2>The family as it stood at the death</h2>\n<ul class=\"tree\">\n",
	      page->to);
	forest__walk(&report->folded, enter, leave, (void *)page);
	fputs("</ul>\n", page->to);
	if (report->hidden) {
		fputs("<p class=\"dim\">", page->to);
		report__number(page->to, report->hidden);
		fputs(" further down are not drawn: the raw JSON has all.</p>\n", page->to);
	}
	put_stuck(page);
	fputs("</section>\n", page->to);
}

/* ---- the timeline */

static void put_moment(const struct page *page, const struct moment *moment)
{
	const struct report *report = page->report;
	const struct relative *member = &report->members[moment->member];

	fprintf(page->to, "<tr%s><td class=\"at\">",
		moment->kind == MOMENT_DIED ? " class=\"death\"" : "");
	report__offset(report, page->to, moment->at);
	if (moment->until != moment->at) {
		fputs(" to ", page->to);
		report__offset(report, page->to, moment->until);
	}
	fputs("</td><td class=\"who\">", page->to);
	if (moment->kind != MOMENT_OPENED && moment->kind != MOMENT_CLOSED) {
		if (moment->count == 1)
			fprintf(page->to, "<span class=\"pid\">%" PRIu32 "</span> ",
				member->who.pid);
		report__program(report, page->text, moment->member, moment->count);
	}
	fputs("</td><td>", page->to);
	report__moment(report, page->text, moment);
	fputs("</td></tr>\n", page->to);
}

static void put_moments(const struct page *page)
{
	const struct report *report = page->report;
	const struct moments *told = &report->told;

	fprintf(page->to, "<details class=\"paper\"%s><summary>",
		open_if(told->count <= OPEN_MOMENTS));
	report__number(page->to, report->moments.count);
	fputs(" moments", page->to);
	if (told->count < report->moments.count) {
		fputs(" in ", page->to);
		report__number(page->to, told->count);
		fputs(" lines", page->to);
	}
	fputs(", from the death</summary>\n<table>\n"
	      "<thead><tr><th>when</th><th>who</th><th>what</th></tr></thead>\n<tbody>\n",
	      page->to);
	for (uint32_t i = 0; i < told->count; i++) {
		if (report->untold && i == told->count / 2)
			fprintf(page->to,
				"<tr><td colspan=\"3\" class=\"dim\">%" PRIu32
				" lines in between are left out</td></tr>\n",
				report->untold);
		put_moment(page, &told->all[i]);
	}
	fputs("</tbody>\n</table>\n</details>\n", page->to);
}

static int put_timeline(const struct page *page)
{
	int err;

	fputs("<section>\n<h2>Timeline</h2>\n<div class=\"chart\">\n", page->to);
	err = report__write_svg(page->report, page->to);
	fputs("</div>\n", page->to);
	put_moments(page);
	fputs("</section>\n", page->to);
	return err;
}

/* ---- the raw JSON */

/* Inside a string, where alone they can be, orders are told by their numbers. */
static void put_json_text(const struct page *page, const char *text, size_t len)
{
	size_t from = 0, width;

	for (size_t i = 0; i < len; i += width) {
		uint32_t code;

		width = json__utf8(text + i, len - i);
		width = width ? width : 1;
		code = words__code_point(text + i, width);
		if (!words__is_order(code))
			continue;
		fwrite(text + from, 1, i - from, page->text);
		fprintf(page->to, "\\u%04" PRIx32, code);
		from = i + width;
	}
	fwrite(text + from, 1, len - from, page->text);
}

static int put_value(const struct page *page, struct json_object *value)
{
	size_t len = 0;
	const char *text = json_object_to_json_string_length(
		value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

	if (!text)
		return -ENOMEM;
	put_json_text(page, text, len);
	return 0;
}

/* A line an element. */
static int put_array(const struct page *page, struct json_object *array)
{
	size_t count = json_object_array_length(array);
	int err = 0;

	fputc('[', page->to);
	for (size_t i = 0; !err && i < count; i++) {
		fputs(i ? ",\n  " : "\n  ", page->to);
		err = put_value(page, json_object_array_get_idx(array, i));
	}
	fputc(']', page->to);
	return err;
}

/* A line a key. */
static int put_object(const struct page *page, struct json_object *object)
{
	const char *separator = "{\n ";
	struct json_object_iterator at = json_object_iter_begin(object);
	struct json_object_iterator end = json_object_iter_end(object);
	int err = 0;

	for (; !err && !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		struct json_object *value = json_object_iter_peek_value(&at);

		fputs(separator, page->to);
		fprintf(page->text, "\"%s\": ", json_object_iter_peek_name(&at));
		err = json_object_is_type(value, json_type_array) ? put_array(page, value)
								  : put_value(page, value);
		separator = ",\n ";
	}
	fputs("\n}\n", page->to);
	return err;
}

static int put_json(const struct page *page)
{
	struct json_object *incident = report__json(page->report);
	int err;

	if (!incident)
		return -ENOMEM;
	fputs("<section class=\"screen\">\n<details><summary>Raw JSON</summary>\n<pre>", page->to);
	err = put_object(page, incident);
	fputs("</pre>\n</details>\n</section>\n", page->to);
	json_object_put(incident);
	return err;
}

static void put_foot(const struct page *page)
{
	const struct control_host *host = &page->report->context.host;

	fputs("<footer>orphand ", page->to);
	print__field(page->text, host->version);
	fputs(" on ", page->to);
	print__field(page->text, host->name);
	fputs(", boot ", page->to);
	print__field(page->text, host->boot_id);
	fputs("</footer>\n</main>\n</body>\n</html>\n", page->to);
}

int report__write_html(const struct report *report, FILE *to)
{
	autofclose FILE *text = escape__xml(to);
	struct page page = { report, to, text };
	int err;

	if (!text)
		return -ENOMEM;
	put_head(&page);
	put_summary(&page);
	put_details(&page);
	put_tree(&page);
	err = put_timeline(&page);
	if (!err)
		err = put_json(&page);
	put_foot(&page);
	return err;
}
