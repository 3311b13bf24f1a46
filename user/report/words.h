/* SPDX-License-Identifier: GPL-2.0 */
/* words.h - pieces of text for people. What came from elsewhere is never written raw. */
#ifndef ORPHAND_WORDS_H
#define ORPHAND_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <orphand/control.h>

/* Of one character in valid UTF-8 (see json__utf8). */
uint32_t words__code_point(const char *character, size_t width);

/* Whether it tells whoever shows it what to do: a control character, one that turns the direction
 * of the text around it, or one that no text may hold. */
bool words__is_order(uint32_t code);

/* Such characters and what is no UTF-8 come out as \n or \x1b. */
void print__safe(FILE *to, const char *bytes, size_t len);
#define print__field(to, field) print__safe(to, field, strnlen(field, sizeof(field)))

/* The same of a text of several lines, whose ends stay. */
void print__lines(FILE *to, const char *text);

/* The arguments, quoted where a shell would want it; without any the file's or thread's name. */
void print__command(FILE *to, const struct control_image *image);

/* The same, cut to at most so many bytes, for the caller to free; NULL when memory is short. */
char *words__command(const struct control_image *image, size_t len);

/* "SIGKILL, core dumped", "exit status 3"; exit_code as wait(2) tells it. */
void print__end(FILE *to, uint32_t exit_code);

/* RFC 3339. */
void print__time(FILE *to, const struct control_host *host, uint64_t at);

#endif
