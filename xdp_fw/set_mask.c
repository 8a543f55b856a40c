// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Masks: what is known of an address before it is looked up. Bits are set as soon as a slot is
 * live, and cleared when no slot needs them any more: a change first sets, then clears.
 */
#include <stdlib.h>

#include "xdp_fw/hash.h"
#include "xdp_fw/set_pool.h"

/* struct cells - entries of the masks that an IPv4 prefix has bits in */
struct cells {
	uint32_t first, count;
};

static unsigned int index_bits(const struct fw_pool *pool)
{
	return __builtin_ctz(pool->masks);
}

/* Bits of fw_set_mask.v4 that are for prefixes no longer than the index. */
static uint32_t short_lengths(const struct fw_pool *pool)
{
	return pool->masks - 1;
}

static struct cells cells_of(const struct fw_pool *pool, const struct set_key *key)
{
	const unsigned int bits = index_bits(pool);

	return (struct cells){ key->key >> (32 - bits),
			       key->length < bits ? 1U << (bits - key->length) : 1 };
}

/* What a slot of IPv4 adds to its cells. */
static void tell_slot(const struct fw_pool *pool, const struct set_key *key, uint64_t state,
		      struct fw_set_mask *cell)
{
	const bool longer = key->length > index_bits(pool);

	if (longer || SLOT_EXPIRES(state) || SLOT_FLAGS(state) & FW_SLOT_HITS)
		cell->v4 |= 1U << (key->length - 1);
	else
		cell->v4_sets |= 1ULL << SLOT_SET(state);
	if (longer)
		cell->v4_near |= 1U << hash_near4(key->hash);
}

