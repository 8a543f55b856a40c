/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Cursor over a packet and header pulls. Every comparison with the packet's end is in this file.
 *
 * A pull returns a reason code: 0 (ECBPF_CODE_NONE) and the cursor moved past the header, or why
 * it did not. Header pointers stay valid until a helper moves packet data (adjust_head,
 * adjust_tail, adjust_meta); after one, begin again with pkt_init().
 *
 *	struct pkt p = pkt_init(ctx);
 *	struct pkt_eth eth;
 *	struct pkt_ip ip;
 *	__u32 code = pkt_eth(&p, &eth);
 *
 *	if (!code && eth.proto == bpf_htons(ETH_P_IP))
 *		code = pkt_ipv4(&p, &ip);
 *
 * Also compiles on the host, for tests and fuzzers.
 */
#ifndef LIBECBPF_PKT_BPF_H
#define LIBECBPF_PKT_BPF_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>

#include "libecbpf/abi.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* IEEE 802.1Q and 802.1ad: an outer and an inner tag. Further tags are left in eth.proto. */
#define PKT_VLANS 2

/*
 * Extension headers walked: RFC 8200 4.1 recommends at most seven in a packet; one more for
 * room. A longer chain is ECBPF_CODE_IPV6_EXT_LIMIT.
 */
#define PKT_IPV6_EXTS 8

/* Next-header values of the extension headers (RFC 8200, 4302, 6275, 7401, 5533). */
#define PKT_NEXT_HOPOPTS  0
#define PKT_NEXT_ROUTING  43
#define PKT_NEXT_FRAGMENT 44
#define PKT_NEXT_AH	  51
#define PKT_NEXT_DSTOPTS  60
#define PKT_NEXT_MOBILITY 135
#define PKT_NEXT_HIP	  139
#define PKT_NEXT_SHIM6	  140

/* Any packet is shorter; the bound lets the verifier add a variable length to a pointer. */
#define PKT_LEN_MAX 0xffff

/**
 * struct pkt - cursor
 * @pos: next byte to pull
 * @end: first byte behind the frame
 */
struct pkt {
	void *pos;
	void *end;
};

/**
 * struct pkt_eth - link layer
 * @hdr: Ethernet header
 * @proto: type behind the tags; below ETH_P_802_3_MIN it is an 802.3 length
 * @vlans: tags pulled, 0 .. PKT_VLANS
 * @tci: of each tag, outer first: priority, DEI, VLAN id
 */
struct pkt_eth {
	struct ethhdr *hdr;
	__be16 proto;
	__u8 vlans;
	__be16 tci[PKT_VLANS];
};

/**
 * struct pkt_ip - network layer, IPv4 or IPv6
 * @v4: IPv4 header, or NULL
 * @v6: IPv6 header, or NULL
 * @left: bytes of the datagram behind what was pulled: without the frame's padding
 * @proto: upper-layer protocol (IPPROTO_*), behind all extension headers
 * @exts: extension headers pulled, the fragment header included; IPv4: 32-bit words of options
 * @fragment: any fragment, the first included
 * @later: a fragment other than the first: no upper-layer header here
 * @id: identification; IPv6: of a fragment, else 0
 */
struct pkt_ip {
	struct iphdr *v4;
	struct ipv6hdr *v6;
	__u32 left;
	__u8 proto;
	__u8 exts;
	bool fragment;
	bool later;
	__be32 id;
};

/* RFC 792 and RFC 4443: common to both; <linux/icmp.h> needs the C library. */
struct pkt_icmp_hdr {
	__u8 type;
	__u8 code;
	__u16 check;
	__be32 rest;
};

struct pkt_vlan_tag {
	__be16 tci;
	__be16 proto;
};

/*
 * The first 8 bytes of any extension header: none is shorter (RFC 8200 4.3-4.6, RFC 4302).
 * @offset and @id are the fragment header's: 13 bits of 8-byte units, 2 reserved, 1 "more".
 */
