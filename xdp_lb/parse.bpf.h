/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A packet that may be for a VIP: whose connection it belongs to. */
#ifndef XDP_LB_PARSE_BPF_H
#define XDP_LB_PARSE_BPF_H

#include "libecbpf/packet.bpf.h"
#include "xdp_lb/maps.bpf.h"

/**
 * struct subject - a packet's connection, and what of the packet matters for it; no pointers, so that
 * functions which verifiers look at by themselves can take it
 * @key: in the client's direction; IPv4 as ::ffff:ADDRESS; ports are 0 where there are none
 * @id: of a fragment
 * @l2: bytes of Ethernet header and tags
 * @upper: bytes from the IP header to that of the upper layer
 * @ip_bytes: as in struct packet, and so are all up to @summed
 * @v6: IPv6
 * @tcp: there is a TCP header
 * @fragment: it is one
 * @later: and not the first
 * @error: an ICMP error: @key is of the packet that it quotes, turned round
 * @echo: an ICMP echo request
 */
struct subject {
	struct ecbpf_tuple key;
	__be32 id;
	__u32 l2;
	__u32 upper;
	__u32 ip_bytes;
	__u32 payload;
	__u8 flags;
	__u8 proto;
	__u8 ttl;
	__u8 tos;
	bool df;
	bool summed;
	bool v6;
	bool tcp;
	bool fragment;
	bool later;
	bool error;
	bool echo;
};

/* RFC 792, RFC 4443 */
#define PARSE_ECHO4 8
#define PARSE_ECHO6 128

static __always_inline bool parse_is_error4(__u8 type)
{
	return type == 3 || type == 11 || type == 12; /* unreachable, time exceeded, parameter */
}

static __always_inline bool parse_is_error6(__u8 type)
{
	return type >= 1 && type <= 4;
}

static __always_inline bool parse_near_has(__u32 which, __u64 a, __u64 b)
{
	const struct lb_near *near = bpf_map_lookup_elem(&lb_near_map, &which);
	const __u32 bit = lb_near_bit(a, b);

	return near && near->bit[bit / 64 % (LB_NEAR_BITS / 64)] >> bit % 64 & 1;
}

/* What a packet may be, by its addresses. */
#define PARSE_FOR_VIP (1U << LB_NEAR_VIP)
#define PARSE_REPLY   (1U << LB_NEAR_BACK)
#define PARSE_BY_NAT  (1U << LB_NEARS) /* PARSE_FOR_VIP, and all backends are by NAT */

/* parse_is_back - may it be a backend's reply, or an ICMP error of a router on the way to one? */
static __always_inline bool parse_is_back(const struct pkt *at, __be16 proto)
{
	struct pkt p = *at;
	struct ipv6hdr *ip6;
	struct iphdr *ip4;
	__u64 half[2];

	if (proto == bpf_htons(ETH_P_IP)) {
		ip4 = pkt_pull(&p, sizeof(*ip4));
		if (!ip4)
			return false;
		return ip4->protocol == IPPROTO_ICMP || parse_near_has(LB_NEAR_BACK, ip4->saddr, 0);
	}
	ip6 = pkt_pull(&p, sizeof(*ip6));
	if (!ip6)
		return false;
	__builtin_memcpy(half, &ip6->saddr, sizeof(half));
	return ip6->nexthdr == IPPROTO_ICMPV6 || parse_near_has(LB_NEAR_BACK, half[0], half[1]);
}

/* parse_near - PARSE_*; 0: it is nothing for us; by far the most of such packets end here */
static __always_inline __u32 parse_near(const struct lb_settings *settings, const struct pkt *at,
					__be16 proto)
{
	struct pkt p = *at;
	struct ipv6hdr *ip6;
	struct iphdr *ip4;
	__u64 half[2] = {};
	__u32 near;

	if (proto == bpf_htons(ETH_P_IP)) {
		ip4 = pkt_pull(&p, sizeof(*ip4));
		if (!ip4)
			return 0;
		half[0] = ip4->daddr;
	} else if (proto == bpf_htons(ETH_P_IPV6)) {
		ip6 = pkt_pull(&p, sizeof(*ip6));
		if (!ip6)
			return 0;
		__builtin_memcpy(half, &ip6->daddr, sizeof(half));
	} else {
		return 0;
	}
	near = parse_near_has(LB_NEAR_VIP, half[0], half[1]) ? PARSE_FOR_VIP : 0;
	if (!settings->nat)
		return near;
	if (near && settings->nat == LB_NAT_ONLY)
		near |= PARSE_BY_NAT;
	return parse_is_back(at, proto) ? near | PARSE_REPLY : near;
}

