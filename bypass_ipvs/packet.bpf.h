/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A client's packet, as the XDP program sees it. */
#ifndef BYPASS_IPVS_PACKET_BPF_H
#define BYPASS_IPVS_PACKET_BPF_H

#include "bypass_ipvs/abi.h"
#include "libecbpf/pkt.bpf.h"

#ifndef AF_INET /* <sys/socket.h> needs the C library */
#define AF_INET	 2
#define AF_INET6 10
#endif

#define PACKET_DF	 0x4000 /* IPv4: "don't fragment" */
#define PACKET_FRAGMENT	 0x3fff /* "more fragments", and the offset */
#define PACKET_TCP_FIN	 0x01
#define PACKET_TCP_SYN	 0x02
#define PACKET_TCP_RST	 0x04
#define PACKET_TCP_ACK	 0x10
#define PACKET_TCP_FLAGS 13 /* offset in the header */

/**
 * struct packet - what of a packet its fate depends on
 * @eth, @ip4, @ip6, @tcp: its headers; @ip4 or @ip6; @tcp NULL: UDP. Verifiers do not know that the
 *			     pointer of the two that is not NULL stays so: ask for both
 * @l2_bytes: Ethernet header and tags
 * @ip_bytes: the IP packet, without padding
 * @payload: TCP: bytes behind the header; UDP: 0, whose order nobody relies on
 * @rest: BYPASS_REST()
 * @tos: TOS or traffic class
 * @flags: of TCP
 * @df: IPv4: it may not be fragmented
 * @summed: the segment has a checksum
 */
struct packet {
	struct ethhdr *eth;
	struct iphdr *ip4;
	struct ipv6hdr *ip6;
	struct tcphdr *tcp;
	__u32 l2_bytes;
	__u32 ip_bytes;
	__u32 payload;
	__u32 rest;
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 ttl;
	__u8 tos;
	__u8 flags;
	bool df;
	bool summed;
};

/* packet_frame_bytes - by 64 bits, or clang works with halves of pointers */
static __always_inline __u32 packet_frame_bytes(const struct xdp_md *xdp)
{
	struct pkt frame = pkt_init(xdp);
	__u64 left;

	barrier_var(frame.pos);
	barrier_var(frame.end);
	left = frame.end - frame.pos;
	barrier_var(left);
	return left;
}

static __always_inline __u32 packet_vid(const struct pkt_eth *eth, int tag)
{
	return eth->vlans > tag ? bpf_ntohs(eth->tci[tag]) & 0xfff : 0;
}

/* packet_segment - TCP or UDP behind the IP header; false: not for us */
static __always_inline bool packet_segment(struct pkt *p, struct packet *packet, __u32 bytes)
{
	struct udphdr *udp;
	struct tcphdr *tcp;

	if (packet->proto == IPPROTO_UDP) {
		udp = pkt_pull(p, sizeof(*udp));
		if (!udp || bytes < sizeof(*udp))
			return false;
		packet->sport = udp->source;
		packet->dport = udp->dest;
		packet->summed = udp->check;
		return true;
	}
	tcp = pkt_pull(p, sizeof(*tcp));
	if (!tcp || bytes < tcp->doff * 4 || tcp->doff < sizeof(*tcp) / 4)
		return false;
	packet->tcp = tcp;
	packet->sport = tcp->source;
	packet->dport = tcp->dest;
	packet->summed = true;
	packet->payload = bytes - tcp->doff * 4;
	packet->flags = ((const __u8 *)tcp)[PACKET_TCP_FLAGS];
	return true;
}

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
	packet->rest = BYPASS_REST(packet->proto, packet_vid(&eth, 0), packet_vid(&eth, 1));
	return code;
}

#endif
