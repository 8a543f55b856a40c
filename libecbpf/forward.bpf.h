/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A packet becomes what IPVS would have sent: TTL, tags, addresses of the link, outer headers.
 */
#ifndef LIBECBPF_FORWARD_BPF_H
#define LIBECBPF_FORWARD_BPF_H

#include "libecbpf/csum.bpf.h"
#include "libecbpf/packet.bpf.h"
#include "libecbpf/pkt.bpf.h"
#include "libecbpf/recipe.h"

/* UDP, and GUE without options */
struct forward_gue {
	struct udphdr udp;
	__be32 gue;
};

/* Words of headers, whatever their members are. */
struct forward_word {
	__u32 value;
} __attribute__((__may_alias__));

struct forward_half {
	__u16 value;
} __attribute__((__may_alias__));

static __always_inline void forward_copy(void *to, const void *from, __u32 words)
{
	const struct forward_word *source = from;
	struct forward_word *target = to;
	__u32 i;

	for (i = 0; i < words; i++)
		target[i].value = source[i].value;
}

/*
 * forward_ttl - as a router does (RFC 1812 5.3.1); the checksum's complement loses 0x0100 (RFC 1141, 1624)
 */
static __always_inline void forward_ttl4(struct iphdr *ip)
{
	__u32 check = ip->check + bpf_htons(0x0100);

	ip->ttl--;
	ip->check = check + (check >= 0xffff);
}

#define FORWARD_ECN_MASK 3
#define FORWARD_ECN_ECT0 2
#define FORWARD_ECN_CE	 3

/*
 * forward_tos - of an outer header, as Linux does it: the packet's own, but what congestion has marked
 * before the tunnel is not marked in it (RFC 3168 9.1.1, full functionality)
 */
static __always_inline __u8 forward_tos(__u8 tos)
{
	if ((tos & FORWARD_ECN_MASK) != FORWARD_ECN_CE)
		return tos;
	return (tos & ~FORWARD_ECN_MASK) | FORWARD_ECN_ECT0;
}

static __always_inline int forward_put_l2(struct pkt *p, const struct ecbpf_recipe *recipe)
{
	const __u8 *from = recipe->l2;
	struct forward_word *to = pkt_pull(p, sizeof(struct ethhdr));

	if (!to)
		return -1;
	forward_copy(to, from, 3);
	((struct forward_half *)(to + 3))->value =
		((const struct forward_half *)(from + 12))->value;
	if (recipe->l2_bytes > sizeof(struct ethhdr)) {
		to = pkt_pull(p, sizeof(struct pkt_vlan_tag));
		if (!to)
			return -1;
		forward_copy(to, from + 14, 1);
	}
	if (recipe->l2_bytes > sizeof(struct ethhdr) + sizeof(struct pkt_vlan_tag)) {
		to = pkt_pull(p, sizeof(struct pkt_vlan_tag));
		if (!to)
			return -1;
		forward_copy(to, from + 18, 1);
	}
	return 0;
}

static __always_inline int forward_put_ip4(struct pkt *p, const struct ecbpf_recipe *recipe,
					   const struct packet *packet)
{
	struct iphdr *ip = pkt_pull(p, sizeof(*ip));
	const bool df = packet->df && recipe->flags & ECBPF_DF_COPY;
	const __be16 len = bpf_htons(packet->ip_bytes + recipe->outer_bytes);
	const __u8 tos = forward_tos(packet->tos), ttl = packet->ttl - 1;
	/* RFC 6864: the identification of a packet that cannot be fragmented is of no use */
	const __u16 id = df ? 0 : bpf_get_prandom_u32(), flags = df ? bpf_htons(PACKET_DF) : 0;
	__u64 sum;

	if (!ip)
		return -1;
	forward_copy(ip, recipe->outer, sizeof(*ip) / 4);
	ip->tos = tos;
	ip->tot_len = len;
	ip->ttl = ttl;
	ip->id = id;
	ip->frag_off = flags;
	/* not of what was just written by the byte: the CPU would have to wait for it */
	sum = csum_add32(0, recipe->outer, sizeof(*ip) / 4);
	sum += bpf_htons(tos) + len + id + flags + bpf_htons(ttl << 8);
	ip->check = csum_fold(sum);
	return 0;
}

