/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packet Too Big: "send packets of this size, so that nobody has to cut them". In answer to a first
 * fragment, whose own size is what the path carries; or to a packet that is longer than an MTU.
 */
#ifndef LIBECBPF_REPLY_BPF_H
#define LIBECBPF_REPLY_BPF_H

#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "libecbpf/csum.bpf.h"
#include "libecbpf/pkt.bpf.h"

/* RFC 8200 5: no IPv6 link has less; RFC 4443 2.4(c): an error message is no longer. */
#define REPLY_IPV6_MTU 1280

/* RFC 791: every host takes 68 bytes; RFC 1191 3: never a smaller MTU. */
#define REPLY_IPV4_MTU 68

/* RFC 1812 4.3.2.3: the quoted header, and 8 bytes. */
#define REPLY_IPV4_QUOTE 8

#define REPLY_HOP_LIMIT 64
#define REPLY_TOS	0xc0 /* RFC 1812 4.3.2.5: precedence 6 */

#define REPLY_LINK_MAX (14 + 4 * PKT_VLANS)

/* RFC 792: unreachable, fragmentation needed; RFC 4443 3.2. */
#define REPLY_ICMP_TYPE	  3
#define REPLY_ICMP_CODE	  4
#define REPLY_ICMPV6_TYPE 2

/* What bpf_csum_diff() takes at a time. */
#define REPLY_SUM_MAX 512

/**
 * struct reply_frame - map reply_map: the frame that is being made
 * @link: the link header, as it arrived, then with its addresses swapped
 * @bytes: with room for the verifier, who does not see that the last part of a sum is short
 */
struct reply_frame {
	__u8 link[24];
	union {
		__u8 bytes[REPLY_IPV6_MTU + REPLY_SUM_MAX];
		struct {
			struct iphdr ip;
			struct pkt_icmp_hdr icmp;
			struct iphdr quoted;
		} v4;
		struct {
			struct ipv6hdr ip;
			struct pkt_icmp_hdr icmp;
			struct ipv6hdr quoted;
		} v6;
	};
};

/**
 * struct reply_parts - where the parts of a packet are that a reply quotes
 * @link: bytes of the link header
 * @len: bytes behind it, a multiple of 4; 0: no reply is due
 * @frame: bytes of the frame
 * @ipv6: not 0: it is
 * @mtu: that the reply tells; 0: the packet's own length
 */
struct reply_parts {
	__u32 link;
	__u32 len;
	__u32 frame;
	__u32 ipv6;
	__u32 mtu;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct reply_frame);
} reply_map SEC(".maps");

#define REPLY_IPV4_HEADERS (sizeof(struct iphdr) + sizeof(struct pkt_icmp_hdr))
#define REPLY_IPV6_HEADERS (sizeof(struct ipv6hdr) + sizeof(struct pkt_icmp_hdr))

/* reply_is_host4 - RFC 1122 3.2.1.3, 3.2.2: nobody, this host, a group, or the future: no reply */
static __always_inline bool reply_is_host4(__be32 addr)
{
	__u8 first = bpf_ntohl(addr) >> 24;

	return first != 0 && first != 127 && first < 224;
}

/* reply_is_host6 - RFC 4291 2.5: not ::/8 (unspecified, loopback, mapped), not a group */
static __always_inline bool reply_is_host6(const struct in6_addr *addr)
{
	return addr->in6_u.u6_addr8[0] != 0 && addr->in6_u.u6_addr8[0] != 0xff;
}

