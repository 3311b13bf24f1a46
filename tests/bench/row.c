// SPDX-License-Identifier: GPL-2.0
/* row.c - a result as people read it, and as machines do. */
#include <stdio.h>

#include "bench.h"

void bench__row_head(void)
{
	printf("%-6s %6s %6s  %-13s %9s %9s %9s  %6s %6s %6s\n", "shape", "size", "rounds",
	       "method", "median", "min", "max", "ratio", "min", "max");
}

static void print_row(const struct row *row)
{
	printf("%-6s %6u ", row->shape, row->size);
	if (row->note) {
		printf("%6s  %-13s  %s\n", "-", row->method, row->note);
		return;
	}
	printf("%6u  %-13s %9.3f %9.3f %9.3f", row->rounds, row->method, row->value.median,
	       row->value.min, row->value.max);
	if (row->has_ratio)
		printf("  %6.2f %6.2f %6.2f", row->ratio.median, row->ratio.min, row->ratio.max);
	putchar('\n');
}

static void write_spread(FILE *file, const struct spread *spread, bool known)
{
	if (known)
		fprintf(file, "\t%.6g\t%.6g\t%.6g", spread->median, spread->min, spread->max);
	else
		fputs("\t\t\t", file);
}

/* The first line of a new file names the columns. */
static void write_row(FILE *file, const struct row *row)
{
	if (ftell(file) == 0)
		fputs("benchmark\tshape\tsize\tmethod\trounds\tmedian\tmin\tmax\t"
		      "ratio_median\tratio_min\tratio_max\tnote\n",
		      file);
	fprintf(file, "%s\t%s\t%u\t%s\t%u", row->benchmark, row->shape, row->size, row->method,
		row->rounds);
	write_spread(file, &row->value, !row->note);
	write_spread(file, &row->ratio, !row->note && row->has_ratio);
	fprintf(file, "\t%s\n", row->note ? row->note : "");
	fflush(file);
}

void bench__row(const struct settings *settings, const struct row *row)
{
	print_row(row);
	if (settings->tsv)
		write_row(settings->tsv, row);
}
