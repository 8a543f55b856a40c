// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * set.bpf.h in the kernel, on maps that are mapped as the pool: the same answers as fw_set_lookup()
 * on the same memory, and as a list of prefixes that is searched from end to end.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tests/bpf/fw_set_probe.h"
#include "tests/bpf/suite.h"
#include "tests/fuzz/covers.h"
#include "tests/fuzz/packets.h"
#include "xdp_fw/set.h"

#include "tests/bpf/fw_set_probe.skel.h"

#define SEED	 0x5e75
#define CAPACITY (1U << 16)
#define TAGS	 2
#define SETS	 30
#define LARGE	 3
#define COUNTS	 1 /* a set that counts hits, and has large prefixes */
#define BASES	 64

/* The clock is the kernel's: what has expired did so long ago, what has not never will. */
#define LONG_AGO 1
#define FAR_AWAY UINT32_MAX
#define NOW	 (FAR_AWAY / 2)

struct fixture {
	struct fw_set_probe *probe;
	struct fw_pool pool;
	struct packets random;
	struct fw_member *member;
	int *set;
	size_t count;
};

/* --- the pool */

static void *map_memory(const struct bpf_map *map)
{
	const size_t bytes = (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map);
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

static void unmap_memory(const struct bpf_map *map, void *memory)
{
	munmap(memory, (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map));
}

static struct fw_set_probe *load(const struct fw_pool *pool)
{
	struct fw_set_probe *probe = fw_set_probe__open();
	const struct fw_sets_config config = {
		.capacity_mask = pool->capacity - 1,
		.masks = pool->masks,
		.mask_shift = 32 - __builtin_ctz(pool->masks),
	};

	if (!probe)
		return NULL;
	memcpy((void *)&probe->rodata->fw_sets, &config, sizeof(config));
	if (bpf_map__set_max_entries(probe->maps.fw_set_slots, pool->capacity) ||
	    bpf_map__set_max_entries(probe->maps.fw_set_entries, pool->capacity) ||
	    bpf_map__set_max_entries(probe->maps.fw_set_masks, pool->masks) ||
	    fw_set_probe__load(probe)) {
		const int err = errno;

		fw_set_probe__destroy(probe);
		errno = err;
		return NULL;
	}
	return probe;
}

static int open_pool(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct fw_pool *pool;

	if (!fixture)
		return -1;
	*state = fixture;
	pool = &fixture->pool;
	*pool = (struct fw_pool){ .capacity = CAPACITY, .masks = FW_MASKS_MIN, .tags = TAGS };
	packets_begin(&fixture->random, SEED);
	fixture->probe = load(pool);
	if (!fixture->probe)
		return errno == EPERM ? 0 : -1;
	pool->bucket = map_memory(fixture->probe->maps.fw_set_slots);
	pool->entry = map_memory(fixture->probe->maps.fw_set_entries);
	pool->mask = map_memory(fixture->probe->maps.fw_set_masks);
	pool->tag = calloc(TAGS, sizeof(*pool->tag));
	pool->info = calloc(FW_SETS_MAX, sizeof(*pool->info));
	fixture->member = calloc(CAPACITY, sizeof(*fixture->member));
	fixture->set = calloc(CAPACITY, sizeof(*fixture->set));
	return pool->tag && pool->info && fixture->member && fixture->set ? 0 : -1;
}

static int close_pool(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->probe) {
		unmap_memory(fixture->probe->maps.fw_set_slots, fixture->pool.bucket);
		unmap_memory(fixture->probe->maps.fw_set_entries, fixture->pool.entry);
		unmap_memory(fixture->probe->maps.fw_set_masks, fixture->pool.mask);
		fw_set_probe__destroy(fixture->probe);
	}
	free(fixture->pool.tag);
	free(fixture->pool.info);
	free(fixture->member);
	free(fixture->set);
	free(fixture);
	return 0;
}

static struct fixture *get(void **state)
{
	struct fixture *fixture = *state;

	if (!fixture->probe) {
		print_message("# loading programs needs CAP_BPF and CAP_NET_ADMIN\n");
		skip();
	}
	return fixture;
}

/* --- random sets */

static uint32_t below(struct fixture *fixture, uint32_t limit)
{
	return packets_random(&fixture->random, limit);
}

/* An address near one of a few, so that prefixes nest and addresses meet them. */
static void random_address(struct fixture *fixture, size_t bytes, uint8_t *addr)
{
	memset(addr, 0, 16);
	memset(addr, 3 * below(fixture, BASES), bytes);
	addr[below(fixture, bytes)] ^= 1 << below(fixture, 8);
	if (!below(fixture, 4))
		addr[0] = below(fixture, 256);
	if (!below(fixture, 2))
		addr[1] = below(fixture, 256);
}

