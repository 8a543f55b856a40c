// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Left by `xdp_root detach --nop`, so that the driver stays in XDP mode and does not reset. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int xdp_root_nop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}
