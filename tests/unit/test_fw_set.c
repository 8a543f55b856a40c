// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The pool of sets against a list of prefixes that is searched from end to end. Few prefixes and many
 * sets make buckets overflow: all slots of one prefix have the same home.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fuzz/covers.h"
#include "xdp_fw/set.h"
#include "xdp_fw/set_pool.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

#define SETS  40
#define TAGS  8
#define BASES 10

/* --- pools */

static void pool_open(struct fw_pool *pool, uint32_t capacity)
{
	*pool = (struct fw_pool){ .capacity = capacity, .masks = FW_MASKS_MIN, .tags = TAGS };
	pool->bucket = calloc(capacity, sizeof(*pool->bucket));
	pool->entry = calloc(capacity, sizeof(*pool->entry));
	pool->mask = calloc(pool->masks, sizeof(*pool->mask));
	pool->tag = calloc(TAGS, sizeof(*pool->tag));
	pool->info = calloc(FW_SETS_MAX, sizeof(*pool->info));
	assert_true(pool->bucket && pool->entry && pool->mask && pool->tag && pool->info);
}

static void pool_close(struct fw_pool *pool)
{
	free(pool->bucket);
	free(pool->entry);
	free(pool->mask);
	free(pool->tag);
	free(pool->info);
}

static int create_with(struct fw_pool *pool, int number, uint32_t flags)
{
	char name[16];

	snprintf(name, sizeof(name), "set%d", number);
	return fw_set_create(pool, name, flags);
}

static int create(struct fw_pool *pool, int number)
{
	return create_with(pool, number, 0);
}

static struct fw_member member_of(const char *text)
{
	struct fw_member member = {};

	assert_int_equal(ecbpf_parse_prefix(text, &member.prefix), 0);
	return member;
}

/* Of an empty pool: no slot, not even a tombstone, no entry, and no bit in the masks. */
static void expect_nothing(const struct fw_pool *pool)
{
	const unsigned char *bytes = (const unsigned char *)pool->mask;
	uint64_t i;

	assert_int_equal(fw_pool_used(pool), 0);
	for (i = 0; i < slot_count(pool); i++)
		assert_int_equal(slot_at(pool, i)->state, 0);
	for (i = 0; i < pool->capacity; i++)
		assert_int_equal(pool->entry[i].length, 0);
	for (i = 0; i < pool->masks * sizeof(*pool->mask); i++)
		assert_int_equal(bytes[i], 0);
}

/* In a mask that has prefixes of IPv6 the filter may know some that are gone. */
static void expect_filter(struct fw_set_mask *before, const struct fw_set_mask *now)
{
	const uint64_t lengths = now->v6[0] & ~(uint64_t)FW_MASK_SHORT;

	assert_int_equal(now->v6[0] & ~before->v6[0], 0);
	if (lengths || now->v6[1])
		before->v6[0] &= lengths | now->v6[0];
}

/* The masks have what the slots say, and nothing else. */
static void expect_exact_masks(struct fw_pool *pool)
{
	const size_t size = pool->masks * sizeof(*pool->mask);
	struct fw_set_mask *before = malloc(size);
	uint32_t i;

	assert_non_null(before);
	memcpy(before, pool->mask, size);
	mask_rebuild(pool);
	for (i = 1; i < pool->masks; i++)
		expect_filter(&before[i], &pool->mask[i]);
	assert_memory_equal(before, pool->mask, size);
	free(before);
}

/* --- the model */

/* struct model - entries of all sets, in no order */
struct model {
	struct {
		struct fw_member member;
		int set;
	} entry[4096];
	size_t count;
};

static uint64_t model_lookup(const struct model *model, int family, const uint8_t *addr,
			     uint32_t now)
{
	uint64_t sets = 0;
	size_t i;

	for (i = 0; i < model->count; i++)
		if (covers(&model->entry[i].member.prefix, family, addr) &&
		    (!model->entry[i].member.expires || now < model->entry[i].member.expires))
			sets |= 1ULL << model->entry[i].set;
	return sets;
}

static size_t model_find(const struct model *model, int set, const struct ecbpf_prefix *prefix)
{
	size_t i;

	for (i = 0; i < model->count; i++)
		if (model->entry[i].set == set &&
		    !memcmp(&model->entry[i].member.prefix, prefix, sizeof(*prefix)))
			break;
	return i;
}