struct pkt_ipv6_ext {
	__u8 next;
	__u8 len;
	__be16 offset;
	__be32 id;
};

#define PKT_IPV6_FRAG_OFFSET 0xfff8
#define PKT_IPV6_FRAG_MORE   0x0001
#define PKT_IPV4_FRAG_OFFSET 0x1fff
#define PKT_IPV4_FRAG_MORE   0x2000

/* pkt_pull - the next @len bytes (at most PKT_LEN_MAX), or NULL and the cursor stays */
static __always_inline void *pkt_pull(struct pkt *p, __u32 len)
{
	void *hdr = p->pos;

	if (len > PKT_LEN_MAX || hdr + len > p->end)
		return NULL;
	if (!hdr)
		__builtin_unreachable(); /* or it is compared with NULL once more */
	p->pos = hdr + len;
	return hdr;
}

/* pkt_left - bytes from the cursor to the end of the frame */
static __always_inline __u32 pkt_left(const struct pkt *p)
{
	return p->end - p->pos;
}

/* pkt_has - so many bytes more */
static __always_inline bool pkt_has(const struct pkt *p, __u32 len)
{
	return p->pos + len <= p->end;
}

static __always_inline struct pkt pkt_init(const struct xdp_md *ctx)
{
	struct pkt p = { (void *)(long)ctx->data, (void *)(long)ctx->data_end };

	return p;
}

/* pkt_init_skb - of a TC program: the linear part */
static __always_inline struct pkt pkt_init_skb(const struct __sk_buff *skb)
{
	struct pkt p = { (void *)(long)skb->data, (void *)(long)skb->data_end };

	return p;
}

/* pkt_frame_bytes - by 64 bits, or clang works with halves of pointers */
static __always_inline __u32 pkt_frame_bytes(const struct xdp_md *ctx)
{
	struct pkt p = pkt_init(ctx);
	__u64 bytes;

	asm volatile("" : "+r"(p.pos), "+r"(p.end));
	bytes = p.end - p.pos;
	asm volatile("" : "+r"(bytes));
	return bytes;
}

static __always_inline bool pkt_is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

/* pkt_eth - Ethernet header and up to two tags; ETH_TRUNCATED, VLAN_TRUNCATED */
static __always_inline __u32 pkt_eth(struct pkt *p, struct pkt_eth *eth)
{
	struct pkt_vlan_tag *tag;
	int i;

	eth->vlans = 0;
	eth->hdr = pkt_pull(p, sizeof(*eth->hdr));
	if (!eth->hdr)
		return ECBPF_CODE_ETH_TRUNCATED;
	eth->proto = eth->hdr->h_proto;
	for (i = 0; i < PKT_VLANS; i++) {
		if (!pkt_is_vlan(eth->proto))
			break;
		tag = pkt_pull(p, sizeof(*tag));
		if (!tag)
			return ECBPF_CODE_VLAN_TRUNCATED;
		eth->tci[i] = tag->tci;
		eth->proto = tag->proto;
		eth->vlans = i + 1;
	}
	return ECBPF_CODE_NONE;
}

/*
 * pkt_ipv4 - IPv4 header with its options (RFC 791). The header checksum is not verified.
 * IPV4_TRUNCATED, _VERSION, _IHL, _OPTIONS_TRUNCATED, _LENGTH_SHORT, _LENGTH_BEYOND
 */
