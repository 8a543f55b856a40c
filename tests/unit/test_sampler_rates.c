// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Rates and filters as people say them: good words, bad words, and texts that come back the same. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libecbpf/ecbpf.h"
#include "xdp_sampler/config.h"
#include "xdp_sampler/rates.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define WORDS	    48

/* In network byte order, for tables. */
#define BE32(number) __builtin_bswap32(number)
#define BE16(number) __builtin_bswap16(number)

/* Words of a text, which are blanks apart; @copy: at least as long as @text. */
static size_t split(const char *text, char *copy, size_t size, char **words)
{
	size_t count = 0;
	char *rest, *word;

	snprintf(copy, size, "%s", text);
	for (word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		assert_true(count < WORDS);
		words[count++] = word;
	}
	return count;
}

static int parse(struct ecbpf_sampling *sampling, const char *text)
{
	char copy[512], *words[WORDS];
	size_t count = split(text, copy, sizeof(copy), words);

	return rates_parse(sampling, count, words);
}

static int parse_filter(struct ecbpf_filter *filter, const char *text)
{
	char copy[512], *words[WORDS];
	size_t count = split(text, copy, sizeof(copy), words);

	return rates_parse_filter(filter, count, words);
}

/* The whole text; free() it. */
static char *written(const struct ecbpf_sampling *sampling)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	rates_write(to, sampling);
	assert_int_equal(fclose(to), 0);
	return text;
}

static int read_text(const char *text, size_t len, struct ecbpf_sampling *sampling)
{
	FILE *from = fmemopen((void *)text, len, "r");
	int err;

	assert_non_null(from);
	err = rates_read(from, sampling);
	fclose(from);
	return err;
}

static void fresh(struct ecbpf_sampling *sampling)
{
	memset(sampling, 0, sizeof(*sampling));
	rates_complete(sampling);
}

static void assert_text(const struct ecbpf_sampling *sampling, const char *want)
{
	char *text = written(sampling);

	assert_string_equal(text, want);
	free(text);
}

/* --- rates */

static void nothing_said(void **state)
{
	struct ecbpf_sampling sampling;

	(void)state;
	fresh(&sampling);
	assert_int_equal(sampling.by_default, 2500);
	assert_int_equal(sampling.snap_bytes, 128);
	assert_int_equal(sampler_least(&sampling), 2500);
	assert_text(&sampling, "rate default 2500\nrate snap 128\n");
	sampling.by_default = 7;
	sampling.snap_bytes = 14;
	rates_complete(&sampling);
	assert_text(&sampling, "rate default 7\nrate snap 14\n");
}

static void every_word(void **state)
{
	struct ecbpf_sampling sampling;

	(void)state;
	fresh(&sampling);
	assert_int_equal(parse(&sampling, "default 10 slot 5 20 slot root never slot end 30 "
					  "action drop 40 action invalid 50 reason fw-rule 60 "
					  "reason 400 70 rule 9 80 budget 1000 snap 64"),
			 0);
	assert_int_equal(sampling.by_default, 10);
	assert_int_equal(sampling.by_row[ECBPF_ROW_SLOT(5)], 20);
	assert_int_equal(sampling.by_row[ECBPF_ROW_ROOT], ECBPF_NEVER);
	assert_int_equal(sampling.by_row[ECBPF_ROW_END], 30);
	assert_int_equal(sampling.by_column[ECBPF_COLUMN_DROP], 40);
	assert_int_equal(sampling.by_column[ECBPF_COLUMN_INVALID], 50);
	assert_int_equal(sampling.by_code[ECBPF_CODE_FW_RULE], 60);
	assert_int_equal(sampling.by_code[400], 70);
	assert_int_equal(sampling.budget, 1000);
	assert_int_equal(sampling.snap_bytes, 64);
	assert_int_equal(sampler_least(&sampling), 10);
	assert_text(&sampling, "rate default 10\n"
			       "rate slot root never\n"
			       "rate slot 5 20\n"
			       "rate slot end 30\n"
			       "rate action drop 40\n"
			       "rate action invalid 50\n"
			       "rate reason fw-rule 60\n"
			       "rate reason 400 70\n"
			       "rate rule 9 80\n"
			       "rate budget 1000\n"
			       "rate snap 64\n");
	assert_int_equal(parse(&sampling, "default default slot 5 default slot root default "
					  "slot end default action drop default action invalid "
					  "default reason 128 default reason 400 default rule 9 "
					  "default budget 0 snap 128"),
			 0);
	assert_text(&sampling, "rate default 2500\nrate snap 128\n");
}

