// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Masks: which prefix lengths an address is looked up with. A prefix of IPv4 shorter than the index
 * has its bit in all entries that it covers, so that the first of them tells of all.
 */
#include <stdlib.h>

#include "xdp_fw/hash.h"
#include "xdp_fw/set_pool.h"

/* struct cells - entries of the masks that a prefix has a bit in */
struct cells {
	uint32_t first, count;
};

static unsigned int index_bits(const struct fw_pool *pool)
{
	return __builtin_ctz(pool->masks);
}

static struct cells cells_of(const struct fw_pool *pool, const struct set_key *key)
{
	const unsigned int bits = index_bits(pool);

	if (key->ipv6)
		return (struct cells){ key->length < 32 ? 0 : hash_mask6(key->hi, pool->masks), 1 };
	return (struct cells){ key->key >> (32 - bits),
			       key->length < bits ? 1U << (bits - key->length) : 1 };
}

static bool cell_has(const struct fw_set_mask *cell, const struct set_key *key)
{
	const unsigned int bit = key->length - 1;

	if (!key->ipv6)
		return cell->v4 >> bit & 1;
	if (key->length < 32)
		return cell->v6_short >> bit & 1;
	return cell->v6[bit / 64] >> bit % 64 & 1;
}

static void cell_put(struct fw_set_mask *cell, const struct set_key *key, bool on)
{
	const unsigned int bit = key->length - 1;
	__u64 *wide = &cell->v6[bit / 64], wide_bit = 1ULL << bit % 64;
	__u32 *narrow = key->ipv6 ? &cell->v6_short : &cell->v4, narrow_bit = 1U << bit % 32;

	if (key->ipv6 && key->length >= 32)
		__atomic_store_n(wide, on ? *wide | wide_bit : *wide & ~wide_bit, __ATOMIC_RELEASE);
	else
		__atomic_store_n(narrow, on ? *narrow | narrow_bit : *narrow & ~narrow_bit,
				 __ATOMIC_RELEASE);
}

/* The first is set last and cleared first: if it is set, all are, also after a killed command. */
static void cells_put(struct fw_set_mask *mask, struct cells cells, const struct set_key *key,
		      bool on)
{
	uint32_t i;

	for (i = 0; i < cells.count; i++)
		cell_put(&mask[cells.first + (on ? cells.count - 1 - i : i)], key, on);
}

void mask_add(struct fw_pool *pool, const struct set_key *key)
{
	const struct cells cells = cells_of(pool, key);

	if (!cell_has(&pool->mask[cells.first], key))
		cells_put(pool->mask, cells, key, true);
}

/* Whether an entry of this length has its bit in this cell: all entries are looked at. */
static bool cell_wanted(const struct fw_pool *pool, uint32_t cell, const struct set_key *key)
{
	uint32_t left = fw_pool_used(pool);
	uint64_t i;

	for (i = 0; left && i < slot_count(pool); i++) {
		const struct slot_words *slot = slot_at(pool, i);
		struct set_key have;

		if (!slot_live(slot_state(slot)))
			continue;
		left--;
		if (SLOT_LENGTH(slot->state) != key->length)
			continue;
		have = set_key_at(pool, slot);
		if (have.ipv6 == key->ipv6 && cells_of(pool, &have).first == cell)
			return true;
	}
	return false;
}

/* The same by asking for each prefix of IPv4 that can be in the cell. */
static bool cell_wanted4(const struct fw_pool *pool, uint32_t cell, const struct set_key *key)
{
	const unsigned int bits = index_bits(pool);
	const uint32_t step = 1U << (32 - key->length);
	uint32_t addr = cell << (32 - bits), left = 1U << (key->length - bits);

	for (; left--; addr += step) {
		struct set_key other = set_key4(addr, key->length);

		if (slot_find(pool, &other, -1))
			return true;
	}
	return false;
}

void mask_drop(struct fw_pool *pool, const struct set_key *key)
{
	const struct cells cells = cells_of(pool, key);
	const unsigned int bits = index_bits(pool);
	bool wanted;

	if (slot_find(pool, key, -1))
		return;
	if (key->ipv6 || (key->length > bits && 1U << (key->length - bits) > pool->capacity / 8))
		wanted = cell_wanted(pool, cells.first, key);
	else
		wanted = key->length > bits && cell_wanted4(pool, cells.first, key);
	if (!wanted)
		cells_put(pool->mask, cells, key, false);
}

static void cell_copy(struct fw_set_mask *to, const struct fw_set_mask *from)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (to->v6[i] != from->v6[i])
			__atomic_store_n(&to->v6[i], from->v6[i], __ATOMIC_RELEASE);
	if (to->v4 != from->v4)
		__atomic_store_n(&to->v4, from->v4, __ATOMIC_RELEASE);
	if (to->v6_short != from->v6_short)
		__atomic_store_n(&to->v6_short, from->v6_short, __ATOMIC_RELEASE);
}

void mask_rebuild(struct fw_pool *pool)
{
	struct fw_set_mask *want = calloc(pool->masks, sizeof(*want));
	uint64_t i;

	if (!want)
		return;
	for (i = 0; i < slot_count(pool); i++) {
		const struct slot_words *slot = slot_at(pool, i);
		struct cells cells;
		struct set_key key;

		if (!slot_live(slot_state(slot)))
			continue;
		key = set_key_at(pool, slot);
		cells = cells_of(pool, &key);
		if (!cell_has(&want[cells.first], &key))
			cells_put(want, cells, &key, true);
	}
	for (i = 0; i < pool->masks; i++)
		cell_copy(&pool->mask[i], &want[i]);
	free(want);
}
