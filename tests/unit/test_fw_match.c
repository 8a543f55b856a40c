// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A packet against one rule: each selector by name; and the order in which rules are asked. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "xdp_fw/plan.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

#define ADDR4               \
	{                   \
		10, 1, 2, 3 \
	}
#define ADDR6                                    \
	{                                        \
		0x20, 0x01, 0x0d, 0xb8, [15] = 1 \
	}

#define IPV4                                                                            \
	.length = 74, .family = 4, .ttl = 64, .dscp = 10, .fragment = FW_FRAGMENT_NONE, \
	.vlan = FW_VLAN_NONE, .src = ADDR4, .dst = { 192, 0, 2, 1 }
#define IPV6                                                                           \
	.length = 94, .family = 6, .ttl = 64, .fragment = FW_FRAGMENT_NONE, .vlan = 5, \
	.src = ADDR6, .dst = { 0xff, 0x02, [15] = 1 }

static const struct fw_packet syn = {
	IPV4,	     .proto = 6,      .upper = true,	   .sport = 1024,
	.dport = 80, .window = 64240, .flags = FW_TCP_SYN,
};
static const struct fw_packet null_flags = { IPV4, .proto = 6, .upper = true };
static const struct fw_packet short_tcp = { IPV4, .proto = 6, .malformed = true };
static const struct fw_packet udp = { IPV4, .proto = 17, .upper = true, .sport = 53, .dport = 9 };
static const struct fw_packet udp6 = { IPV6, .proto = 17, .upper = true, .dport = 53 };
static const struct fw_packet ping = { IPV4, .proto = 1, .upper = true, .type = 8, .code = 0 };
static const struct fw_packet ping6 = { IPV6, .proto = 58, .upper = true, .type = 128 };
static const struct fw_packet icmp_on_6 = { IPV6, .proto = 1 };
static const struct fw_packet icmp6_on_4 = { IPV4, .proto = 58 };
static const struct fw_packet with_options = { IPV4, .proto = 47, .options = true };
static const struct fw_packet jumbo = {
	.length = 70000, .family = 4, .proto = 47, .fragment = FW_FRAGMENT_NONE
};
static const struct fw_packet first = {
	.family = 4,
	.proto = 17,
	.fragment = FW_FRAGMENT_FIRST,
	.upper = true,
	.dport = 53,
};
/* members behind a header that is not there may hold anything */
static const struct fw_packet later = {
	.family = 4,
	.proto = 17,
	.fragment = FW_FRAGMENT_LATER,
	.dport = 53,
};

/* "v4" has 10.1.2.3, "v6" 2001:db8::1 */
static bool has(void *arg, const char *set, int family, const uint8_t *addr)
{
	static const uint8_t v4[4] = ADDR4, v6[16] = ADDR6;

	assert_null(arg);
	if (!strcmp(set, "v4"))
		return family == 4 && !memcmp(addr, v4, sizeof(v4));
	assert_string_equal(set, "v6");
	return family == 6 && !memcmp(addr, v6, sizeof(v6));
}

static const struct fw_members members = { .has = has };

struct row {
	const char *rule;
	const struct fw_packet *packet;
	const char *mismatch; /* NULL: matches */
};

static void check_rows(const struct row *rows, size_t count)
{
	struct fw_rule rule;
	const char *got;
	size_t i;

	for (i = 0; i < count; i++) {
		if (fw_parse_rule(rows[i].rule, &rule))
			fail_msg("row %zu: %s: %s", i, rows[i].rule, ecbpf_error());
		got = fw_mismatch(&rule, rows[i].packet, &members);
		if (!got != !rows[i].mismatch || (got && strcmp(got, rows[i].mismatch)))
			fail_msg("row %zu: %s: %s", i, rows[i].rule, got ? got : "matches");
		fw_rule_free(&rule);
	}
}

