/* SPDX-License-Identifier: GPL-2.0 */
/* hash.h - FNV-1a, 64 bits: to find who may be the same, no proof against anybody. */
#ifndef ORPHAND_HASH_H
#define ORPHAND_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_START 0xcbf29ce484222325ULL

static inline uint64_t hash__more(uint64_t hash, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * 0x100000001b3ULL;
	return hash;
}

static inline uint64_t hash__of(const void *bytes, size_t size)
{
	return hash__more(HASH_START, bytes, size);
}

#endif
