/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between inject.bpf.c and rows_ipvs.c. */
#ifndef TESTS_BENCH_INJECT_H
#define TESTS_BENCH_INJECT_H

#include <linux/types.h>

#define INJECT_FRAME 60

/**
 * struct inject_setup - read-only data of a sender
 * @frame: Ethernet, IPv4, UDP without a checksum; source ports go from its own up
 * @ifindex: where frames leave
 * @flows: different source ports
 */
struct inject_setup {
	__u32 frame[INJECT_FRAME / 4];
	__u32 ifindex;
	__u32 flows;
};

#endif