/* A rule of the firewall has four codes; what is behind the first entry without a rate is not read. */
static void rules(void **state)
{
	static const __u32 codes[] = { ECBPF_CODE_FW_RULE, ECBPF_CODE_FW_LIMIT, ECBPF_CODE_FW_PASS,
				       ECBPF_CODE_FW_COUNT };
	struct ecbpf_sampling sampling;
	size_t i;

	(void)state;
	fresh(&sampling);
	assert_int_equal(parse(&sampling, "rule 1 11 rule 2 22 rule 3 33"), 0);
	assert_int_equal(parse(&sampling, "rule 2 never"), 0);
	for (i = 0; i < 12; i++) {
		assert_int_equal(sampling.rule[i].code, codes[i % 4]);
		assert_int_equal(sampling.rule[i].meta, 1 + i / 4);
	}
	assert_int_equal(sampling.rule[12].one_in, 0);
	assert_text(&sampling, "rate default 2500\nrate rule 1 11\nrate rule 2 never\n"
			       "rate rule 3 33\nrate snap 128\n");
	assert_int_equal(parse(&sampling, "rule 1 default rule 77 default"), 0);
	assert_int_equal(sampling.rule[0].meta, 2);
	assert_int_equal(sampling.rule[7].meta, 3);
	assert_int_equal(sampling.rule[7].one_in, 33);
	assert_int_equal(sampling.rule[8].one_in, 0);
	assert_int_equal(sampling.rule[8].meta, 0);
}

static void too_many_rules(void **state)
{
	struct ecbpf_sampling sampling, before;

	(void)state;
	fresh(&sampling);
	assert_int_equal(parse(&sampling, "rule 1 1 rule 2 1 rule 3 1 rule 4 1 rule 5 1 rule 6 1 "
					  "rule 7 1 rule 8 1"),
			 0);
	assert_int_equal(sampling.rule[ECBPF_SAMPLING_RULES - 1].meta, 8);
	assert_int_equal(sampling.rule[ECBPF_SAMPLING_RULES - 1].code, ECBPF_CODE_FW_COUNT);
	before = sampling;
	assert_int_equal(parse(&sampling, "default 3 rule 9 1"), -ENOSPC);
	assert_string_equal(ecbpf_error(), "rule 9: at most 8 rules can have a rate");
	assert_memory_equal(&sampling, &before, sizeof(before));
	assert_int_equal(parse(&sampling, "rule 8 5"), 0);
	assert_int_equal(parse(&sampling, "rule 3 default rule 9 6"), 0);
	assert_int_equal(sampling.rule[ECBPF_SAMPLING_RULES - 1].meta, 9);
	assert_int_equal(sampling.rule[ECBPF_SAMPLING_RULES - 1].one_in, 6);
}

static void bad_rates(void **state)
{
	static const char *const rows[] = {
		"default",
		"default 0",
		"default 1000000001",
		"default -1",
		"default often",
		"default 10 20",
		"slot",
		"slot 5",
		"slot 16 10",
		"slot -1 10",
		"slot 05 10",
		"slot end",
		"slot end 0",
		"action drop",
		"action next 10",
		"action unreported 10",
		"action dropped 10",
		"reason none 10",
		"reason 0 10",
		"reason 512 10",
		"reason fw-rul 10",
		"reason fw-rule",
		"rule 0 10",
		"rule x 10",
		"rule 4294967296 10",
		"rule 1",
		"rule 1 0",
		"budget",
		"budget never",
		"budget 4294967296",
		"snap 13",
		"snap 1537",
		"snap default",
		"rate default 10",
		"Default 10",
		"show",
		"slot 3 5 action drop 6 snap 9",
	};
	struct ecbpf_sampling sampling, before;
	size_t i;

	(void)state;
	fresh(&sampling);
	before = sampling;
	for (i = 0; i < ROWS(rows); i++) {
		int err = parse(&sampling, rows[i]);

		if ((err != -EINVAL && err != -ERANGE) || !ecbpf_error()[0] ||
		    memcmp(&sampling, &before, sizeof(before)))
			fail_msg("\"%s\": %d", rows[i], err);
	}
}

