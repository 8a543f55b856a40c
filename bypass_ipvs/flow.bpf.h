/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The tuple maps: finding a flow, entering one, letting one go. */
#ifndef BYPASS_IPVS_FLOW_BPF_H
#define BYPASS_IPVS_FLOW_BPF_H

#include "bypass_ipvs/maps.bpf.h"
#include "libecbpf/flow.bpf.h"

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

#define FLOW_WORDS(type) (sizeof(((struct type *)0)->key) / sizeof(__u64))

static __always_inline __u64 flow4_hash(const struct ecbpf_tuple4 *key)
{
	return flow_hash(key, sizeof(*key) / sizeof(__u64), bypass_seed);
}

static __always_inline __u64 flow6_hash(const struct ecbpf_tuple *key)
{
	return flow_hash(key, sizeof(*key) / sizeof(__u64), bypass_seed);
}

static __always_inline struct bypass_bucket4 *flow4_bucket(__u64 hash)
{
	__u32 at = flow_bucket(hash, bypass_buckets[0]);

	return bpf_map_lookup_elem(&tuple_map, &at);
}

static __always_inline struct bypass_bucket6 *flow6_bucket(__u64 hash)
{
	__u32 at = flow_bucket(hash, bypass_buckets[1]);

	return bpf_map_lookup_elem(&tuple6_map, &at);
}

static __always_inline struct bypass_flow *flow4_find(const struct ecbpf_tuple4 *key, __u64 hash,
						      __u64 *mark)
{
	struct bypass_bucket4 *bucket = flow4_bucket(hash);

	if (!bucket)
		return NULL;
	return flow_find(bucket, sizeof(struct bypass_flow4), key, FLOW_WORDS(bypass_flow4), hash,
			 mark);
}

static __always_inline struct bypass_flow *flow6_find(const struct ecbpf_tuple *key, __u64 hash,
						      __u64 *mark)
{
	struct bypass_bucket6 *bucket = flow6_bucket(hash);

	if (!bucket)
		return NULL;
	return flow_find(bucket, sizeof(struct bypass_flow6), key, FLOW_WORDS(bypass_flow6), hash,
			 mark);
}

/* flow_retire - what was counted for an entry goes to its path, which outlives it */
static __always_inline void flow_retire(const struct bypass_flow *flow, __u64 mark)
{
	__u32 id = ECBPF_MARK_ID(mark);
	struct bypass_path *path = bpf_map_lookup_elem(&path_map, &id);

	if (!path || !flow->packets)
		return;
	__sync_fetch_and_add(&path->packets, flow->packets);
	__sync_fetch_and_add(&path->bytes, flow->bytes);
}

/* flow_free - unless somebody else was faster */
static __always_inline void flow_free(struct bypass_flow *flow, __u64 mark)
{
	if (!flow_claim(flow, mark))
		return;
	flow_retire(flow, mark);
	flow_publish(flow, 0);
}

/**
 * struct flow_pick - the best entry of a bucket for a new flow, so far
 * @mark: as it was looked at
 * @worth: how bad it is to lose it: 0 free, 1 not confirmed for long or since its RST, else by how
 *         long it was idle
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
	if (mark == ECBPF_MARK_BUSY)
		return FLOW_WORTH_KEEP;
	if (flow->state & BYPASS_RST || now - flow->confirmed > p->inactive)
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

/* flow_take - the entry is ours alone, and empty */
static __always_inline bool flow_take(const struct flow_pick *pick)
{
	if (!flow_claim(pick->flow, pick->mark))
		return false;
	if (pick->mark)
		flow_retire(pick->flow, pick->mark);
	return true;
}

#endif
