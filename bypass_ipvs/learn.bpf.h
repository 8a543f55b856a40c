/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What IPVS did to a packet, read from the packet as it leaves: whose it is, and what to do to the next
 * ones of its flow.
 */
#ifndef BYPASS_IPVS_LEARN_BPF_H
#define BYPASS_IPVS_LEARN_BPF_H

#include "bypass_ipvs/maps.bpf.h"
#include "libecbpf/forward.bpf.h"
#include "libecbpf/packet.bpf.h"
#include "libecbpf/pkt.bpf.h"

/**
 * struct learned - a packet that leaves
 * @key: of its flow, but for the VLAN ids
 * @recipe: how it is sent, but for the service
 * @gue_sport: source port of the outer UDP header
 * @seq: TCP: the sequence number behind it
 * @flags: of TCP
 */
struct learned {
	struct ecbpf_tuple key;
	struct ecbpf_recipe recipe;
	__u32 seq;
	__be16 gue_sport;
	__u8 flags;
	__u8 tos;
	__u8 ttl;
	bool v6;
	bool df;
};

enum learn_result { LEARN_DONE, LEARN_NOT, LEARN_STRANGE };

/* Headers of a tunnel, tags and options of TCP: no flow needs more. */
#define LEARN_BYTES 160

/* learn_begin - a cursor; headers that are not in the linear part are moved there */
static __always_inline struct pkt learn_begin(struct __sk_buff *skb)
{
	struct pkt p = pkt_init_skb(skb);
	__u32 want = skb->len < LEARN_BYTES ? skb->len : LEARN_BYTES;

	if (!pkt_has(&p, want)) {
		bpf_skb_pull_data(skb, want);
		p = pkt_init_skb(skb);
	}
	return p;
}

/* learn_l2 - Ethernet header and tags, that of the offload included */
static __always_inline int learn_l2(const struct __sk_buff *skb, struct pkt *p,
				    struct ecbpf_recipe *recipe, __be16 *proto)
{
	__u32 at = 2 * ETH_ALEN;
	struct pkt_vlan_tag *tag;
	struct ethhdr *eth = pkt_pull(p, sizeof(*eth));
	int i;

	if (!eth)
		return LEARN_NOT;
	__builtin_memcpy(recipe->l2, eth, 2 * ETH_ALEN);
	if (skb->vlan_present) {
		*(__be16 *)(recipe->l2 + at) = skb->vlan_proto;
		*(__be16 *)(recipe->l2 + at + 2) = bpf_htons(skb->vlan_tci);
		at += sizeof(*tag);
	}
	*proto = eth->h_proto;
	for (i = 0; i < PKT_VLANS; i++) {
		if (!pkt_is_vlan(*proto))
			break;
		tag = pkt_pull(p, sizeof(*tag));
		if (!tag || at > 2 * ETH_ALEN + sizeof(*tag))
			return LEARN_STRANGE;
		*(__be16 *)(recipe->l2 + at) = *proto;
		*(__be16 *)(recipe->l2 + at + 2) = tag->tci;
		at += sizeof(*tag);
		*proto = tag->proto;
	}
	if (at > ECBPF_L2_MAX - 2)
		return LEARN_STRANGE;
	*(__be16 *)(recipe->l2 + at) = *proto;
	recipe->l2_bytes = at + 2;
	return LEARN_DONE;
}

/**
 * struct learn_ip - one IP header
 * @next: protocol behind it
 */
struct learn_ip {
	struct iphdr *v4;
	struct ipv6hdr *v6;
	__u8 next;
	__u8 ttl;
	__u8 tos;
	bool df;
};