static void frame_and_network(void **state)
{
	static const struct row rows[] = {
		{ "drop packet", &syn, NULL },
		{ "drop packet", &later, NULL },
		{ "drop ip", &syn, NULL },
		{ "drop ip", &udp6, "ip" },
		{ "drop ip6", &udp6, NULL },
		{ "drop ip6", &syn, "ip6" },
		{ "drop packet length 74", &syn, NULL },
		{ "drop packet length 1-73", &syn, "length" },
		{ "drop packet length not 74", &syn, "length" },
		{ "drop packet length { 1, 60-80 }", &syn, NULL },
		{ "drop packet length 65535", &jumbo, NULL },
		{ "drop packet length not 65535", &jumbo, "length" },
		{ "drop ttl 64", &syn, NULL },
		{ "drop ttl { 1, 63, 65-255 }", &syn, "ttl" },
		{ "drop ttl not { 1, 64 }", &syn, "ttl" },
		{ "drop dscp 10", &syn, NULL },
		{ "drop dscp 11", &syn, "dscp" },
		{ "drop proto 6", &syn, NULL },
		{ "drop proto not 6", &syn, "proto" },
		{ "drop proto 17", &later, NULL },
		{ "drop vlan none", &syn, NULL },
		{ "drop vlan none", &udp6, "vlan" },
		{ "drop vlan not none", &syn, "vlan" },
		{ "drop vlan not none", &udp6, NULL },
		{ "drop vlan any", &syn, "vlan" },
		{ "drop vlan any", &udp6, NULL },
		{ "drop vlan 5", &udp6, NULL },
		{ "drop vlan 5", &syn, "vlan" },
		{ "drop vlan not 5", &udp6, "vlan" },
		{ "drop vlan not 5", &syn, NULL },
		{ "drop vlan { none, 5 }", &syn, NULL },
		{ "drop options", &with_options, NULL },
		{ "drop options", &syn, "options" },
		{ "drop not options", &with_options, "options" },
		{ "drop not options", &syn, NULL },
		{ "drop malformed", &short_tcp, NULL },
		{ "drop malformed", &syn, "malformed" },
		{ "drop not malformed", &short_tcp, "malformed" },
		{ "drop fragment first", &first, NULL },
		{ "drop fragment first", &later, "fragment" },
		{ "drop fragment later", &later, NULL },
		{ "drop fragment any", &first, NULL },
		{ "drop fragment any", &syn, "fragment" },
		{ "drop fragment none", &syn, NULL },
		{ "drop fragment none", &first, "fragment" },
		{ "drop fragment not first", &later, NULL },
		{ "drop fragment not first", &first, "fragment" },
	};

	(void)state;
	check_rows(rows, ROWS(rows));
}

static void addresses(void **state)
{
	static const struct row rows[] = {
		{ "drop from 10.1.2.3", &syn, NULL },
		{ "drop from 10.1.2.2/31", &syn, NULL },
		{ "drop from 10.1.2.4/30", &syn, "from" },
		{ "drop from 10.0.0.0/15", &syn, NULL },
		{ "drop from 0.0.0.0/0", &syn, NULL },
		{ "drop from 0.0.0.0/0", &udp6, "from" },
		{ "drop from ::/0", &udp6, NULL },
		{ "drop from ::/0", &syn, "from" },
		{ "drop from not ::/0", &syn, NULL },
		{ "drop from not 10.1.2.3", &syn, "from" },
		{ "drop from not 10.1.2.3", &udp, "from" },
		{ "drop from not 10.1.2.3", &udp6, NULL },
		{ "drop from 2001:db8::/32", &udp6, NULL },
		{ "drop from 2001:db8::2/127", &udp6, "from" },
		{ "drop from 2001:db8::1", &udp6, NULL },
		{ "drop to 192.0.2.0/24", &syn, NULL },
		{ "drop to 10.1.2.3", &syn, "to" },
		{ "drop to not 192.0.2.0/24", &syn, "to" },
		{ "drop from @v4", &syn, NULL },
		{ "drop from @v6", &syn, "from" },
		{ "drop from @v6", &udp6, NULL },
		{ "drop from not @v4", &syn, "from" },
		{ "drop to @v4", &syn, "to" },
		{ "drop to not @v4", &syn, NULL },
		{ "drop from { 10.9.0.0/16, @v4 }", &syn, NULL },
		{ "drop from { 10.1.0.0/16, @v6 }", &syn, NULL },
		{ "drop from not { 10.9.0.0/16, @v4 }", &syn, "from" },
		{ "drop from not { 10.1.0.0/16, @v6 }", &syn, "from" },
		{ "drop from not { 10.9.0.0/16, @v6 }", &syn, NULL },
	};

	(void)state;
	check_rows(rows, ROWS(rows));
}

