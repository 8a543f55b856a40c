/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* An echo request becomes its reply, in place. */
#ifndef XDP_LB_ECHO_BPF_H
#define XDP_LB_ECHO_BPF_H

#include "libecbpf/csum.bpf.h"
#include "xdp_lb/parse.bpf.h"

#define ECHO_TTL    64
#define ECHO_REPLY4 0
#define ECHO_REPLY6 129

static __always_inline void echo_swap_mac(struct ethhdr *eth)
{
	__u8 dest[ETH_ALEN];

	__builtin_memcpy(dest, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, dest, ETH_ALEN);
}

static __always_inline void echo_type(struct pkt_icmp_hdr *icmp, __u8 type)
{
	__u16 old = *(__u16 *)icmp;

	icmp->type = type;
	icmp->check = csum_replace16(icmp->check, old, *(__u16 *)icmp);
}

/* echo_make - false: it has options or extension headers, which nobody sends; left alone */
__noinline int echo_make(struct xdp_md *xdp)
{
	struct pkt p = pkt_init(xdp);
	struct pkt_icmp_hdr *icmp;
	struct pkt_eth eth;
	struct ipv6hdr *ip6;
	struct iphdr *ip4;
	struct in6_addr from6;
	__be32 from4;

	if (pkt_eth(&p, &eth))
		return false;
	if (eth.proto == bpf_htons(ETH_P_IP)) {
		ip4 = pkt_pull(&p, sizeof(*ip4));
		icmp = pkt_pull(&p, sizeof(*icmp));
		if (!ip4 || !icmp || ip4->ihl != sizeof(*ip4) / 4)
			return false;
		from4 = ip4->saddr;
		ip4->saddr = ip4->daddr;
		ip4->daddr = from4;
		ip4->ttl = ECHO_TTL;
		ip4->check = 0;
		ip4->check = csum_fold(csum_add(0, ip4, sizeof(*ip4) / 2));
		echo_type(icmp, ECHO_REPLY4);
	} else {
		ip6 = pkt_pull(&p, sizeof(*ip6));
		icmp = pkt_pull(&p, sizeof(*icmp));
		if (!ip6 || !icmp || ip6->nexthdr != IPPROTO_ICMPV6)
			return false;
		from6 = ip6->saddr;
		ip6->saddr = ip6->daddr;
		ip6->daddr = from6;
		ip6->hop_limit = ECHO_TTL;
		echo_type(icmp, ECHO_REPLY6);
	}
	echo_swap_mac(eth.hdr);
	return true;
}

#endif
