// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Slots and entries of the pool of sets. */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "xdp_fw/hash.h"
#include "xdp_fw/set_pool.h"

/* Matches nothing, fills its bucket, and is there to be used again. */
#define TOMBSTONE (SLOT_OF_LENGTH(1) | SLOT_FLAG(FW_SLOT_GONE))

/* --- keys */

struct set_key set_key4(uint32_t addr, unsigned int length)
{
	struct set_key key = { .length = length };

	key.key = addr & (~0U << (32 - length));
	key.lo = key.key;
	key.hash = hash_prefix4(key.key, length);
	return key;
}

struct set_key set_key6(uint64_t hi, uint64_t lo, unsigned int length)
{
	struct set_key key = { .length = length, .ipv6 = true };

	key.hi = length < 64 ? hi & (~0ULL << (64 - length)) : hi;
	key.lo = length > 64 ? lo & (~0ULL << (128 - length)) : 0;
	key.hash = hash_prefix6(key.hi, key.lo, length);
	key.key = hash_key6(key.hash, key.hi, length);
	return key;
}

static struct set_key key_of_address(bool ipv6, const uint8_t *addr, unsigned int length)
{
	uint64_t half[2];
	uint32_t ipv4;

	if (ipv6) {
		memcpy(half, addr, sizeof(half));
		return set_key6(be64toh(half[0]), be64toh(half[1]), length);
	}
	memcpy(&ipv4, addr, sizeof(ipv4));
	return set_key4(ntohl(ipv4), length);
}

struct set_key set_key_of(const struct ecbpf_prefix *prefix)
{
	return key_of_address(prefix->family == AF_INET6, prefix->addr, prefix->length);
}

struct set_key set_key_at(const struct fw_pool *pool, const struct slot_words *slot)
{
	const uint64_t state = slot_state(slot);

	if (SLOT_FLAGS(state) & FW_SLOT_IPV6)
		return key_of_address(true, pool->entry[SLOT_INDEX(slot->place)].addr,
				      SLOT_LENGTH(state));
	return set_key4(SLOT_KEY(slot->place), SLOT_LENGTH(state));
}

/* --- slots */

struct slot_words *slot_at(const struct fw_pool *pool, uint64_t number)
{
	return (struct slot_words *)&pool->bucket[number / FW_SET_WAYS].slot[number % FW_SET_WAYS];
}

uint64_t slot_count(const struct fw_pool *pool)
{
	return (uint64_t)pool->capacity * FW_SET_WAYS;
}

/* The slot that many slots behind the first of the home bucket, in the order of the search. */
static struct slot_words *slot_behind(const struct fw_pool *pool, uint64_t home, unsigned int many)
{
	return slot_at(pool, (home * FW_SET_WAYS + many) & (slot_count(pool) - 1));
}

uint64_t slot_state(const struct slot_words *slot)
{
	return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
}

static void slot_store(struct slot_words *slot, uint64_t state)
{
	__atomic_store_n(&slot->state, state, __ATOMIC_RELEASE);
}

bool slot_live(uint64_t state)
{
	return SLOT_LENGTH(state) && !(SLOT_FLAGS(state) & FW_SLOT_GONE);
}

static bool slot_taken(uint64_t state)
{
	return slot_live(state) || SLOT_FLAGS(state) & SLOT_HELD;
}

static bool same_address(const struct fw_pool *pool, const struct slot_words *slot,
			 const struct set_key *key)
{
	struct set_key have;

	if (SLOT_KEY(slot->place) != key->key)
		return false;
	if (!key->ipv6)
		return true;
	have = set_key_at(pool, slot);
	return have.hi == key->hi && have.lo == key->lo;
}

static bool slot_has(const struct fw_pool *pool, const struct slot_words *slot,
		     const struct set_key *key, int set)
{
	const uint64_t state = slot_state(slot);

	return slot_taken(state) && SLOT_LENGTH(state) == key->length &&
	       !!(SLOT_FLAGS(state) & FW_SLOT_IPV6) == key->ipv6 &&
	       (set < 0 || SLOT_SET(state) == set) && same_address(pool, slot, key);
}