static void model_put(struct model *model, int set, const struct fw_member *member)
{
	const size_t at = model_find(model, set, &member->prefix);

	assert_true(at < ROWS(model->entry));
	model->entry[at].member = *member;
	model->entry[at].set = set;
	model->count += at == model->count;
}

static void model_remove(struct model *model, size_t at)
{
	model->entry[at] = model->entry[--model->count];
}

/* --- random operations */

struct chance {
	uint64_t random;
	struct model model;
	struct fw_pool pool;
	uint32_t now;
};

static uint32_t below(struct chance *chance, uint32_t limit)
{
	chance->random ^= chance->random << 13; /* xorshift64 */
	chance->random ^= chance->random >> 7;
	chance->random ^= chance->random << 17;
	return (chance->random >> 24) % limit;
}

/* Nested prefixes of a few addresses, and their siblings. */
static struct fw_member random_member(struct chance *chance)
{
	static const char tags[][8] = { "", "", "a", "b \"c\"", "d" };
	const bool ipv4 = below(chance, 2);
	const unsigned int bits = ipv4 ? 32 : 128, base = below(chance, BASES);
	struct fw_member member = { .prefix.family = ipv4 ? AF_INET : AF_INET6 };
	unsigned int i;

	member.prefix.length = below(chance, 3) ? bits - below(chance, 3) : 1 + below(chance, bits);
	memset(member.prefix.addr, 0x10 + 0x11 * base, bits / 8);
	i = member.prefix.length - 1;
	member.prefix.addr[i / 8] ^= below(chance, 2) << (7 - i % 8);
	for (i = member.prefix.length; i < bits; i++)
		member.prefix.addr[i / 8] &= ~(0x80 >> i % 8);
	if (!below(chance, 4))
		member.expires = chance->now + below(chance, 50) + 1;
	memcpy(member.tag, tags[below(chance, ROWS(tags))], sizeof(tags[0]));
	return member;
}

static void random_add(struct chance *chance, int set)
{
	const struct fw_member member = random_member(chance);
	const bool there = model_find(&chance->model, set, &member.prefix) < chance->model.count;
	const uint32_t used = fw_pool_used(&chance->pool);
	int err = fw_set_add(&chance->pool, set, &member);

	if (err < 0) {
		assert_true(err == -ENOSPC || err == -E2BIG);
		assert_false(there);
		assert_int_equal(fw_pool_used(&chance->pool), used);
		return;
	}
	assert_int_equal(err, there);
	model_put(&chance->model, set, &member);
}

static void random_del(struct chance *chance, int set)
{
	const struct fw_member member = random_member(chance);
	const size_t at = model_find(&chance->model, set, &member.prefix);
	const bool there = at < chance->model.count;

	assert_int_equal(fw_set_del(&chance->pool, set, &member.prefix), there ? 0 : -ENOENT);
	if (there)
		model_remove(&chance->model, at);
}

static void random_replace(struct chance *chance, int set)
{
	struct fw_member member[16];
	struct fw_set_change change;
	size_t count = below(chance, 16), before = 0, after = 0, i;
	int err;

	for (i = 0; i < count; i++)
		member[i] = random_member(chance);
	err = fw_set_replace(&chance->pool, set, member, count, &change);
	if (err) {
		assert_true(err == -ENOSPC || err == -E2BIG);
		return;
	}
	for (i = chance->model.count; i--;)
		if (chance->model.entry[i].set == set) {
			model_remove(&chance->model, i);
			before++;
		}
	for (i = 0; i < count; i++)
		model_put(&chance->model, set, &member[i]);
	for (i = 0; i < chance->model.count; i++)
		after += chance->model.entry[i].set == set;
	assert_int_equal(change.kept + change.removed, before);
	assert_int_equal(change.kept + change.added, after);
}

static void random_expire(struct chance *chance)
{
	size_t gone = 0, i;

	chance->now += below(chance, 20);
	for (i = chance->model.count; i--;) {
		const uint32_t expires = chance->model.entry[i].member.expires;

		if (expires && expires <= chance->now) {
			model_remove(&chance->model, i);
			gone++;
		}
	}
	assert_int_equal(fw_set_expire(&chance->pool, chance->now), gone);
}

