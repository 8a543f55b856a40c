// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Named sets and their entries, one at a time. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/set_pool.h"

/* --- size */

uint32_t fw_pool_size(uint64_t entries)
{
	uint32_t size = FW_POOL_MIN;

	if (entries > FW_POOL_MAX)
		return 0;
	while (size < entries)
		size *= 2;
	return size;
}

uint32_t fw_pool_masks(uint32_t capacity)
{
	if (capacity < FW_MASKS_MIN)
		return FW_MASKS_MIN;
	return capacity > FW_MASKS_MAX ? FW_MASKS_MAX : capacity;
}

/* --- sets */

bool set_exists(const struct fw_pool *pool, int set)
{
	return set >= 0 && set < FW_SETS_MAX && pool->info[set].name[0];
}

int fw_set_find(const struct fw_pool *pool, const char *name)
{
	int set;

	for (set = 0; set < FW_SETS_MAX; set++)
		if (set_exists(pool, set) && !strcmp(pool->info[set].name, name))
			return set;
	return ecbpf_fail(-ENOENT, "there is no set %.64s", name);
}

static bool name_valid(const char *name)
{
	const size_t len = strlen(name);

	return len && len < sizeof(((struct fw_set_info *)0)->name) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
		       len;
}

/* free_number - of no set */
static int free_number(const struct fw_pool *pool)
{
	int set;

	for (set = 0; set < FW_SETS_MAX; set++)
		if (!set_exists(pool, set))
			return set;
	return ecbpf_fail(-ENOSPC, "there are %d sets already", FW_SETS_MAX);
}

static uint32_t counters_of(int set, uint32_t turn)
{
	return FW_SLOTS + set + turn % (FW_SET_SLOTS / FW_SETS_MAX) * FW_SETS_MAX;
}

uint32_t fw_set_counters(const struct fw_pool *pool, int set)
{
	return counters_of(set, pool->info[set].turn);
}

int fw_set_counters_next(const struct fw_pool *pool)
{
	const int set = free_number(pool);

	return set < 0 ? set : (int)counters_of(set, pool->info[set].turn + 1);
}

int fw_set_create(struct fw_pool *pool, const char *name, uint32_t flags)
{
	struct fw_set_info info = { .flags = flags };
	int set;

	if (!name_valid(name))
		return ecbpf_fail(-EINVAL,
				  "%.64s: a set's name has 1 to %zu letters, digits, _ . or -",
				  name, sizeof(info.name) - 1);
	if (fw_set_find(pool, name) >= 0)
		return ecbpf_fail(-EEXIST, "set %s is there already", name);
	set = free_number(pool);
	if (set < 0)
		return set;
	memcpy(info.name, name, strlen(name));
	info.turn = pool->info[set].turn + 1;
	pool->info[set] = info;
	return set;
}

/*
 * Removes the slots that @gone names, and what a killed command has left: held slots, and numbers of
 * entries that are not true. @arg is a set or a time.
 */
static size_t sweep(struct fw_pool *pool, bool (*gone)(uint64_t state, uint32_t arg), uint32_t arg)
{
	uint32_t left[FW_SETS_MAX] = {};
	size_t count = 0;
	uint64_t i;

	for (i = 0; i < slot_count(pool); i++) {
		struct slot_words *slot = slot_at(pool, i);
		const uint64_t state = slot_state(slot);

		if (SLOT_FLAGS(state) & SLOT_HELD || (slot_live(state) && gone(state, arg))) {
			slot_remove(pool, slot);
			count++;
		} else if (slot_live(state)) {
			left[SLOT_SET(state)]++;
		}
	}
	for (i = 0; i < FW_SETS_MAX; i++)
		pool->info[i].entries = left[i];
	return count;
}

static bool in_set(uint64_t state, uint32_t set)
{
	return SLOT_SET(state) == set;
}

static bool expired(uint64_t state, uint32_t now)
{
	return SLOT_EXPIRES(state) && now >= SLOT_EXPIRES(state);
}

int fw_set_destroy(struct fw_pool *pool, int set)
{
	if (!set_exists(pool, set))
		return ecbpf_fail(-ENOENT, "there is no set %d", set);
	sweep(pool, in_set, set);
	mask_rebuild(pool);
	pool->info[set] = (struct fw_set_info){ .turn = pool->info[set].turn };
	return 0;
}

