// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What is printed: docs/bench.md explains it. */
#include <stdio.h>
#include <string.h>

#include "tests/bench/bench.h"

#define RATIO_FROM_NS 5

static const char *spread_text(const struct bench_spread *s, char *buf, size_t size)
{
	snprintf(buf, size, "%.1f..%.1f", s->min, s->max);
	return buf;
}

/* A ratio to next to nothing says nothing. */
static bool has_ratio(const struct bench_result *r)
{
	return r->ns.median - r->diff_ns.median >= RATIO_FROM_NS;
}

static bool has_target(const struct bench_row *row)
{
	return row->ref && (row->diff_max_ns || row->ratio_max);
}

static bool is_met(const struct bench_result *r)
{
	return (!r->row.diff_max_ns || r->diff_ns.median <= r->row.diff_max_ns) &&
	       (!r->row.ratio_max || r->ratio.median <= r->row.ratio_max);
}

static void print_target(const struct bench_result *r)
{
	if (!has_target(&r->row))
		return;
	printf("  ");
	if (r->row.diff_max_ns)
		printf("<= +%g ns ", r->row.diff_max_ns);
	if (r->row.ratio_max)
		printf("<= %gx ", r->row.ratio_max);
	printf(is_met(r) ? "met" : "MISSED");
}

static void print_row(const struct bench_result *r)
{
	const struct bench_traffic *t = r->row.traffic;
	char ns[32], diff[32];

	if (r->skipped) {
		printf("%-31s skipped: %s\n", r->name, r->skipped);
		return;
	}
	printf("%-31s %6s%c %7u %7.1f %-14s", r->name, t->name, t->still ? '=' : ' ', t->flows,
	       r->ns.median, spread_text(&r->ns, ns, sizeof(ns)));
	if (r->row.ref)
		printf(" %-28s %+7.1f %-14s", r->row.ref, r->diff_ns.median,
		       spread_text(&r->diff_ns, diff, sizeof(diff)));
	if (r->row.ref && has_ratio(r))
		printf(" %6.2f", r->ratio.median);
	else if (r->row.ref)
		printf("       ");
	print_target(r);
	printf("\n");
}

static void print_json(const struct bench_result *r)
{
	const struct bench_traffic *t = r->row.traffic;

	if (r->skipped) {
		printf("{\"row\":\"%s\",\"skipped\":\"%s\"}\n", r->name, r->skipped);
		return;
	}
	printf("{\"row\":\"%s\",\"traffic\":\"%s\",\"flows\":%u,\"still\":%s,", r->name, t->name,
	       t->flows, t->still ? "true" : "false");
	printf("\"ns\":%.2f,\"ns_min\":%.2f,\"ns_max\":%.2f", r->ns.median, r->ns.min, r->ns.max);
	if (r->row.ref) {
		printf(",\"ref\":\"%s\",\"diff_ns\":%.2f,\"diff_ns_min\":%.2f,\"diff_ns_max\":%.2f",
		       r->row.ref, r->diff_ns.median, r->diff_ns.min, r->diff_ns.max);
	}
	if (r->row.ref && has_ratio(r))
		printf(",\"ratio\":%.3f", r->ratio.median);
	if (has_target(&r->row))
		printf(",\"target_diff_ns\":%g,\"target_ratio\":%g,\"met\":%s", r->row.diff_max_ns,
		       r->row.ratio_max, is_met(r) ? "true" : "false");
	printf("}\n");
}

static bool is_figure_met(const struct bench_figure *f)
{
	return (!f->min || f->value.median >= f->min) && (!f->max || f->value.median <= f->max);
}

static void print_figure(const struct bench_figure *f)
{
	char values[32];

	printf("%-40s %9.2f %-6s %-20s", f->name, f->value.median, f->unit,
	       spread_text(&f->value, values, sizeof(values)));
	if (f->min)
		printf("  >= %g %s", f->min, is_figure_met(f) ? "met" : "MISSED");
	if (f->max)
		printf("  <= %g %s", f->max, is_figure_met(f) ? "met" : "MISSED");
	printf("\n");
}

static void print_figure_json(const struct bench_figure *f)
{
	printf("{\"figure\":\"%s\",\"unit\":\"%s\",\"value\":%.3f,\"min\":%.3f,\"max\":%.3f",
	       f->name, f->unit, f->value.median, f->value.min, f->value.max);
	if (f->min)
		printf(",\"target_min\":%g", f->min);
	if (f->max)
		printf(",\"target_max\":%g", f->max);
	if (f->min || f->max)
		printf(",\"met\":%s", is_figure_met(f) ? "true" : "false");
	printf("}\n");
}

void bench_print(const struct bench *b, bool json)
{
	size_t i;

	if (!json && b->rows)
		printf("%-31s %-7s %7s %7s %-14s %-28s %7s %-14s %6s  %s\n", "row", "frames",
		       "flows", "ns", "min..max", "beside", "diff ns", "min..max", "ratio",
		       "target");
	for (i = 0; i < b->rows; i++)
		(json ? print_json : print_row)(&b->result[i]);
	if (!json && b->figures)
		printf("%s%-40s %9s %-6s %-20s  %s\n", b->rows ? "\n" : "", "figure", "median", "",
		       "min..max", "target");
	for (i = 0; i < b->figures; i++)
		(json ? print_figure_json : print_figure)(&b->figure[i]);
}