static void limits_of_numbers(void **state)
{
	static const char *const rows[] = { "default 1",	"default 1000000000", "snap 14",
					    "snap 1536",	"budget 4294967295",  "slot 15 1",
					    "reason other 1",	"reason 511 1",	      "rule 1 1",
					    "rule 4294967295 1" };
	struct ecbpf_sampling sampling;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		fresh(&sampling);
		if (parse(&sampling, rows[i]))
			fail_msg("\"%s\": %s", rows[i], ecbpf_error());
	}
	fresh(&sampling);
	assert_int_equal(parse(&sampling, "default never"), 0);
	assert_int_equal(sampler_least(&sampling), ECBPF_NEVER);
	assert_int_equal(parse(&sampling, "action tx 12 reason user 9 rule 3 13"), 0);
	assert_int_equal(sampler_least(&sampling), 9);
}

/* --- filters */

static void filters(void **state)
{
	static const struct {
		const char *text;
		struct ecbpf_filter want;
		const char *line;
	} rows[] = {
		{ "none", {}, NULL },
		{ "addr 10.1.0.0/16",
		  { .addr = { BE32(0x0a010000) },
		    .mask = { BE32(0xffff0000) },
		    .flags = ECBPF_FILTER_ADDR,
		    .family = 4 },
		  "addr 10.1.0.0/16" },
		{ "addr 0.0.0.0/0", { .flags = ECBPF_FILTER_ADDR, .family = 4 }, "addr 0.0.0.0/0" },
		{ "addr ::/0", { .flags = ECBPF_FILTER_ADDR, .family = 6 }, "addr ::/0" },
		{ "addr 2001:db8:0:4000::/50",
		  { .addr = { BE32(0x20010db8), BE32(0x4000) },
		    .mask = { 0xffffffff, BE32(0xffffc000) },
		    .flags = ECBPF_FILTER_ADDR,
		    .family = 6 },
		  "addr 2001:db8:0:4000::/50" },
		{ "port 53 addr 10.0.0.1 proto udp",
		  { .addr = { BE32(0x0a000001) },
		    .mask = { 0xffffffff },
		    .flags = ECBPF_FILTER_ADDR | ECBPF_FILTER_PROTO | ECBPF_FILTER_PORT,
		    .family = 4,
		    .proto = 17,
		    .port = BE16(53) },
		  "addr 10.0.0.1/32 proto udp port 53" },
		{ "addr fe80::1",
		  { .addr = { BE32(0xfe800000), 0, 0, BE32(1) },
		    .mask = { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
		    .flags = ECBPF_FILTER_ADDR,
		    .family = 6 },
		  "addr fe80::1/128" },
		{ "proto 6", { .flags = ECBPF_FILTER_PROTO, .proto = 6 }, "proto tcp" },
		{ "proto 200", { .flags = ECBPF_FILTER_PROTO, .proto = 200 }, "proto 200" },
		{ "proto 0", { .flags = ECBPF_FILTER_PROTO }, "proto 0" },
		{ "port 0", { .flags = ECBPF_FILTER_PORT }, "port 0" },
		{ "proto icmp6", { .flags = ECBPF_FILTER_PROTO, .proto = 58 }, "proto icmp6" },
	};
	struct ecbpf_sampling sampling;
	char want[256];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		fresh(&sampling);
		memset(&sampling.filter, 0xaa, sizeof(sampling.filter));
		if (parse_filter(&sampling.filter, rows[i].text) ||
		    memcmp(&sampling.filter, &rows[i].want, sizeof(rows[i].want)))
			fail_msg("\"%s\"", rows[i].text);
		snprintf(want, sizeof(want), "rate default 2500\nrate snap 128\n%s%s%s",
			 rows[i].line ? "filter " : "", rows[i].line ? rows[i].line : "",
			 rows[i].line ? "\n" : "");
		assert_text(&sampling, want);
	}
}

static void bad_filters(void **state)
{
	static const char *const rows[] = {
		"",
		"none none",
		"none addr 10.0.0.1",
		"addr",
		"addr 10.0.0.1/8",
		"addr 10.0.0.256",
		"addr 10.0.0.1 addr 10.0.0.2",
		"proto",
		"proto 256",
		"proto tpc",
		"proto tcp proto udp",
		"port",
		"port 65536",
		"port http",
		"port 1 port 1",
		"proto icmp port 1",
		"port 1 proto 47",
		"dport 1",
		"port 1 tcp",
	};
	struct ecbpf_filter filter, before;
	size_t i;

	(void)state;
	memset(&before, 0xaa, sizeof(before));
	filter = before;
	for (i = 0; i < ROWS(rows); i++) {
		int err = parse_filter(&filter, rows[i]);

		if ((err != -EINVAL && err != -ERANGE) || !ecbpf_error()[0] ||
		    memcmp(&filter, &before, sizeof(before)))
			fail_msg("\"%s\": %d", rows[i], err);
	}
}

