/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which sets an address is in; fw_set_lookup() is the same for user space. The loader gives the maps
 * their sizes, and fw_sets what follows from these.
 *
 * The probe functions are global so that the verifier looks at each once, not once for each length.
 */
#ifndef XDP_FW_SET_BPF_H
#define XDP_FW_SET_BPF_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "xdp_fw/abi.h"
#include "xdp_fw/hash.h"
#include "xdp_fw/set_slot.h"

const volatile struct fw_sets_config fw_sets;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fw_set_bucket);
} fw_set_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fw_set_entry);
} fw_set_entries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fw_set_mask);
} fw_set_masks SEC(".maps");

/* Not static: in old libbpf's BTF all static data is at offset 0. */
const __u8 fw_set_bits[32] = { 0,  1,  28, 2,  29, 14, 24, 3, 30, 22, 20, 15, 25, 17, 4,  8,
			       31, 27, 13, 23, 21, 19, 16, 7, 26, 12, 18, 6,  11, 5,  10, 9 };

/* Position of the only bit in @bit, for BPF has no instruction that counts zeros (de Bruijn). */
static __always_inline __u32 set_bit32(__u32 bit)
{
	return fw_set_bits[(bit * 0x077cb531U) >> 27];
}

/* struct set_probe - a prefix that is looked for; @hi, @lo: of IPv6 */
struct set_probe {
	__u64 want, hi, lo;
	__u32 key;
};

/* The set of a slot whose key matches, or none: another prefix, expired, or given away by now. */
static __always_inline __u64 set_of(const volatile struct slot_words *slot, __u64 place,
				    __u64 state, const struct set_probe *probe)
{
	const __u32 expires = SLOT_EXPIRES(state);
	struct fw_set_entry *entry = NULL;
	__u32 index = SLOT_INDEX(place);

	/* the key of a shorter prefix is all of it */
	if (SLOT_LENGTH(state) > 32 || SLOT_FLAGS(state) & FW_SLOT_HITS) {
		entry = bpf_map_lookup_elem(&fw_set_entries, &index);
		if (!entry)
			return 0;
		if (SLOT_LENGTH(state) > 32 &&
		    (((__u64 *)entry->addr)[0] != bpf_cpu_to_be64(probe->hi) ||
		     ((__u64 *)entry->addr)[1] != bpf_cpu_to_be64(probe->lo)))
			return 0;
	}
	if (expires && (__u32)(bpf_jiffies64() >> FW_EXPIRY_SHIFT) >= expires)
		return 0;
	if (!slot_same(slot, place, state))
		return 0;
	if (entry && SLOT_FLAGS(state) & FW_SLOT_HITS)
		__sync_fetch_and_add(&entry->hits, 1);
	return 1ULL << (SLOT_SET(state) & (FW_SETS_MAX - 1));
}

static __always_inline __u64 set_slot(const struct fw_set_slot *at, const struct set_probe *probe,
				      bool *full)
{
	const volatile struct slot_words *slot = (const volatile struct slot_words *)at;
	const __u64 state = slot->state;
	const __u64 place = slot->place;

	*full = *full && SLOT_LENGTH(state);
	if ((state & SLOT_MATCH_BITS) != probe->want || SLOT_KEY(place) != probe->key)
		return 0;
	return set_of(slot, place, state, probe);
}

__u64 fw_set_probe(__u64 hash, __u64 want, __u64 hi, __u64 lo, __u32 key);

/* All sets that have this prefix. */
__noinline __u64 fw_set_probe(__u64 hash, __u64 want, __u64 hi, __u64 lo, __u32 key)
{
	const struct set_probe probe = { .want = want, .hi = hi, .lo = lo, .key = key };
	__u64 sets = 0;
	__u32 step, way;

	for (step = 0; step < FW_SET_CHAIN; step++) {
		__u32 index = (hash + step) & fw_sets.capacity_mask;
		struct fw_set_bucket *bucket = bpf_map_lookup_elem(&fw_set_slots, &index);
		bool full = true;

		if (!bucket)
			break;
#pragma unroll
		for (way = 0; way < FW_SET_WAYS; way++)
			sets |= set_slot(&bucket->slot[way], &probe, &full);
		if (!full)
			break;
	}
	return sets;
}

