// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Programs for slots and for the capture hook; each load is one program with its own settings. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "libecbpf/exit.bpf.h"
#include "libecbpf/pkt.bpf.h"
#include "tests/bpf/members.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ecbpf_about ecbpf_about SEC(ECBPF_ABOUT_SECTION) = {
	.abi = ECBPF_ABI,
	.slot = 0,
	.version = "test",
};

const volatile struct member_config test_config = {};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct member_trail);
} test_trail SEC(".maps");

static __always_inline void leave_mark(void)
{
	__u32 zero = 0, at;
	struct member_trail *trail = bpf_map_lookup_elem(&test_trail, &zero);

	if (!trail)
		return;
	at = trail->count++;
	if (at < MEMBER_TRAIL)
		trail->mark[at] = test_config.mark;
}

static __always_inline void change_packet(struct xdp_md *ctx)
{
	struct pkt p = pkt_init(ctx);
	__u8 *bytes = pkt_pull(&p, MEMBER_REWRITES);

	if (test_config.rewrite && bytes)
		__builtin_memset(bytes, MEMBER_REWRITE_BYTE, MEMBER_REWRITES);
	if (test_config.tail)
		bpf_xdp_adjust_tail(ctx, test_config.tail);
}

SEC("xdp")
int test_member(struct xdp_md *ctx)
{
	struct ecbpf_verdict v = { .action = test_config.action,
				   .code = test_config.code,
				   .meta = test_config.meta };

	leave_mark();
	change_packet(ctx);
	return ecbpf_exit(ctx, &v);
}

/* A program that knows nothing of the suite, in a slot or in the capture hook. */
SEC("xdp")
int test_foreign(struct xdp_md *ctx)
{
	leave_mark();
	change_packet(ctx);
	return test_config.action;
}
