/* SPDX-License-Identifier: GPL-2.0 */
/* own.h - who frees what: cleanup attributes, and STEAL() to hand a thing on. */
#ifndef ORPHAND_OWN_H
#define ORPHAND_OWN_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void own__free(void *p)
{
	free(*(void **)p);
}

static inline void own__close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void own__fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void own__closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define autofree __attribute__((cleanup(own__free)))
#define autoclose __attribute__((cleanup(own__close)))
#define autofclose __attribute__((cleanup(own__fclose)))
#define autoclosedir __attribute__((cleanup(own__closedir)))

/* The pointer or descriptor, whose holder keeps none. */
#define STEAL(p)                    \
	({                          \
		typeof(p) p_ = (p); \
		(p) = NULL;         \
		p_;                 \
	})
#define STEAL_FD(fd)            \
	({                      \
		int fd_ = (fd); \
		(fd) = -1;      \
		fd_;            \
	})

#endif
