/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The tuple maps: finding a flow, entering one, letting one go.
 *
 * Nothing is locked. A reader takes the mark, whose upper half is of the key's hash, and compares the
 * key; if the entry is given to another flow in between, one of the two does not fit, and the packet
 * is IPVS's. Whoever fills an entry claims it by its mark and writes the mark last.
 */
#ifndef BYPASS_IPVS_FLOW_BPF_H
#define BYPASS_IPVS_FLOW_BPF_H

#include "bypass_ipvs/maps.bpf.h"

/* Secret of the hash, the same in all programs: nobody can fill one bucket on purpose. */
const volatile __u64 bypass_seed[2];

/* Buckets of tuple_map and tuple6_map. */
const volatile __u32 bypass_buckets[2];

/* Jiffies in a second. */
const volatile __u32 bypass_hz;

/* Time is that of the settings. */
const volatile bool bypass_test;

static __always_inline struct bypass_settings *settings_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings_map, &zero);
}

static __always_inline const struct bypass_params *settings_params(const struct bypass_settings *s)
{
	return s->active & 1 ? &s->params[1] : &s->params[0];
}

static __always_inline __u32 settings_now(const struct bypass_settings *s)
{
	return bypass_test ? s->test_now : bpf_jiffies64();
}

/* One round of multiplication mixes what is below into what is above, and back. */
static __always_inline __u64 hash_mix(__u64 x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return x ^ x >> 32;
}

struct flow_word {
	__u64 value;
} __attribute__((__may_alias__));

static __always_inline __u64 flow_hash(const void *key, __u32 words)
{
	const struct flow_word *word = key;
	__u64 hash = bypass_seed[0];
	__u32 i;

	for (i = 0; i < words; i++)
		hash = hash_mix(hash ^ word[i].value);
	return hash_mix(hash ^ bypass_seed[1]);
}

static __always_inline bool flow_key_equal(const void *one, const void *other, __u32 words)
{
	const struct flow_word *a = one, *b = other;
	__u32 i;

	for (i = 0; i < words; i++)
		if (a[i].value != b[i].value)
			return false;
	return true;
}

#define FLOW_WORDS(type) (sizeof(((struct type *)0)->key) / sizeof(__u64))

static __always_inline __u32 flow_bucket(__u64 hash, __u32 buckets)
{
	return (__u64)(__u32)hash * buckets >> 32;
}

static __always_inline __u64 flow_mark(const struct bypass_flow *flow)
{
	return *(const volatile __u64 *)&flow->mark;
}

static __always_inline struct bypass_flow *flow4_find(const struct bypass_key4 *key, __u64 hash,
						      __u64 *mark)
{
	__u32 at = flow_bucket(hash, bypass_buckets[0]), check = hash >> 32, i;
	struct bypass_bucket4 *bucket = bpf_map_lookup_elem(&tuple_map, &at);
	struct bypass_flow4 *way;

	if (!bucket)
		return NULL;
#pragma unroll
	for (i = 0; i < BYPASS_WAYS; i++) {
		way = &bucket->way[(check + i) % BYPASS_WAYS];
		*mark = flow_mark(&way->flow);
		if (BYPASS_MARK_CHECK(*mark) == check && BYPASS_MARK_PATH(*mark) &&
		    flow_key_equal(&way->key, key, FLOW_WORDS(bypass_flow4)))
			return &way->flow;
	}
	return NULL;
}

static __always_inline struct bypass_flow *flow6_find(const struct bypass_key *key, __u64 hash,
						      __u64 *mark)
{
	__u32 at = flow_bucket(hash, bypass_buckets[1]), check = hash >> 32, i;
	struct bypass_bucket6 *bucket = bpf_map_lookup_elem(&tuple6_map, &at);
	struct bypass_flow6 *way;

	if (!bucket)
		return NULL;
#pragma unroll
	for (i = 0; i < BYPASS_WAYS; i++) {
		way = &bucket->way[(check + i) % BYPASS_WAYS];
		*mark = flow_mark(&way->flow);
		if (BYPASS_MARK_CHECK(*mark) == check && BYPASS_MARK_PATH(*mark) &&
		    flow_key_equal(&way->key, key, FLOW_WORDS(bypass_flow6)))
			return &way->flow;
	}
	return NULL;
}

/* flow_retire - what was counted for an entry goes to its path, which outlives it */
static __always_inline void flow_retire(const struct bypass_flow *flow, __u64 mark)
{
	__u32 id = BYPASS_MARK_PATH(mark);
	struct bypass_path *path = bpf_map_lookup_elem(&path_map, &id);

	if (!path || !flow->packets)
		return;
	__sync_fetch_and_add(&path->packets, flow->packets);
	__sync_fetch_and_add(&path->bytes, flow->bytes);
}

/* flow_free - unless somebody else was faster */
static __always_inline void flow_free(struct bypass_flow *flow, __u64 mark)
{
	if (__sync_val_compare_and_swap(&flow->mark, mark, BYPASS_BUSY) != mark)
		return;
	flow_retire(flow, mark);
	__sync_lock_test_and_set(&flow->mark, 0);
}

/**
 * struct flow_pick - the best entry of a bucket for a new flow, so far
 * @mark: as it was looked at
 * @worth: how bad it is to lose it: 0 free, 1 not confirmed for long, else by how long it was idle
 */
struct flow_pick {
	struct bypass_flow *flow;
	__u64 mark;
	__u32 worth;
};

#define FLOW_WORTH_FREE 0
#define FLOW_WORTH_OLD	1
#define FLOW_WORTH_KEEP 0xffffffff

/* Packets of a flow that sends are seldom further apart than it is sampled. */
static __always_inline __u32 flow_worth(const struct bypass_flow *flow, __u64 mark,
					const struct bypass_params *p, __u32 now)
{
	__u32 idle = now - flow->seen;

	if (!mark)
		return FLOW_WORTH_FREE;
	if (mark == BYPASS_BUSY)
		return FLOW_WORTH_KEEP;
	if (now - flow->confirmed > p->inactive)
		return FLOW_WORTH_OLD;
	if ((__s32)idle <= (__s32)p->sample)
		return FLOW_WORTH_KEEP;
	return FLOW_WORTH_KEEP - idle;
}

static __always_inline void flow_pick(struct flow_pick *pick, struct bypass_flow *flow,
				      const struct bypass_params *p, __u32 now)
{
	__u64 mark = flow_mark(flow);
	__u32 worth = flow_worth(flow, mark, p, now);

	if (worth >= pick->worth)
		return;
	pick->flow = flow;
	pick->mark = mark;
	pick->worth = worth;
}

/* flow_claim - the entry is ours alone, and empty */
static __always_inline bool flow_claim(const struct flow_pick *pick)
{
	if (__sync_val_compare_and_swap(&pick->flow->mark, pick->mark, BYPASS_BUSY) != pick->mark)
		return false;
	if (pick->mark)
		flow_retire(pick->flow, pick->mark);
	return true;
}

#endif
