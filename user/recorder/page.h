/* SPDX-License-Identifier: GPL-2.0 */
/* page.h - the live page's files, which lie in the program itself. */
#ifndef ORPHAND_PAGE_H
#define ORPHAND_PAGE_H

#include <stddef.h>

#define PAGE_ETAG_LEN 20

/* What a browser may do with any of them: its own files and this feed, no markup out of a string. */
#define PAGE_POLICY                                                                         \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "         \
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " \
	"require-trusted-types-for 'script'; trusted-types 'none'"

struct page_file {
	const char *path; /* of the request */
	const char *type;
	const char *bytes;
	const char *end;
};

/* NULL: there is no such file. */
const struct page_file *page__find(const char *path);

/* With its quotes; another one when the file is another. */
void page__etag(const struct page_file *page, char etag[PAGE_ETAG_LEN]);

#endif
