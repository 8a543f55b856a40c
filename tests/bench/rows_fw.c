// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The firewall: rules, many sources, limits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include "tests/bench/fw.h"

#define FILTER	     "xdp-filter, all features"
#define LOADS	     3
#define MANY	     4096
#define MANY_MAX     1.5 /* times the same with 64 rules */
#define SOURCES_1K   1000
#define SOURCES_100K 100000

/**
 * struct rules_row - a mix of rules, and the benchmark's frames
 * @flows: 0: one, left as it is; else sources from everywhere
 */
struct rules_row {
	const char *name;
	struct fw_mix mix;
	__u32 flows;
	const char *ref;
	double ratio_max;
};

static const struct rules_row rules_rows[] = {
	{ "fw, no rules", { 4, 0, true }, 0, FILTER, 0 },
	{ "fw, 1 rule, drop", { 4, 1, false }, 0, FILTER, 0 },
	{ "fw, 1 rule, no match", { 4, 1, true }, 0, FILTER, 0 },
	{ "fw, 64 rules, drop", { 4, 64, false }, 0, FILTER, 1 },
	{ "fw, 64 rules, no match", { 4, 64, true }, 0, FILTER, 0 },
	{ "fw, 4096 rules, drop", { 4, MANY, false }, 0, "fw, 64 rules, drop", MANY_MAX },
	{ "fw, 4096 rules, no match", { 4, MANY, true }, 0, "fw, 64 rules, no match", MANY_MAX },
	{ "fw, 64 rules, IPv6, drop", { 6, 64, false }, 0, NULL, 0 },
	{ "fw, 64 rules, IPv6, no match", { 6, 64, true }, 0, NULL, 0 },
	{ "fw, 4096 rules, IPv6, drop",
	  { 6, MANY, false },
	  0,
	  "fw, 64 rules, IPv6, drop",
	  MANY_MAX },
	{ "fw, 4096 rules, IPv6, no match",
	  { 6, MANY, true },
	  0,
	  "fw, 64 rules, IPv6, no match",
	  MANY_MAX },
	{ "fw, 64 rules, 1 k sources", { 4, 64, false }, SOURCES_1K, NULL, 0 },
	{ "fw, 64 rules, 100 k sources", { 4, 64, false }, SOURCES_100K, NULL, 0 },
	{ "fw, 4096 rules, 1 k sources",
	  { 4, MANY, false },
	  SOURCES_1K,
	  "fw, 64 rules, 1 k sources",
	  MANY_MAX },
	{ "fw, 4096 rules, 100 k sources",
	  { 4, MANY, false },
	  SOURCES_100K,
	  "fw, 64 rules, 100 k sources",
	  MANY_MAX },
};

static const struct bench_traffic *sources(struct bench *b, int family, __u32 flows)
{
	if (flows)
		return fw_list_sources(b, family, flows);
	return bench_still(b, family == 6 ? bench_ipv6(b, 1) : bench_ipv4(b, 1));
}

static int rules_row(struct bench *b, const struct rules_row *r)
{
	struct bench_row row = { .name = r->name,
				 .action = r->mix.miss ? XDP_PASS : XDP_DROP,
				 .ref = r->ref,
				 .ratio_max = r->ratio_max };
	char *text = fw_mix_text(&r->mix);
	struct fw_bench fw;
	int err = fw_bench_open(&fw, FW_POOL_MIN);

	row.traffic = sources(b, r->mix.family, r->flows);
	if (!err)
		err = row.traffic ? fw_bench_load(&fw, text, LOADS) : -EINVAL;
	if (!err)
		err = fw_bench_row(b, &fw, row);
	fw_bench_close(&fw);
	free(text);
	return err;
}

/* --- limits per source */

static const struct {
	const char *name;
	const char *rule;
	__u32 flows;
	int action;
} limit_rows[] = {
	{ "fw, limit, 1 source", "limit 1G pps per source packet\n", 1, XDP_PASS },
	{ "fw, limit, 1 k sources", "limit 1G pps per source packet\n", SOURCES_1K, XDP_PASS },
	{ "fw, limit, 100 k sources", "limit 1G pps per source packet\n", SOURCES_100K, XDP_PASS },
	{ "fw, limit 1 pps, 1 source", "limit 1 pps per source packet\n", 1, BENCH_ANY_ACTION },
	{ "fw, limit 1 pps, 100 k sources", "limit 1 pps per source packet\n", SOURCES_100K,
	  BENCH_ANY_ACTION },
};

static int limit_row(struct bench *b, size_t i)
{
	struct bench_row row = { .name = limit_rows[i].name, .action = limit_rows[i].action };
	struct fw_bench fw;
	int err = fw_bench_open(&fw, FW_POOL_MIN);

	row.traffic = sources(b, 4, limit_rows[i].flows == 1 ? 0 : limit_rows[i].flows);
	if (!err)
		err = row.traffic ? fw_bench_load(&fw, limit_rows[i].rule, 1) : -EINVAL;
	if (!err)
		err = fw_bench_row(b, &fw, row);
	fw_bench_close(&fw);
	return err;
}

int rows_fw(struct bench *b)
{
	int err = 0;
	size_t i;

	for (i = 0; !err && i < sizeof(rules_rows) / sizeof(*rules_rows); i++)
		err = rules_row(b, &rules_rows[i]);
	for (i = 0; !err && i < sizeof(limit_rows) / sizeof(*limit_rows); i++)
		err = limit_row(b, i);
	if (!err)
		err = rows_fw_sets(b);
	if (!err)
		err = rows_fw_load(b);
	if (!err)
		err = rows_fw_live(b);
	return err;
}