static void same_member(const struct fw_member *got, const struct fw_member *want)
{
	assert_memory_equal(&got->prefix, &want->prefix, sizeof(want->prefix));
	assert_int_equal(got->expires, want->expires);
	assert_string_equal(got->tag, want->tag);
	assert_int_equal(got->hits, want->hits);
}

static void compare_set(struct chance *chance, int set)
{
	struct fw_member *list, got;
	size_t count, i;

	assert_int_equal(fw_set_list(&chance->pool, set, &list, &count), 0);
	for (i = 0; i < chance->model.count; i++)
		count -= chance->model.entry[i].set == set;
	assert_int_equal(count, 0);
	for (i = 0; i < chance->pool.info[set].entries; i++) {
		const size_t at = model_find(&chance->model, set, &list[i].prefix);

		assert_true(at < chance->model.count);
		same_member(&list[i], &chance->model.entry[at].member);
		assert_int_equal(fw_set_get(&chance->pool, set, &list[i].prefix, &got), 0);
		same_member(&got, &list[i]);
	}
	free(list);
}

static void compare_lookups(struct chance *chance)
{
	uint8_t addr[16];
	unsigned int i;

	for (i = 0; i < 2 * (BASES + 1); i++) {
		const uint32_t now = chance->now + i % 7 * 10;
		const int family = i & 1 ? 4 : 6;

		memset(addr, 0x10 + 0x11 * (i / 2), sizeof(addr));
		if (chance->model.count && !below(chance, 3))
			memcpy(addr,
			       chance->model.entry[below(chance, chance->model.count)]
				       .member.prefix.addr,
			       sizeof(addr));
		addr[below(chance, 16)] ^= below(chance, 2) << below(chance, 8);
		assert_int_equal(fw_set_lookup(&chance->pool, family, addr, now),
				 model_lookup(&chance->model, family, addr, now));
	}
}

static void random_step(struct chance *chance)
{
	const int set = below(chance, SETS);
	const uint32_t what = below(chance, 100);

	if (what < 60)
		random_add(chance, set);
	else if (what < 90)
		random_del(chance, set);
	else if (what < 98)
		random_replace(chance, set);
	else
		random_expire(chance);
	compare_lookups(chance);
	compare_set(chance, set);
	if (!below(chance, 4))
		expect_exact_masks(&chance->pool);
}

static void random_operations(uint32_t capacity, int rounds)
{
	struct chance *chance = calloc(1, sizeof(*chance));
	int i;

	assert_non_null(chance);
	chance->random = 0x5e7 + capacity;
	pool_open(&chance->pool, capacity);
	chance->now = 1000;
	for (i = 0; i < SETS; i++)
		assert_int_equal(create_with(&chance->pool, i, i % 5 ? 0 : FW_SET_COUNTS), i);
	for (i = 0; i < rounds; i++)
		random_step(chance);
	assert_int_equal(fw_pool_used(&chance->pool), chance->model.count);
	assert_true(chance->model.count > 0);
	for (i = 0; i < SETS; i++)
		assert_int_equal(fw_set_destroy(&chance->pool, i), 0);
	expect_nothing(&chance->pool);
	pool_close(&chance->pool);
	free(chance);
}

static void random_in_little_room(void **state)
{
	(void)state;
	random_operations(16, 20000);
}

static void random_in_full_buckets(void **state)
{
	(void)state;
	random_operations(128, 20000);
}

static void random_in_much_room(void **state)
{
	(void)state;
	random_operations(4096, 4000);
}

/* --- what the list does not tell */

static void names(void **state)
{
	static const char *const bad[] = { "", "a b", "@a", "a/b",
					   "0123456789012345678901234567890123" };
	struct fw_pool pool;
	size_t i;

	(void)state;
	pool_open(&pool, 16);
	for (i = 0; i < ROWS(bad); i++)
		assert_int_equal(fw_set_create(&pool, bad[i], 0), -EINVAL);
	for (i = 0; i < FW_SETS_MAX; i++)
		assert_int_equal(create(&pool, i), i);
	assert_int_equal(create(&pool, 7), -EEXIST);
	assert_int_equal(create(&pool, 99), -ENOSPC);
	assert_int_equal(fw_set_find(&pool, "set63"), 63);
	assert_int_equal(fw_set_find(&pool, "set64"), -ENOENT);
	assert_int_equal(fw_set_destroy(&pool, 63), 0);
	assert_int_equal(fw_set_destroy(&pool, 63), -ENOENT);
	assert_int_equal(fw_set_find(&pool, "set63"), -ENOENT);
	assert_int_equal(create(&pool, 99), 63);
	pool_close(&pool);
}

