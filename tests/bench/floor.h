/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between floor.bpf.c and rows_floor.c. */
#ifndef TESTS_BENCH_FLOOR_H
#define TESTS_BENCH_FLOOR_H

#include <linux/types.h>

#define FLOOR_HOPS 10

struct floor_key {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 pad[3];
};
_Static_assert(sizeof(struct floor_key) == 16, "no holes");

struct floor_value {
	__u8 dst[6];
	__u8 src[6];
};

#endif
