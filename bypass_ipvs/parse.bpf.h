/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A client's packet: what the bypass looks at, and what it leaves alone. */
#ifndef BYPASS_IPVS_PARSE_BPF_H
#define BYPASS_IPVS_PARSE_BPF_H

#include "libecbpf/packet.bpf.h"

/*
 * packet_ip4 - 0, or why it is none for us: ECBPF_CODE_BYPASS_FRAGMENT, _OPTIONS;
 * ECBPF_CODE_OTHER: nothing to say
 */
static __always_inline __u32 packet_ip4(struct pkt *p, struct packet *packet)
{
	struct iphdr *ip = pkt_pull(p, sizeof(*ip));
	__u32 left = pkt_left(p);

	if (!ip)
		return ECBPF_CODE_OTHER;
	packet->ip4 = ip;
	packet->proto = ip->protocol;
	packet->ip_bytes = bpf_ntohs(ip->tot_len);
	if (packet->proto != IPPROTO_TCP && packet->proto != IPPROTO_UDP)
		return ECBPF_CODE_OTHER;
	if (ip->frag_off & bpf_htons(PACKET_FRAGMENT))
		return ECBPF_CODE_BYPASS_FRAGMENT;
	if (ip->ihl != sizeof(*ip) / 4)
		return ECBPF_CODE_BYPASS_OPTIONS;
	if (packet->ip_bytes < sizeof(*ip) || packet->ip_bytes > left + sizeof(*ip))
		return ECBPF_CODE_OTHER;
	packet->ttl = ip->ttl;
	packet->tos = ip->tos;
	packet->df = ip->frag_off & bpf_htons(PACKET_DF);
	return packet_segment(p, packet, packet->ip_bytes - sizeof(*ip)) ? 0 : ECBPF_CODE_OTHER;
}

static __always_inline __u32 packet_ip6(struct pkt *p, struct packet *packet)
{
	struct ipv6hdr *ip = pkt_pull(p, sizeof(*ip));
	__u32 left = pkt_left(p);

	if (!ip)
		return ECBPF_CODE_OTHER;
	packet->ip6 = ip;
	packet->proto = ip->nexthdr;
	packet->ip_bytes = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	if (packet->proto == PKT_NEXT_FRAGMENT)
		return ECBPF_CODE_BYPASS_FRAGMENT;
	if (pkt_is_ipv6_ext(packet->proto))
		return ECBPF_CODE_BYPASS_OPTIONS;
	if (packet->proto != IPPROTO_TCP && packet->proto != IPPROTO_UDP)
		return ECBPF_CODE_OTHER;
	if (packet->ip_bytes > left + sizeof(*ip))
		return ECBPF_CODE_OTHER;
	packet->ttl = ip->hop_limit;
	packet->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	return packet_segment(p, packet, packet->ip_bytes - sizeof(*ip)) ? 0 : ECBPF_CODE_OTHER;
}

/* packet_parse - as packet_ip4(); frames to more than one host, or to none, are nobody's flow */
static __always_inline __u32 packet_parse(struct xdp_md *xdp, struct packet *packet)
{
	struct pkt p = pkt_init(xdp);
	struct pkt_eth eth;
	__u32 code;

	if (pkt_eth(&p, &eth) || eth.hdr->h_dest[0] & 1)
		return ECBPF_CODE_OTHER;
	packet->eth = eth.hdr;
	packet->l2_bytes = sizeof(*eth.hdr) + eth.vlans * sizeof(struct pkt_vlan_tag);
	if (eth.proto == bpf_htons(ETH_P_IP))
		code = packet_ip4(&p, packet);
	else if (eth.proto == bpf_htons(ETH_P_IPV6))
		code = packet_ip6(&p, packet);
	else
		return ECBPF_CODE_OTHER;
	packet->rest = ECBPF_REST(packet->proto, packet_vid(&eth, 0), packet_vid(&eth, 1));
	return code;
}

#endif
