// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The Maglev table: shares, disruption, one table for one set of backends, and a known one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "xdp_lb/maglev.h"
#include "xdp_lb/siphash.h"
#include "xdp_lb/text.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* A generator of its own: the same numbers everywhere (Steele et al., splitmix64). */
static uint64_t random_next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static struct lb_maglev_backend number(size_t i, unsigned int weight)
{
	return (struct lb_maglev_backend){
		.endpoint = { .addr = { 10, i >> 16, i >> 8, i }, .family = AF_INET },
		.weight = weight,
	};
}

static struct lb_maglev_backend *many(size_t count, unsigned int weight)
{
	struct lb_maglev_backend *list = calloc(count, sizeof(*list));
	size_t i;

	for (i = 0; i < count; i++)
		list[i] = number(i, weight);
	return list;
}

static uint16_t *fill(const struct lb_maglev_backend *list, size_t count, uint32_t size)
{
	uint16_t *table = calloc(size, sizeof(*table));

	assert_int_equal(lb_maglev_fill(list, count, table, size), 0);
	return table;
}

/* check_shares - |entries - share| < 1 of all, in whole numbers */
static void check_shares(const struct lb_maglev_backend *list, size_t count, const uint16_t *table,
			 uint32_t size)
{
	uint32_t *entries = calloc(count, sizeof(*entries));
	uint64_t weights = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		assert_true(table[i] < count);
		entries[table[i]]++;
	}
	for (i = 0; i < count; i++)
		weights += list[i].weight;
	for (i = 0; i < count; i++) {
		const int64_t over = (int64_t)(entries[i] * weights) -
				     (int64_t)((uint64_t)size * list[i].weight);

		if (llabs(over) >= (int64_t)weights)
			fail_msg("backend %zu of %zu: %u of %u entries, weight %u of %llu", i,
				 count, entries[i], size, list[i].weight,
				 (unsigned long long)weights);
	}
	free(entries);
}

static uint32_t differing(const struct lb_maglev_backend *one, const uint16_t *before,
			  const struct lb_maglev_backend *other, const uint16_t *after,
			  uint32_t size)
{
	uint32_t i, moved = 0;

	for (i = 0; i < size; i++)
		moved += lb_endpoint_compare(&one[before[i]].endpoint, &other[after[i]].endpoint) !=
			 0;
	return moved;
}

/* --- the hash: vectors of the paper's reference implementation, key 00 .. 0f, input 00 .. len - 1 */

static void siphash_vectors(void **state)
{
	static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	static const struct {
		size_t len;
		uint64_t want;
	} rows[] = {
		{ 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd },  { 7, 0xab0200f58b01d137 },
		{ 8, 0x93f5f5799a932462 }, { 15, 0xa129ca6149be45e5 },
	};
	uint8_t data[16];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(data); i++)
		data[i] = i;
	for (i = 0; i < ROWS(rows); i++)
		assert_true(siphash24(key, data, rows[i].len) == rows[i].want);
}

static void sizes(void **state)
{
	static const uint32_t good[] = { 7, 11, 13, 251, 65521, 65537, 1048573 };
	static const uint32_t bad[] = { 0,	 1,	  2,	   3,	    5,
					8,	 9,	  49,	   65535,   65536,
					1046529, 1048575, 1048576, 1048583, UINT32_MAX };
	uint16_t table[7];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(good); i++)
		assert_true(lb_maglev_size_valid(good[i]));
	for (i = 0; i < ROWS(bad); i++)
		assert_false(lb_maglev_size_valid(bad[i]));
	assert_int_equal(lb_maglev_fill(NULL, 0, table, 8), -EINVAL);
	assert_string_equal(ecbpf_error(), "a table's size is a prime from 7 to 1048573, not 8");
	assert_int_equal(lb_maglev_fill(NULL, 65536, table, 7), -E2BIG);
	assert_string_equal(ecbpf_error(), "more than 65535 backends");
}

static void none_and_one(void **state)
{
	static const uint32_t size[] = { 7, 65537, 1048573 };
	struct lb_maglev_backend list[2] = { number(1, 0), number(2, 0) };
	size_t i, j;

	(void)state;
	for (i = 0; i < ROWS(size); i++) {
		uint16_t *empty = fill(NULL, 0, size[i]), *zero = fill(list, 2, size[i]), *one;

		list[1].weight = 65535;
		one = fill(list, 2, size[i]);
		list[1].weight = 0;
		for (j = 0; j < size[i]; j++)
			if (empty[j] != LB_NONE || zero[j] != LB_NONE || one[j] != 1)
				fail_msg("entry %zu of %u", j, size[i]);
		free(empty);
		free(zero);
		free(one);
	}
}

