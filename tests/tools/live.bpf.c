// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Sends the frame that a live test run hands it out of an interface. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 live_ifindex;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} live_sent SEC(".maps");

SEC("xdp")
int live_send(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *sent = bpf_map_lookup_elem(&live_sent, &zero);

	(void)ctx;
	if (sent)
		++*sent;
	return bpf_redirect(live_ifindex, 0);
}
