// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The root: attached once per interface. Refuses frames whose link or network layer lies about
 * itself, and runs the members on all others, whatever their protocol.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "libecbpf/abi.h"
#include "libecbpf/exit.bpf.h"
#include "libecbpf/pkt.bpf.h"
#include "xdp_root/filter.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ecbpf_about ecbpf_about SEC(ECBPF_ABOUT_SECTION) = {
	.abi = ECBPF_ABI,
	.slot = ECBPF_SLOT_ROOT,
	.version = ECBPF_VERSION,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ecbpf_control);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ecbpf_control SEC(".maps");

/* For user space alone: what a reset subtracts. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ecbpf_total);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ecbpf_base SEC(".maps");

struct root_ctx {
	struct xdp_md *xdp;
	struct pkt pkt;
	struct pkt_eth eth;
	struct pkt_ip ip;
	struct ecbpf_cpu *cpu;
	struct ecbpf_verdict v;
};

/* root_draw - the clock is read last: it costs more than all else that the root does */
static __always_inline bool root_draw(__u32 one_in, __u64 until_ns)
{
	return one_in && bpf_get_prandom_u32() <= (__u32)-1 / one_in &&
	       bpf_ktime_get_ns() < until_ns;
}

/* root_keep - the packet as it arrived, or its first @most bytes */
static __always_inline void root_keep(struct xdp_md *xdp, struct ecbpf_cpu *cpu, __u32 most)
{
	struct ecbpf_sample *sample = &cpu->sample;
	__u32 len = cpu->now.bytes;

	if (len > most)
		len = most;
	len--;
	if (len >= ECBPF_SNAP_MAX)
		len = ECBPF_SNAP_MAX - 1;
	barrier_var(len); /* Linux 6.1 learns the lower bound 1 from the addition alone */
	len++;
	if (!most || bpf_xdp_load_bytes(xdp, 0, sample->snap, len))
		len = 0;
	sample->time_ns = bpf_ktime_get_ns();
	sample->frame_bytes = cpu->now.bytes;
	sample->snap_bytes = len;
	sample->ifindex = xdp->ingress_ifindex;
	sample->rx_queue = xdp->rx_queue_index;
	sample->cpu = bpf_get_smp_processor_id();
	sample->version = ECBPF_ABI;
}

/*
 * root_watch - draw the shares of packets that are traced and timed; runs only while any is on,
 * and is no part of the program proper, which then has fewer registers to save.
 */
static __noinline void root_watch(struct xdp_md *xdp, struct ecbpf_cpu *cpu,
				  const struct ecbpf_control *control)
{
	if (root_draw(control->trace_one_in, control->trace_until_ns)) {
		cpu->now.flags |= ECBPF_PACKET_TRACE;
		root_keep(xdp, cpu, ECBPF_SNAP);
	}
	if (root_draw(control->profile_one_in, control->profile_until_ns)) {
		cpu->now.flags |= ECBPF_PACKET_PROFILE;
		cpu->now.mark_ns = bpf_ktime_get_ns();
		ecbpf_profile_mark(cpu, ECBPF_ROW_CLOCK);
	}
}

/* root_wanted - does the filter want this packet? */
__noinline int root_wanted(struct xdp_md *xdp, const struct ecbpf_filter *filter)
{
	return filter ? filter_match(xdp, filter) : false;
}

/*
 * root_sample - the packet is drawn. Gaps are uniform in 1 .. 2N-1, so that one packet in N is, and no
 * rhythm of the traffic can hide from it.
 */
static __noinline int root_sample(struct xdp_md *xdp, struct ecbpf_cpu *cpu)
{
	struct ecbpf_sampling *sampling;
	__u32 zero = 0, snap;

	cpu->now.skip = 1 + (bpf_get_prandom_u32() * (2ULL * cpu->now.one_in - 1) >> 32);
	sampling = bpf_map_lookup_elem(&ecbpf_sampling, &zero);
	if (!sampling)
		return 0;
	cpu->sampled.drawn++;
	if (sampling->filter.flags && !root_wanted(xdp, &sampling->filter)) {
		cpu->sampled.filtered++;
		return 0;
	}
	snap = sampling->snap_bytes;
	if ((cpu->now.flags & ECBPF_PACKET_TRACE) && snap < ECBPF_SNAP)
		snap = ECBPF_SNAP;
	cpu->now.flags |= ECBPF_PACKET_SAMPLE;
	root_keep(xdp, cpu, snap);
	return 0;
}

