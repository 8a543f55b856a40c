// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What the time is in the unit of the packet path, for user space. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct clock_ctx {
	__u64 jiffies;
};

SEC("syscall")
int fw_jiffies(struct clock_ctx *ctx)
{
	ctx->jiffies = bpf_jiffies64();
	return 0;
}
