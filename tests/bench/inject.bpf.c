// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Sends a frame of the next flow out of an interface. Live test runs use the frames of the last round
 * again as it left them, so all of a frame that its way changes is written anew.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "libecbpf/pkt.bpf.h"
#include "tests/bench/inject.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct inject_setup setup;

/* The run is pinned to one CPU, so one word will do. */
__u32 next_flow;

SEC("xdp")
int inject_send(struct xdp_md *ctx)
{
	struct pkt p = pkt_init(ctx);
	__u32 *frame = pkt_pull(&p, INJECT_FRAME), i, flow = next_flow;
	struct udphdr *udp = (void *)frame + sizeof(struct ethhdr) + sizeof(struct iphdr);

	if (!frame)
		return XDP_ABORTED;
	next_flow = flow + 1 < setup.flows ? flow + 1 : 0;
#pragma unroll
	for (i = 0; i < INJECT_FRAME / 4; i++)
		frame[i] = setup.frame[i];
	udp->source = bpf_htons(bpf_ntohs(udp->source) + flow);
	return bpf_redirect(setup.ifindex, 0);
}