static __always_inline int learn_ip(struct pkt *p, __be16 proto, struct learn_ip *ip)
{
	ip->v4 = NULL;
	ip->v6 = NULL;
	if (proto == bpf_htons(ETH_P_IP)) {
		ip->v4 = pkt_pull(p, sizeof(*ip->v4));
		if (!ip->v4 || ip->v4->version != 4 || ip->v4->ihl != sizeof(*ip->v4) / 4 ||
		    ip->v4->frag_off & bpf_htons(PACKET_FRAGMENT))
			return LEARN_NOT;
		ip->next = ip->v4->protocol;
		ip->ttl = ip->v4->ttl;
		ip->tos = ip->v4->tos;
		ip->df = ip->v4->frag_off & bpf_htons(PACKET_DF);
		return LEARN_DONE;
	}
	if (proto != bpf_htons(ETH_P_IPV6))
		return LEARN_NOT;
	ip->v6 = pkt_pull(p, sizeof(*ip->v6));
	if (!ip->v6)
		return LEARN_NOT;
	ip->next = ip->v6->nexthdr;
	ip->ttl = ip->v6->hop_limit;
	ip->tos = ip->v6->priority << 4 | ip->v6->flow_lbl[0] >> 4;
	ip->df = false;
	return LEARN_DONE;
}

/* learn_keep_outer - the outer IP header, less what differs from packet to packet */
static __always_inline void learn_keep_outer(struct ecbpf_recipe *recipe,
					     const struct learn_ip *outer)
{
	struct ipv6hdr *ip6 = (void *)recipe->outer;
	struct iphdr *ip4 = (void *)recipe->outer;

	if (outer->v6) {
		__builtin_memcpy(ip6, outer->v6, sizeof(*ip6));
		ip6->priority = 0;
		ip6->flow_lbl[0] &= 0x0f;
		ip6->payload_len = 0;
		ip6->hop_limit = 0;
		recipe->flags |= ECBPF_OUTER_V6;
		recipe->outer_bytes = sizeof(*ip6);
	} else if (outer->v4) {
		__builtin_memcpy(ip4, outer->v4, sizeof(*ip4));
		ip4->tos = 0;
		ip4->tot_len = 0;
		ip4->id = 0;
		ip4->frag_off = 0;
		ip4->ttl = 0;
		ip4->check = 0;
		recipe->outer_bytes = sizeof(*ip4);
	}
}

/* What GUE version 0 looks like without options, private data and control messages. */
#define LEARN_GUE_MASK bpf_htonl(0xff00ffff)

/* learn_gue - UDP and GUE headers of a tunnel; *next is what they hold. LEARN_NOT: no tunnel. */
static __always_inline int learn_gue(struct pkt *p, struct learned *l, __u8 *next)
{
	struct pkt before = *p;
	struct forward_gue *gue = pkt_pull(p, sizeof(*gue)), *to;
	__be16 port;

	if (!gue) {
		*p = before;
		return LEARN_NOT;
	}
	port = gue->udp.dest;
	if (!bpf_map_lookup_elem(&gue_map, &port)) {
		*p = before;
		return LEARN_NOT;
	}
	if (gue->gue & LEARN_GUE_MASK)
		return LEARN_STRANGE;
	*next = bpf_ntohl(gue->gue) >> 16;
	l->gue_sport = gue->udp.source;
	if (gue->udp.check)
		l->recipe.flags |= ECBPF_GUE_CSUM;
	l->recipe.kind = ECBPF_GUE;
	if (l->recipe.flags & ECBPF_OUTER_V6)
		to = (void *)(l->recipe.outer + sizeof(struct ipv6hdr));
	else
		to = (void *)(l->recipe.outer + sizeof(struct iphdr));
	to->udp.dest = port;
	to->gue = gue->gue;
	l->recipe.outer_bytes += sizeof(*gue);
	return LEARN_DONE;
}

static __always_inline __be16 learn_inner_proto(__u8 next)
{
	switch (next) {
	case IPPROTO_IPIP:
		return bpf_htons(ETH_P_IP);
	case IPPROTO_IPV6:
		return bpf_htons(ETH_P_IPV6);
	default:
		return 0;
	}
}

/*
 * learn_tunnel - if the packet is in a tunnel, what is around it; *ip is the header within then. The
 * forwarding path takes TTL and TOS from the packet, as IPVS does: if it did not, LEARN_STRANGE.
 */
