/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the firewall's rows share: its programs without a root, rules, prefixes, sources. */
#ifndef TESTS_BENCH_FW_H
#define TESTS_BENCH_FW_H

#include "tests/bench/bench.h"
#include "xdp_fw/maps.h"
#include "xdp_fw/rule.h"

/* --- fw_program.c */

/** struct fw_bench - maps of a firewall, and what is loaded with them */
struct fw_bench {
	struct fw_maps maps;
	struct fw_pool pool;
	struct xdp_fw *loaded[BENCH_LOADS];
};

/** fw_bench_open - maps for so many entries of sets; in any case fw_bench_close() it */
int fw_bench_open(struct fw_bench *fw, uint64_t entries);
void fw_bench_close(struct fw_bench *fw);

/** fw_bench_load - a text of rules; programs instead of those that are there */
int fw_bench_load(struct fw_bench *fw, const char *text, int loads);

/** fw_bench_prog - descriptor of what was loaded first, second ... */
int fw_bench_prog(const struct fw_bench *fw, int load);

/** fw_bench_row - @row with the programs that are loaded */
int fw_bench_row(struct bench *b, const struct fw_bench *fw, struct bench_row row);

/* --- fw_rules.c */

/**
 * struct fw_mix - rules of all kinds, as against floods; all but the last miss the benchmark's frames
 * @family: 4 or 6
 * @count: at least 1
 * @miss: the last rule misses them too, by the source alone; else it drops them
 */
struct fw_mix {
	int family;
	unsigned int count;
	bool miss;
};

/** fw_mix_text - always the same for the same; malloc()ed, or NULL */
char *fw_mix_text(const struct fw_mix *mix);

/* --- fw_prefixes.c */

/**
 * enum fw_list - lists of prefixes
 * @FW_LIST_UNIFORM: IPv4, as many of each length from 8 to 32, while there are any
 * @FW_LIST_BLOCK: IPv4, nine in ten /32, the rest /20 to /24
 * @FW_LIST_IPV6: 10 % /128, 24 % /64, 20 % /56, 45 % /48, 1 % /32, in 32768 allocations of /32
 */
enum fw_list { FW_LIST_UNIFORM, FW_LIST_BLOCK, FW_LIST_IPV6 };

/** fw_list_make - different ones, always the same; malloc()ed, or NULL */
struct fw_member *fw_list_make(enum fw_list list, size_t count);

/**
 * fw_list_sources - frames from so many different sources: IPv4: of all the Internet; IPv6: in the
 * allocations that the lists are of
 */
const struct bench_traffic *fw_list_sources(struct bench *b, int family, __u32 flows);

/* --- rows_fw_*.c */

int rows_fw_sets(struct bench *b);
int rows_fw_load(struct bench *b);
int rows_fw_live(struct bench *b);

#endif