static uint32_t random_expiry(struct fixture *fixture)
{
	static const uint32_t expiries[] = { 0, 0, 0, LONG_AGO, FAR_AWAY };

	return expiries[below(fixture, 5)];
}

static struct fw_member random_member(struct fixture *fixture)
{
	const bool ipv4 = below(fixture, 2);
	const unsigned int bits = ipv4 ? 32 : 128;
	struct fw_member member = { .prefix = { .family = ipv4 ? AF_INET : AF_INET6,
						.length = 1 + below(fixture, bits) },
				    .expires = random_expiry(fixture) };
	unsigned int i;

	random_address(fixture, bits / 8, member.prefix.addr);
	for (i = member.prefix.length; i < bits; i++)
		member.prefix.addr[i / 8] &= ~(0x80 >> i % 8);
	return member;
}

/* Some entries go away again, others get another timeout, or lose it. */
static void stir(struct fixture *fixture)
{
	size_t i;

	for (i = fixture->count; i--;) {
		struct fw_member *member = &fixture->member[i];

		switch (below(fixture, 5)) {
		case 0:
			assert_int_equal(
				fw_set_del(&fixture->pool, fixture->set[i], &member->prefix), 0);
			fixture->count--;
			*member = fixture->member[fixture->count];
			fixture->set[i] = fixture->set[fixture->count];
			break;
		case 1:
			member->expires = random_expiry(fixture);
			assert_int_equal(fw_set_add(&fixture->pool, fixture->set[i], member), 1);
			break;
		}
	}
}

/*
 * Some prefixes are in nearly all sets: more than a bucket holds. Large ones are in few sets, or all
 * would have all addresses. Where many slots meet there may be no room.
 */
static void fill(struct fixture *fixture, size_t count)
{
	struct fw_member there;
	size_t i;
	int set;

	for (set = 0; set < SETS; set++) {
		const char name[] = { 'a' + set / 10, '0' + set % 10, '\0' };

		assert_int_equal(fw_set_create(&fixture->pool, name,
					       set == COUNTS ? FW_SET_COUNTS : 0),
				 set);
	}
	while (fixture->count < count) {
		const struct fw_member member = random_member(fixture);
		const bool large = member.prefix.length < 12;
		const int sets = large || below(fixture, 8) ? 1 : SETS - 2;

		for (set = below(fixture, large ? LARGE : SETS), i = 0;
		     (int)i < sets && fixture->count < count; i++, set = (set + 1) % SETS)
			if (fw_set_get(&fixture->pool, set, &member.prefix, &there) == -ENOENT &&
			    !fw_set_add(&fixture->pool, set, &member)) {
				fixture->member[fixture->count] = member;
				fixture->set[fixture->count++] = set;
			}
	}
	stir(fixture);
}

/* --- lookups */

static void ask(struct fixture *fixture)
{
	const uint8_t frame[SUITE_FRAME_MIN] = {};
	const int fd = bpf_program__fd(fixture->probe->progs.test_fw_set);

	assert_int_equal(suite_test_run(fd, frame, sizeof(frame)), 2 /* XDP_PASS */);
}

static void query_address(const struct set_query *query, uint8_t *addr)
{
	const uint64_t half[2] = { htobe64(query->hi), htobe64(query->lo) };
	const uint32_t ipv4 = htonl(query->lo);

	if (query->family == 4)
		memcpy(addr, &ipv4, sizeof(ipv4));
	else
		memcpy(addr, half, sizeof(half));
}

static void set_query(struct set_query *query, int family, const uint8_t *addr)
{
	uint64_t half[2];
	uint32_t ipv4;

	memcpy(half, addr, sizeof(half));
	memcpy(&ipv4, addr, sizeof(ipv4));
	*query = (struct set_query){ .family = family, .sets = ~0ULL };
	if (family == 4) {
		query->lo = ntohl(ipv4);
		return;
	}
	query->hi = be64toh(half[0]);
	query->lo = be64toh(half[1]);
}

static uint64_t plain_lookup(const struct fixture *fixture, int family, const uint8_t *addr)
{
	uint64_t sets = 0;
	size_t i;

	for (i = 0; i < fixture->count; i++)
		if (fixture->member[i].expires != LONG_AGO &&
		    covers(&fixture->member[i].prefix, family, addr))
			sets |= 1ULL << fixture->set[i];
	return sets;
}

