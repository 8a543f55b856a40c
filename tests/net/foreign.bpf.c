// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Programs of people who never heard of this suite: multi-buffer, of a section that libbpf does
 * not know, and one that the verifier refuses.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} foreign_count SEC(".maps");

static __always_inline int foreign_seen(int action)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&foreign_count, &zero);

	if (count)
		__sync_fetch_and_add(count, 1);
	return action;
}

SEC("xdp.frags")
int foreign_drop(struct xdp_md *ctx)
{
	(void)ctx;
	return foreign_seen(XDP_DROP);
}

SEC("prog")
int foreign_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return foreign_seen(XDP_PASS);
}

SEC("xdp")
int foreign_bad(struct xdp_md *ctx)
{
	return *(__u8 *)(long)ctx->data;
}

SEC("tc")
int foreign_tc(struct __sk_buff *skb)
{
	(void)skb;
	return 0;
}