static void sizes(void **state)
{
	(void)state;
	assert_int_equal(fw_pool_size(0), FW_POOL_MIN);
	assert_int_equal(fw_pool_size(FW_POOL_MIN + 1), 2 * FW_POOL_MIN);
	assert_int_equal(fw_pool_size(1000000), 1 << 20);
	assert_int_equal(fw_pool_size(FW_POOL_MAX), FW_POOL_MAX);
	assert_int_equal(fw_pool_size(FW_POOL_MAX + 1ULL), 0);
	assert_int_equal(fw_pool_masks(FW_POOL_MIN), FW_MASKS_MIN);
	assert_int_equal(fw_pool_masks(FW_POOL_MAX), FW_MASKS_MAX);
}

static void refusals(void **state)
{
	struct fw_member member = member_of("10.0.0.0/8");
	struct fw_set_change change;
	struct fw_pool pool;

	(void)state;
	pool_open(&pool, 16);
	assert_int_equal(fw_set_add(&pool, 0, &member), -ENOENT);
	assert_int_equal(fw_set_replace(&pool, 0, NULL, 0, &change), -ENOENT);
	assert_int_equal(create(&pool, 0), 0);
	member.prefix.length = 0;
	assert_int_equal(fw_set_add(&pool, 0, &member), -EINVAL);
	assert_int_equal(fw_set_replace(&pool, 0, &member, 1, &change), -EINVAL);
	member.prefix.length = 33;
	assert_int_equal(fw_set_add(&pool, 0, &member), -EINVAL);
	expect_nothing(&pool);
	pool_close(&pool);
}

/* @count entries that differ in their last byte. */
static void numbered(struct fw_member *member, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		member[i] = member_of("10.0.0.0/32");
		member[i].prefix.addr[3] = i;
	}
}

static void no_room_changes_nothing(void **state)
{
	struct fw_member member[17];
	struct fw_set_change change;
	struct fw_pool pool;
	int i;

	(void)state;
	pool_open(&pool, 16);
	numbered(member, 17);
	assert_int_equal(create(&pool, 0), 0);
	for (i = 0; i < 9; i++)
		assert_int_equal(fw_set_add(&pool, 0, &member[i]), 0);
	assert_int_equal(fw_set_replace(&pool, 0, member + 9, 8, &change), -ENOSPC);
	assert_int_equal(fw_pool_used(&pool), 9);
	for (i = 0; i < 17; i++)
		assert_int_equal(fw_set_lookup(&pool, 4, member[i].prefix.addr, 0), i < 9);
	assert_int_equal(fw_set_replace(&pool, 0, member + 2, 14, &change), 0);
	assert_int_equal(change.added, 7);
	assert_int_equal(change.removed, 2);
	assert_int_equal(change.kept, 7);
	assert_int_equal(fw_set_add(&pool, 0, &member[0]), 0);
	assert_int_equal(fw_set_add(&pool, 0, &member[1]), 0);
	assert_int_equal(fw_set_add(&pool, 0, &member[16]), -ENOSPC);
	assert_int_equal(fw_set_replace(&pool, 0, NULL, 0, &change), 0);
	assert_int_equal(change.removed, 16);
	expect_nothing(&pool);
	pool_close(&pool);
}

static void tags_run_out_and_come_back(void **state)
{
	struct fw_member member[TAGS];
	struct fw_pool pool;
	int i;

	(void)state;
	pool_open(&pool, 16);
	numbered(member, TAGS);
	assert_int_equal(create(&pool, 0), 0);
	for (i = 0; i < TAGS; i++) {
		member[i].tag[0] = 'a' + i;
		assert_int_equal(fw_set_add(&pool, 0, &member[i]), i < TAGS - 1 ? 0 : -ENOSPC);
	}
	assert_int_equal(fw_set_del(&pool, 0, &member[2].prefix), 0);
	assert_int_equal(fw_set_add(&pool, 0, &member[TAGS - 1]), 0);
	for (i = 0; i < TAGS; i++) {
		struct fw_member got;

		if (i == 2)
			continue;
		assert_int_equal(fw_set_get(&pool, 0, &member[i].prefix, &got), 0);
		assert_string_equal(got.tag, member[i].tag);
	}
	pool_close(&pool);
}