/* Returns how many memberships there were: an address may be in several sets. */
static size_t compare(struct fixture *fixture, size_t lookups, bool plain)
{
	struct set_query *query = fixture->probe->bss->set_queries;
	uint8_t addr[16];
	size_t i, met = 0;

	for (; lookups; lookups -= SET_PROBES) {
		for (i = 0; i < SET_PROBES; i++) {
			const int family = i % 2 ? 4 : 6;

			random_address(fixture, family == 4 ? 4 : 16, addr);
			set_query(&query[i], family, addr);
		}
		ask(fixture);
		for (i = 0; i < SET_PROBES; i++) {
			const int family = query[i].family;

			query_address(&query[i], addr);
			assert_int_equal(query[i].sets,
					 fw_set_lookup(&fixture->pool, family, addr, NOW));
			if (plain)
				assert_int_equal(query[i].sets,
						 plain_lookup(fixture, family, addr));
			met += __builtin_popcountll(query[i].sets);
		}
	}
	return met;
}

static void same_as_plain_list(void **state)
{
	struct fixture *fixture = get(state);

	fill(fixture, 2500);
	assert_in_range(compare(fixture, 32 * SET_PROBES, true), 64 * SET_PROBES,
			(SETS - 2) * 32 * SET_PROBES);
}

static void same_as_user_space(void **state)
{
	const size_t times = packets_count(1000 * SET_PROBES) / SET_PROBES;
	struct fixture *fixture = get(state);

	fill(fixture, 40000);
	assert_in_range(compare(fixture, times * SET_PROBES, false), 2 * times * SET_PROBES,
			(SETS - 2) * times * SET_PROBES);
}

static void empty_pool_has_nobody(void **state)
{
	assert_int_equal(compare(get(state), SET_PROBES, true), 0);
}

/* --- hits */

static void add(struct fixture *fixture, int set, const char *text)
{
	struct fw_member member = {};

	assert_int_equal(ecbpf_parse_prefix(text, &member.prefix), 0);
	assert_int_equal(fw_set_add(&fixture->pool, set, &member), 0);
}

static void expect_hits(struct fixture *fixture, int set, const char *text, uint64_t hits)
{
	struct ecbpf_prefix prefix;
	struct fw_member member;

	assert_int_equal(ecbpf_parse_prefix(text, &prefix), 0);
	assert_int_equal(fw_set_get(&fixture->pool, set, &prefix, &member), 0);
	assert_int_equal(member.hits, hits);
}

static void sets_that_count(void **state)
{
	static const uint8_t ipv4[16] = { 10, 1, 2, 3 }, ipv6[16] = { 0x20, 1, 0xd, 0xb8 };
	struct fixture *fixture = get(state);
	struct set_query *query = fixture->probe->bss->set_queries;
	size_t i;

	assert_int_equal(fw_set_create(&fixture->pool, "counts", FW_SET_COUNTS), 0);
	assert_int_equal(fw_set_create(&fixture->pool, "quiet", 0), 1);
	add(fixture, 0, "10.0.0.0/8");
	add(fixture, 0, "10.1.2.3");
	add(fixture, 0, "10.1.2.4");
	add(fixture, 0, "2001:db8::/32");
	add(fixture, 1, "10.1.2.3");
	add(fixture, 1, "2001:db8::");
	for (i = 0; i < SET_PROBES; i++)
		set_query(&query[i], i % 4 ? 4 : 6, i % 4 ? ipv4 : ipv6);
	ask(fixture);
	for (i = 0; i < SET_PROBES; i++)
		assert_int_equal(query[i].sets, 3);
	expect_hits(fixture, 0, "10.0.0.0/8", SET_PROBES * 3 / 4);
	expect_hits(fixture, 0, "10.1.2.3", SET_PROBES * 3 / 4);
	expect_hits(fixture, 0, "10.1.2.4", 0);
	expect_hits(fixture, 0, "2001:db8::/32", SET_PROBES / 4);
	expect_hits(fixture, 1, "10.1.2.3", 0);
	expect_hits(fixture, 1, "2001:db8::", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(empty_pool_has_nobody, open_pool, close_pool),
		cmocka_unit_test_setup_teardown(same_as_plain_list, open_pool, close_pool),
		cmocka_unit_test_setup_teardown(same_as_user_space, open_pool, close_pool),
		cmocka_unit_test_setup_teardown(sets_that_count, open_pool, close_pool),
	};

	suite_pin_cpu();
	return cmocka_run_group_tests_name("fw_set", tests, NULL, NULL);
}