/* Worked out by a second implementation of what maglev.h describes, in another language. */
static void known_table(void **state)
{
	static const uint16_t want[13] = { 1, 2, 0, 2, 2, 1, 2, 2, 1, 2, 0, 1, 2 };
	static const struct {
		const char *text;
		uint16_t weight;
	} rows[] = {
		{ "192.0.2.10:8080", 1 },
		{ "192.0.2.11:8080", 2 },
		{ "[2001:db8::10]", 3 },
		{ "192.0.2.12", 0 },
	};
	struct lb_maglev_backend list[ROWS(rows)];
	uint64_t sum = 0;
	uint16_t *table;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		list[i].weight = rows[i].weight;
		assert_int_equal(lb_endpoint_parse(rows[i].text, &list[i].endpoint), 0);
	}
	table = fill(list, ROWS(rows), 13);
	assert_memory_equal(table, want, sizeof(want));
	free(table);
	table = fill(list, ROWS(rows), 65537);
	for (i = 0; i < 65537; i++)
		sum = sum * 31 + table[i];
	assert_true(sum == 0xfe52f9d02965d16);
	free(table);
}

/* --- shares */

static void equal_shares(void **state)
{
	static const struct {
		size_t count;
		uint32_t size;
	} rows[] = {
		{ 1, 7 },	 { 3, 7 },	    { 7, 7 },
		{ 10, 1009 },	 { 100, 10007 },    { 655, 65537 },
		{ 4096, 65537 }, { 4096, 1048573 }, { 65535, 65537 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		struct lb_maglev_backend *list = many(rows[i].count, 1 + i * 9000);
		uint16_t *table = fill(list, rows[i].count, rows[i].size);

		check_shares(list, rows[i].count, table, rows[i].size);
		free(table);
		free(list);
	}
}

/* At a hundred entries and more, less than one entry is less than 1 %. */
static void one_percent(void **state)
{
	struct lb_maglev_backend *list = many(655, 1);
	uint32_t entries[655] = {}, i;
	uint16_t *table = fill(list, 655, 65537);

	(void)state;
	for (i = 0; i < 65537; i++)
		entries[table[i]]++;
	for (i = 0; i < 655; i++)
		assert_in_range(entries[i], 100, 101); /* the share is 100.06 */
	free(table);
	free(list);
}

static void weighted_shares(void **state)
{
	uint64_t seed = 1;
	size_t round, i;

	(void)state;
	for (round = 0; round < 40; round++) {
		const size_t count = 1 + random_next(&seed) % 2000;
		const uint32_t size = round % 2 ? 65537 : 4099;
		struct lb_maglev_backend *list = many(count, 1);
		uint16_t *table;

		for (i = 0; i < count; i++)
			list[i].weight = round % 4 < 2 ? random_next(&seed) % 65536 :
							 1 + random_next(&seed) % 3;
		list[0].weight = 65535;
		table = fill(list, count, size);
		check_shares(list, count, table, size);
		free(table);
		free(list);
	}
}

/* The largest weight beside the least, which rounding to the nearest would favour. */
static void one_heavy_among_many(void **state)
{
	struct lb_maglev_backend *list = many(4096, 1);
	uint16_t *table;

	(void)state;
	list[1234].weight = 65535;
	table = fill(list, 4096, 65537);
	check_shares(list, 4096, table, 65537);
	free(table);
	list[1234].weight = 4096;
	table = fill(list, 4096, 65537);
	check_shares(list, 4096, table, 65537);
	free(table);
	free(list);
}

static void twice_the_weights_is_the_same_table(void **state)
{
	struct lb_maglev_backend *list = many(50, 1);
	uint16_t *one, *other;
	size_t i;

	(void)state;
	for (i = 0; i < 50; i++)
		list[i].weight = 1 + i % 7;
	one = fill(list, 50, 65537);
	for (i = 0; i < 50; i++)
		list[i].weight *= 9362; /* up to 65534 */
	other = fill(list, 50, 65537);
	assert_memory_equal(one, other, 65537 * sizeof(*one));
	free(one);
	free(other);
	free(list);
}

/* --- one table whatever the order */

static void order_does_not_matter(void **state)
{
	struct lb_maglev_backend *list = many(300, 1), *mixed = many(300, 1);
	uint16_t *want, *table;
	uint64_t seed = 2;
	size_t i, round;

	(void)state;
	for (i = 0; i < 300; i++)
		mixed[i].weight = list[i].weight = random_next(&seed) % 4;
	want = fill(list, 300, 65537);
	for (round = 0; round < 5; round++) {
		for (i = 299; i; i--) {
			const size_t j = random_next(&seed) % (i + 1);
			const struct lb_maglev_backend swapped = mixed[i];

			mixed[i] = mixed[j];
			mixed[j] = swapped;
		}
		table = fill(mixed, 300, 65537);
		assert_memory_not_equal(table, want, 65537 * sizeof(*want));
		assert_int_equal(differing(list, want, mixed, table, 65537), 0);
		free(table);
	}
	free(want);
	free(list);
	free(mixed);
}

static void a_port_is_another_backend(void **state)
{
	struct lb_maglev_backend list[2] = { number(1, 1), number(2, 1) };
	uint16_t *before = fill(list, 2, 1009), *after;
	uint32_t i, moved = 0;

	(void)state;
	list[0].endpoint.port = 1;
	after = fill(list, 2, 1009);
	for (i = 0; i < 1009; i++)
		moved += before[i] != after[i];
	assert_in_range(moved, 300, 700);
	free(before);
	free(after);
}

/* --- disruption: what has to move, and 1.5 % of the table at most */

static void one_goes(void **state)
{
	static const size_t counts[] = { 2, 3, 10, 50, 100, 655 };
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(counts); i++) {
		const size_t count = counts[i];
		struct lb_maglev_backend *list = many(count, 1);
		uint16_t *before = fill(list, count, 65537), *after;
		uint32_t moved;

		list[count / 2].weight = 0;
		after = fill(list, count, 65537);
		moved = differing(list, before, list, after, 65537);
		assert_in_range(moved, 65537 / count, 65537 / count + 65537 * 3 / 200);
		list[count / 2].weight = 1; /* and comes back */
		free(after);
		after = fill(list, count, 65537);
		assert_memory_equal(before, after, 65537 * sizeof(*before));
		free(before);
		free(after);
		free(list);
	}
}