static void as_many_sets_as_a_chain_holds(void **state)
{
	const struct fw_member member = member_of("2001:db8::/32");
	struct fw_pool pool;
	int i;

	(void)state;
	pool_open(&pool, 64);
	for (i = 0; i < 33; i++) {
		assert_int_equal(create(&pool, i), i);
		assert_int_equal(fw_set_add(&pool, i, &member), i < 32 ? 0 : -E2BIG);
	}
	assert_int_equal(fw_set_lookup(&pool, 6, member.prefix.addr, 0), 0xffffffff);
	/* those in the last bucket are found over the tombstones of the first */
	for (i = 0; i < 28; i++)
		assert_int_equal(fw_set_del(&pool, i, &member.prefix), 0);
	assert_int_equal(fw_set_lookup(&pool, 6, member.prefix.addr, 0), 0xf0000000);
	for (; i < 32; i++)
		assert_int_equal(fw_set_del(&pool, i, &member.prefix), 0);
	expect_nothing(&pool);
	pool_close(&pool);
}

static void copy_keeps_index_and_hits(void **state)
{
	struct fw_pool from, to;
	struct fw_member member[16], got;
	uint32_t i;

	(void)state;
	pool_open(&from, 16);
	pool_open(&to, 64);
	numbered(member, 16);
	assert_int_equal(create(&from, 0), 0);
	assert_int_equal(create(&from, 1), 1);
	for (i = 0; i < 16; i++) {
		member[i].expires = i;
		member[i].tag[0] = 'a' + i % 3;
		assert_int_equal(fw_set_add(&from, i % 2, &member[i]), 0);
		from.entry[i].hits = 100 + i;
	}
	assert_int_equal(fw_set_del(&from, 1, &member[3].prefix), 0);
	assert_int_equal(fw_pool_copy(&from, &to), -EINVAL);
	assert_int_equal(fw_pool_copy(&to, &from), 0);
	assert_int_equal(fw_pool_copy(&to, &from), -EINVAL);
	assert_int_equal(fw_pool_used(&to), 15);
	assert_int_equal(fw_set_find(&to, "set1"), 1);
	for (i = 0; i < 16; i++) {
		assert_memory_equal(to.entry[i].addr, from.entry[i].addr, i == 3 ? 0 : 16);
		assert_int_equal(fw_set_get(&to, i % 2, &member[i].prefix, &got),
				 i == 3 ? -ENOENT : 0);
		member[i].hits = 100 + i;
		if (i != 3)
			same_member(&got, &member[i]);
		assert_int_equal(fw_set_lookup(&to, 4, member[i].prefix.addr, 0),
				 i == 3 ? 0 : 1U << i % 2);
	}
	pool_close(&from);
	pool_close(&to);
}

/* --- prefixes that cover whole entries of the masks */

static void put(struct fw_pool *pool, int set, const char *text, uint32_t expires, int want)
{
	struct fw_member member = member_of(text);

	member.expires = expires;
	assert_int_equal(fw_set_add(pool, set, &member), want);
}

static void take(struct fw_pool *pool, int set, const char *text)
{
	const struct fw_member member = member_of(text);

	assert_int_equal(fw_set_del(pool, set, &member.prefix), 0);
}

/* What the mask of an address says, and what a lookup then, before and at time 50. */
static void expect_mask(struct fw_pool *pool, const char *text, uint64_t sets, uint32_t lengths,
			uint64_t then, uint64_t later)
{
	const struct fw_member member = member_of(text);
	const uint8_t *addr = member.prefix.addr;
	const struct fw_set_mask *mask = &pool->mask[addr[0] << 4 | addr[1] >> 4];

	assert_int_equal(mask->v4_sets, sets);
	assert_int_equal(mask->v4, lengths);
	assert_int_equal(fw_set_lookup(pool, 4, addr, 49), then);
	assert_int_equal(fw_set_lookup(pool, 4, addr, 50), later);
	expect_exact_masks(pool);
}

