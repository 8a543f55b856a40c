/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The hash of a connection that chooses an entry of a VIP's Maglev table. It has no secret: directors that
 * have the same configuration choose the same backend without talking. The kernel's program and the
 * commands share it.
 */
#ifndef XDP_LB_HASH_H
#define XDP_LB_HASH_H

#include "xdp_lb/abi.h"

struct lb_hash_word {
	__u64 value;
} __attribute__((__may_alias__));

static inline __u64 lb_hash_mix(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * 0x9fb21c651e98df25ULL;
	return hash ^ hash >> 32;
}

/* lb_hash - @of: LB_OF_*; addresses and ports are taken as they lie in memory, on little endian */
static inline __u32 lb_hash(const struct ecbpf_tuple *key, __u32 of)
{
	const struct lb_hash_word *source = (const struct lb_hash_word *)key->saddr;
	const struct lb_hash_word *dest = (const struct lb_hash_word *)key->daddr;
	__u64 hash =
		lb_hash_mix(lb_hash_mix(0x243f6a8885a308d3ULL, source[0].value), source[1].value);

	if (of != LB_OF_SOURCE) {
		hash = lb_hash_mix(lb_hash_mix(hash, dest[0].value), dest[1].value);
		hash = lb_hash_mix(hash, ECBPF_REST_PROTO(key->rest));
	}
	if (of == LB_OF_TUPLE)
		hash = lb_hash_mix(hash, (__u64)key->sport << 16 | key->dport);
	hash *= 0xd6e8feb86659fd93ULL;
	return hash >> 32;
}

/* lb_hash_entry - of a table of @entries */
static inline __u32 lb_hash_entry(__u32 hash, __u32 entries)
{
	return (__u64)hash * entries >> 32;
}

#endif
