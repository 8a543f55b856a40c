// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* csum.bpf.h against RFC 1071 as it is written: 16-bit words, the carry added at once. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libecbpf/csum.bpf.h"
#include "tests/fuzz/packets.h"

#define SEED	  1071
#define ROUNDS	  20000
#define WORDS_MAX 40

static uint16_t add_carry(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;

	return sum > 0xffff ? sum - 0xffff : sum;
}

/* RFC 1071 1: the complement of the one's complement sum */
static uint16_t rfc1071(const uint16_t *word, size_t words)
{
	uint16_t sum = 0;

	while (words--)
		sum = add_carry(sum, *word++);
	return ~sum;
}

/* Random words, and many of those at which carries and the two zeroes show. */
static void words_draw(struct packets *packets, uint16_t *word, size_t words)
{
	static const uint16_t edges[] = { 0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff };

	for (; words--; word++)
		*word = packets_random(packets, 2) ? packets_random(packets, 0x10000) :
						     edges[packets_random(packets, 6)];
}

static void fold_is_a_complemented_sum_of_its_words(void **state)
{
	static const struct {
		uint64_t sum;
		uint16_t check;
	} rows[] = {
		{ 0, 0xffff },	       { 1, 0xfffe },		{ 0xffff, 0 },
		{ 0x10000, 0xfffe },   { 0x1ffff, 0xfffe },	{ 0xfffe0001, 0 },
		{ 0xffffffff, 0 },     { 0x100000000, 0xfffe }, { 0x1fffffffe, 0 },
		{ 0xffffffffffff, 0 }, { UINT64_MAX, 0 },	{ UINT64_MAX - 1, 1 },
	};
	struct packets packets;
	uint16_t word[4];
	uint64_t sum;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(csum_fold(rows[i].sum), rows[i].check);
	packets_begin(&packets, SEED);
	for (i = 0; i < ROUNDS; i++) {
		words_draw(&packets, word, 4);
		memcpy(&sum, word, sizeof(sum));
		assert_int_equal(csum_fold(sum), rfc1071(word, 4));
	}
}

static void sum_of_any_words(void **state)
{
	uint16_t word[WORDS_MAX];
	struct packets packets;
	size_t i, words;

	(void)state;
	packets_begin(&packets, SEED);
	for (i = 0; i < ROUNDS; i++) {
		words = packets_random(&packets, WORDS_MAX + 1);
		words_draw(&packets, word, words);
		assert_int_equal(csum_fold(csum_add(0, word, words)), rfc1071(word, words));
		assert_int_equal(csum_fold(csum_add32(0, word, words / 2)),
				 rfc1071(word, words / 2 * 2));
	}
}

static void sum_goes_on(void **state)
{
	static const uint16_t word[] = { 0xffff, 0x8001, 0x7fff, 0xfffe };

	(void)state;
	assert_true(csum_add(csum_add(0, word, 1), word + 1, 3) == csum_add(0, word, 4));
}

/* RFC 1071 3: the example, in the byte order of the wire */
static void rfc1071_example(void **state)
{
	static const uint8_t data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	uint16_t word[4];

	(void)state;
	memcpy(word, data, sizeof(data));
	assert_int_equal(csum_fold(csum_add(0, word, 4)), (uint16_t)~htons(0xddf2));
}

/*
 * A header with a checksum inside, as a receiver checks it: the sum over all is 0xffff. No header
 * is all zero: word 1 stands for a version.
 */
static void replaced_checksum_verifies(void **state)
{
	uint16_t word[WORDS_MAX], to[WORDS_MAX];
	size_t i, words, at, count;
	struct packets packets;
	uint64_t diff;

	(void)state;
	packets_begin(&packets, SEED);
	for (i = 0; i < ROUNDS; i++) {
		words = 3 + packets_random(&packets, WORDS_MAX - 2);
		words_draw(&packets, word, words);
		word[0] = 0;
		word[1] = 0x4500;
		word[0] = rfc1071(word, words);
		at = 2 + packets_random(&packets, words - 2);
		count = 1 + packets_random(&packets, words - at);
		words_draw(&packets, to, count);
		diff = csum_diff(word + at, to, count);
		word[0] = csum_replace(word[0], diff);
		memcpy(word + at, to, count * sizeof(*to));
		assert_int_equal(rfc1071(word, words), 0);
	}
}

/* Eqn. 3 of RFC 1624 gives the very value that the sender would have, but for a header of zeroes. */
static void replaced_checksum_is_the_one_from_scratch(void **state)
{
	uint16_t word[10], check, from, to;
	struct packets packets;
	size_t i, at;

	(void)state;
	packets_begin(&packets, SEED);
	for (i = 0; i < ROUNDS; i++) {
		words_draw(&packets, word, 10);
		word[0] = 0x4500;
		at = 1 + packets_random(&packets, 9);
		check = rfc1071(word, 10);
		from = word[at];
		words_draw(&packets, &to, 1);
		word[at] = to;
		assert_int_equal(csum_replace16(check, from, to), rfc1071(word, 10));
	}
}

static void replace32_is_two_words(void **state)
{
	uint16_t word[10], check;
	struct packets packets;
	uint32_t from, to;
	size_t i, at;

	(void)state;
	packets_begin(&packets, SEED);
	for (i = 0; i < ROUNDS; i++) {
		words_draw(&packets, word, 10);
		word[0] = 0x4500;
		at = 1 + packets_random(&packets, 8);
		check = rfc1071(word, 10);
		memcpy(&from, word + at, sizeof(from));
		words_draw(&packets, word + at, 2);
		memcpy(&to, word + at, sizeof(to));
		assert_int_equal(csum_replace32(check, from, to), rfc1071(word, 10));
	}
}

/* RFC 1624 4: eqn. 2 would make 0x0000 of this, which is the other zero. */
static void rfc1624_example(void **state)
{
	(void)state;
	assert_int_equal(csum_replace16(0xdd2f, 0x5555, 0x3285), 0x0000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fold_is_a_complemented_sum_of_its_words),
		cmocka_unit_test(sum_of_any_words),
		cmocka_unit_test(sum_goes_on),
		cmocka_unit_test(rfc1071_example),
		cmocka_unit_test(replaced_checksum_verifies),
		cmocka_unit_test(replaced_checksum_is_the_one_from_scratch),
		cmocka_unit_test(replace32_is_two_words),
		cmocka_unit_test(rfc1624_example),
	};

	return cmocka_run_group_tests_name("csum", tests, NULL, NULL);
}
