// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A router whose kernel has no VLAN devices. TC egress: TCP and UDP leave with tags, all else, with
 * which neighbours find each other, without. TC ingress: what comes back loses them.
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN_OUTER 200
#define VLAN_INNER 100

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline bool has_ports(struct __sk_buff *skb)
{
	__u32 at = ETH_HLEN;
	__u8 proto = 0;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		at += offsetof(struct iphdr, protocol);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		at += offsetof(struct ipv6hdr, nexthdr);
	else
		return false;
	if (bpf_skb_load_bytes(skb, at, &proto, sizeof(proto)))
		return false;
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

SEC("tc/one")
int tag_one(struct __sk_buff *skb)
{
	if (has_ports(skb) && bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), VLAN_INNER))
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

SEC("tc/two")
int tag_two(struct __sk_buff *skb)
{
	if (!has_ports(skb))
		return TC_ACT_OK;
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), VLAN_INNER) ||
	    bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), VLAN_OUTER))
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

SEC("tc/none")
int tag_none(struct __sk_buff *skb)
{
	int tags;

	for (tags = 0; skb->vlan_present && tags < 2; tags++)
		if (bpf_skb_vlan_pop(skb))
			return TC_ACT_SHOT;
	return TC_ACT_OK;
}