static __always_inline void parse_addrs(struct ecbpf_tuple *key, const struct pkt_ip *ip)
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

/* parse_ports - of TCP and UDP, whose headers must be whole */
static __always_inline bool parse_ports(struct pkt *p, struct subject *s)
{
	struct udphdr *udp;
	struct tcphdr *tcp;

	if (s->proto == IPPROTO_TCP) {
		tcp = pkt_pull(p, sizeof(*tcp));
		if (!tcp || s->payload < sizeof(*tcp))
			return false;
		s->tcp = true;
		s->flags = ((const __u8 *)tcp)[PACKET_TCP_FLAGS];
		s->payload = s->payload > tcp->doff * 4 ? s->payload - tcp->doff * 4 : 0;
		s->key.sport = tcp->source;
		s->key.dport = tcp->dest;
		s->summed = true;
	} else if (s->proto == IPPROTO_UDP) {
		udp = pkt_pull(p, sizeof(*udp));
		if (!udp || s->payload < sizeof(*udp))
			return false;
		s->key.sport = udp->source;
		s->key.dport = udp->dest;
		s->summed = udp->check;
	}
	return true;
}

/* parse_turn - the quoted packet went to the client: its connection is the other way round */
static __always_inline void parse_turn(struct ecbpf_tuple *key)
{
	struct ecbpf_tuple was = *key;

	__builtin_memcpy(key->saddr, was.daddr, sizeof(key->saddr));
	__builtin_memcpy(key->daddr, was.saddr, sizeof(key->daddr));
	key->sport = was.dport;
	key->dport = was.sport;
}

/* parse_quoted - the packet that an ICMP error is about; not behind extension headers, no later fragment */
static __noinline int parse_quoted(struct pkt *p, struct subject *s, __u32 v6)
{
	struct {
		__be16 source, dest;
	} * ports;
	struct ipv6hdr *ip6;
	struct iphdr *ip4;
	__u32 len, header = sizeof(*ip6);

	if (v6) {
		ip6 = pkt_pull(p, sizeof(*ip6));
		if (!ip6)
			return false;
		__builtin_memcpy(s->key.saddr, &ip6->saddr, sizeof(s->key.saddr));
		__builtin_memcpy(s->key.daddr, &ip6->daddr, sizeof(s->key.daddr));
		s->proto = ip6->nexthdr;
	} else {
		ip4 = pkt_pull(p, sizeof(*ip4));
		if (!ip4 || ip4->ihl < sizeof(*ip4) / 4 ||
		    ip4->frag_off & bpf_htons(PKT_IPV4_FRAG_OFFSET))
			return false;
		s->key.saddr[3] = ip4->saddr;
		s->key.daddr[3] = ip4->daddr;
		s->proto = ip4->protocol;
		header = ip4->ihl * 4;
		len = header - sizeof(*ip4);
		if (!pkt_pull(p, len))
			return false;
	}
	if (s->proto != IPPROTO_TCP && s->proto != IPPROTO_UDP)
		return false;
	ports = pkt_pull(p, sizeof(*ports));
	if (!ports || s->payload < sizeof(struct pkt_icmp_hdr) + header + sizeof(*ports))
		return false;
	s->key.sport = ports->source;
	s->key.dport = ports->dest;
	parse_turn(&s->key);
	return true;
}

/* parse_icmp - errors and echo requests; all else is the machine's own: neighbour discovery, say */
static __always_inline bool parse_icmp(struct pkt *p, struct subject *s, const struct pkt_ip *ip)
{
	struct pkt_icmp_hdr *icmp = pkt_pull(p, sizeof(*icmp));
	const bool v6 = ip->v6;

	if (!icmp || s->fragment || s->payload < sizeof(*icmp))
		return false;
	s->echo = icmp->type == (v6 ? PARSE_ECHO6 : PARSE_ECHO4) && !icmp->code;
	s->error = v6 ? parse_is_error6(icmp->type) : parse_is_error4(icmp->type);
	return s->echo || (s->error && parse_quoted(p, s, v6));
}

