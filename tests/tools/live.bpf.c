// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Sends the frame that a live test run hands it out of an interface. */
#include <stddef.h>

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "libecbpf/csum.bpf.h"
#include "libecbpf/pkt.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 live_ifindex;

/*
 * A power of two. Frame n comes from the first source, an IPv4 address in host byte order, plus
 * n * LIVE_STEP modulo this: each source as often as the others. 1: frames stay as they are.
 */
const volatile __u32 live_sources = 1;
const volatile __u32 live_first;

/*
 * Headers as they were given: kernels hand a frame out again as the last one left it, with the TTL
 * and the addresses that a router has written. Frames that are shorter stay as they are.
 */
#define LIVE_HEAD 54 /* Ethernet, IPv4, TCP */
const volatile __u8 live_head[LIVE_HEAD];

/* 2^32 divided by the golden ratio, and odd: neighbours in time are far from each other. */
#define LIVE_STEP 0x9e3779b1

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} live_sent SEC(".maps");

static __always_inline void live_restore(struct xdp_md *ctx)
{
	struct pkt pkt = pkt_init(ctx);
	__u8 *head = pkt_pull(&pkt, LIVE_HEAD);
	int i;

	for (i = 0; head && i < LIVE_HEAD; i++)
		head[i] = live_head[i];
}

/* live_disguise - another source, and checksums that agree */
static __always_inline void live_disguise(struct xdp_md *ctx, __u32 source)
{
	struct pkt pkt = pkt_init(ctx);
	__be32 addr = bpf_htonl(source);
	struct udphdr *udp;
	struct tcphdr *tcp;
	struct iphdr *ip;
	__u64 diff;

	if (!pkt_pull(&pkt, sizeof(struct ethhdr)))
		return;
	ip = pkt_pull(&pkt, sizeof(*ip));
	if (!ip)
		return;
	diff = csum_diff(&ip->saddr, &addr, 2);
	ip->saddr = addr;
	ip->check = csum_replace(ip->check, diff);
	if (ip->protocol == IPPROTO_TCP) {
		tcp = pkt_pull(&pkt, sizeof(*tcp));
		if (tcp)
			tcp->check = csum_replace(tcp->check, diff);
	} else if (ip->protocol == IPPROTO_UDP) {
		udp = pkt_pull(&pkt, sizeof(*udp));
		if (udp && udp->check) /* 0: it has none */
			udp->check = csum_replace(udp->check, diff);
	}
}

SEC("xdp")
int live_send(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *sent = bpf_map_lookup_elem(&live_sent, &zero);

	live_restore(ctx);
	if (sent) {
		if (live_sources > 1)
			live_disguise(ctx,
				      live_first + ((__u32)*sent * LIVE_STEP & (live_sources - 1)));
		++*sent;
	}
	return bpf_redirect(live_ifindex, 0);
}
