// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Counts packets and bytes per source address, and hands every packet on. The counters are a map
 * in a map: the command swaps the inner one, and once the kernel says that no program still
 * runs with the old one, reads that at leisure. A packet is counted in exactly one row of
 * exactly one inner map.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <libecbpf/abi.h>
#include <libecbpf/exit.bpf.h>
#include <libecbpf/pkt.bpf.h>

#include "xdp_top.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ecbpf_about ecbpf_about SEC(ECBPF_ABOUT_SECTION) = {
	.abi = ECBPF_ABI,
	.slot = TOP_SLOT,
	.version = TOP_VERSION,
};

/*
 * The shape of the inner maps. The command makes them, as large as it likes. Sizes, not types:
 * clang 14 only forward-declares the types that an inner map alone refers to.
 */
struct top_sources {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct top_key));
	__uint(value_size, sizeof(struct ecbpf_counter));
};

/* Empty while nobody watches. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, struct top_sources);
} top_active SEC(".maps");

/* top_source - whose packet it is; the root has refused headers that lie about themselves */
static __always_inline void top_source(struct pkt p, struct top_key *key)
{
	struct pkt_eth eth;
	struct ipv6hdr *v6;
	struct iphdr *v4;

	if (pkt_eth(&p, &eth))
		return;
	if (eth.proto == bpf_htons(ETH_P_IP)) {
		v4 = pkt_pull(&p, sizeof(*v4));
		if (!v4)
			return;
		key->addr[0] = v4->saddr;
		key->kind = TOP_IPV4;
	} else if (eth.proto == bpf_htons(ETH_P_IPV6)) {
		v6 = pkt_pull(&p, sizeof(*v6));
		if (!v6)
			return;
		__builtin_memcpy(key->addr, &v6->saddr, sizeof(key->addr));
		key->kind = TOP_IPV6;
	}
}

/* top_row - this CPU's counter of @key, made if there is none; NULL if there is no room */
static __always_inline struct ecbpf_counter *top_row(void *sources, const struct top_key *key)
{
	const struct ecbpf_counter none = {};
	struct ecbpf_counter *row = bpf_map_lookup_elem(sources, key);

	if (row)
		return row;
	/* also fails if another CPU was faster, and then the row is there */
	bpf_map_update_elem(sources, key, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(sources, key);
}

static __always_inline void top_count(struct xdp_md *ctx, const struct ecbpf_cpu *cpu)
{
	struct top_key key = { .kind = TOP_OTHER };
	struct ecbpf_counter *row;
	__u32 zero = 0;
	void *sources = bpf_map_lookup_elem(&top_active, &zero);

	if (!sources)
		return;
	top_source(pkt_init(ctx), &key);
	row = top_row(sources, &key);
	if (!row) {
		key = (struct top_key){ .kind = TOP_UNTRACKED };
		row = bpf_map_lookup_elem(sources, &key);
	}
	if (!row)
		return;
	row->packets++;
	row->bytes += cpu->now.bytes;
}

SEC("xdp")
int xdp_top(struct xdp_md *ctx)
{
	struct ecbpf_verdict v = { .action = ECBPF_NEXT };
	struct ecbpf_cpu *cpu = ecbpf_cpu();

	if (cpu)
		top_count(ctx, cpu);
	return ecbpf_exit(ctx, &v);
}
