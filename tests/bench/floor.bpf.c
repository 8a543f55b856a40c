// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Reference programs: what no program of the same job can be much faster than. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "libecbpf/pkt.bpf.h"
#include "tests/bench/floor.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PREPENDED 20

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} floor_packets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 21);
	__type(key, struct floor_key);
	__type(value, struct floor_value);
} floor_flows SEC(".maps");

/* Of a chain of programs that only call the next. */
const volatile __u32 hop;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, FLOOR_HOPS);
	__type(key, __u32);
	__type(value, __u32);
} floor_hops SEC(".maps");

SEC("xdp")
int floor_hop(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &floor_hops, hop);
	return XDP_PASS;
}

SEC("xdp")
int floor_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

SEC("xdp")
int floor_count(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *packets = bpf_map_lookup_elem(&floor_packets, &zero);

	(void)ctx;
	if (packets)
		++*packets;
	return XDP_PASS;
}

SEC("xdp")
int floor_drop(struct xdp_md *ctx)
{
	floor_count(ctx);
	return XDP_DROP;
}

SEC("xdp")
int floor_send(struct xdp_md *ctx)
{
	const __u8 macs[2 * ETH_ALEN] = { 2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 1 };
	struct pkt p = pkt_init(ctx);
	struct ethhdr *eth = pkt_pull(&p, sizeof(*eth));

	if (!eth)
		return XDP_PASS;
	__builtin_memcpy(eth, macs, sizeof(macs));
	return XDP_TX;
}

SEC("xdp")
int floor_grow(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, -PREPENDED) ? XDP_ABORTED : XDP_TX;
}

static __always_inline bool floor_parse(struct pkt *p, struct ethhdr **eth, struct floor_key *key)
{
	struct iphdr *ip;
	__be16 *ports;

	*eth = pkt_pull(p, sizeof(**eth));
	if (!*eth || (*eth)->h_proto != bpf_htons(ETH_P_IP))
		return false;
	ip = pkt_pull(p, sizeof(*ip));
	if (!ip || ip->version != 4 || ip->ihl != 5)
		return false;
	ports = pkt_pull(p, 2 * sizeof(*ports));
	if (!ports)
		return false;
	key->saddr = ip->saddr;
	key->daddr = ip->daddr;
	key->sport = ports[0];
	key->dport = ports[1];
	key->proto = ip->protocol;
	return true;
}

SEC("xdp")
int floor_lru(struct xdp_md *ctx)
{
	struct pkt p = pkt_init(ctx);
	struct floor_key key = {};
	struct floor_value *value;
	struct ethhdr *eth;

	if (!floor_parse(&p, &eth, &key))
		return XDP_PASS;
	value = bpf_map_lookup_elem(&floor_flows, &key);
	if (!value)
		return XDP_PASS;
	__builtin_memcpy(eth->h_dest, value->dst, ETH_ALEN);
	__builtin_memcpy(eth->h_source, value->src, ETH_ALEN);
	return XDP_TX;
}
