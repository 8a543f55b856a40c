// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The XDP program: packets of connections that IPVS has decided about go straight to their server. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bypass_ipvs/maps.bpf.h"
#include "libecbpf/exit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ecbpf_about ecbpf_about SEC(ECBPF_ABOUT_SECTION) = {
	.abi = ECBPF_ABI,
	.slot = ECBPF_SLOT_BYPASS,
	.version = ECBPF_VERSION,
};

/* Secret of the hash, the same in all programs: nobody can fill one bucket on purpose. */
const volatile __u64 bypass_seed[2];

/* Time is bypass_test_now instead of the kernel's. */
const volatile bool bypass_test;

SEC("xdp")
int xdp_bypass_ipvs(struct xdp_md *ctx)
{
	struct ecbpf_verdict v = { .action = ECBPF_NEXT };

	return ecbpf_exit(ctx, &v);
}
