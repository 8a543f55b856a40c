/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between lpm.bpf.c and rows_fw_sets.c. */
#ifndef TESTS_BENCH_LPM_H
#define TESTS_BENCH_LPM_H

#include <linux/types.h>

#define LPM_ENTRIES (1 << 20)

struct lpm_key4 {
	__u32 length;
	__be32 addr;
};
_Static_assert(sizeof(struct lpm_key4) == 8, "no holes");

struct lpm_key6 {
	__u32 length;
	__u8 addr[16];
};
_Static_assert(sizeof(struct lpm_key6) == 20, "no holes");

#endif