static __always_inline __u32 pkt_ipv4(struct pkt *p, struct pkt_ip *ip)
{
	__u32 avail = pkt_left(p), hlen, total;
	struct iphdr *hdr = pkt_pull(p, sizeof(*hdr));
	__u16 frag;

	if (!hdr)
		return ECBPF_CODE_IPV4_TRUNCATED;
	if (hdr->version != 4)
		return ECBPF_CODE_IPV4_VERSION;
	hlen = hdr->ihl * 4;
	if (hlen < sizeof(*hdr))
		return ECBPF_CODE_IPV4_IHL;
	if (hlen > sizeof(*hdr) && !pkt_pull(p, hlen - sizeof(*hdr)))
		return ECBPF_CODE_IPV4_OPTIONS_TRUNCATED;
	total = bpf_ntohs(hdr->tot_len);
	if (total < hlen)
		return ECBPF_CODE_IPV4_LENGTH_SHORT;
	if (total > avail)
		return ECBPF_CODE_IPV4_LENGTH_BEYOND;
	frag = bpf_ntohs(hdr->frag_off);
	ip->v4 = hdr;
	ip->v6 = NULL;
	ip->left = total - hlen;
	ip->proto = hdr->protocol;
	ip->exts = hdr->ihl - sizeof(*hdr) / 4;
	ip->fragment = frag & (PKT_IPV4_FRAG_OFFSET | PKT_IPV4_FRAG_MORE);
	ip->later = frag & PKT_IPV4_FRAG_OFFSET;
	ip->id = hdr->id;
	return ECBPF_CODE_NONE;
}

/* pkt_ipv6_ext_len - bytes of the extension header of type @next, 8 and up */
static __always_inline __u32 pkt_ipv6_ext_len(__u8 next, const struct pkt_ipv6_ext *ext)
{
	switch (next) {
	case PKT_NEXT_FRAGMENT:
		return sizeof(*ext);
	case PKT_NEXT_AH: /* RFC 4302 2.2: 32-bit words, minus 2 */
		return (ext->len + 2) * 4;
	default:
		return (ext->len + 1) * 8;
	}
}

static __always_inline bool pkt_is_ipv6_ext(__u8 next)
{
	switch (next) {
	case PKT_NEXT_HOPOPTS:
	case PKT_NEXT_ROUTING:
	case PKT_NEXT_FRAGMENT:
	case PKT_NEXT_AH:
	case PKT_NEXT_DSTOPTS:
	case PKT_NEXT_MOBILITY:
	case PKT_NEXT_HIP:
	case PKT_NEXT_SHIM6:
		return true;
	default:
		return false;
	}
}

/* pkt_ipv6_ext - one extension header of type ip->proto; IPV6_EXT_TRUNCATED */
static __always_inline __u32 pkt_ipv6_ext(struct pkt *p, struct pkt_ip *ip)
{
	struct pkt_ipv6_ext *ext = pkt_pull(p, sizeof(*ext));
	__u16 offset;
	__u32 len;

	if (!ext)
		return ECBPF_CODE_IPV6_EXT_TRUNCATED;
	len = pkt_ipv6_ext_len(ip->proto, ext);
	if (len > ip->left || !pkt_pull(p, len - sizeof(*ext)))
		return ECBPF_CODE_IPV6_EXT_TRUNCATED;
	ip->left -= len;
	ip->exts++;
	if (ip->proto == PKT_NEXT_FRAGMENT) {
		offset = bpf_ntohs(ext->offset);
		/* RFC 6946: offset 0 and no more fragments is a whole packet all the same. */
		ip->fragment |= !!(offset & (PKT_IPV6_FRAG_OFFSET | PKT_IPV6_FRAG_MORE));
		ip->later = offset & PKT_IPV6_FRAG_OFFSET;
		ip->id = ext->id;
	}
	ip->proto = ext->next;
	return ECBPF_CODE_NONE;
}

/*
 * pkt_ipv6 - IPv6 header and its extension headers (RFC 8200), up to a later fragment's
 * IPV6_TRUNCATED, _VERSION, _LENGTH_BEYOND, _EXT_TRUNCATED; _EXT_LIMIT leaves *ip filled in,
 * ip->proto being the first extension header that was not walked
 */
