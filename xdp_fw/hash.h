/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where things are in the hashes of abi.h. Pure; compiled for BPF and for the host. */
#ifndef XDP_FW_HASH_H
#define XDP_FW_HASH_H

#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* hash_mix - a bijection whose output bits all depend on all input bits (two xor-multiply rounds) */
static __always_inline __u64 hash_mix(__u64 x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	return x;
}

/* hash_prefix4 - of an IPv4 prefix: home bucket in the low bits */
static __always_inline __u64 hash_prefix4(__u32 addr, __u32 length)
{
	return hash_mix((__u64)addr << 8 | length);
}

/* hash_near4 - bit of fw_set_mask.v4_near, of a hash_prefix4() */
static __always_inline __u32 hash_near4(__u64 hash)
{
	return hash >> 59;
}

/* hash_prefix6 - of an IPv6 prefix: home bucket in the low bits */
static __always_inline __u64 hash_prefix6(__u64 hi, __u64 lo, __u32 length)
{
	return hash_mix(hi ^ hash_mix(lo ^ ((__u64)length << 56)));
}

/* hash_key6 - fw_set_slot.key: the prefix itself where it fits, else high bits of its hash */
static __always_inline __u32 hash_key6(__u64 hash, __u64 hi, __u32 length)
{
	return length <= 32 ? hi >> 32 : hash >> 32;
}

/* hash_near6 - bit of the filter in FW_MASK_SHORT, of a hash_prefix6() */
static __always_inline __u32 hash_near6(__u64 hash)
{
	return (hash >> 32) * 31 >> 32;
}

/*
 * hash_mask6 - entry of fw_set_masks, but not entry 0, for the first bits of an IPv6 address; @masks is
 * a power of two
 */
static __always_inline __u32 hash_mask6(__u64 first, __u32 masks)
{
	const __u32 number = hash_mix(first) & (masks - 1);

	return number ? number : 1;
}

#endif