#define LENGTH(bits) (1U << ((bits)-1))

static void open_nested(struct fw_pool *pool)
{
	pool_open(pool, 64);
	assert_int_equal(create(pool, 0), 0);
	assert_int_equal(create(pool, 1), 1);
	assert_int_equal(create(pool, 2), 2);
	assert_int_equal(create_with(pool, 3, FW_SET_COUNTS), 3);
	put(pool, 0, "10.0.0.0/8", 0, 0);
	put(pool, 0, "10.16.0.0/12", 0, 0);
	put(pool, 1, "10.0.0.0/8", 50, 0);
	put(pool, 2, "10.16.0.0/12", 0, 0);
	put(pool, 3, "10.0.0.0/9", 0, 0);
	put(pool, 1, "10.16.0.0/13", 0, 0);
}

static void nested_prefixes_come_and_go(void **state)
{
	const uint32_t all = LENGTH(8) | LENGTH(9) | LENGTH(13);
	struct fw_pool pool;

	(void)state;
	open_nested(&pool);
	expect_mask(&pool, "10.16.0.1", 5, all, 15, 15);
	expect_mask(&pool, "10.24.0.1", 5, all, 15, 13);
	expect_mask(&pool, "10.0.0.1", 1, LENGTH(8) | LENGTH(9), 11, 9);
	expect_mask(&pool, "10.255.0.1", 1, LENGTH(8), 3, 1);
	expect_mask(&pool, "11.0.0.1", 0, 0, 0, 0);
	take(&pool, 0, "10.16.0.0/12"); /* the set has the /8 */
	expect_mask(&pool, "10.24.0.1", 5, all, 15, 13);
	put(&pool, 0, "10.16.0.0/12", 0, 0);
	take(&pool, 0, "10.0.0.0/8"); /* the set has the /12 */
	expect_mask(&pool, "10.24.0.1", 5, all, 15, 13);
	expect_mask(&pool, "10.0.0.1", 0, LENGTH(8) | LENGTH(9), 10, 8);
	take(&pool, 3, "10.0.0.0/9");
	take(&pool, 1, "10.16.0.0/13");
	expect_mask(&pool, "10.16.0.1", 5, LENGTH(8), 7, 5);
	assert_int_equal(fw_set_expire(&pool, 50), 1);
	expect_mask(&pool, "10.16.0.1", 5, 0, 5, 5);
	assert_int_equal(fw_set_destroy(&pool, 2), 0);
	expect_mask(&pool, "10.16.0.1", 1, 0, 1, 1);
	take(&pool, 0, "10.16.0.0/12");
	expect_nothing(&pool);
	pool_close(&pool);
}

static void timeouts_begin_and_cease(void **state)
{
	struct fw_member member = member_of("10.0.0.0/8");
	struct fw_set_change change;
	struct fw_pool pool;

	(void)state;
	open_nested(&pool);
	put(&pool, 0, "10.0.0.0/8", 50, 1);
	expect_mask(&pool, "10.255.0.1", 0, LENGTH(8), 3, 0);
	put(&pool, 1, "10.0.0.0/8", 0, 1); /* that of set 0 goes on to be looked up */
	expect_mask(&pool, "10.255.0.1", 2, LENGTH(8), 3, 2);
	put(&pool, 0, "10.0.0.0/8", 0, 1);
	expect_mask(&pool, "10.255.0.1", 3, 0, 3, 3);
	put(&pool, 3, "10.0.0.0/9", 50, 1);
	expect_mask(&pool, "10.0.0.1", 3, LENGTH(9), 11, 3);
	put(&pool, 3, "10.0.0.0/9", 0, 1);
	expect_mask(&pool, "10.0.0.1", 3, LENGTH(9), 11, 11);
	member.expires = 50;
	assert_int_equal(fw_set_replace(&pool, 0, &member, 1, &change), 0);
	expect_mask(&pool, "10.16.0.1", 6, LENGTH(8) | LENGTH(9) | LENGTH(13), 15, 14);
	member.expires = 0;
	assert_int_equal(fw_set_replace(&pool, 0, &member, 1, &change), 0);
	assert_int_equal(change.kept, 1);
	expect_mask(&pool, "10.16.0.1", 7, LENGTH(9) | LENGTH(13), 15, 15);
	pool_close(&pool);
}