static __always_inline int learn_tunnel(struct pkt *p, struct learn_ip *ip, struct learned *l)
{
	struct learn_ip outer = *ip;
	__u8 next = outer.next;
	int result;

	if (next == IPPROTO_GRE)
		return LEARN_STRANGE;
	if (next != IPPROTO_IPIP && next != IPPROTO_IPV6 && next != IPPROTO_UDP)
		return LEARN_DONE;
	if (next == IPPROTO_UDP) {
		/* learn_keep_outer() says how long the IP header is */
		learn_keep_outer(&l->recipe, &outer);
		result = learn_gue(p, l, &next);
		if (result == LEARN_NOT) {
			__builtin_memset(l->recipe.outer, 0, sizeof(l->recipe.outer));
			l->recipe.flags = 0;
			l->recipe.outer_bytes = 0;
			return LEARN_DONE;
		}
		if (result)
			return result;
	} else {
		learn_keep_outer(&l->recipe, &outer);
		l->recipe.kind = ECBPF_IPIP;
	}
	if (learn_ip(p, learn_inner_proto(next), ip))
		return LEARN_STRANGE;
	if (outer.ttl != ip->ttl || outer.tos != forward_tos(ip->tos))
		return LEARN_STRANGE;
	if (outer.v4 && outer.df)
		l->recipe.flags |= ECBPF_DF_COPY;
	else if (outer.v4 && ip->v4 && !ip->df)
		l->recipe.flags |= ECBPF_DF_UNKNOWN;
	return outer.df && !ip->df ? LEARN_STRANGE : LEARN_DONE;
}

static __always_inline void learn_addrs(struct ecbpf_tuple *key, const struct learn_ip *ip)
{
	if (ip->v6) {
		__builtin_memcpy(key->saddr, &ip->v6->saddr, sizeof(key->saddr));
		__builtin_memcpy(key->daddr, &ip->v6->daddr, sizeof(key->daddr));
	} else if (ip->v4) {
		key->saddr[2] = key->daddr[2] = bpf_htonl(ECBPF_V4_PREFIX);
		key->saddr[3] = ip->v4->saddr;
		key->daddr[3] = ip->v4->daddr;
	}
}

/* learn_segment - ports; and the number behind the segment, which may be many in one buffer */
static __always_inline int learn_segment(struct __sk_buff *skb, struct pkt *p, __u8 proto,
					 struct learned *l)
{
	void *start = (void *)(long)skb->data;
	struct udphdr *udp;
	struct tcphdr *tcp;
	__u64 at;

	if (proto == IPPROTO_UDP) {
		udp = pkt_pull(p, sizeof(*udp));
		if (!udp)
			return LEARN_NOT;
		l->key.sport = udp->source;
		l->key.dport = udp->dest;
		return LEARN_DONE;
	}
	at = p->pos - start;
	barrier_var(at); /* or clang works with halves of pointers */
	tcp = pkt_pull(p, sizeof(*tcp));
	if (proto != IPPROTO_TCP || !tcp)
		return LEARN_NOT;
	l->key.sport = tcp->source;
	l->key.dport = tcp->dest;
	l->flags = ((const __u8 *)tcp)[PACKET_TCP_FLAGS];
	l->seq = bpf_ntohl(tcp->seq) + skb->len - at - tcp->doff * 4;
	if (l->flags & (PACKET_TCP_SYN | PACKET_TCP_FIN))
		l->seq++;
	return LEARN_DONE;
}

/* learn - all of *l, which is zero, from the packet */
static __always_inline int learn(struct __sk_buff *skb, struct learned *l)
{
	struct pkt p = learn_begin(skb);
	struct learn_ip ip;
	__be16 proto;
	int result = learn_l2(skb, &p, &l->recipe, &proto);

	if (!result)
		result = learn_ip(&p, proto, &ip);
	if (!result)
		result = learn_tunnel(&p, &ip, l);
	if (result)
		return result;
	l->recipe.ifindex = skb->ifindex;
	learn_addrs(&l->key, &ip);
	l->key.rest = ip.next;
	l->ttl = ip.ttl;
	l->tos = ip.tos;
	l->df = ip.df;
	l->v6 = ip.v6;
	return learn_segment(skb, &p, ip.next, l);
}

#endif