/* reply_is_error - RFC 1122 3.2.2, RFC 4443 2.4(e): never answer an error with an error */
static __always_inline bool reply_is_error(const struct pkt_ip *ip, __u8 type)
{
	if (ip->v6)
		return ip->proto == IPPROTO_ICMPV6 && (type < 128 || type == 137);
	return ip->proto == IPPROTO_ICMP &&
	       (type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
}

/* reply_is_due - may this packet be answered? @type: of its ICMP message, if it is one */
static __always_inline bool reply_is_due(const struct pkt_eth *eth, const struct pkt_ip *ip,
					 __u8 type)
{
	if ((eth->hdr->h_dest[0] & 1) || reply_is_error(ip, type))
		return false;
	/* both are asked, see reply_quote() */
	if (ip->v6)
		return reply_is_host6(&ip->v6->saddr) && reply_is_host6(&ip->v6->daddr);
	return ip->v4 && reply_is_host4(ip->v4->saddr) && reply_is_host4(ip->v4->daddr);
}

/*
 * reply_length - @len if it is 1 .. @max, else 0. The detour lets all verifiers see both bounds:
 * clang would compare something that is computed from a copy.
 */
static __always_inline __u32 reply_length(__u32 len, __u32 max)
{
	len--;
	if (len >= max)
		return 0;
	barrier_var(len);
	return len + 1;
}

/* reply_sum - of @len bytes, a multiple of 4 */
static __always_inline __u64 reply_sum(void *bytes, __u32 len, __u64 sum)
{
	__u32 part, i;

	for (i = 0; i < (REPLY_IPV6_MTU + REPLY_SUM_MAX - 1) / REPLY_SUM_MAX; i++) {
		part = reply_length(len < REPLY_SUM_MAX ? len : REPLY_SUM_MAX, REPLY_SUM_MAX);
		if (!part)
			break;
		sum = bpf_csum_diff(NULL, 0, bytes + i * REPLY_SUM_MAX, part, sum);
		len -= part;
	}
	return sum;
}

static __always_inline void reply_link(struct reply_frame *reply)
{
	struct ethhdr *eth = (struct ethhdr *)reply->link;
	__u8 source[ETH_ALEN];

	__builtin_memcpy(source, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, source, ETH_ALEN);
}

/* reply_ipv4 - headers around the quote; @total: bytes of the reply behind the link header */
static __always_inline void reply_ipv4(struct reply_frame *reply, __u32 total, __u32 mtu)
{
	struct iphdr *ip = &reply->v4.ip;
	struct pkt_icmp_hdr *icmp = &reply->v4.icmp;

	if (!mtu)
		mtu = bpf_ntohs(reply->v4.quoted.tot_len);
	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = REPLY_TOS;
	ip->tot_len = bpf_htons(total);
	ip->frag_off = bpf_htons(0x4000); /* RFC 6864: then the identification means nothing */
	ip->ttl = REPLY_HOP_LIMIT;
	ip->protocol = IPPROTO_ICMP;
	ip->saddr = reply->v4.quoted.daddr;
	ip->daddr = reply->v4.quoted.saddr;
	ip->check = csum_fold(csum_add(0, ip, sizeof(*ip) / 2));
	icmp->type = REPLY_ICMP_TYPE;
	icmp->code = REPLY_ICMP_CODE;
	icmp->check = 0;
	icmp->rest = bpf_htonl(mtu < REPLY_IPV4_MTU ? REPLY_IPV4_MTU : mtu);
	icmp->check = csum_fold(reply_sum(icmp, total - sizeof(*ip), 0));
}

static __always_inline void reply_ipv6(struct reply_frame *reply, __u32 total, __u32 mtu)
{
	struct ipv6hdr *ip = &reply->v6.ip;
	struct pkt_icmp_hdr *icmp = &reply->v6.icmp;
	__u32 len = total - sizeof(*ip);
	__u64 sum = bpf_htons(len) + bpf_htons(IPPROTO_ICMPV6); /* RFC 8200 8.1: pseudo-header */

	if (!mtu)
		mtu = sizeof(*ip) + bpf_ntohs(reply->v6.quoted.payload_len);
	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 6;
	ip->payload_len = bpf_htons(len);
	ip->nexthdr = IPPROTO_ICMPV6;
	ip->hop_limit = REPLY_HOP_LIMIT;
	ip->saddr = reply->v6.quoted.daddr;
	ip->daddr = reply->v6.quoted.saddr;
	icmp->type = REPLY_ICMPV6_TYPE;
	icmp->code = 0;
	icmp->check = 0;
	icmp->rest = bpf_htonl(mtu < REPLY_IPV6_MTU ? REPLY_IPV6_MTU : mtu);
	sum = csum_add(sum, &ip->saddr, 2 * sizeof(ip->saddr) / 2);
	icmp->check = csum_fold(reply_sum(icmp, len, sum));
}

/* reply_quote - what of a packet the reply quotes, if one is due; @type: as reply_is_due() */
static __always_inline void reply_quote(const struct pkt_eth *eth, const struct pkt_ip *ip,
					__u8 type, struct reply_parts *quote)
{
	if (!reply_is_due(eth, ip, type))
		return;
	quote->link = sizeof(*eth->hdr) + 4 * eth->vlans;
	/* both are asked: the verifier does not know that a packet pointer is not NULL */
	if (ip->v6) {
		quote->ipv6 = 1;
		quote->len = sizeof(*ip->v6) + bpf_ntohs(ip->v6->payload_len);
		if (quote->len > REPLY_IPV6_MTU - REPLY_IPV6_HEADERS)
			quote->len = REPLY_IPV6_MTU - REPLY_IPV6_HEADERS;
		quote->len &= ~3U;
	} else if (ip->v4) {
		quote->len = ip->v4->ihl * 4 + REPLY_IPV4_QUOTE;
	}
}

/* reply_load - the parts of the packet that the reply has too */
static __always_inline bool reply_load(struct xdp_md *xdp, struct reply_frame *reply,
				       const struct reply_parts *quote, __u32 headers)
{
	__u32 link = reply_length(quote->link, REPLY_LINK_MAX);
	__u32 len = reply_length(quote->len, REPLY_IPV6_MTU - REPLY_IPV6_HEADERS);

	if (!link || !len || bpf_xdp_load_bytes(xdp, 0, reply->link, link))
		return false;
	return !bpf_xdp_load_bytes(xdp, link, reply->bytes + headers, len);
}

static __always_inline bool reply_store(struct xdp_md *xdp, struct reply_frame *reply,
					const struct reply_parts *quote, __u32 total)
{
	__u32 link = reply_length(quote->link, REPLY_LINK_MAX);

	total = reply_length(total, REPLY_IPV6_MTU);
	if (!link || !total)
		return false;
	if (bpf_xdp_adjust_tail(xdp, (int)(link + total) - (int)quote->frame))
		return false;
	return !bpf_xdp_store_bytes(xdp, 0, reply->link, link) &&
	       !bpf_xdp_store_bytes(xdp, link, reply->bytes, total);
}

/* reply_send - the packet becomes its answer; false: it could not, and may have changed in length */
__noinline int reply_send(struct xdp_md *xdp, const struct reply_parts *quote)
{
	__u32 zero = 0, headers, total;
	struct reply_frame *reply = bpf_map_lookup_elem(&reply_map, &zero);

	if (!reply || !quote)
		return false;
	headers = quote->ipv6 ? REPLY_IPV6_HEADERS : REPLY_IPV4_HEADERS;
	total = headers + quote->len;
	if (total > REPLY_IPV6_MTU || !reply_load(xdp, reply, quote, headers))
		return false;
	reply_link(reply);
	if (quote->ipv6)
		reply_ipv6(reply, total, quote->mtu);
	else
		reply_ipv4(reply, total, quote->mtu);
	return reply_store(xdp, reply, quote, total);
}

#endif
