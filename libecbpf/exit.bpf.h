/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The suite's maps and the one way out of a member. A member is
 *
 *	const volatile struct ecbpf_about ecbpf_about SEC(ECBPF_ABOUT_SECTION) = {
 *		.abi = ECBPF_ABI, .slot = 8, .version = "1.0" };
 *
 *	SEC("xdp")
 *	int my_member(struct xdp_md *ctx)
 *	{
 *		struct ecbpf_verdict v = { .action = ECBPF_NEXT };
 *
 *		...
 *		return ecbpf_exit(ctx, &v);
 *	}
 *
 * libecbpf sets .slot before it loads the object and takes the maps below from the interface's
 * directory of pins, so every member and the root share them.
 */
#ifndef LIBECBPF_EXIT_BPF_H
#define LIBECBPF_EXIT_BPF_H

#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "libecbpf/abi.h"
#include "libecbpf/histogram.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, ECBPF_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ecbpf_slots SEC(".maps");

/* Cloudflare's xdpcap insists on this name, and on 5 entries: one for each XDP action. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, XDP_REDIRECT + 1);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} xdpcap_hook SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ecbpf_cpu);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ecbpf_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); /* libbpf: one entry per CPU */
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ecbpf_trace SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ecbpf_samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ecbpf_sampling);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ecbpf_sampling SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ECBPF_PROFILE_ROWS);
	__type(key, __u32);
	__type(value, struct ecbpf_profile);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ecbpf_profile SEC(".maps");

extern const volatile struct ecbpf_about ecbpf_about SEC(ECBPF_ABOUT_SECTION);

/* A condition that is not expected: its branch goes out of the way of the packets. */
#define ecbpf_rare(condition) __builtin_expect(!!(condition), 0)

/* ecbpf_decide - fill in a verdict; returns 1, so that a stage can `return ecbpf_decide(...)` */
static __always_inline int ecbpf_decide(struct ecbpf_verdict *v, int action, __u32 code)
{
	v->action = action;
	v->code = code;
	return 1;
}

/* ecbpf_cpu - this CPU's counters and scratch; NULL never happens, but the verifier asks */
static __always_inline struct ecbpf_cpu *ecbpf_cpu(void)
{
	__u32 zero = 0;

	barrier_var(zero); /* or clang keeps it in a register for the whole program */
	return bpf_map_lookup_elem(&ecbpf_stats, &zero);
}

/*
 * ecbpf_row - this program's row, read anew each time and by no means of clang's: the row or an
 * address kept over a call takes a register that every packet saves and restores.
 */
static __always_inline __u32 ecbpf_row(void)
{
	__u64 slot;

	asm volatile("%[slot] = %[about] ll\n\t"
		     "%[slot] = *(u32 *)(%[slot] + %[at])"
		     : [slot] "=r"(slot)
		     : [about] "i"(&ecbpf_about), [at] "i"(__builtin_offsetof(struct ecbpf_about,
									      slot)));
	return ECBPF_ROW_SLOT((__u32)slot);
}

/*
 * ecbpf_profile_mark - account the time since the exit before to @row, and start anew. Not inline
 * for the same reason: few packets are timed.
 */
static __noinline void ecbpf_profile_mark(struct ecbpf_cpu *cpu, __u32 row)
{
	struct ecbpf_profile *profile = bpf_map_lookup_elem(&ecbpf_profile, &row);
	__u64 ns = bpf_ktime_get_ns() - cpu->now.mark_ns;
	__u32 bucket = ecbpf_ns_bucket(ns);

	if (profile && bucket < ECBPF_NS_BUCKETS) {
		profile->sum_ns += ns;
		profile->bucket[bucket]++;
	}
	cpu->now.mark_ns = bpf_ktime_get_ns();
}

_Static_assert(!(ECBPF_CODES_MAX & (ECBPF_CODES_MAX - 1)), "a mask bounds codes");

/* ecbpf_rate - one in how many of the packets that met with this are sampled; 0: not said */
static __always_inline __u32 ecbpf_rate(const struct ecbpf_sampling *sampling,
					const struct ecbpf_sample *sample)
{
	__u32 code = sample->code < ECBPF_CODES_MAX ? sample->code : ECBPF_CODE_OTHER, i;

	for (i = 0; i < ECBPF_SAMPLING_RULES; i++) {
		const struct ecbpf_sampling_rule *rule = &sampling->rule[i];

		if (!rule->one_in)
			break;
		if (rule->code == sample->code && rule->meta == sample->meta)
			return rule->one_in;
	}
	barrier_var(code); /* Linux 6.1 loses the bound that it has, and learns it here */
	code &= ECBPF_CODES_MAX - 1;
	if (code && sampling->by_code[code])
		return sampling->by_code[code];
	if (sample->column < ECBPF_COLUMNS_MAX && sampling->by_column[sample->column])
		return sampling->by_column[sample->column];
	if (sample->row < ECBPF_ROWS && sampling->by_row[sample->row])
		return sampling->by_row[sample->row];
	return sampling->by_default;
}

