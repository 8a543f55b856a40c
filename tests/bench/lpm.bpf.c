// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The usual way to drop by lists of prefixes: a longest-prefix-match trie of each family. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "libecbpf/pkt.bpf.h"
#include "tests/bench/lpm.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LPM_ENTRIES);
	__type(key, struct lpm_key4);
	__type(value, __u32);
} lpm_four SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LPM_ENTRIES);
	__type(key, struct lpm_key6);
	__type(value, __u32);
} lpm_six SEC(".maps");

static __always_inline void *lpm_lookup4(struct pkt *p, struct pkt_ip *ip)
{
	struct lpm_key4 key = { .length = 32 };

	if (pkt_ipv4(p, ip))
		return NULL;
	key.addr = ip->v4->saddr;
	return bpf_map_lookup_elem(&lpm_four, &key);
}

static __always_inline void *lpm_lookup6(struct pkt *p, struct pkt_ip *ip)
{
	struct lpm_key6 key = { .length = 128 };

	if (pkt_ipv6(p, ip))
		return NULL;
	__builtin_memcpy(key.addr, &ip->v6->saddr, sizeof(key.addr));
	return bpf_map_lookup_elem(&lpm_six, &key);
}

SEC("xdp")
int lpm_drop(struct xdp_md *ctx)
{
	struct pkt p = pkt_init(ctx);
	struct pkt_eth eth;
	struct pkt_ip ip;

	if (pkt_eth(&p, &eth))
		return XDP_ABORTED;
	if (eth.proto == bpf_htons(ETH_P_IP))
		return lpm_lookup4(&p, &ip) ? XDP_DROP : XDP_PASS;
	if (eth.proto == bpf_htons(ETH_P_IPV6))
		return lpm_lookup6(&p, &ip) ? XDP_DROP : XDP_PASS;
	return XDP_PASS;
}
