/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Turning a segment of an unknown flow into the RST that answers it (RFC 9293 3.10.7.1). */
#ifndef BYPASS_IPVS_RESET_BPF_H
#define BYPASS_IPVS_RESET_BPF_H

#include "libecbpf/csum.bpf.h"
#include "libecbpf/packet.bpf.h"

#define RESET_TTL 64

static __always_inline void reset_swap_mac(struct ethhdr *eth)
{
	__u8 dest[ETH_ALEN];

	__builtin_memcpy(dest, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, dest, ETH_ALEN);
}

/* The segment's own header is overwritten; what it asks for is taken from it first. */
static __always_inline void reset_tcp(struct tcphdr *tcp, const struct packet *packet)
{
	__be32 seq = tcp->seq, ack = tcp->ack_seq;
	__u32 length = packet->payload;

	if (packet->flags & PACKET_TCP_SYN)
		length++;
	if (packet->flags & PACKET_TCP_FIN)
		length++;
	__builtin_memset(tcp, 0, sizeof(*tcp));
	tcp->source = packet->dport;
	tcp->dest = packet->sport;
	tcp->doff = sizeof(*tcp) / 4;
	tcp->rst = 1;
	if (packet->flags & PACKET_TCP_ACK) {
		tcp->seq = ack;
		return;
	}
	tcp->ack = 1;
	tcp->ack_seq = bpf_htonl(bpf_ntohl(seq) + length);
}

static __always_inline __u16 reset_check(const struct tcphdr *tcp, const void *addrs, __u32 words)
{
	__u64 sum = csum_add(bpf_htons(sizeof(*tcp)) + bpf_htons(IPPROTO_TCP), addrs, words);

	return csum_fold(csum_add(sum, tcp, sizeof(*tcp) / 2));
}

static __always_inline void reset_ip4(struct iphdr *ip, struct tcphdr *tcp)
{
	__be32 from = ip->saddr;

	ip->saddr = ip->daddr;
	ip->daddr = from;
	ip->tos = 0;
	ip->id = 0;
	ip->frag_off = bpf_htons(PACKET_DF);
	ip->ttl = RESET_TTL;
	ip->tot_len = bpf_htons(sizeof(*ip) + sizeof(*tcp));
	ip->check = 0;
	ip->check = csum_fold(csum_add(0, ip, sizeof(*ip) / 2));
	tcp->check = reset_check(tcp, &ip->saddr, 4);
}

static __always_inline void reset_ip6(struct ipv6hdr *ip, struct tcphdr *tcp)
{
	struct in6_addr from = ip->saddr;

	ip->saddr = ip->daddr;
	ip->daddr = from;
	ip->priority = 0;
	__builtin_memset(ip->flow_lbl, 0, sizeof(ip->flow_lbl));
	ip->hop_limit = RESET_TTL;
	ip->payload_len = bpf_htons(sizeof(*tcp));
	tcp->check = reset_check(tcp, &ip->saddr, 16);
}

/* reset_make - the frame is the answer now, to go out where it came in */
static __always_inline void reset_make(struct xdp_md *xdp, const struct packet *packet)
{
	__u32 ip = packet->ip6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	__u32 left = packet_frame_bytes(xdp);

	reset_swap_mac(packet->eth);
	reset_tcp(packet->tcp, packet);
	if (packet->ip6)
		reset_ip6(packet->ip6, packet->tcp);
	else if (packet->ip4)
		reset_ip4(packet->ip4, packet->tcp);
	/* shrinking to this much cannot fail */
	bpf_xdp_adjust_tail(xdp, (int)(packet->l2_bytes + ip + sizeof(struct tcphdr)) - (int)left);
}

#endif