/*
 * root_rate - @one_in is new: how far it is to the next drawn packet, this one being 1, as if packets
 * had been drawn so for ever. That is the lesser of two different numbers of 1 .. 2N. Each packet is
 * then drawn with a probability of 1/N from the first one on, however often the rate changes; what
 * is left of the gap before would stand for too many packets, or for too few. This is only so if
 * changes do not follow at the heels of certain samples.
 */
static __noinline int root_rate(struct ecbpf_packet *now, __u32 one_in)
{
	__u64 most = 2ULL * one_in;
	__u64 skip = bpf_get_prandom_u32() * most >> 32;
	__u64 other = bpf_get_prandom_u32() * (most - 1) >> 32;

	if (other >= skip)
		other++;
	now->skip = 1 + (other < skip ? other : skip);
	now->one_in = one_in;
	return 0;
}

/* root_count_down - is this packet drawn? */
static __always_inline bool root_count_down(struct ecbpf_packet *now, __u32 one_in)
{
	if (ecbpf_rare(now->one_in != one_in))
		root_rate(now, one_in);
	return ecbpf_rare(!--now->skip);
}

/* root_unreported - the packet before this one was decided by a program that does not report */
static __always_inline void root_unreported(struct ecbpf_cpu *cpu)
{
	__u32 pending = cpu->now.pending;

	if (!ecbpf_rare(pending))
		return;
	/* or clang compares pending - 1, from which Linux 6.12 learns nothing of pending */
	barrier_var(pending);
	if (pending < ECBPF_ROWS)
		ecbpf_count(cpu, pending, ECBPF_COLUMN_UNREPORTED);
	if (cpu->now.flags & ECBPF_PACKET_SAMPLE)
		cpu->sampled.unreported++;
}

/* root_begin - this CPU's scratch, and the cursor, for a new packet */
static __always_inline void root_begin(struct root_ctx *c)
{
	struct ecbpf_packet *now = &c->cpu->now;
	struct ecbpf_control *control;
	__u32 zero = 0, one_in;

	root_unreported(c->cpu);
	control = bpf_map_lookup_elem(&ecbpf_control, &zero);
	c->pkt = pkt_init(c->xdp);
	now->bytes = pkt_left(&c->pkt);
	now->flags = 0;
	now->empty = 0;
	if (!control)
		return;
	now->empty = control->empty;
	if (ecbpf_rare(control->trace_one_in | control->profile_one_in)) {
		root_watch(c->xdp, c->cpu, control);
		c->pkt = pkt_init(c->xdp);
	}
	one_in = control->sample_one_in;
	barrier_var(one_in); /* read once: it changes at any time */
	if (one_in && root_count_down(now, one_in)) {
		root_sample(c->xdp, c->cpu);
		c->pkt = pkt_init(c->xdp);
	}
}

static __always_inline int root_judge(struct root_ctx *c, __u32 code)
{
	if (code == ECBPF_CODE_NONE)
		return 0;
	/* a long chain of extension headers is legal: the members may think otherwise */
	return ecbpf_decide(&c->v, code == ECBPF_CODE_IPV6_EXT_LIMIT ? ECBPF_NEXT : XDP_ABORTED,
			    code);
}

static __always_inline int root_link(struct root_ctx *c)
{
	return root_judge(c, pkt_eth(&c->pkt, &c->eth));
}

static __always_inline int root_network(struct root_ctx *c)
{
	if (c->eth.proto == bpf_htons(ETH_P_IP))
		return root_judge(c, pkt_ipv4(&c->pkt, &c->ip));
	if (c->eth.proto == bpf_htons(ETH_P_IPV6))
		return root_judge(c, pkt_ipv6(&c->pkt, &c->ip));
	return 0;
}

SEC("xdp")
int xdp_root(struct xdp_md *ctx)
{
	struct root_ctx c = { .xdp = ctx, .v.action = ECBPF_NEXT };

	c.cpu = ecbpf_cpu();
	if (!c.cpu)
		return XDP_ABORTED;
	root_begin(&c);
	(void)(root_link(&c) || root_network(&c));
	return ecbpf_leave(ctx, c.cpu, &c.v);
}