/* --- a reader beside the writer */

#define CHURNS 20000

struct watch {
	const struct fw_pool *pool;
	struct fw_member kept[10];
	uint64_t misses, lookups;
	bool done;
};

static void *watch_kept(void *arg)
{
	struct watch *watch = arg;
	bool last;
	size_t i;

	do {
		last = __atomic_load_n(&watch->done, __ATOMIC_ACQUIRE);
		for (i = 0; i < ROWS(watch->kept); i++, watch->lookups++) {
			const struct ecbpf_prefix *prefix = &watch->kept[i].prefix;

			watch->misses +=
				!(fw_set_lookup(watch->pool, prefix->family == AF_INET ? 4 : 6,
						prefix->addr, 0) >>
				  63);
		}
	} while (!last);
	return NULL;
}

/*
 * The same prefixes in other sets come and go around those that stay, and these begin and cease to
 * expire, long after the time of the reader.
 */
static void churn(struct fw_pool *pool, const struct watch *watch, struct chance *chance)
{
	struct fw_set_change change;
	int i;

	for (i = 0; i < CHURNS; i++) {
		const int set = below(chance, 25);
		struct fw_member member = watch->kept[below(chance, ROWS(watch->kept))];

		member.expires = below(chance, 2) ? 0 : 1000;
		switch (below(chance, 8)) {
		case 0:
			assert_int_equal(fw_set_replace(pool, set, &member, 1, &change), 0);
			break;
		case 1:
		case 2:
			fw_set_del(pool, set, &member.prefix);
			break;
		case 3:
			assert_int_equal(fw_set_add(pool, 63, &member), 1);
			break;
		default:
			assert_true(fw_set_add(pool, set, &member) >= 0);
		}
	}
}

static void reader_misses_nothing(void **state)
{
	static const char *const texts[] = { "10.0.0.0/24", "2001:db8::/48", "10.0.0.0/12" };
	struct chance chance = { .random = 4711 };
	struct watch watch = { .pool = &chance.pool };
	pthread_t reader;
	size_t i;
	int set;

	(void)state;
	pool_open(&chance.pool, 512);
	for (set = 0; set < FW_SETS_MAX; set++)
		assert_int_equal(create(&chance.pool, set), set);
	for (i = 0; i < ROWS(watch.kept); i++) {
		watch.kept[i] = member_of(texts[i % ROWS(texts)]);
		watch.kept[i].prefix.addr[1] = i << 4;
	}
	/* in the buckets behind: the first fill up before */
	for (set = 0; set < 6; set++)
		for (i = 0; i < ROWS(watch.kept); i++)
			assert_int_equal(fw_set_add(&chance.pool, set, &watch.kept[i]), 0);
	for (i = 0; i < ROWS(watch.kept); i++)
		assert_int_equal(fw_set_add(&chance.pool, 63, &watch.kept[i]), 0);
	assert_int_equal(pthread_create(&reader, NULL, watch_kept, &watch), 0);
	churn(&chance.pool, &watch, &chance);
	__atomic_store_n(&watch.done, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(reader, NULL), 0);
	assert_int_equal(watch.misses, 0);
	assert_true(watch.lookups >= ROWS(watch.kept));
	for (set = 0; set < FW_SETS_MAX; set++)
		assert_int_equal(fw_set_destroy(&chance.pool, set), 0);
	expect_nothing(&chance.pool);
	pool_close(&chance.pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_in_little_room),
		cmocka_unit_test(random_in_full_buckets),
		cmocka_unit_test(random_in_much_room),
		cmocka_unit_test(names),
		cmocka_unit_test(sizes),
		cmocka_unit_test(refusals),
		cmocka_unit_test(no_room_changes_nothing),
		cmocka_unit_test(tags_run_out_and_come_back),
		cmocka_unit_test(as_many_sets_as_a_chain_holds),
		cmocka_unit_test(copy_keeps_index_and_hits),
		cmocka_unit_test(nested_prefixes_come_and_go),
		cmocka_unit_test(timeouts_begin_and_cease),
		cmocka_unit_test(reader_misses_nothing),
	};

	return cmocka_run_group_tests_name("fw_set", tests, NULL, NULL);
}