static __always_inline int forward_put_ip6(struct pkt *p, const struct ecbpf_recipe *recipe,
					   const struct packet *packet)
{
	struct ipv6hdr *ip = pkt_pull(p, sizeof(*ip));
	const __u8 tos = forward_tos(packet->tos);

	if (!ip)
		return -1;
	forward_copy(ip, recipe->outer, sizeof(*ip) / 4);
	ip->priority = tos >> 4;
	ip->flow_lbl[0] |= tos << 4;
	ip->payload_len = bpf_htons(packet->ip_bytes + recipe->outer_bytes - sizeof(*ip));
	ip->hop_limit = packet->ttl - 1;
	return 0;
}

/*
 * forward_gue_inner - what the packet in it adds to that sum; @at: its header, pulled once more: Linux 6.1
 * does not know that the same question about a pointer has the same answer
 */
static __always_inline __u64 forward_gue_inner(const struct packet *packet, struct pkt at)
{
	const struct ipv6hdr *ip6;
	const struct iphdr *ip4;

	if (packet->ip6) {
		ip6 = pkt_pull(&at, sizeof(*ip6));
		return ip6 ? csum_add(0, ip6, sizeof(*ip6) / 2) +
				       (__u16)csum_fold(csum_add(0, &ip6->saddr, 16)) :
			     0;
	}
	ip4 = pkt_pull(&at, sizeof(*ip4));
	return ip4 ? (__u16)csum_fold(csum_add(0, &ip4->saddr, 4)) : 0;
}

/*
 * forward_gue_sum - sum of UDP's pseudo header, UDP and GUE headers and the packet in them. Its IPv4
 * header sums up to nothing, and so does its segment with a pseudo header: what is left is that.
 */
static __always_inline __u64 forward_gue_sum(const struct ecbpf_recipe *recipe,
					     const struct packet *packet,
					     const struct forward_gue *gue, struct pkt inner)
{
	const bool v6 = recipe->flags & ECBPF_OUTER_V6;
	__u16 segment = bpf_htons(packet->ip_bytes -
				  (packet->ip6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)));
	__u64 sum = csum_add(0, gue, sizeof(*gue) / 2);

	sum += gue->udp.len + bpf_htons(IPPROTO_UDP);
	if (v6)
		sum = csum_add(sum, recipe->outer + offsetof(struct ipv6hdr, saddr), 16);
	else
		sum = csum_add(sum, recipe->outer + offsetof(struct iphdr, saddr), 4);
	sum += (__u16)~segment + (__u16)~bpf_htons(packet->proto);
	return sum + forward_gue_inner(packet, inner);
}

/* 0 is sent as its complement (RFC 768). */
static __always_inline void forward_gue_check(const struct ecbpf_recipe *recipe,
					      const struct packet *packet, struct forward_gue *gue,
					      struct pkt inner)
{
	__u16 check = csum_fold(forward_gue_sum(recipe, packet, gue, inner));

	gue->udp.check = check ? check : 0xffff;
}

static __always_inline struct forward_gue *forward_put_gue(struct pkt *p,
							   const struct ecbpf_recipe *recipe,
							   __be16 sport,
							   const struct packet *packet)
{
	struct forward_gue *gue = pkt_pull(p, sizeof(*gue));

	if (!gue)
		return NULL;
	if (recipe->flags & ECBPF_OUTER_V6)
		forward_copy(gue, recipe->outer + sizeof(struct ipv6hdr), 3);
	else
		forward_copy(gue, recipe->outer + sizeof(struct iphdr), 3);
	gue->udp.source = sport;
	gue->udp.len = bpf_htons(packet->ip_bytes + sizeof(*gue));
	return gue;
}

