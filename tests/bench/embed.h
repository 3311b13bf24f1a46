/* SPDX-License-Identifier: GPL-2.0 */
/* embed.h - a script as a part of the program. */
#ifndef BENCH_EMBED_H
#define BENCH_EMBED_H

/* The assembler takes the file in, from where make runs. */
/* NOLINTBEGIN(bugprone-macro-parentheses): names are put together, nothing is computed */
#define EMBED(name, file)                                                                      \
	__asm__(".pushsection .rodata\n" #name ": .incbin \"tests/bench/" file "\"\n.byte 0\n" \
		".popsection\n");                                                              \
	extern const char name[]
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
