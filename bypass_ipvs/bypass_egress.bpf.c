// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The TC egress program: it sees how IPVS sends a packet, and enters that into the tuple maps. */
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bypass_ipvs/maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u64 bypass_seed[2];
const volatile bool bypass_test;

SEC("tc")
int bpf_egress_syn_check(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}