/* --- texts */

static void texts_come_back(void **state)
{
	static const char text[] = "rate default never\n"
				   "rate slot root 1\nrate slot 0 2\nrate slot 15 3\n"
				   "rate action aborted 4\nrate action drop never\n"
				   "rate reason eth-truncated 5\nrate reason 385 6\n"
				   "rate rule 4096 7\nrate rule 1 never\n"
				   "rate budget 5000\nrate snap 1536\n"
				   "filter addr 2001:db8::/32 proto tcp port 443\n";
	struct ecbpf_sampling sampling, again;
	char *copy;

	(void)state;
	memset(&sampling, 0xaa, sizeof(sampling));
	assert_int_equal(read_text(text, strlen(text), &sampling), 0);
	assert_text(&sampling, text);
	copy = written(&sampling);
	assert_int_equal(read_text(copy, strlen(copy), &again), 0);
	free(copy);
	assert_memory_equal(&sampling, &again, sizeof(again));
}

static void texts_of_people(void **state)
{
	static const char text[] = "# of a Monday\n\n  \t\n"
				   "rate action drop 1 slot 5 10\r\n"
				   "filter\tport  53\n"
				   "filter port 54\n"
				   "rate snap 64";
	struct ecbpf_sampling sampling;
	char most[256] = "rate"; /* and 63 words more, the last of which counts */
	size_t i;

	(void)state;
	for (i = 0; i < 21; i++)
		memcpy(most + 4 + 9 * i, i < 20 ? " slot 5 1" : " slot 5 7", 10);
	assert_int_equal(read_text(most, strlen(most), &sampling), 0);
	assert_text(&sampling, "rate default 2500\nrate slot 5 7\nrate snap 128\n");
	assert_int_equal(read_text(text, strlen(text), &sampling), 0);
	assert_text(&sampling, "rate default 2500\nrate slot 5 10\nrate action drop 1\n"
			       "rate snap 64\nfilter port 54\n");
	assert_int_equal(read_text("\n", 1, &sampling), 0);
	assert_text(&sampling, "rate default 2500\nrate snap 128\n");
}

static void bad_texts(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *told;
	} rows[] = {
		{ "rate default 1\nrate defualt 2\n", 30,
		  "line 2: defualt: it is default, slot, action, reason, rule, budget or snap" },
		{ "default 1\n", 10, "line 1: default: it is rate or filter" },
		{ "rate snap 64\n\nfilter\n", 21,
		  "line 3: say which packets: addr, proto, port or none" },
		{ "rate snap 64\0\n", 14, "line 1: a NUL byte" },
		{ "rate snap 9\n", 12, "line 1: 9 is not in 14 to 1536" },
		{ "rate slot 5\n", 12, "line 1: slot needs 2 more" },
	};
	struct ecbpf_sampling sampling, before;
	char many[512] = "rate";
	size_t i;

	(void)state;
	fresh(&sampling);
	before = sampling;
	for (i = 0; i < ROWS(rows); i++) {
		assert_true(read_text(rows[i].text, rows[i].len, &sampling) < 0);
		assert_string_equal(ecbpf_error(), rows[i].told);
		assert_memory_equal(&sampling, &before, sizeof(before));
	}
	for (i = 4; i < 4 + 4 * 64; i += 4)
		memcpy(many + i, " abc", 5);
	assert_int_equal(read_text(many, strlen(many), &sampling), -E2BIG);
	assert_string_equal(ecbpf_error(), "line 1: more than 64 words");
	assert_memory_equal(&sampling, &before, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said),	   cmocka_unit_test(every_word),
		cmocka_unit_test(rules),	   cmocka_unit_test(too_many_rules),
		cmocka_unit_test(bad_rates),	   cmocka_unit_test(limits_of_numbers),
		cmocka_unit_test(filters),	   cmocka_unit_test(bad_filters),
		cmocka_unit_test(texts_come_back), cmocka_unit_test(texts_of_people),
		cmocka_unit_test(bad_texts),
	};

	return cmocka_run_group_tests_name("sampler_rates", tests, NULL, NULL);
}
