// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "recorder/page.h"

/* The assembler takes the file in, from where make runs. */
/* NOLINTBEGIN(bugprone-macro-parentheses): names are put together, nothing is computed */
#define EMBED(name, file)                                                                          \
	__asm__(".pushsection .rodata\n" #name ": .incbin \"user/recorder/page/" file "\"\n" #name \
		"_end: .byte 0\n.popsection\n");                                                   \
	extern const char name[], name##_end[]
/* NOLINTEND(bugprone-macro-parentheses) */

EMBED(page_html, "page.html");
EMBED(page_css, "page.css");
EMBED(page_js, "page.js");
EMBED(feed_js, "feed.js");
EMBED(incident_js, "incident.js");
EMBED(text_js, "text.js");
EMBED(icon_svg, "icon.svg");

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define JS "text/javascript; charset=utf-8"

static const struct page_file pages[] = {
	{ "/", HTML, page_html, page_html_end },
	{ "/page.css", CSS, page_css, page_css_end },
	{ "/page.js", JS, page_js, page_js_end },
	{ "/feed.js", JS, feed_js, feed_js_end },
	{ "/incident.js", JS, incident_js, incident_js_end },
	{ "/text.js", JS, text_js, text_js_end },
	{ "/icon.svg", "image/svg+xml", icon_svg, icon_svg_end },
};

const struct page_file *page__find(const char *path)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		if (strcmp(pages[i].path, path) == 0)
			return &pages[i];
	}
	return NULL;
}

void page__etag(const struct page_file *page, char etag[PAGE_ETAG_LEN])
{
	snprintf(etag, PAGE_ETAG_LEN, "\"%016" PRIx64 "\"",
		 hash__of(page->bytes, (size_t)(page->end - page->bytes)));
}
