/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Finding and entering flows. Nothing is locked: a reader takes the mark, whose upper half is of the
 * key's hash, and compares the key; if the entry is given to another flow in between, one of the two
 * does not fit, and the flow is not found. Whoever fills an entry claims it by its mark, and writes
 * the mark last.
 */
#ifndef LIBECBPF_FLOW_BPF_H
#define LIBECBPF_FLOW_BPF_H

#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "libecbpf/flow.h"

struct flow_word {
	__u64 value;
} __attribute__((__may_alias__));

/* One round of multiplication mixes what is below into what is above, and back. */
static __always_inline __u64 flow_mix(__u64 x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return x ^ x >> 32;
}

/* flow_hash - of a key of @words 64-bit words; @words must be a constant, @seed a secret */
static __always_inline __u64 flow_hash(const void *key, __u32 words, const volatile __u64 *seed)
{
	const struct flow_word *word = key;
	__u64 hash = seed[0];
	__u32 i;

	for (i = 0; i < words; i++)
		hash = flow_mix(hash ^ word[i].value);
	return flow_mix(hash ^ seed[1]);
}

/* flow_bucket - of @buckets, which may be any number */
static __always_inline __u32 flow_bucket(__u64 hash, __u32 buckets)
{
	return (__u64)(__u32)hash * buckets >> 32;
}

/* flow_way - entry number @i of a bucket, in the order in which this hash looks at them */
static __always_inline void *flow_way(void *bucket, __u32 entry_bytes, __u64 hash, __u32 i)
{
	return bucket + ((hash >> 32) + i) % ECBPF_FLOW_WAYS * entry_bytes;
}

static __always_inline __u64 flow_mark(const void *entry)
{
	return *(const volatile __u64 *)entry;
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

/* flow_find - the entry with this key, and its mark; or NULL. Sizes must be constants. */
static __always_inline void *flow_find(void *bucket, __u32 entry_bytes, const void *key,
				       __u32 words, __u64 hash, __u64 *mark)
{
	const __u32 check = hash >> 32;
	void *entry;
	__u32 i;

#pragma unroll
	for (i = 0; i < ECBPF_FLOW_WAYS; i++) {
		entry = flow_way(bucket, entry_bytes, hash, i);
		*mark = flow_mark(entry);
		if (ECBPF_MARK_CHECK(*mark) == check && ECBPF_MARK_ID(*mark) &&
		    flow_key_equal(entry + ECBPF_FLOW_KEY, key, words))
			return entry;
	}
	return NULL;
}

/* flow_claim - take an entry whose mark was @mark: nobody finds it from here on; false: too late */
static __always_inline bool flow_claim(void *entry, __u64 mark)
{
	return __sync_val_compare_and_swap((__u64 *)entry, mark, ECBPF_MARK_BUSY) == mark;
}

/* flow_publish - the entry is filled in, or free (@mark 0): end of a claim */
static __always_inline void flow_publish(void *entry, __u64 mark)
{
	__sync_lock_test_and_set((__u64 *)entry, mark);
}

#endif