static void one_of_unequals_goes(void **state)
{
	struct lb_maglev_backend *list = many(100, 1);
	uint16_t *before, *after;
	uint32_t moved, had = 0;
	uint64_t seed = 3;
	size_t i;

	(void)state;
	for (i = 0; i < 100; i++)
		list[i].weight = 1 + random_next(&seed) % 65535;
	before = fill(list, 100, 65537);
	for (i = 0; i < 65537; i++)
		had += before[i] == 7;
	list[7].weight = 0;
	after = fill(list, 100, 65537);
	moved = differing(list, before, list, after, 65537);
	assert_true(had > 0);
	assert_in_range(moved, had, had + 65537 * 3 / 200);
	free(before);
	free(after);
	free(list);
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec + (now.tv_nsec - start->tv_nsec) / 1e9;
}

/* Said with every run; the bound is for machines under load and sanitizers. */
static void time_it_takes(void **state)
{
	static const struct {
		size_t count;
		uint32_t size;
		bool random;
	} rows[] = {
		{ 4096, 65537, false },
		{ 4096, 65537, true },
		{ 65535, 1048573, true },
	};
	uint64_t seed = 4;
	size_t i, j;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		struct lb_maglev_backend *list = many(rows[i].count, 1);
		struct timespec start;
		uint16_t *table;
		double took;

		for (j = 0; rows[i].random && j < rows[i].count; j++)
			list[j].weight = random_next(&seed);
		clock_gettime(CLOCK_MONOTONIC, &start);
		table = fill(list, rows[i].count, rows[i].size);
		took = seconds_since(&start);
		print_message("%u entries, %zu backends%s: %.1f ms\n", rows[i].size, rows[i].count,
			      rows[i].random ? " of random weights" : "", took * 1e3);
		assert_true(took < 5);
		free(table);
		free(list);
	}
}

/* --- a VIP's, and where a hash goes */

static void table_of_a_vip(void **state)
{
	struct lb_backend list[3];
	struct lb_vip vip = { .table_size = 1009, .backends = 3, .backend = list };
	uint32_t entries[3] = {};
	uint16_t *table;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		const struct lb_maglev_backend numbered = number(i, 1);

		lb_backend_init(&list[i], &numbered.endpoint);
	}
	list[0].weight = 3;
	list[1].state = LB_DRAINING;
	table = lb_vip_table(&vip);
	for (i = 0; i < 1009; i++)
		entries[table[i]]++;
	assert_in_range(entries[0], 756, 757);
	assert_int_equal(entries[1], 0);
	assert_int_equal(entries[2], 1009 - entries[0]);
	free(table);
	vip.table_size = 1000;
	assert_null(lb_vip_table(&vip));
}

static void hashes_and_entries(void **state)
{
	static const uint32_t size[] = { 7, 65537, 1048573 };
	uint32_t i, j;

	(void)state;
	for (i = 0; i < ROWS(size); i++) {
		assert_int_equal(lb_table_index(0, size[i]), 0);
		assert_int_equal(lb_table_index(UINT32_MAX, size[i]), size[i] - 1);
		for (j = 1; j < size[i]; j++)
			if (lb_table_index(lb_table_hash(j, size[i]), size[i]) != j ||
			    lb_table_index(lb_table_hash(j, size[i]) - 1, size[i]) != j - 1)
				fail_msg("entry %u of %u", j, size[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_vectors),
		cmocka_unit_test(sizes),
		cmocka_unit_test(none_and_one),
		cmocka_unit_test(known_table),
		cmocka_unit_test(equal_shares),
		cmocka_unit_test(one_percent),
		cmocka_unit_test(weighted_shares),
		cmocka_unit_test(one_heavy_among_many),
		cmocka_unit_test(twice_the_weights_is_the_same_table),
		cmocka_unit_test(order_does_not_matter),
		cmocka_unit_test(a_port_is_another_backend),
		cmocka_unit_test(one_goes),
		cmocka_unit_test(one_of_unequals_goes),
		cmocka_unit_test(time_it_takes),
		cmocka_unit_test(table_of_a_vip),
		cmocka_unit_test(hashes_and_entries),
	};

	return cmocka_run_group_tests_name("lb_maglev", tests, NULL, NULL);
}
