// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A member that does what the frame asks for in its source address. */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

#include "libecbpf/exit.bpf.h"
#include "libecbpf/pkt.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ecbpf_about ecbpf_about SEC(ECBPF_ABOUT_SECTION) = {
	.abi = ECBPF_ABI,
	.slot = 9,
	.version = "test",
};

/* The source MAC's last byte is the action, +1; its last but one an offset of the reason code. */
SEC("xdp")
int judge(struct xdp_md *ctx)
{
	struct ecbpf_verdict v = { .action = ECBPF_NEXT };
	struct pkt p = pkt_init(ctx);
	struct pkt_eth eth;

	if (!pkt_eth(&p, &eth)) {
		v.action = eth.hdr->h_source[5] - 1;
		v.code = v.action == ECBPF_NEXT ? 0 : ECBPF_CODE_USER + eth.hdr->h_source[4];
		v.meta = eth.hdr->h_source[3];
		if (v.action == XDP_TX)
			eth.hdr->h_dest[0] ^= 0x40; /* a rewrite that a trace must not show */
		if (v.action == XDP_REDIRECT)
			v.action = bpf_redirect(ctx->ingress_ifindex, 0);
	}
	return ecbpf_exit(ctx, &v);
}
