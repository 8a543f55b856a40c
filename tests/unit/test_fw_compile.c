// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The compiled form against rule by rule: it must name the same rule for every packet. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include "tests/fuzz/classify.h"
#include "tests/fuzz/rulesets.h"
#include "tests/unit/fw_subject.h"

#define SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define SEED	    2026
#define RULESETS    4000
#define PACKETS	    300
#define BIG	    6 /* of each size */
#define BIG_PACKETS 3000

static const struct fw_members members = { .has = rulesets_has };

static int subject_compile(struct subject *subject)
{
	const struct ecbpf_prefix *local;
	size_t locals;

	local = rulesets_local(&locals);
	assert_int_equal(fw_plan_make(&subject->set, local, locals, &subject->plan), 0);
	return fw_compile(&subject->plan, rulesets_set_id, NULL, &subject->compiled);
}

/* --- shape */

static bool is_all_ones(const __u64 *row, size_t count)
{
	while (count--)
		if (row[count] != ~0ULL)
			return false;
	return true;
}

/* Words begin with ascending entries, bits ascend within each, and unused bits match nothing. */
static void check_shape(const struct fw_compiled *compiled, size_t entries)
{
	const struct fw_config *config = &compiled->config;
	__u64 used[FW_WORDS_MAX] = {};
	size_t i, word, bits = 0;

	assert_int_equal(config->stride, config->words == 1 ? 1 : 1 + config->words);
	assert_true(is_all_ones(compiled->row, config->stride));
	for (i = config->row[FW_DIM_KIND]; i < compiled->words; i += config->stride) {
		const __u64 *row = compiled->row + i, *bit = row + (config->words > 1);

		for (word = 0; word < config->words; word++) {
			used[word] |= bit[word];
			if (config->words > 1)
				assert_int_equal(row[0] >> word & 1, bit[word] != 0);
		}
		if (config->words > 1 && config->words < 64)
			assert_int_equal(row[0] >> config->words, 0);
	}
	for (word = 0; word < config->words; word++) {
		size_t last = compiled->first[word];

		assert_true(word == 0 || last >= compiled->first[word - 1]);
		for (; used[word]; used[word] &= used[word] - 1, bits++) {
			i = compiled->order[word * 64 + __builtin_ctzll(used[word])];
			assert_in_range(i, last, entries - 1);
			last = i;
		}
	}
	assert_true(bits <= compiled->terms);
}

/* --- every packet */

/* struct tally - @pairs: of ruleset and packet; @hits: that some rule matched; @words: looked at */
struct tally {
	size_t pairs, hits, later, words;
};

static void check_packet(const struct subject *subject, const struct fw_packet *packet, size_t from,
			 struct tally *tally)
{
	const uint64_t src = rulesets_sets(packet->family, packet->src);
	const uint64_t dst = rulesets_sets(packet->family, packet->dst);
	size_t want, got;

	want = fw_match(&subject->plan, from, packet, &members);
	got = classify_count(&subject->compiled, packet, src, dst, from, &tally->words);
	if (got != (want == subject->plan.count ? CLASSIFY_NONE : want))
		fail_msg("pair %zu, from %zu of %zu: %zu instead of %zu", tally->pairs, from,
			 subject->plan.count, got, want);
	tally->pairs++;
	tally->hits += got != CLASSIFY_NONE;
	tally->later += from && got != CLASSIFY_NONE;
}

/* From the beginning, from behind that match, and from somewhere. */
static void check_packets(struct rulesets *rulesets, const struct subject *subject, size_t packets,
			  struct tally *tally)
{
	const size_t count = subject->plan.count;
	struct fw_packet packet;
	size_t first;

	while (packets--) {
		rulesets_packet(rulesets, &subject->set, &packet);
		check_packet(subject, &packet, 0, tally);
		first = fw_match(&subject->plan, 0, &packet, &members);
		check_packet(subject, &packet, first < count ? first + 1 : count, tally);
		check_packet(subject, &packet, rulesets_random(rulesets, count + 1), tally);
	}
}

static void check_rulesets(struct rulesets *rulesets, size_t rules, size_t packets,
			   struct tally *tally)
{
	struct subject subject;

	rulesets_next(rulesets, rules, &subject.set);
	if (subject_compile(&subject))
		fail_msg("%zu rules: %s", rules, ecbpf_error());
	check_shape(&subject.compiled, subject.plan.count);
	check_packets(rulesets, &subject, packets, tally);
	subject_free(&subject);
}

static void small_rulesets_agree_with_rule_by_rule(void **state)
{
	struct rulesets rulesets;
	struct tally tally = {};
	size_t i;

	(void)state;
	rulesets_begin(&rulesets, SEED);
	for (i = 0; i < RULESETS; i++)
		check_rulesets(&rulesets, rulesets_random(&rulesets, 65), PACKETS, &tally);
	print_message("%zu rulesets, %zu pairs, %zu hits, %zu of them later ones\n", i, tally.pairs,
		      tally.hits, tally.later);
	assert_true(tally.pairs >= 1000000);
	assert_in_range(tally.hits, tally.pairs / 10, tally.pairs * 9 / 10);
	assert_true(tally.later > tally.pairs / 20);
}

