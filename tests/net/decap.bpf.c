// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TC ingress of a server whose kernel has no tunnel devices: takes the outer headers of IPIP and GUE (UDP
 * port 6080) away.
 */
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define GUE_PORT  6080
#define GUE_BYTES 4
#define GUE_PROTO 1 /* offset in it */

/* Of newer headers: the packet in the tunnel is of that version. */
#define DECAP_IPV4 (1ULL << 7)
#define DECAP_IPV6 (1ULL << 8)

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* what_follows - protocol and length of the outer IP header at *at, which is moved behind it */
static __always_inline int what_follows(struct __sk_buff *skb, __u32 *at)
{
	struct ipv6hdr ip6;
	struct iphdr ip;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(skb, *at, &ip, sizeof(ip)))
			return -1;
		*at += sizeof(ip);
		return ip.protocol;
	}
	if (skb->protocol != bpf_htons(ETH_P_IPV6) ||
	    bpf_skb_load_bytes(skb, *at, &ip6, sizeof(ip6)))
		return -1;
	*at += sizeof(ip6);
	return ip6.nexthdr;
}

static __always_inline int gue_follows(struct __sk_buff *skb, __u32 *at)
{
	struct udphdr udp;
	__u8 gue[GUE_BYTES];

	if (bpf_skb_load_bytes(skb, *at, &udp, sizeof(udp)) || udp.dest != bpf_htons(GUE_PORT) ||
	    bpf_skb_load_bytes(skb, *at + sizeof(udp), gue, sizeof(gue)))
		return -1;
	*at += sizeof(udp) + sizeof(gue);
	return gue[GUE_PROTO];
}

SEC("tc")
int decap(struct __sk_buff *skb)
{
	__u32 at = sizeof(struct ethhdr);
	int proto = what_follows(skb, &at);
	__u64 flags = 0;
	__be16 type;

	if (proto == IPPROTO_UDP)
		proto = gue_follows(skb, &at);
	if (proto != IPPROTO_IPIP && proto != IPPROTO_IPV6)
		return TC_ACT_OK;
	type = bpf_htons(proto == IPPROTO_IPIP ? ETH_P_IP : ETH_P_IPV6);
	/* Linux 6.1 knows neither flag */
	if (type != skb->protocol)
		flags = proto == IPPROTO_IPIP ? DECAP_IPV4 : DECAP_IPV6;
	if (bpf_skb_adjust_room(skb, -(int)(at - sizeof(struct ethhdr)), BPF_ADJ_ROOM_MAC, flags) ||
	    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof(type), 0))
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}
