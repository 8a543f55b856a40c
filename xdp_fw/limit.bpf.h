/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Rate limits: buckets of rules and of sources (rate.h has the arithmetic). */
#ifndef XDP_FW_LIMIT_BPF_H
#define XDP_FW_LIMIT_BPF_H

#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "xdp_fw/abi.h"
#include "xdp_fw/classify.bpf.h"
#include "xdp_fw/hash.h"
#include "xdp_fw/rate.h"

/* The clock is map fw_clock, which `xdp_fw test` sets to the time in the capture. */
const volatile bool fw_replay;

/* Secret, so that nobody can choose addresses that share a bucket. */
const volatile __u64 fw_seed;

/* Buckets of map fw_sources, a power of two, minus 1. */
const volatile __u32 fw_sources_mask;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} fw_clock SEC(".maps");

/* The bucket of each rule: a tat. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FW_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} fw_tats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fw_bucket);
} fw_sources SEC(".maps");

/* What does not belong to a rule. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fw_counts);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} fw_counts SEC(".maps");

/* Attempts to be the one who moves a bucket, before the packet counts as one too many. */
#define FW_LIMIT_TRIES 8

static __always_inline __u64 fw_now(const struct fw_verdict_rule *rule)
{
	__u32 zero = 0;
	__u64 *clock;

	if (fw_replay) {
		clock = bpf_map_lookup_elem(&fw_clock, &zero);
		return clock ? *clock << RATE_TIME_SHIFT : 0;
	}
	if (rule->flags & FW_RULE_PRECISE)
		return bpf_ktime_get_ns() << RATE_TIME_SHIFT;
	return bpf_ktime_get_coarse_ns() << RATE_TIME_SHIFT;
}

/* fw_take - does the packet conform? Only then is the bucket written. */
static __always_inline bool fw_take(__u64 *tat, __u64 now, __u64 cost, __u64 burst)
{
	__u64 seen, next;
	int i;

	for (i = 0; i < FW_LIMIT_TRIES; i++) {
		seen = *(volatile __u64 *)tat;
		next = rate_next(seen, now, cost, burst);
		if (!next)
			return false;
		if (__sync_val_compare_and_swap(tat, seen, next) == seen)
			return true;
	}
	return false;
}

/* fw_masked - the first @length bits of a half address */
static __always_inline __u64 fw_masked(__u64 half, __u32 length)
{
	if (length >= 64)
		return half;
	return length ? half & ~0ULL << (64 - length) : 0;
}

/* fw_source_tag - of a rule and what it takes for one source; never 0 */
static __always_inline __u64 fw_source_tag(const struct fw_verdict_rule *rule, bool ipv6,
					   const __u64 src[2])
{
	__u64 tag = hash_mix(fw_seed ^ rule->slot << 1 ^ ipv6);

	if (ipv6) {
		tag = hash_mix(tag ^ fw_masked(src[0], rule->prefix6));
		if (rule->prefix6 > 64)
			tag = hash_mix(tag ^ fw_masked(src[1], rule->prefix6 - 64));
	} else {
		tag = hash_mix(tag ^ fw_masked(src[0] << 32, rule->prefix4));
	}
	return tag | 1;
}

/*
 * fw_source_claim - an entry for a source that has none. One whose bucket is empty may be taken,
 * for that is the same as none. If all four are in use the one that is empty soonest goes, and
 * that is counted: its source gets a fresh burst.
 */
static __always_inline struct fw_source *fw_source_claim(struct fw_bucket *bucket, __u64 tag,
							 __u64 now)
{
	struct fw_source *oldest = &bucket->source[0];
	struct fw_counts *counts;
	__u32 zero = 0;
	int i;

#pragma unroll
	for (i = 1; i < FW_BUCKET_ENTRIES; i++) {
		if (bucket->source[i].tat < oldest->tat)
			oldest = &bucket->source[i];
	}
	if (oldest->tat > now) {
		counts = bpf_map_lookup_elem(&fw_counts, &zero);
		if (counts)
			counts->sources_evicted++;
	}
	oldest->tag = tag;
	oldest->tat = now;
	return oldest;
}

static __always_inline __u64 *fw_source_tat(__u64 tag, __u64 now)
{
	__u32 home = tag >> 32 & fw_sources_mask;
	struct fw_bucket *bucket = bpf_map_lookup_elem(&fw_sources, &home);
	int i;

	if (!bucket)
		return NULL;
#pragma unroll
	for (i = 0; i < FW_BUCKET_ENTRIES; i++) {
		if (bucket->source[i].tag == tag)
			return &bucket->source[i].tat;
	}
	return &fw_source_claim(bucket, tag, now)->tat;
}

/* fw_conforms - is the packet within the rule's limit? */
__noinline int fw_conforms(const struct fw_verdict_rule *rule, const struct fw_fields *f)
{
	__u64 now, cost, *tat;
	__u32 slot;

	if (!rule || !f)
		return false;
	now = fw_now(rule);
	cost = rate_cost(rule->cost, rule->flags & FW_RULE_BYTES ? f->length : 1);
	slot = rule->slot;
	if (rule->flags & FW_RULE_PER_SOURCE)
		tat = fw_source_tat(fw_source_tag(rule, f->kind & FW_KIND_IPV6, f->src), now);
	else
		tat = bpf_map_lookup_elem(&fw_tats, &slot);
	return tat && fw_take(tat, now, cost, rule->burst);
}

#endif
