// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What fits into a compiled ruleset, to the last one, and what is said of one more. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/fuzz/classify.h"
#include "tests/unit/fw_subject.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Sets are named by small letters. */
static int set_id(void *arg, const char *name)
{
	(void)arg;
	return name[0] >= 'a' && name[0] <= 'z' ? name[0] - 'a' : -ENOENT;
}

static int subject_compile(struct subject *subject)
{
	assert_int_equal(fw_plan_make(&subject->set, NULL, 0, &subject->plan), 0);
	return fw_compile(&subject->plan, set_id, NULL, &subject->compiled);
}

static void expect_too_big(struct subject *subject, const char *message)
{
	assert_int_equal(subject_compile(subject), -E2BIG);
	assert_string_equal(ecbpf_error(), message);
	assert_null(subject->compiled.row);
	subject_free(subject);
}

static void terms_have_a_limit(void **state)
{
	struct subject subject;
	struct fw_rule *rule;
	size_t i, kind, rules;

	(void)state;
	for (rules = FW_TERMS_MAX / FW_UPPERS; rules <= FW_TERMS_MAX / FW_UPPERS + 1; rules++) {
		rule = subject_rules(&subject, rules);
		for (i = 0; i < rules; i++)
			for (kind = 0; kind < FW_UPPERS; kind++)
				rule[i].upper[kind].given = true;
		if (rules * FW_UPPERS > FW_TERMS_MAX) {
			expect_too_big(&subject,
				       "the rules come to 4100 terms, and at most 4096 fit");
			continue;
		}
		assert_int_equal(subject_compile(&subject), 0);
		assert_int_equal(subject.compiled.terms, FW_TERMS_MAX);
		subject_free(&subject);
	}
}

/* Each with its own first two bytes, and so with as many nodes as it can take. */
static void add_prefixes(struct fw_addrs *addrs, int family, size_t count)
{
	size_t i;

	addrs->given = true;
	addrs->prefixes = count + 1;
	addrs->prefix = calloc(addrs->prefixes, sizeof(*addrs->prefix));
	assert_non_null(addrs->prefix);
	for (i = 0; i < addrs->prefixes; i++) {
		struct ecbpf_prefix *prefix = &addrs->prefix[i];

		prefix->family = family;
		prefix->length = family == AF_INET ? 32 : 128;
		prefix->addr[0] = i % count >> 8;
		prefix->addr[1] = i % count;
		prefix->addr[2] = 7;
		prefix->addr[family == AF_INET ? 3 : 15] = 9;
	}
}

/* One that is there twice counts once. */
static void prefixes_have_a_limit(void **state)
{
	static const struct {
		int family;
		bool dst;
		const char *message;
	} rows[] = {
		{ AF_INET, false,
		  "the rules have 8193 IPv4 source prefixes, and at most 8192 fit" },
		{ AF_INET, true,
		  "the rules have 8193 IPv4 destination prefixes, and at most 8192 fit" },
		{ AF_INET6, false,
		  "the rules have 8193 IPv6 source prefixes, and at most 8192 fit" },
		{ AF_INET6, true,
		  "the rules have 8193 IPv6 destination prefixes, and at most 8192 fit" },
	};
	struct subject subject;
	struct fw_rule *rule;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		rule = subject_rules(&subject, 1);
		add_prefixes(rows[i].dst ? &rule->dst : &rule->src, rows[i].family,
			     FW_PREFIXES_MAX + 1);
		expect_too_big(&subject, rows[i].message);
	}
}

static void all_prefixes_fit_in_all_directions(void **state)
{
	static const uint8_t last[4] = { (FW_PREFIXES_MAX - 1) >> 8, (FW_PREFIXES_MAX - 1) & 0xff,
					 7, 9 };
	struct fw_packet packet = { .family = 4, .fragment = FW_FRAGMENT_NONE };
	struct subject subject;
	struct fw_rule *rule = subject_rules(&subject, 4);

	(void)state;
	add_prefixes(&rule[0].src, AF_INET6, FW_PREFIXES_MAX);
	add_prefixes(&rule[1].dst, AF_INET6, FW_PREFIXES_MAX);
	add_prefixes(&rule[2].src, AF_INET, FW_PREFIXES_MAX);
	add_prefixes(&rule[3].dst, AF_INET, FW_PREFIXES_MAX);
	assert_int_equal(subject_compile(&subject), 0);
	assert_int_equal(subject.compiled.bounds, 2 * FW_BOUNDS_MAX);
	assert_int_equal(subject.compiled.lines - subject.compiled.config.nodes,
			 4 * FW_PREFIXES_MAX * FW_NODE_LINES);
	memcpy(packet.dst, last, sizeof(last));
	assert_int_equal(classify(&subject.compiled, &packet, 0, 0, 0), 3);
	memcpy(packet.src, last, sizeof(last));
	assert_int_equal(classify(&subject.compiled, &packet, 0, 0, 0), 2);
	packet.src[3]++;
	packet.dst[3]--;
	assert_true(classify(&subject.compiled, &packet, 0, 0, 0) == CLASSIFY_NONE);
	subject_free(&subject);
}

static void sets_have_a_limit(void **state)
{
	struct subject subject;

	(void)state;
	subject_parse(&subject,
		      "drop from { @a, @b, @c, @d, @e, @f } to { @a, @b, @c, @d, @e, @f }");
	assert_int_equal(subject_compile(&subject), 0);
	assert_int_equal(subject.compiled.config.pairs, FW_PAIRS_MAX);
	assert_int_equal(subject.compiled.config.sets_src, 1);
	assert_int_equal(subject.compiled.config.sets_dst, 1);
	assert_int_equal(subject.compiled.terms, 36);
	subject_free(&subject);

	subject_parse(&subject, "drop from { @a, @b, @c, @d, @e, @f, @g, @h } to not "
				"{ @a, @b, @c, @d, @e }");
	expect_too_big(&subject, "the rules use 13 sets (of each direction), and at most 12 fit");

	subject_parse(&subject, "drop from @Nowhere");
	assert_int_equal(subject_compile(&subject), -ENOENT);
	assert_string_equal(ecbpf_error(), "there is no set named Nowhere");
	subject_free(&subject);
}

static void rules_know_their_sets(void **state)
{
	struct subject subject;

	(void)state;
	subject_parse(&subject, "drop from { @a, 10.0.0.0/8 } to @a\n"
				"drop udp\n"
				"drop from not { @a, @b } to { @c, @b }\n"
				"limit 1 pps to not @a from @b tcp udp\n");
	assert_int_equal(subject_compile(&subject), 0);
	/* pairs as they come: a to, a from; b from; c and b to */
	assert_int_equal(subject.compiled.config.pairs, 5);
	assert_int_equal(subject.compiled.need[0], 0x03);
	assert_int_equal(subject.compiled.need[1], 0);
	assert_int_equal(subject.compiled.need[2], 0x18);
	assert_int_equal(subject.compiled.need[3], 0x04);
	/* 10.0.0.0/8 does instead of a, c instead of b */
	assert_int_equal(subject.compiled.must[0], 0x01);
	assert_int_equal(subject.compiled.must[2], 0);
	assert_int_equal(subject.compiled.must[3], 0x04);
	subject_free(&subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terms_have_a_limit),
		cmocka_unit_test(prefixes_have_a_limit),
		cmocka_unit_test(all_prefixes_fit_in_all_directions),
		cmocka_unit_test(sets_have_a_limit),
		cmocka_unit_test(rules_know_their_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