static void upper_headers(void **state)
{
	static const struct row rows[] = {
		{ "drop tcp", &syn, NULL },
		{ "drop tcp", &udp, "tcp" },
		{ "drop tcp", &short_tcp, NULL },
		{ "drop udp", &later, NULL },
		{ "drop udp", &syn, "udp" },
		{ "drop tcp udp", &udp, NULL },
		{ "drop tcp udp", &ping, "tcp" },
		{ "drop tcp dport 80 udp dport 53", &syn, NULL },
		{ "drop tcp dport 80 udp dport 53", &udp, "dport" },
		{ "drop tcp dport 80 udp dport 53", &udp6, NULL },
		{ "drop tcp sport 1024-65535", &syn, NULL },
		{ "drop tcp sport 1-1023", &syn, "sport" },
		{ "drop tcp sport not 0", &null_flags, "sport" },
		{ "drop tcp sport 0 dport 0", &null_flags, NULL },
		{ "drop tcp dport 0", &short_tcp, "dport" },
		{ "drop tcp dport not 1", &short_tcp, "dport" },
		{ "drop tcp window 64240", &syn, NULL },
		{ "drop tcp window 0", &syn, "window" },
		{ "drop tcp window 0", &null_flags, NULL },
		{ "drop tcp window 0", &short_tcp, "window" },
		{ "drop udp dport 53", &first, NULL },
		{ "drop udp dport 53", &later, "dport" },
		{ "drop udp dport not 80", &later, "dport" },
		{ "drop tcp flags {syn}", &syn, NULL },
		{ "drop tcp flags {syn}", &null_flags, "flags" },
		{ "drop tcp flags {syn,ack}", &syn, "flags" },
		{ "drop tcp flags {syn} mask {syn,ack}", &syn, NULL },
		{ "drop tcp flags not {syn} mask {syn,ack}", &syn, "flags" },
		{ "drop tcp flags not {syn}", &null_flags, NULL },
		{ "drop tcp flags {} mask {syn,ack,fin,rst}", &null_flags, NULL },
		{ "drop tcp flags {} mask {syn}", &syn, "flags" },
		{ "drop tcp flags {}", &syn, NULL },
		{ "drop tcp flags {}", &short_tcp, "flags" },
		{ "drop icmp", &ping, NULL },
		{ "drop icmp type 8", &ping, NULL },
		{ "drop icmp type not 8", &ping, "type" },
		{ "drop icmp type 8 code 0", &ping, NULL },
		{ "drop icmp type 8 code 1-255", &ping, "code" },
		{ "drop icmp", &ping6, "icmp" },
		{ "drop icmp", &icmp_on_6, "icmp" },
		{ "drop icmp6", &ping6, NULL },
		{ "drop icmp6 type 128", &ping6, NULL },
		{ "drop icmp6", &icmp6_on_4, "icmp6" },
		{ "drop proto 58", &icmp6_on_4, NULL },
		{ "drop icmp icmp6", &ping6, NULL },
		{ "drop icmp icmp6", &udp, "icmp" },
	};

	(void)state;
	check_rows(rows, ROWS(rows));
}

/* --- the plan */

static void parse(const char *text, struct fw_ruleset *set)
{
	memset(set, 0, sizeof(*set));
	if (fw_parse(text, strlen(text), set))
		fail_msg("%s: %s", text, ecbpf_error());
}

#define EVERYTHING                   \
	"hygiene drop fragments\n"   \
	"hygiene drop options\n"     \
	"hygiene drop malformed\n"   \
	"hygiene allow local\n"      \
	"drop tcp dport 1\n"         \
	"pass tcp dport 2\n"         \
	"protect udp dport 53\n"     \
	"limit 10 pps tcp dport 3\n" \
	"count tcp dport 4\n"        \
	"protect tcp dport 22\n"

static void protections_come_first_then_hygiene_then_rules(void **state)
{
	static const struct {
		enum fw_rule_kind kind;
		unsigned int number;
		enum fw_do action;
		unsigned int code;
	} rows[] = {
		{ FW_KIND_PROTECT, 1, FW_DO_NEXT, ECBPF_CODE_FW_PROTECTED },
		{ FW_KIND_PROTECT, 2, FW_DO_NEXT, ECBPF_CODE_FW_PROTECTED },
		{ FW_KIND_HYGIENE, 1, FW_DO_FRAGMENT, ECBPF_CODE_FW_FRAGMENT },
		{ FW_KIND_HYGIENE, 2, FW_DO_DROP, ECBPF_CODE_FW_OPTIONS },
		{ FW_KIND_HYGIENE, 3, FW_DO_DROP, ECBPF_CODE_FW_MALFORMED },
		{ FW_KIND_RULE, 1, FW_DO_DROP, ECBPF_CODE_FW_RULE },
		{ FW_KIND_RULE, 2, FW_DO_PASS, ECBPF_CODE_FW_PASS },
		{ FW_KIND_RULE, 3, FW_DO_LIMIT, ECBPF_CODE_FW_LIMIT },
		{ FW_KIND_RULE, 4, FW_DO_COUNT, ECBPF_CODE_FW_COUNT },
	};
	struct fw_ruleset set;
	struct fw_plan plan;
	size_t i;

	(void)state;
	parse(EVERYTHING, &set);
	assert_int_equal(fw_plan_make(&set, NULL, 0, &plan), 0);
	assert_int_equal(plan.count, ROWS(rows));
	for (i = 0; i < ROWS(rows); i++) {
		assert_int_equal(plan.entry[i].kind, rows[i].kind);
		assert_int_equal(plan.entry[i].number, rows[i].number);
		assert_int_equal(plan.entry[i].action, rows[i].action);
		assert_int_equal(plan.entry[i].code, rows[i].code);
	}
	assert_ptr_equal(plan.entry[1].rule, &set.protect[1]);
	assert_ptr_equal(plan.entry[8].rule, &set.rule[3]);
	fw_plan_free(&plan);
	assert_int_equal(plan.count, 0);
	fw_ruleset_free(&set);
}

