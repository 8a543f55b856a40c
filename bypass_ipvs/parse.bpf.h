/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A client's packet: what the bypass looks at, and what it leaves alone. */
#ifndef BYPASS_IPVS_PARSE_BPF_H
#define BYPASS_IPVS_PARSE_BPF_H

#include "bypass_ipvs/abi.h"
#include "libecbpf/packet.bpf.h"

/* Words and halves of words, of addresses and ports. XDP programs need no alignment. */
struct packet_word {
	__u64 value;
} __attribute__((__may_alias__));

struct packet_half {
	__u32 value;
} __attribute__((__may_alias__));

static __always_inline void packet_key4(const struct packet *packet, struct ecbpf_tuple4 *key)
{
	const struct iphdr *ip = packet->ip4;
	struct packet_word *word = (void *)key;

	word[0] = *(const struct packet_word *)&ip->saddr;
	((struct packet_half *)&key->sport)->value = ((const struct packet_half *)(ip + 1))->value;
	key->rest = packet->rest | packet->proto;
}

static __always_inline void packet_key6(const struct packet *packet, struct ecbpf_tuple *key)
{
	const struct packet_word *addr = (const void *)&packet->ip6->saddr;
	struct packet_word *word = (void *)key;
	__u32 i;

	for (i = 0; i < 2 * sizeof(struct in6_addr) / sizeof(*word); i++)
		word[i] = addr[i];
	((struct packet_half *)&key->sport)->value =
		((const struct packet_half *)(packet->ip6 + 1))->value;
	key->rest = packet->rest | packet->proto;
}

/* packet_segment - TCP or UDP of @bytes behind the IP header; false: not for us */
static __always_inline bool packet_segment(struct pkt *p, struct packet *packet, __u32 bytes)
{
	struct tcphdr *tcp;

	if (packet->proto == IPPROTO_UDP)
		return pkt_pull(p, sizeof(struct udphdr)) && bytes >= sizeof(struct udphdr);
	tcp = pkt_pull(p, sizeof(*tcp));
	packet->tcp = tcp;
	return tcp && bytes >= tcp->doff * 4 && tcp->doff >= sizeof(*tcp) / 4;
}

/*
 * packet_ip4 - find the headers: 0, or why it is none for us: ECBPF_CODE_BYPASS_FRAGMENT, _OPTIONS;
 * ECBPF_CODE_OTHER: nothing to say
 */
static __always_inline __u32 packet_ip4(struct pkt *p, struct packet *packet)
{
	struct iphdr *ip = pkt_pull(p, sizeof(*ip));
	__u32 left = pkt_left(p), bytes;

	if (!ip)
		return ECBPF_CODE_OTHER;
	packet->ip4 = ip;
	packet->proto = ip->protocol;
	bytes = bpf_ntohs(ip->tot_len) - sizeof(*ip);
	if (packet->proto != IPPROTO_TCP && packet->proto != IPPROTO_UDP)
		return ECBPF_CODE_OTHER;
	if (ip->frag_off & bpf_htons(PACKET_FRAGMENT))
		return ECBPF_CODE_BYPASS_FRAGMENT;
	if (ip->ihl != sizeof(*ip) / 4)
		return ECBPF_CODE_BYPASS_OPTIONS;
	if (bytes > left) /* also if there are fewer than in the header */
		return ECBPF_CODE_OTHER;
	return packet_segment(p, packet, bytes) ? 0 : ECBPF_CODE_OTHER;
}

static __always_inline __u32 packet_ip6(struct pkt *p, struct packet *packet)
{
	struct ipv6hdr *ip = pkt_pull(p, sizeof(*ip));
	__u32 left = pkt_left(p), bytes;

	if (!ip)
		return ECBPF_CODE_OTHER;
	packet->ip6 = ip;
	packet->proto = ip->nexthdr;
	bytes = bpf_ntohs(ip->payload_len);
	if (packet->proto != IPPROTO_TCP && packet->proto != IPPROTO_UDP) {
		if (packet->proto == PKT_NEXT_FRAGMENT)
			return ECBPF_CODE_BYPASS_FRAGMENT;
		return pkt_is_ipv6_ext(packet->proto) ? ECBPF_CODE_BYPASS_OPTIONS :
							ECBPF_CODE_OTHER;
	}
	if (bytes > left)
		return ECBPF_CODE_OTHER;
	return packet_segment(p, packet, bytes) ? 0 : ECBPF_CODE_OTHER;
}

/* Fields that are read where they are looked at: what is read before lookups is kept in memory. */

static __always_inline __u32 packet_bytes(const struct packet *packet)
{
	if (packet->ip6)
		return bpf_ntohs(packet->ip6->payload_len) + sizeof(*packet->ip6);
	return packet->ip4 ? bpf_ntohs(packet->ip4->tot_len) : 0;
}

static __always_inline __u8 packet_ttl(const struct packet *packet)
{
	if (packet->ip6)
		return packet->ip6->hop_limit;
	return packet->ip4 ? packet->ip4->ttl : 0;
}

static __always_inline bool packet_df(const struct packet *packet)
{
	return packet->ip4 && packet->ip4->frag_off & bpf_htons(PACKET_DF);
}

static __always_inline __u8 packet_flags(const struct packet *packet)
{
	return ((const __u8 *)packet->tcp)[PACKET_TCP_FLAGS];
}

/* packet_payload - bytes behind the TCP header; of UDP, whose order nobody relies on, 0 */
static __always_inline __u32 packet_payload(const struct packet *packet)
{
	const __u32 header = packet->ip6 ? sizeof(*packet->ip6) : sizeof(*packet->ip4);

	return packet->tcp ? packet->ip_bytes - header - packet->tcp->doff * 4 : 0;
}

/* packet_read - all members that are not there yet */
static __always_inline void packet_read(struct packet *packet)
{
	const struct udphdr *udp = NULL;

	packet->ip_bytes = packet_bytes(packet);
	packet->ttl = packet_ttl(packet);
	packet->df = packet_df(packet);
	packet->payload = packet_payload(packet);
	if (packet->ip6) {
		packet->tos = packet->ip6->priority << 4 | packet->ip6->flow_lbl[0] >> 4;
		udp = (const void *)(packet->ip6 + 1);
	} else if (packet->ip4) {
		packet->tos = packet->ip4->tos;
		udp = (const void *)(packet->ip4 + 1);
	}
	if (udp) {
		packet->sport = udp->source;
		packet->dport = udp->dest;
	}
	if (packet->tcp) {
		packet->summed = true;
		packet->flags = packet_flags(packet);
	} else if (udp) {
		packet->summed = udp->check;
	}
}

/* packet_link - type of what is in the frame; 0: frames to more than one host are nobody's flow */
static __always_inline __be16 packet_link(struct pkt *p, struct packet *packet)
{
	struct pkt_eth eth;

	if (pkt_eth(p, &eth) || eth.hdr->h_dest[0] & 1)
		return 0;
	packet->eth = eth.hdr;
	packet->l2_bytes = sizeof(*eth.hdr) + eth.vlans * sizeof(struct pkt_vlan_tag);
	packet->rest = ECBPF_REST(0, packet_vid(&eth, 0), packet_vid(&eth, 1));
	return eth.proto;
}

#endif
