// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What xdpcap puts into the hook: copies the packet out and returns the hook's action. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define CAPTURE_BYTES 60

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[CAPTURE_BYTES]);
} capture_bytes SEC(".maps");

static __always_inline int capture(struct xdp_md *ctx, int action)
{
	__u32 zero = 0;
	__u8 *bytes = bpf_map_lookup_elem(&capture_bytes, &zero);

	if (bytes)
		bpf_xdp_load_bytes(ctx, 0, bytes, CAPTURE_BYTES);
	return action;
}

SEC("xdp")
int capture_drop(struct xdp_md *ctx)
{
	return capture(ctx, XDP_DROP);
}

SEC("xdp")
int capture_pass(struct xdp_md *ctx)
{
	return capture(ctx, XDP_PASS);
}