static void large_rulesets_agree_with_rule_by_rule(void **state)
{
	static const size_t sizes[] = { 65, 128, 129, 200, 1000, FW_RULES_MAX };
	struct rulesets rulesets;
	struct tally tally;
	size_t i, size;

	(void)state;
	rulesets_begin(&rulesets, SEED + 1);
	for (size = 0; size < SIZE(sizes); size++) {
		memset(&tally, 0, sizeof(tally));
		for (i = 0; i < BIG; i++)
			check_rulesets(&rulesets, sizes[size], BIG_PACKETS / 3, &tally);
		print_message("%zu rules: %zu pairs, %zu hits, %.2f words looked at for each\n",
			      sizes[size], tally.pairs, tally.hits,
			      (double)tally.words / tally.pairs);
		assert_true(tally.hits > tally.pairs / 10);
		/* summaries must spare most of them */
		if (sizes[size] == FW_RULES_MAX)
			assert_true(tally.words < tally.pairs * FW_WORDS_MAX / 2);
	}
}

/* --- by hand */

static size_t first_match(const struct subject *subject, const struct fw_packet *packet)
{
	return classify(&subject->compiled, packet, rulesets_sets(packet->family, packet->src),
			rulesets_sets(packet->family, packet->dst), 0);
}

static const struct fw_packet tcp4 = {
	.length = 60,
	.family = 4,
	.proto = 6,
	.ttl = 64,
	.fragment = FW_FRAGMENT_NONE,
	.upper = true,
	.vlan = FW_VLAN_NONE,
	.src = { 10, 0, 0, 1 },
	.dst = { 192, 0, 2, 1 },
	.sport = 1024,
	.dport = 80,
	.flags = FW_TCP_SYN,
};

static void only_dimensions_that_rules_use_are_there(void **state)
{
	static const struct {
		const char *text;
		uint32_t dims;
	} rows[] = {
		{ "", 0 },
		{ "drop packet", 0 },
		{ "drop proto 47", 0 },
		{ "drop tcp", 0 },
		{ "drop fragment first options malformed", 0 },
		{ "drop from 10.0.0.0/8", 1 << FW_DIM_SRC },
		{ "drop to not 2001:db8::/32", 1 << FW_DIM_DST },
		{ "drop from @set0", 1 << FW_DIM_SETS },
		{ "drop to not { 10.0.0.1, @set1 }", 1 << FW_DIM_SETS | 1 << FW_DIM_DST },
		{ "drop udp sport 53 dport 53", 1 << FW_DIM_SPORT | 1 << FW_DIM_DPORT },
		{ "drop tcp flags {syn} window 0", 1 << FW_DIM_FLAGS | 1 << FW_DIM_WINDOW },
		{ "drop icmp type 8", 1 << FW_DIM_ICMP },
		{ "drop icmp6 code 0", 1 << FW_DIM_ICMP },
		{ "drop packet length 64", 1 << FW_DIM_LENGTH },
		{ "drop ttl 1", 1 << FW_DIM_HOP },
		{ "drop dscp 46", 1 << FW_DIM_HOP },
		{ "drop vlan none", 1 << FW_DIM_VLAN },
	};
	struct subject subject;
	size_t i;

	(void)state;
	for (i = 0; i < SIZE(rows); i++) {
		subject_parse(&subject, rows[i].text);
		assert_int_equal(subject_compile(&subject), 0);
		if (subject.compiled.config.dims != (1U << FW_DIM_KIND | rows[i].dims))
			fail_msg("%s: dims %#x", rows[i].text, subject.compiled.config.dims);
		assert_int_equal(subject.compiled.config.words, 1);
		subject_free(&subject);
	}
}

static void nothing_matches_where_nothing_can(void **state)
{
	struct subject subject;
	struct fw_rule *rule;

	(void)state;
	subject_parse(&subject, "");
	assert_int_equal(subject_compile(&subject), 0);
	assert_int_equal(subject.compiled.terms, 0);
	assert_true(first_match(&subject, &tcp4) == CLASSIFY_NONE);
	subject_free(&subject);

	rule = subject_rules(&subject, 3);
	rule[0].src.given = true; /* in none of no prefixes */
	rule[1].fragment = 0;
	assert_int_equal(subject_compile(&subject), 0);
	assert_int_equal(subject.compiled.terms, 2);
	assert_int_equal(first_match(&subject, &tcp4), 2);
	subject_free(&subject);
}

