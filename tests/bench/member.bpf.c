// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The least a member can do: what it costs beyond that is the suite's. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "libecbpf/exit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ecbpf_about ecbpf_about SEC(ECBPF_ABOUT_SECTION) = {
	.abi = ECBPF_ABI,
	.slot = -1,
	.version = ECBPF_VERSION,
};

const volatile int bench_action = ECBPF_NEXT;

SEC("xdp")
int bench_member(struct xdp_md *ctx)
{
	struct ecbpf_verdict v = { .action = bench_action };

	return ecbpf_exit(ctx, &v);
}