static bool bucket_full(const struct fw_pool *pool, uint64_t bucket)
{
	unsigned int way;

	for (way = 0; way < FW_SET_WAYS; way++)
		if (!SLOT_LENGTH(slot_state(slot_behind(pool, bucket, way))))
			return false;
	return true;
}

struct slot_words *slot_next(const struct fw_pool *pool, const struct set_key *key, int set,
			     unsigned int *many)
{
	while (*many < FW_SET_CHAIN * FW_SET_WAYS) {
		struct slot_words *slot = slot_behind(pool, key->hash, *many);

		if (*many && *many % FW_SET_WAYS == 0 &&
		    !bucket_full(pool, key->hash + *many / FW_SET_WAYS - 1))
			return NULL;
		++*many;
		if (slot_has(pool, slot, key, set))
			return slot;
	}
	return NULL;
}

struct slot_words *slot_find(const struct fw_pool *pool, const struct set_key *key, int set)
{
	unsigned int many = 0;

	return slot_next(pool, key, set, &many);
}

/* Where a new slot for the prefix goes. */
static int slot_place(const struct fw_pool *pool, const struct set_key *key,
		      struct slot_words **place)
{
	unsigned int many, same = 0;

	for (many = 0; many < FW_SET_CHAIN * FW_SET_WAYS; many++) {
		*place = slot_behind(pool, key->hash, many);
		if (!slot_taken(slot_state(*place)))
			return 0;
		same += slot_has(pool, *place, key, -1);
	}
	if (same == many)
		return ecbpf_fail(-E2BIG, "no more than %u sets can have the same prefix", many);
	return ecbpf_fail(-ENOSPC, "no room at this place of the pool");
}

/* --- entries */

uint32_t fw_pool_used(const struct fw_pool *pool)
{
	uint32_t used = 0;
	int set;

	for (set = 0; set < FW_SETS_MAX; set++)
		used += pool->info[set].entries;
	return used;
}

static int entry_take(struct fw_pool *pool, uint32_t *index)
{
	uint32_t i;

	*index = 0;
	for (i = 0; i < pool->capacity; i++) {
		*index = (pool->free_from + i) & (pool->capacity - 1);
		if (!pool->entry[*index].length) {
			pool->free_from = *index + 1;
			return 0;
		}
	}
	return ecbpf_fail(-ENOSPC, "the pool is full: %u entries", pool->capacity);
}

static void entry_give(struct fw_pool *pool, uint32_t index)
{
	pool->entry[index].length = 0;
	if (index < pool->free_from)
		pool->free_from = index;
}

static uint64_t state_of(const struct fw_pool *pool, int set, const struct set_key *key)
{
	unsigned int flags = key->ipv6 ? FW_SLOT_IPV6 : 0;

	if (pool->info[set].flags & FW_SET_COUNTS)
		flags |= FW_SLOT_HITS;
	return SLOT_OF_LENGTH(key->length) | SLOT_FLAG(flags) | (uint64_t)set << SLOT_SHIFT(set);
}

/* --- changes */

int slot_hold_at(struct fw_pool *pool, int set, const struct fw_member *member, uint32_t tag,
		 uint32_t index, struct slot_words **held)
{
	const struct set_key key = set_key_of(&member->prefix);
	struct slot_words *slot;
	int err = slot_place(pool, &key, &slot);

	if (err)
		return err;
	pool->entry[index] = (struct fw_set_entry){
		.length = key.length,
		.family = key.ipv6 ? 6 : 4,
		.set = set,
		.tag = tag,
		.hits = member->hits,
	};
	memcpy(pool->entry[index].addr, member->prefix.addr, key.ipv6 ? 16 : 4);
	__atomic_store_n(&slot->place,
			 (uint64_t)key.key << SLOT_SHIFT(key) | (uint64_t)index
									<< SLOT_SHIFT(index),
			 __ATOMIC_RELAXED);
	slot_store(slot, state_of(pool, set, &key) | SLOT_FLAG(FW_SLOT_GONE | SLOT_HELD));
	pool->info[set].entries++;
	*held = slot;
	return 0;
}