static void a_switch_keeps_its_number(void **state)
{
	struct fw_ruleset set;
	struct fw_plan plan;

	(void)state;
	parse("hygiene drop malformed\n", &set);
	assert_int_equal(fw_plan_make(&set, NULL, 0, &plan), 0);
	assert_int_equal(plan.count, 1);
	assert_int_equal(plan.entry[0].number, 3);
	assert_int_equal(fw_match(&plan, 0, &short_tcp, &members), 0);
	assert_int_equal(fw_match(&plan, 0, &syn, &members), 1);
	fw_plan_free(&plan);
	fw_ruleset_free(&set);
}

static void local_addresses_are_exempt_from_hygiene(void **state)
{
	struct ecbpf_prefix local[2] = {
		{ .addr = { 192, 0, 2, 1 }, .family = AF_INET, .length = 32 },
		{ .addr = { 0xff, 0x02, [15] = 1 }, .family = AF_INET6, .length = 128 },
	};
	struct fw_packet packet = with_options;
	struct fw_ruleset set;
	struct fw_plan plan;

	(void)state;
	parse(EVERYTHING, &set);
	assert_int_equal(fw_plan_make(&set, local, ROWS(local), &plan), 0);
	memset(local, 0, sizeof(local)); /* they were copied */
	assert_int_equal(fw_match(&plan, 0, &packet, &members), plan.count);
	packet.dst[3]++;
	assert_int_equal(fw_match(&plan, 0, &packet, &members), 3);
	fw_plan_free(&plan);
	assert_int_equal(fw_plan_make(&set, NULL, 0, &plan), 0); /* there are none */
	assert_int_equal(fw_match(&plan, 0, &with_options, &members), 3);
	fw_plan_free(&plan);
	set.hygiene.local = false;
	assert_int_equal(fw_plan_make(&set, local, ROWS(local), &plan), 0);
	assert_false(plan.entry[3].rule->dst.given);
	fw_plan_free(&plan);
	fw_ruleset_free(&set);
}

static void the_first_match_from_a_place_on(void **state)
{
	static const size_t next[] = { 1, 1, 3, 3, 4 };
	struct fw_ruleset set;
	struct fw_plan plan;
	size_t from;

	(void)state;
	parse("count udp\ncount tcp\ncount tcp dport 81\ndrop packet\n", &set);
	assert_int_equal(fw_plan_make(&set, NULL, 0, &plan), 0);
	for (from = 0; from < ROWS(next); from++)
		assert_int_equal(fw_match(&plan, from, &syn, &members), next[from]);
	fw_plan_free(&plan);
	fw_ruleset_free(&set);
}

static void a_plan_has_a_limit(void **state)
{
	struct fw_ruleset set = { .rules = FW_RULES_MAX };
	struct fw_plan plan;

	(void)state;
	set.rule = calloc(set.rules, sizeof(*set.rule));
	assert_non_null(set.rule);
	assert_int_equal(fw_plan_make(&set, NULL, 0, &plan), 0);
	assert_int_equal(plan.count, FW_RULES_MAX);
	fw_plan_free(&plan);
	set.hygiene.fragments = true;
	assert_int_equal(fw_plan_make(&set, NULL, 0, &plan), -E2BIG);
	assert_string_equal(ecbpf_error(),
			    "4097 rules, protections and hygiene switches; at most 4096 fit");
	assert_null(plan.entry);
	free(set.rule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_and_network),
		cmocka_unit_test(addresses),
		cmocka_unit_test(upper_headers),
		cmocka_unit_test(protections_come_first_then_hygiene_then_rules),
		cmocka_unit_test(a_switch_keeps_its_number),
		cmocka_unit_test(local_addresses_are_exempt_from_hygiene),
		cmocka_unit_test(the_first_match_from_a_place_on),
		cmocka_unit_test(a_plan_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
