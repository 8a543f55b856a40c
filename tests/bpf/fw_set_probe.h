/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a test asks of fw_set_probe.bpf.c, and what that answers. */
#ifndef TESTS_BPF_FW_SET_PROBE_H
#define TESTS_BPF_FW_SET_PROBE_H

#include <linux/types.h>

#define SET_PROBES 1024

/**
 * struct set_query - an address
 * @hi, @lo: as numbers; IPv4 in @lo
 * @sets: the answer
 */
struct set_query {
	__u64 hi, lo;
	__u64 family; /* 4 or 6 */
	__u64 sets;
};

#endif
