// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* All that pkt.bpf.h finds out about a frame, for user space to compare. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tests/fuzz/subject.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Mapped into the test, which is pinned to one CPU. */
struct facts test_facts = {};

SEC("xdp")
int test_parse(struct xdp_md *ctx)
{
	__builtin_memset(&test_facts, 0, sizeof(test_facts));
	subject_parse(pkt_init(ctx), &test_facts);
	return XDP_PASS;
}