static __always_inline __u32 pkt_ipv6(struct pkt *p, struct pkt_ip *ip)
{
	struct ipv6hdr *hdr = pkt_pull(p, sizeof(*hdr));
	__u32 avail, code;
	int i;

	if (!hdr)
		return ECBPF_CODE_IPV6_TRUNCATED;
	if (hdr->version != 6)
		return ECBPF_CODE_IPV6_VERSION;
	avail = pkt_left(p);
	ip->v4 = NULL;
	ip->v6 = hdr;
	ip->left = bpf_ntohs(hdr->payload_len);
	ip->proto = hdr->nexthdr;
	ip->exts = 0;
	ip->fragment = false;
	ip->later = false;
	ip->id = 0;
	if (ip->left > avail)
		return ECBPF_CODE_IPV6_LENGTH_BEYOND;
	/* RFC 2675: with a hop-by-hop header, length 0 is a jumbogram's */
	if (!ip->left && ip->proto == PKT_NEXT_HOPOPTS)
		ip->left = avail;
#ifdef __bpf__ /* Linux 6.1 refuses a loop that clang lets fall through from end to head */
#pragma unroll
#endif
	for (i = 0; i < PKT_IPV6_EXTS; i++) {
		if (!pkt_is_ipv6_ext(ip->proto) || ip->later)
			return ECBPF_CODE_NONE;
		code = pkt_ipv6_ext(p, ip);
		if (code)
			return code;
	}
	if (pkt_is_ipv6_ext(ip->proto) && !ip->later)
		return ECBPF_CODE_IPV6_EXT_LIMIT;
	return ECBPF_CODE_NONE;
}

/* pkt_tcp - TCP header with its options (RFC 9293); TCP_TRUNCATED, TCP_OFFSET */
static __always_inline __u32 pkt_tcp(struct pkt *p, struct pkt_ip *ip, struct tcphdr **tcp)
{
	struct tcphdr *hdr = pkt_pull(p, sizeof(*hdr));
	__u32 len;

	if (!hdr || ip->left < sizeof(*hdr))
		return ECBPF_CODE_TCP_TRUNCATED;
	len = hdr->doff * 4;
	if (len < sizeof(*hdr))
		return ECBPF_CODE_TCP_OFFSET;
	if (len > ip->left || !pkt_pull(p, len - sizeof(*hdr)))
		return ECBPF_CODE_TCP_TRUNCATED;
	ip->left -= len;
	*tcp = hdr;
	return ECBPF_CODE_NONE;
}

/*
 * pkt_udp - UDP header (RFC 768); UDP_TRUNCATED, UDP_LENGTH: below 8, or beyond the datagram
 * (a first fragment's may be beyond the fragment)
 */
static __always_inline __u32 pkt_udp(struct pkt *p, struct pkt_ip *ip, struct udphdr **udp)
{
	struct udphdr *hdr = pkt_pull(p, sizeof(*hdr));
	__u16 len;

	if (!hdr || ip->left < sizeof(*hdr))
		return ECBPF_CODE_UDP_TRUNCATED;
	len = bpf_ntohs(hdr->len);
	if (len < sizeof(*hdr) || (len > ip->left && !ip->fragment))
		return ECBPF_CODE_UDP_LENGTH;
	ip->left -= sizeof(*hdr);
	*udp = hdr;
	return ECBPF_CODE_NONE;
}

/*
 * pkt_icmp - ICMP or ICMPv6 header, 8 bytes; ICMP_TRUNCATED, ICMPV6_TRUNCATED (RFC 4443 asks for
 * 4 bytes, but every message that it defines has 8)
 */
static __always_inline __u32 pkt_icmp(struct pkt *p, struct pkt_ip *ip, struct pkt_icmp_hdr **icmp)
{
	struct pkt_icmp_hdr *hdr = pkt_pull(p, sizeof(*hdr));

	if (!hdr || ip->left < sizeof(*hdr))
		return ip->v4 ? ECBPF_CODE_ICMP_TRUNCATED : ECBPF_CODE_ICMPV6_TRUNCATED;
	ip->left -= sizeof(*hdr);
	*icmp = hdr;
	return ECBPF_CODE_NONE;
}

#endif
