// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What set.bpf.h does in the kernel. */
#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

#include "xdp_fw/hash.h"
#include "xdp_fw/set_pool.h"

static uint64_t load(const __u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static uint32_t load32(const __u32 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static bool entry_is(const struct fw_pool *pool, uint64_t place, const struct set_key *key)
{
	const uint64_t half[2] = { htobe64(key->hi), htobe64(key->lo) };
	const uint32_t index = SLOT_INDEX(place);

	return index < pool->capacity && !memcmp(pool->entry[index].addr, half, sizeof(half));
}

static uint64_t slot_sets(const struct fw_pool *pool, const struct slot_words *slot, uint64_t state,
			  const struct set_key *key, uint32_t now)
{
	const uint64_t want = key->ipv6 ? SLOT_MATCH6(key->length) : SLOT_MATCH4(key->length);
	const uint64_t place = load(&slot->place);
	const uint32_t expires = SLOT_EXPIRES(state);

	if ((state & SLOT_MATCH_BITS) != want || SLOT_KEY(place) != key->key)
		return 0;
	if (key->length > 32 && !entry_is(pool, place, key))
		return 0;
	if ((expires && now >= expires) || !slot_same(slot, place, state))
		return 0;
	return 1ULL << SLOT_SET(state) % FW_SETS_MAX;
}

static uint64_t key_sets(const struct fw_pool *pool, const struct set_key *key, uint32_t now)
{
	unsigned int step, way;
	uint64_t sets = 0;

	for (step = 0; step < FW_SET_CHAIN; step++) {
		const uint64_t bucket = (key->hash + step) & (pool->capacity - 1);
		bool full = true;

		for (way = 0; way < FW_SET_WAYS; way++) {
			const struct slot_words *slot = slot_at(pool, bucket * FW_SET_WAYS + way);
			const uint64_t state = load(&slot->state);

			sets |= slot_sets(pool, slot, state, key, now);
			full = full && SLOT_LENGTH(state);
		}
		if (!full)
			break;
	}
	return sets;
}

static uint64_t lookup4(const struct fw_pool *pool, uint32_t addr, uint32_t now)
{
	const unsigned int bits = __builtin_ctz(pool->masks);
	const struct fw_set_mask *mask = &pool->mask[addr >> (32 - bits)];
	uint32_t lengths = load32(&mask->v4), near;
	uint64_t sets = load(&mask->v4_sets);

	lengths |= load32(&mask->v4);
	near = load32(&mask->v4_near);
	for (; lengths; lengths &= lengths - 1) {
		const struct set_key key = set_key4(addr, __builtin_ctz(lengths) + 1);

		if (key.length <= bits || near >> hash_near4(key.hash) & 1)
			sets |= key_sets(pool, &key, now);
	}
	return sets;
}

/* struct address6 - that is looked up */
struct address6 {
	uint64_t hi, lo;
	uint32_t now;
};

/* The prefixes of the lengths whose bits are set: @base is the length of bit -1. */
static uint64_t lengths6(const struct fw_pool *pool, const struct address6 *addr, uint64_t bits,
			 unsigned int base, uint32_t near)
{
	uint64_t sets = 0;

	for (; bits; bits &= bits - 1) {
		const struct set_key key =
			set_key6(addr->hi, addr->lo, base + __builtin_ctzll(bits) + 1);

		if (near >> hash_near6(key.hash) & 1)
			sets |= key_sets(pool, &key, addr->now);
	}
	return sets;
}

static uint64_t lookup6(const struct fw_pool *pool, const struct address6 *addr)
{
	const struct fw_set_mask *wide = &pool->mask[hash_mask6(addr->hi >> 32, pool->masks)];
	const struct fw_set_mask *deep = &pool->mask[hash_mask6(addr->hi >> 16, pool->masks)];
	const uint64_t all = load(&pool->mask->v6[0]) & FW_MASK_SHORT;
	const uint64_t some = load(&wide->v6[0]), many = load(&deep->v6[0]);

	return lengths6(pool, addr, all, 0, ~0U) |
	       lengths6(pool, addr, some & ~FW_MASK_DEEP_BITS & ~(uint64_t)FW_MASK_SHORT, 0, some) |
	       lengths6(pool, addr, many & FW_MASK_DEEP_BITS, 0, many) |
	       lengths6(pool, addr, load(&deep->v6[1]), 64, many);
}

uint64_t fw_set_lookup(const struct fw_pool *pool, int family, const uint8_t *addr, uint32_t now)
{
	uint64_t half[2];
	uint32_t ipv4;

	if (family == 6) {
		struct address6 six = { .now = now };

		memcpy(half, addr, sizeof(half));
		six.hi = be64toh(half[0]);
		six.lo = be64toh(half[1]);
		return lookup6(pool, &six);
	}
	memcpy(&ipv4, addr, sizeof(ipv4));
	return lookup4(pool, ntohl(ipv4), now);
}