static __always_inline void parse_header(struct subject *s, const struct pkt_ip *ip)
{
	if (ip->v6) {
		s->ip_bytes = bpf_ntohs(ip->v6->payload_len) + sizeof(*ip->v6);
		s->ttl = ip->v6->hop_limit;
		s->tos = ip->v6->priority << 4 | ip->v6->flow_lbl[0] >> 4;
		s->v6 = true;
	} else if (ip->v4) {
		s->ip_bytes = bpf_ntohs(ip->v4->tot_len);
		s->ttl = ip->v4->ttl;
		s->tos = ip->v4->tos;
		s->df = ip->v4->frag_off & bpf_htons(PACKET_DF);
	}
	s->proto = ip->proto;
	s->upper = s->ip_bytes - ip->left;
	s->payload = ip->left;
	s->id = ip->id;
	s->fragment = ip->fragment;
	s->later = ip->later;
}

/* parse_rest - behind the IP header */
static __always_inline bool parse_rest(struct pkt *p, const struct pkt_eth *eth,
				       const struct pkt_ip *ip, struct subject *s)
{
	s->l2 = sizeof(*eth->hdr) + eth->vlans * sizeof(struct pkt_vlan_tag);
	parse_header(s, ip);
	parse_addrs(&s->key, ip);
	if (ip->proto == (ip->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) {
		if (!parse_icmp(p, s, ip))
			return false;
	} else if (!ip->later && !parse_ports(p, s)) {
		return false;
	}
	if (ip->fragment || ip->exts) /* then nobody sums it up */
		s->summed = false;
	s->key.rest = ECBPF_REST(s->proto, packet_vid(eth, 0), packet_vid(eth, 1));
	return true;
}

/* parse_all - verified by itself, or the ways through it multiply with all that follows; false: not understood */
__noinline int parse_all(struct xdp_md *xdp, struct subject *s)
{
	struct pkt p = pkt_init(xdp);
	struct pkt_eth eth = {};
	struct pkt_ip ip = {};

	if (!s || pkt_eth(&p, &eth))
		return false;
	/* two calls: verifiers do not know that the type decides which pointer is there */
	if (eth.proto == bpf_htons(ETH_P_IP))
		return !pkt_ipv4(&p, &ip) && parse_rest(&p, &eth, &ip, s);
	/* length 0 is a jumbogram's, whose own length is not known here (RFC 2675) */
	return !pkt_ipv6(&p, &ip) && ip.v6->payload_len && parse_rest(&p, &eth, &ip, s);
}

/* parse_fill - what forwarding needs of it, but for where it is */
static __always_inline void parse_fill(const struct subject *s, struct packet *packet)
{
	packet->l2_bytes = s->l2;
	packet->ip_bytes = s->ip_bytes;
	packet->proto = s->error ? (s->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) : s->proto;
	packet->ttl = s->ttl;
	packet->tos = s->tos;
	packet->df = s->df;
	packet->summed = s->summed;
}

/* parse_packet - what forwarding needs of it; false: never */
static __always_inline bool parse_packet(struct xdp_md *xdp, const struct subject *s,
					 struct packet *packet)
{
	const __u32 tags = s->l2 - sizeof(*packet->eth);
	struct pkt p = pkt_init(xdp);

	packet->eth = pkt_pull(&p, sizeof(*packet->eth));
	if (!packet->eth ||
	    (tags >= sizeof(struct pkt_vlan_tag) && !pkt_pull(&p, sizeof(struct pkt_vlan_tag))))
		return false;
	if (tags > sizeof(struct pkt_vlan_tag) && !pkt_pull(&p, sizeof(struct pkt_vlan_tag)))
		return false;
	if (s->v6)
		packet->ip6 = pkt_pull(&p, sizeof(*packet->ip6));
	else
		packet->ip4 = pkt_pull(&p, sizeof(*packet->ip4));
	parse_fill(s, packet);
	return packet->ip6 || packet->ip4;
}

#endif