/* Also where no prefix is of the packet's family. */
static void families_share_a_dimension(void **state)
{
	static const struct fw_packet tcp6 = {
		.length = 80,
		.family = 6,
		.proto = 6,
		.fragment = FW_FRAGMENT_NONE,
		.upper = true,
		.vlan = FW_VLAN_NONE,
		.src = { 0x20, 0x01, 0x0d, 0xb8 },
	};
	static const struct {
		const char *text;
		size_t v4, v6;
	} rows[] = {
		{ "drop from 2001:db8::/32", CLASSIFY_NONE, 0 },
		{ "drop from not 2001:db8::/32", 0, CLASSIFY_NONE },
		{ "drop from 10.0.0.0/8", 0, CLASSIFY_NONE },
		{ "drop from not 10.0.0.0/8", CLASSIFY_NONE, 0 },
		{ "drop from { 10.0.0.0/8, 2001:db8::/32 }", 0, 0 },
		{ "drop from ::/0\ndrop from 0.0.0.0/0", 1, 0 },
		{ "drop from not { ::/0, 10.0.0.1 }\ndrop packet", 1, 1 },
	};
	struct subject subject;
	size_t i;

	(void)state;
	for (i = 0; i < SIZE(rows); i++) {
		subject_parse(&subject, rows[i].text);
		assert_int_equal(subject_compile(&subject), 0);
		if (first_match(&subject, &tcp4) != rows[i].v4 ||
		    first_match(&subject, &tcp6) != rows[i].v6)
			fail_msg("%s: %zu, %zu", rows[i].text, first_match(&subject, &tcp4),
				 first_match(&subject, &tcp6));
		subject_free(&subject);
	}
}

static void the_default_is_a_verdict(void **state)
{
	static const struct {
		const char *text;
		int verdict;
	} rows[] = {
		{ "default next", ECBPF_NEXT },
		{ "default pass", XDP_PASS },
		{ "default drop", XDP_DROP },
	};
	struct subject subject;
	size_t i;

	(void)state;
	for (i = 0; i < SIZE(rows); i++) {
		subject_parse(&subject, rows[i].text);
		assert_int_equal(subject_compile(&subject), 0);
		assert_int_equal(subject.compiled.config.fallback, rows[i].verdict);
		subject_free(&subject);
	}
}

/* Two kinds of rules in turns: a packet of one kind meets no word of the other. */
static void words_hold_rules_of_one_kind(void **state)
{
	struct fw_packet packet = tcp4;
	struct subject subject;
	struct fw_rule *rule = subject_rules(&subject, 1024);
	size_t i, words = 0;

	(void)state;
	for (i = 0; i < 1024; i++) {
		struct fw_values *ports = &rule[i].upper[i % 2 ? FW_TCP : FW_UDP].dport;

		rule[i].upper[i % 2 ? FW_TCP : FW_UDP].given = true;
		ports->given = true;
		ports->count = 1;
		ports->range = calloc(1, sizeof(*ports->range));
		assert_non_null(ports->range);
		ports->range->lo = ports->range->hi = i / 2;
	}
	assert_int_equal(subject_compile(&subject), 0);
	assert_int_equal(subject.compiled.config.words, 16);
	packet.dport = 300;
	assert_int_equal(classify_count(&subject.compiled, &packet, 0, 0, 0, &words), 601);
	assert_int_equal(words, 1);
	subject_free(&subject);
}

static void as_many_rules_as_there_may_be(void **state)
{
	const struct fw_compiled *compiled;
	struct timespec begin, end;
	struct rulesets rulesets;
	struct subject subject;

	(void)state;
	rulesets_begin(&rulesets, SEED);
	rulesets_next(&rulesets, FW_RULES_MAX, &subject.set);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_int_equal(subject_compile(&subject), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	compiled = &subject.compiled;
	print_message("%zu terms in %.1f ms: rows %zu KiB, lines %zu KiB, bounds %zu KiB\n",
		      compiled->terms,
		      (end.tv_sec - begin.tv_sec) * 1e3 + (end.tv_nsec - begin.tv_nsec) / 1e6,
		      compiled->words * sizeof(*compiled->row) / 1024,
		      compiled->lines * sizeof(*compiled->line) / 1024,
		      compiled->bounds * sizeof(*compiled->bound) / 1024);
	assert_int_equal(compiled->terms, FW_TERMS_MAX);
	assert_int_equal(compiled->config.words, FW_WORDS_MAX);
	assert_in_range(compiled->words * sizeof(*compiled->row), 1, 64 << 20);
	assert_in_range(compiled->lines * sizeof(*compiled->line), 1, 16 << 20);
	subject_free(&subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_rulesets_agree_with_rule_by_rule),
		cmocka_unit_test(large_rulesets_agree_with_rule_by_rule),
		cmocka_unit_test(only_dimensions_that_rules_use_are_there),
		cmocka_unit_test(nothing_matches_where_nothing_can),
		cmocka_unit_test(families_share_a_dimension),
		cmocka_unit_test(the_default_is_a_verdict),
		cmocka_unit_test(words_hold_rules_of_one_kind),
		cmocka_unit_test(as_many_rules_as_there_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
