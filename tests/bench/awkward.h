/* SPDX-License-Identifier: GPL-2.0 */
/* awkward.h - the families that every way is tried on. */
#ifndef BENCH_AWKWARD_H
#define BENCH_AWKWARD_H

#include "job.h"

#define AWKWARD 9

extern const struct awkward awkward[AWKWARD];

#endif