static void store32(__u32 *word, uint32_t value)
{
	if (*word != value)
		__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void store64(__u64 *word, uint64_t value)
{
	if (*word != value)
		__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void store4(struct fw_set_mask *cell, const struct fw_set_mask *value)
{
	store32(&cell->v4_near, value->v4_near);
	store32(&cell->v4, value->v4);
	store64(&cell->v4_sets, value->v4_sets);
}

static uint32_t mask_number(const struct fw_pool *pool, const struct set_key *key)
{
	if (key->length < 32)
		return 0;
	return hash_mask6(key->length < FW_MASK_DEEP ? key->hi >> 32 : key->hi >> 16, pool->masks);
}

/* --- set bits */

static void add4(struct fw_pool *pool, const struct set_key *key, uint64_t state)
{
	const struct cells cells = cells_of(pool, key);
	struct fw_set_mask more = {};
	uint32_t i;

	tell_slot(pool, key, state, &more);
	for (i = cells.first; i < cells.first + cells.count; i++) {
		struct fw_set_mask *cell = &pool->mask[i];
		const struct fw_set_mask all = { .v4_sets = cell->v4_sets | more.v4_sets,
						 .v4 = cell->v4 | more.v4,
						 .v4_near = cell->v4_near | more.v4_near };

		store4(cell, &all);
	}
}

static void add6(struct fw_pool *pool, const struct set_key *key)
{
	struct fw_set_mask *mask = &pool->mask[mask_number(pool, key)];
	__u64 *word = &mask->v6[(key->length - 1) / 64];

	if (key->length >= 32)
		store64(&mask->v6[0], mask->v6[0] | 1ULL << hash_near6(key->hash));
	store64(word, *word | 1ULL << (key->length - 1) % 64);
}

/* In the masks of @to: those of the pool, or others in the making. */
static void add(struct fw_pool *to, const struct set_key *key, uint64_t state)
{
	if (key->ipv6)
		add6(to, key);
	else
		add4(to, key, state);
}

void mask_add(struct fw_pool *pool, const struct slot_words *slot)
{
	const struct set_key key = set_key_at(pool, slot);

	add(pool, &key, slot_state(slot));
}

/* --- clear bits */

/* What all slots of this prefix add to their cells. */
static void tell_prefix(const struct fw_pool *pool, const struct set_key *key,
			struct fw_set_mask *cell)
{
	const struct slot_words *slot;
	unsigned int many = 0;

	for (slot = slot_next(pool, key, -1, &many); slot; slot = slot_next(pool, key, -1, &many))
		if (slot_live(slot_state(slot)))
			tell_slot(pool, key, slot_state(slot), cell);
}

/* What prefixes no longer than the index say of these cells, by asking for each of them. */
static void drop_short4(struct fw_pool *pool, struct cells cells)
{
	const unsigned int bits = index_bits(pool);
	struct fw_set_mask told[32] = {}; /* by prefixes of up to this length */
	uint32_t i;

	for (i = cells.first; i < cells.first + cells.count; i++) {
		struct fw_set_mask *cell = &pool->mask[i], now;
		/* the shortest prefix that the cell before does not have */
		unsigned int length = i > cells.first ? bits - __builtin_ctz(i) : 1;

		for (; length <= bits; length++) {
			const struct set_key key = set_key4(i << (32 - bits), length);

			told[length] = told[length - 1];
			tell_prefix(pool, &key, &told[length]);
		}
		now = told[bits];
		now.v4 |= cell->v4 & ~short_lengths(pool);
		now.v4_near = cell->v4_near;
		store4(cell, &now);
	}
}

/* What longer prefixes say of a cell: all slots are looked at. */
static void tell_all(const struct fw_pool *pool, uint32_t number, struct fw_set_mask *cell)
{
	uint64_t i;

	for (i = 0; i < slot_count(pool); i++) {
		const struct slot_words *slot = slot_at(pool, i);
		const uint64_t state = slot_state(slot);
		struct set_key key;

		if (!slot_live(state) || SLOT_FLAGS(state) & FW_SLOT_IPV6 ||
		    SLOT_LENGTH(state) <= index_bits(pool))
			continue;
		key = set_key_at(pool, slot);
		if (cells_of(pool, &key).first == number)
			tell_slot(pool, &key, state, cell);
	}
}

/* The same by asking for each prefix that the cell knows something near. */
static void tell_near(const struct fw_pool *pool, uint32_t number, struct fw_set_mask *cell)
{
	const struct fw_set_mask *old = &pool->mask[number];
	const unsigned int bits = index_bits(pool);
	unsigned int length;
	uint32_t i;

	for (length = bits + 1; length <= 32; length++)
		for (i = 0; old->v4 >> (length - 1) & 1 && i < 1U << (length - bits); i++) {
			const struct set_key key =
				set_key4(number << (32 - bits) | i << (32 - length), length);

			if (old->v4_near >> hash_near4(key.hash) & 1)
				tell_prefix(pool, &key, cell);
		}
}

static void drop_long4(struct fw_pool *pool, uint32_t number)
{
	struct fw_set_mask *cell = &pool->mask[number];
	struct fw_set_mask now = { .v4_sets = cell->v4_sets, .v4 = cell->v4 & short_lengths(pool) };
	/* each length has as many prefixes as its bit says */
	const uint64_t prefixes = 2ULL * (cell->v4 >> index_bits(pool));

	if (prefixes > slot_count(pool) / 8)
		tell_all(pool, number, &now);
	else
		tell_near(pool, number, &now);
	store4(cell, &now);
}

/* Whether an entry of IPv6 of this length has its bit in this mask: all entries are looked at. */
static bool mask_wanted(const struct fw_pool *pool, uint32_t number, unsigned int length)
{
	uint32_t left = fw_pool_used(pool);
	uint64_t i;

	for (i = 0; left && i < slot_count(pool); i++) {
		const struct slot_words *slot = slot_at(pool, i);
		struct set_key have;

		if (!slot_live(slot_state(slot)))
			continue;
		left--;
		if (SLOT_LENGTH(slot->state) != length)
			continue;
		have = set_key_at(pool, slot);
		if (have.ipv6 && mask_number(pool, &have) == number)
			return true;
	}
	return false;
}

/* Its bit of the filter goes when the mask has no length any more, or with mask_rebuild(). */
static void drop6(struct fw_pool *pool, const struct set_key *key)
{
	const uint32_t number = mask_number(pool, key);
	struct fw_set_mask *mask = &pool->mask[number];
	__u64 *word = &mask->v6[(key->length - 1) / 64];

	if (!mask_wanted(pool, number, key->length))
		store64(word, *word & ~(1ULL << (key->length - 1) % 64));
	if (number && !(mask->v6[0] & ~(uint64_t)FW_MASK_SHORT) && !mask->v6[1])
		store64(&mask->v6[0], 0);
}

void mask_drop(struct fw_pool *pool, const struct set_key *key)
{
	if (!key->ipv6 && key->length <= index_bits(pool))
		drop_short4(pool, cells_of(pool, key));
	else if (slot_find(pool, key, -1))
		return;
	else if (key->ipv6)
		drop6(pool, key);
	else
		drop_long4(pool, cells_of(pool, key).first);
}

/* --- all of them */

static void add_all(struct fw_pool *to, const struct fw_pool *pool)
{
	uint64_t i;

	for (i = 0; i < slot_count(pool); i++) {
		const struct slot_words *slot = slot_at(pool, i);
		struct set_key key;

		if (!slot_live(slot_state(slot)))
			continue;
		key = set_key_at(pool, slot);
		add(to, &key, slot_state(slot));
	}
}

void mask_rebuild(struct fw_pool *pool)
{
	struct fw_pool want = { .masks = pool->masks };
	uint32_t i;

	want.mask = calloc(want.masks, sizeof(*want.mask));
	if (want.mask) {
		add_all(&want, pool);
		for (i = 0; i < pool->masks; i++) {
			store4(&pool->mask[i], &want.mask[i]);
			store64(&pool->mask[i].v6[0], want.mask[i].v6[0]);
			store64(&pool->mask[i].v6[1], want.mask[i].v6[1]);
		}
	} else {
		drop_short4(pool, (struct cells){ 0, pool->masks });
	}
	free(want.mask);
}