/*
 * ecbpf_thin - is the packet, drawn one in @drawn, one of those that are wanted? Thinned by chance, so
 * that what is left was drawn one in sample->one_in.
 */
static __always_inline bool ecbpf_thin(struct ecbpf_sample *sample, __u32 drawn)
{
	struct ecbpf_sampling *sampling;
	__u32 zero = 0, wanted, snap;

	sampling = bpf_map_lookup_elem(&ecbpf_sampling, &zero);
	if (!sampling)
		return false;
	wanted = ecbpf_rate(sampling, sample);
	if (wanted == ECBPF_NEVER || !wanted)
		return false;
	sample->one_in = wanted > drawn ? wanted : drawn;
	snap = sampling->snap_bytes; /* a trace may have kept more */
	if (sample->snap_bytes > snap)
		sample->snap_bytes = snap;
	return wanted <= drawn || bpf_get_prandom_u32() < ((__u64)drawn << 32) / wanted;
}

/* ecbpf_trace_emit - a trace's snap is cut to its room, though the sampler may have kept more */
static __always_inline void ecbpf_trace_emit(struct xdp_md *ctx, struct ecbpf_sample *sample)
{
	__u32 kept = sample->snap_bytes;

	if (kept > ECBPF_SNAP)
		sample->snap_bytes = ECBPF_SNAP;
	bpf_perf_event_output(ctx, &ecbpf_trace, BPF_F_CURRENT_CPU, sample,
			      ECBPF_SAMPLE_HEADER + ECBPF_SNAP);
	sample->snap_bytes = kept;
}

/* ecbpf_sample_emit - each sample is delivered, or counted as lost */
static __always_inline void ecbpf_sample_emit(struct xdp_md *ctx, struct ecbpf_cpu *cpu)
{
	struct ecbpf_sample *sample = &cpu->sample;
	__u32 snap;
	long err;

	if (!ecbpf_thin(sample, cpu->now.one_in)) {
		cpu->sampled.thinned++;
		return;
	}
	sample->sequence = cpu->sampled.generated++;
	snap = sample->snap_bytes;
	barrier_var(snap); /* the bound, where verifiers see it */
	if (snap > ECBPF_SNAP_MAX)
		snap = ECBPF_SNAP_MAX;
	err = bpf_perf_event_output(ctx, &ecbpf_samples, BPF_F_CURRENT_CPU, sample,
				    ECBPF_SAMPLE_HEADER + snap);
	if (err == -2) /* ENOENT */
		cpu->sampled.unread++;
	else if (err == -28) /* ENOSPC */
		cpu->sampled.full++;
	else if (err)
		cpu->sampled.failed++;
}

/* ecbpf_tell - the trace and the sampler what became of the packet; not inline: few are told of */
static __noinline int ecbpf_tell(struct xdp_md *ctx, struct ecbpf_cpu *cpu, __u32 row,
				 const struct ecbpf_verdict *v, __u32 column)
{
	struct ecbpf_sample *sample = &cpu->sample;

	sample->meta = v->meta;
	sample->code = v->code;
	sample->row = row;
	sample->column = column;
	sample->sequence = 0;
	sample->one_in = 0;
	if (cpu->now.flags & ECBPF_PACKET_TRACE)
		ecbpf_trace_emit(ctx, sample);
	if (cpu->now.flags & ECBPF_PACKET_SAMPLE)
		ecbpf_sample_emit(ctx, cpu);
	cpu->now.flags = 0;
	return 0;
}

static __always_inline void ecbpf_count(struct ecbpf_cpu *cpu, __u32 row, __u32 column)
{
	struct ecbpf_counter *counter = &cpu->row[row].by[column];

	counter->packets++;
	counter->bytes += cpu->now.bytes;
}

static __always_inline void ecbpf_count_code(struct ecbpf_cpu *cpu, __u32 code)
{
	if (code >= ECBPF_CODES_MAX)
		code = ECBPF_CODE_OTHER;
	barrier_var(code); /* Linux 6.1 has the bound of another register, and learns it here */
	cpu->code[code & (ECBPF_CODES_MAX - 1)]++;
}

/* ecbpf_capture - offer the packet to xdpcap; constant indexes become direct jumps */
static __always_inline int ecbpf_capture(struct xdp_md *ctx, int action)
{
	switch (action) {
	case XDP_DROP:
		bpf_tail_call_static(ctx, &xdpcap_hook, XDP_DROP);
		return XDP_DROP;
	case XDP_PASS:
		bpf_tail_call_static(ctx, &xdpcap_hook, XDP_PASS);
		return XDP_PASS;
	case XDP_TX:
		bpf_tail_call_static(ctx, &xdpcap_hook, XDP_TX);
		return XDP_TX;
	case XDP_REDIRECT:
		bpf_tail_call_static(ctx, &xdpcap_hook, XDP_REDIRECT);
		return XDP_REDIRECT;
	default:
		bpf_tail_call_static(ctx, &xdpcap_hook, XDP_ABORTED);
		return XDP_ABORTED;
	}
}