/* forward_put_inner - the packet itself; its header, or NULL */
static __always_inline void *forward_put_inner(struct pkt *p, const struct packet *packet)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip4;

	if (packet->ip6) {
		ip6 = pkt_pull(p, sizeof(*ip6));
		if (ip6)
			ip6->hop_limit--;
		return ip6;
	}
	ip4 = pkt_pull(p, sizeof(*ip4));
	if (ip4)
		forward_ttl4(ip4);
	return ip4;
}

/* forward_put - all headers, into a frame that has the room; never fails */
static __always_inline int forward_put(struct pkt *p, const struct ecbpf_recipe *recipe,
				       __be16 sport, const struct packet *packet)
{
	struct forward_gue *gue = NULL;
	struct pkt inner;

	if (forward_put_l2(p, recipe))
		return -1;
	if (recipe->outer_bytes &&
	    (recipe->flags & ECBPF_OUTER_V6 ? forward_put_ip6(p, recipe, packet) :
					      forward_put_ip4(p, recipe, packet)))
		return -1;
	if (recipe->kind == ECBPF_GUE) {
		gue = forward_put_gue(p, recipe, sport, packet);
		if (!gue)
			return -1;
	}
	inner = *p;
	if (!forward_put_inner(p, packet))
		return -1;
	if (gue && recipe->flags & ECBPF_GUE_CSUM)
		forward_gue_check(recipe, packet, gue, inner);
	return 0;
}

enum forward_result { FORWARD_DONE, FORWARD_NOT, FORWARD_BROKEN };

/* The frame gets another length: all that comes before the packet is written anew. */
static __noinline int forward_reshape(struct xdp_md *xdp, const struct ecbpf_recipe *recipe,
				      __be16 sport, const struct packet *packet)
{
	int grow = recipe->l2_bytes + recipe->outer_bytes - (int)packet->l2_bytes, padding;
	struct pkt p;

	if (recipe->flags & ECBPF_GUE_CSUM && !packet->summed)
		return FORWARD_NOT;
	if (bpf_xdp_adjust_head(xdp, -grow))
		return FORWARD_NOT;
	padding = pkt_frame_bytes(xdp) - recipe->l2_bytes - recipe->outer_bytes - packet->ip_bytes;
	p = pkt_init(xdp);
	if (forward_put(&p, recipe, sport, packet))
		return FORWARD_BROKEN;
	if (padding > 0) /* of a short frame */
		bpf_xdp_adjust_tail(xdp, -padding);
	return FORWARD_DONE;
}

/* forward_is_plain - no header comes or goes: forward_plain() will do, and cannot fail */
static __always_inline bool forward_is_plain(const struct packet *packet,
					     const struct ecbpf_recipe *recipe)
{
	return recipe->l2_bytes + recipe->outer_bytes == sizeof(struct ethhdr) &&
	       packet->l2_bytes == sizeof(struct ethhdr);
}

static __always_inline void forward_plain(const struct packet *packet,
					  const struct ecbpf_recipe *recipe)
{
	if (packet->ip6)
		packet->ip6->hop_limit--;
	else if (packet->ip4)
		forward_ttl4(packet->ip4);
	forward_copy(packet->eth, recipe->l2, 3);
}

/* forward_packet - change the frame as the recipe says, or not at all; @sport: of an outer UDP header */
static __always_inline int forward_packet(struct xdp_md *xdp, const struct packet *packet,
					  const struct ecbpf_recipe *recipe, __be16 sport)
{
	struct packet copy;

	if (forward_is_plain(packet, recipe)) {
		forward_plain(packet, recipe);
		return FORWARD_DONE;
	}
	copy = *packet; /* or all of it is in memory for every packet */
	return forward_reshape(xdp, recipe, sport, &copy);
}

#endif
