// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A member that was built for an ABI of another time. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "libecbpf/exit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ecbpf_about ecbpf_about SEC(ECBPF_ABOUT_SECTION) = {
	.abi = ECBPF_ABI + 1,
	.slot = 4,
	.version = "test",
};

SEC("xdp")
int stranger(struct xdp_md *ctx)
{
	struct ecbpf_verdict v = { .action = ECBPF_NEXT };

	return ecbpf_exit(ctx, &v);
}