int slot_hold(struct fw_pool *pool, int set, const struct fw_member *member, uint32_t tag,
	      struct slot_words **held)
{
	uint32_t index;
	int err = entry_take(pool, &index);

	if (err)
		return err;
	err = slot_hold_at(pool, set, member, tag, index, held);
	if (err)
		entry_give(pool, index);
	return err;
}

static uint64_t with_expiry(uint64_t state, uint32_t expires)
{
	return (state & ~SLOT_EXPIRES_BITS) | (uint64_t)expires << SLOT_SHIFT(expires);
}

void slot_publish(struct slot_words *slot, uint32_t expires)
{
	slot_store(slot, with_expiry(slot->state, expires) & ~SLOT_FLAG(FW_SLOT_GONE | SLOT_HELD));
}

bool slot_update(struct fw_pool *pool, struct slot_words *slot, uint32_t expires, uint32_t tag)
{
	struct fw_set_entry *entry = &pool->entry[SLOT_INDEX(slot->place)];
	const uint32_t before = SLOT_EXPIRES(slot->state);

	if (entry->tag != tag)
		entry->tag = tag;
	if (before != expires)
		slot_store(slot, with_expiry(slot->state, expires));
	return !before != !expires;
}

/* Is a slot behind the bucket that was pushed over it? All buckets up to such a slot are full. */
static bool bucket_needed(const struct fw_pool *pool, uint64_t bucket)
{
	unsigned int far, way;

	for (far = 1; far < FW_SET_CHAIN; far++) {
		for (way = 0; way < FW_SET_WAYS; way++) {
			const struct slot_words *slot = slot_behind(pool, bucket + far, way);

			if (slot_taken(slot_state(slot)) &&
			    ((bucket + far - set_key_at(pool, slot).hash) & (pool->capacity - 1)) >=
				    far)
				return true;
		}
		if (!bucket_full(pool, bucket + far))
			return false;
	}
	return false;
}

static void bucket_tidy(struct fw_pool *pool, uint64_t bucket)
{
	unsigned int way, tombstones = 0;

	for (way = 0; way < FW_SET_WAYS; way++)
		tombstones += slot_behind(pool, bucket, way)->state == TOMBSTONE;
	if (!tombstones || bucket_needed(pool, bucket))
		return;
	for (way = 0; way < FW_SET_WAYS; way++)
		if (slot_behind(pool, bucket, way)->state == TOMBSTONE)
			slot_store(slot_behind(pool, bucket, way), 0);
}

void slot_remove(struct fw_pool *pool, struct slot_words *slot)
{
	const uint64_t here = (slot - slot_at(pool, 0)) / FW_SET_WAYS;
	const uint64_t home = set_key_at(pool, slot).hash;
	const uint64_t far = (here - home) & (pool->capacity - 1);
	const bool full = bucket_full(pool, here);
	const int set = SLOT_SET(slot->state);
	uint64_t i;

	slot_store(slot, full ? TOMBSTONE : 0);
	entry_give(pool, SLOT_INDEX(slot->place));
	pool->info[set].entries--;
	if (full || far)
		for (i = 0; i <= far; i++)
			bucket_tidy(pool, home + i);
}

void slot_member(const struct fw_pool *pool, const struct slot_words *slot,
		 struct fw_member *member)
{
	const struct fw_set_entry *entry = &pool->entry[SLOT_INDEX(slot->place)];

	*member = (struct fw_member){
		.prefix = { .family = entry->family == 6 ? AF_INET6 : AF_INET,
			    .length = entry->length },
		.expires = SLOT_EXPIRES(slot->state),
		.hits = __atomic_load_n(&entry->hits, __ATOMIC_RELAXED),
	};
	memcpy(member->prefix.addr, entry->addr, sizeof(entry->addr));
	if (entry->tag && entry->tag < pool->tags)
		memcpy(member->tag, pool->tag[entry->tag].text, sizeof(member->tag) - 1);
}
