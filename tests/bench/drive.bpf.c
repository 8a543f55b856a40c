// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Puts the next flow's frame into the buffer, then runs the program under test. A test run with
 * repeat restores nothing itself. With an empty bench_target this is the driver alone.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "libecbpf/pkt.bpf.h"
#include "tests/bench/drive.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct drive_setup setup;

/* The run is pinned to one CPU, so one word will do. */
__u64 next_flow;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct drive_flow);
} bench_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_target SEC(".maps");

static __always_inline struct drive_flow *drive_next(void)
{
	__u32 flow = next_flow;

	next_flow = flow + 1 < setup.flows ? flow + 1 : 0;
	return bpf_map_lookup_elem(&bench_flows, &flow);
}

static __always_inline void drive_restore(void *to, const struct drive_flow *flow)
{
	const volatile __u64 *word = (const volatile __u64 *)setup.frame;
	const __u64 *differs = (const __u64 *)flow->bytes;
	__u64 *frame = to, *at = to + setup.at;
	__u32 i;

#pragma unroll
	for (i = 0; i < DRIVE_FRAME / 8; i++)
		frame[i] = word[i];
	at[0] = differs[0];
	at[1] = differs[1];
}

static __always_inline bool drive_prepare(struct xdp_md *ctx)
{
	struct drive_flow *flow = drive_next();
	struct pkt p = pkt_init(ctx);
	__u32 len = pkt_left(&p);
	void *frame;

	if (!flow || setup.at > DRIVE_FRAME - sizeof(*flow))
		return false;
	if (len != setup.len) {
		if (bpf_xdp_adjust_head(ctx, len - setup.len))
			return false;
		p = pkt_init(ctx);
	}
	frame = pkt_pull(&p, DRIVE_FRAME);
	if (!frame)
		return false;
	drive_restore(frame, flow);
	return true;
}

SEC("xdp")
int bench_drive(struct xdp_md *ctx)
{
	if (!setup.still && !drive_prepare(ctx))
		return XDP_ABORTED;
	bpf_tail_call_static(ctx, &bench_target, 0);
	return XDP_PASS;
}