size_t fw_set_expire(struct fw_pool *pool, uint32_t now)
{
	const size_t count = sweep(pool, expired, now);

	if (count)
		mask_rebuild(pool);
	return count;
}

/* --- entries */

int set_check(const struct fw_pool *pool, int set, const struct ecbpf_prefix *prefix)
{
	const bool ipv4 = prefix->family == AF_INET;

	if (!set_exists(pool, set))
		return ecbpf_fail(-ENOENT, "there is no set %d", set);
	if (!ipv4 && prefix->family != AF_INET6)
		return ecbpf_fail(-EINVAL, "neither an IPv4 nor an IPv6 prefix");
	if (!prefix->length)
		return ecbpf_fail(-EINVAL, "a set cannot hold /0");
	if (prefix->length > (ipv4 ? 32 : 128))
		return ecbpf_fail(-EINVAL, "a prefix length of %u", prefix->length);
	return 0;
}

int fw_set_add(struct fw_pool *pool, int set, const struct fw_member *member)
{
	struct fw_member fresh = *member;
	struct slot_words *slot;
	struct set_key key;
	uint32_t tag;
	int err;

	err = set_check(pool, set, &member->prefix);
	if (err)
		return err;
	if (tag_find(pool, member->tag, &tag)) {
		tag_tidy(pool);
		err = tag_find(pool, member->tag, &tag);
		if (err)
			return err;
	}
	key = set_key_of(&member->prefix);
	slot = slot_find(pool, &key, set);
	if (slot) {
		const bool stale = slot_update(pool, slot, member->expires, tag);

		mask_add(pool, slot);
		if (stale)
			mask_drop(pool, &key);
		return 1;
	}
	fresh.hits = 0;
	err = slot_hold(pool, set, &fresh, tag, &slot);
	if (err)
		return err;
	slot_publish(slot, member->expires);
	mask_add(pool, slot);
	return 0;
}

int fw_set_del(struct fw_pool *pool, int set, const struct ecbpf_prefix *prefix)
{
	struct slot_words *slot;
	struct set_key key;
	int err = set_check(pool, set, prefix);

	if (err)
		return -ENOENT;
	key = set_key_of(prefix);
	slot = slot_find(pool, &key, set);
	if (slot)
		slot_remove(pool, slot);
	/* also for what a killed command has removed without this */
	mask_drop(pool, &key);
	return slot ? 0 : ecbpf_fail(-ENOENT, "not in set %s", pool->info[set].name);
}

int fw_set_get(const struct fw_pool *pool, int set, const struct ecbpf_prefix *prefix,
	       struct fw_member *member)
{
	const struct slot_words *slot;
	struct set_key key;

	if (set_check(pool, set, prefix))
		return -ENOENT;
	key = set_key_of(prefix);
	slot = slot_find(pool, &key, set);
	if (!slot)
		return ecbpf_fail(-ENOENT, "not in set %s", pool->info[set].name);
	slot_member(pool, slot, member);
	return 0;
}

static int by_prefix(const void *a, const void *b)
{
	const struct ecbpf_prefix *one = &((const struct fw_member *)a)->prefix;
	const struct ecbpf_prefix *two = &((const struct fw_member *)b)->prefix;
	int order;

	if (one->family != two->family)
		return one->family == AF_INET ? -1 : 1;
	order = memcmp(one->addr, two->addr, sizeof(one->addr));
	return order ? order : one->length - two->length;
}

int fw_set_list(const struct fw_pool *pool, int set, struct fw_member **member, size_t *count)
{
	struct fw_member *list;
	size_t found = 0, room;
	uint64_t i;

	if (!set_exists(pool, set))
		return ecbpf_fail(-ENOENT, "there is no set %d", set);
	room = pool->info[set].entries;
	list = calloc(room + 1, sizeof(*list));
	if (!list)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; found < room && i < slot_count(pool); i++) {
		const struct slot_words *slot = slot_at(pool, i);

		if (slot_live(slot_state(slot)) && SLOT_SET(slot_state(slot)) == set)
			slot_member(pool, slot, &list[found++]);
	}
	qsort(list, found, sizeof(*list), by_prefix);
	*member = list;
	*count = found;
	return 0;
}