/* ecbpf_finish - the packet's fate is sealed in @row */
static __always_inline int ecbpf_finish(struct xdp_md *ctx, struct ecbpf_cpu *cpu, __u32 row,
					const struct ecbpf_verdict *v, __u32 column)
{
	struct ecbpf_verdict told;

	cpu->now.pending = 0;
	if (ecbpf_rare(cpu->now.flags & (ECBPF_PACKET_TRACE | ECBPF_PACKET_SAMPLE))) {
		told = *v; /* or the verdict of every packet is in memory */
		ecbpf_tell(ctx, cpu, row, &told, column);
	}
	return ecbpf_capture(ctx, v->action);
}

/*
 * Number and map are given to the assembler, so that the verifier sees constants whatever clang
 * merges: only then does the kernel turn the call into a jump.
 */
#define ECBPF_CALL(ctx, slot)                                                  \
	asm volatile("r1 = %[xdp]; r2 = %[map] ll; r3 = %[at]; call 12"        \
		     :                                                         \
		     : [xdp] "r"(ctx), [map] "i"(&ecbpf_slots), [at] "i"(slot) \
		     : "r0", "r1", "r2", "r3", "r4", "r5", "memory")

/* ecbpf_taken - slots behind this program's own that may have a program, a bit each */
static __always_inline __u32 ecbpf_taken(const struct ecbpf_cpu *cpu)
{
	return ~cpu->now.empty & ((1U << ECBPF_SLOTS) - 1) & ~0U << ecbpf_row();
}

/* One slot of ecbpf_next(). A program that has just gone does not take the packet: on, then. */
#define ECBPF_TRY(slot)                                          \
	do {                                                     \
		if (taken & 1U << (slot)) {                      \
			cpu->now.pending = ECBPF_ROW_SLOT(slot); \
			ECBPF_CALL(ctx, slot);                   \
			taken = ecbpf_taken(cpu);                \
		}                                                \
	} while (0)

/* ecbpf_next - run the first program behind this one's slot; returns at the end of the chain */
static __always_inline void ecbpf_next(struct xdp_md *ctx, struct ecbpf_cpu *cpu)
{
	__u32 taken = ecbpf_taken(cpu);

	if (taken & 0x00ff) {
		if (taken & 0x000f) {
			ECBPF_TRY(0);
			ECBPF_TRY(1);
			ECBPF_TRY(2);
			ECBPF_TRY(3);
		}
		ECBPF_TRY(4);
		ECBPF_TRY(5);
		ECBPF_TRY(6);
		ECBPF_TRY(7);
	}
	if (taken & 0xff00) {
		if (taken & 0x0f00) {
			ECBPF_TRY(8);
			ECBPF_TRY(9);
			ECBPF_TRY(10);
			ECBPF_TRY(11);
		}
		ECBPF_TRY(12);
		ECBPF_TRY(13);
		ECBPF_TRY(14);
		ECBPF_TRY(15);
	}
}
_Static_assert(ECBPF_SLOTS == 16, "slots of ecbpf_next()");

/* ecbpf_leave - ecbpf_exit() for a caller that has its ecbpf_cpu() already */
static __always_inline int ecbpf_leave(struct xdp_md *ctx, struct ecbpf_cpu *cpu,
				       struct ecbpf_verdict *v)
{
	__u32 row = ecbpf_row();
	__u32 column = v->action + 1;

	if (row >= ECBPF_ROW_END) /* read-only data: decided when the program is loaded */
		return XDP_ABORTED;
	if (column > ECBPF_COLUMN_REDIRECT) {
		column = ECBPF_COLUMN_INVALID;
		v->action = XDP_ABORTED;
	}
	ecbpf_count(cpu, row, column);
	if (ecbpf_rare(v->code))
		ecbpf_count_code(cpu, v->code);
	if (ecbpf_rare(cpu->now.flags & ECBPF_PACKET_PROFILE))
		ecbpf_profile_mark(cpu, row);
	if (v->action != ECBPF_NEXT)
		return ecbpf_finish(ctx, cpu, row, v, column);
	ecbpf_next(ctx, cpu);
	v->action = XDP_PASS;
	ecbpf_count(cpu, ECBPF_ROW_END, ECBPF_COLUMN_PASS);
	return ecbpf_finish(ctx, cpu, ECBPF_ROW_END, v, ECBPF_COLUMN_PASS);
}

/**
 * ecbpf_exit - the only way out of a member
 * @ctx: the program's context
 * @v: the verdict; its action is replaced by the one that is returned
 *
 * Counts the packet, traces and times the sampled share, and runs the later slots (ECBPF_NEXT)
 * or offers the packet to the capture hook. Does not return where a tail call succeeds.
 * Return: an XDP action.
 */
static __always_inline int ecbpf_exit(struct xdp_md *ctx, struct ecbpf_verdict *v)
{
	struct ecbpf_cpu *cpu = ecbpf_cpu();

	if (!cpu)
		return XDP_ABORTED;
	return ecbpf_leave(ctx, cpu, v);
}

#endif