/* The set that this prefix of the address may be in: none if the filter knows nothing near it. */
static __always_inline __u64 set_length4(__u32 addr, __u32 length, __u32 near)
{
	const __u32 key = addr & (~0U << (32 - length));
	const __u64 hash = hash_prefix4(key, length);

	if (length + fw_sets.mask_shift > 32 && !(near >> hash_near4(hash) & 1))
		return 0;
	return fw_set_probe(hash, SLOT_MATCH4(length), 0, 0, key);
}

/*
 * fw_sets_of4 - bit of each set that has the address, a number
 *
 * The lengths are read before and after the sets: a prefix that begins or ceases to expire goes
 * from one to the other, and is in both meanwhile.
 */
__noinline __u64 fw_sets_of4(__u32 addr)
{
	__u32 index = addr >> (fw_sets.mask_shift & 31), lengths, near, bit, step;
	const volatile struct fw_set_mask *mask = bpf_map_lookup_elem(&fw_set_masks, &index);
	__u64 sets;

	if (!mask)
		return 0;
	lengths = mask->v4;
	sets = mask->v4_sets;
	lengths |= mask->v4;
	near = mask->v4_near;
	for (step = 0; lengths && step < 32; step++) {
		bit = lengths & -lengths;
		lengths ^= bit;
		sets |= set_length4(addr, set_bit32(bit) + 1, near);
	}
	return sets;
}

__u64 fw_set_lengths6(__u64 hi, __u64 lo, __u32 bits, __u32 base, __u32 near);

/*
 * The prefixes of the lengths whose bits are set, if the filter knows something near them: @base is the
 * length of bit -1.
 */
__noinline __u64 fw_set_lengths6(__u64 hi, __u64 lo, __u32 bits, __u32 base, __u32 near)
{
	__u32 bit, step, length;
	__u64 sets = 0, top, end, hash;

	for (step = 0; bits && step < 32; step++) {
		bit = bits & -bits;
		bits ^= bit;
		length = base + set_bit32(bit) + 1;
		top = length < 64 ? hi & (~0ULL << (64 - length)) : hi;
		end = length > 64 ? lo & (~0ULL << (128 - length)) : 0;
		hash = hash_prefix6(top, end, length);
		if (near >> hash_near6(hash) & 1)
			sets |= fw_set_probe(hash, SLOT_MATCH6(length), top, end,
					     hash_key6(hash, top, length));
	}
	return sets;
}

static __always_inline __u64 set_word6(__u64 hi, __u64 lo, __u64 bits, __u32 base, __u32 near)
{
	__u64 sets = 0;

	if ((__u32)bits)
		sets = fw_set_lengths6(hi, lo, bits, base, near);
	if (bits >> 32)
		sets |= fw_set_lengths6(hi, lo, bits >> 32, base + 32, near);
	return sets;
}

static __always_inline const volatile struct fw_set_mask *set_mask6(__u32 index)
{
	return bpf_map_lookup_elem(&fw_set_masks, &index);
}

/*
 * fw_sets_of6 - bit of each set that has the address, two numbers. One mask after the other: what is live over
 * calls is on the stack, of which Linux 6.1 gives five functions 512 bytes.
 */
__noinline __u64 fw_sets_of6(__u64 hi, __u64 lo)
{
	const volatile struct fw_set_mask *mask = set_mask6(0);
	__u64 sets, near;

	if (!mask)
		return 0;
	sets = set_word6(hi, lo, mask->v6[0] & FW_MASK_SHORT, 0, ~0U);
	mask = set_mask6(hash_mask6(hi >> 32, fw_sets.masks));
	if (!mask)
		return sets;
	near = mask->v6[0];
	sets |= set_word6(hi, lo, near & ~FW_MASK_DEEP_BITS & ~(__u64)FW_MASK_SHORT, 0, near);
	mask = set_mask6(hash_mask6(hi >> 16, fw_sets.masks));
	if (!mask)
		return sets;
	near = mask->v6[0];
	sets |= set_word6(hi, lo, near & FW_MASK_DEEP_BITS, 0, near);
	return sets | set_word6(hi, lo, mask->v6[1], 64, near);
}

#endif
