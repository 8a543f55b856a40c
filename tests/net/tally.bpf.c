// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A member that counts in a pinned map of its own, and has no opinion. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "libecbpf/exit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ecbpf_about ecbpf_about SEC(ECBPF_ABOUT_SECTION) = {
	.abi = ECBPF_ABI,
	.slot = 3,
	.version = "test",
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} tally_count SEC(".maps");

SEC("xdp")
int tally(struct xdp_md *ctx)
{
	struct ecbpf_verdict v = { .action = ECBPF_NEXT };
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&tally_count, &zero);

	if (count)
		++*count;
	return ecbpf_exit(ctx, &v);
}
