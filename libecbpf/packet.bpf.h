/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A packet on its way to a server, as an XDP program sees it. */
#ifndef LIBECBPF_PACKET_BPF_H
#define LIBECBPF_PACKET_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "libecbpf/flow.h"
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
 * @rest: ECBPF_REST()
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

static __always_inline __u32 packet_vid(const struct pkt_eth *eth, int tag)
{
	return eth->vlans > tag ? bpf_ntohs(eth->tci[tag]) & 0xfff : 0;
}

#endif
