// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Random rules survive their text; and how long a text and its lists can be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdp_fw/parse.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

#define ROUNDS 100000

static uint64_t random_state = 0x9e3779b97f4a7c15;

/* xorshift64*: 0 .. @below-1 */
static uint32_t draw(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1d >> 32) % below;
}

static const struct fw_token here = { "random", 6, 1, 1 };

static void draw_values(struct fw_values *values, uint32_t min, uint32_t max, bool vlan)
{
	uint32_t count = 1 + draw(4), lo;

	if (draw(3))
		return;
	values->given = true;
	values->negated = draw(2);
	while (count--) {
		struct fw_range range = { FW_VLAN_NONE, FW_VLAN_NONE };

		lo = min + draw(max - min + 1);
		if (!vlan || draw(4))
			range = (struct fw_range){ lo, draw(2) ? lo : lo + draw(max - lo + 1) };
		if (vlan && !draw(6))
			range = (struct fw_range){ 0, max };
		assert_int_equal(fw_values_push(values, range, &here), 0);
	}
}

static void draw_prefix(int family, struct ecbpf_prefix *prefix)
{
	struct fw_token token = { .line = 1, .column = 1 };
	bool v6 = family ? family == 6 : draw(2);
	char text[64];

	if (v6)
		snprintf(text, sizeof(text), "%x:%x::%x:%x/%u", draw(65536), draw(65536),
			 draw(65536), draw(65536), draw(129));
	else
		snprintf(text, sizeof(text), "%u.%u.%u.%u/%u", draw(256), draw(256), draw(256),
			 draw(256), draw(33));
	token.text = text;
	token.len = strlen(text);
	assert_int_equal(fw_prefix(&token, prefix), 0);
}

static void draw_addrs(int family, struct fw_addrs *addrs)
{
	uint32_t prefixes = draw(4), sets = draw(3);
	struct ecbpf_prefix prefix;
	char name[FW_SET_NAME_MAX + 1];

	if (!draw(2) || !(prefixes + sets))
		return;
	addrs->given = true;
	addrs->negated = draw(2);
	while (prefixes--) {
		draw_prefix(family, &prefix);
		assert_int_equal(fw_addrs_push_prefix(addrs, &prefix, &here), 0);
	}
	while (sets--) {
		memset(name, 0, sizeof(name));
		snprintf(name, sizeof(name), "Set.%u-_x", draw(1000));
		assert_int_equal(fw_addrs_push_set(addrs, name, &here), 0);
	}
}

static void draw_upper(enum fw_upper_kind kind, struct fw_upper *upper)
{
	if (draw(4))
		return;
	upper->given = true;
	if (kind == FW_TCP || kind == FW_UDP) {
		draw_values(&upper->sport, 0, 65535, false);
		draw_values(&upper->dport, 0, 65535, false);
	} else {
		draw_values(&upper->type, 0, 255, false);
		draw_values(&upper->code, 0, 255, false);
	}
	if (kind != FW_TCP)
		return;
	draw_values(&upper->window, 0, 65535, false);
	upper->flags.given = draw(2);
	if (!upper->flags.given)
		return;
	upper->flags.negated = draw(2);
	upper->flags.mask = draw(256);
	upper->flags.value = draw(256) & upper->flags.mask;
}

static void draw_limit(struct fw_limit *limit)
{
	limit->bytes = draw(2);
	limit->rate = draw(2) ? 8 + draw(1000000) : 1000 * (1 + draw(1000));
	limit->burst = draw(2) ? draw(1000000) : 1000000 * draw(1000);
	limit->per_source = draw(2);
	if (!limit->per_source)
		return;
	limit->prefix4 = 1 + draw(32);
	limit->prefix6 = draw(2) ? 2 * limit->prefix4 : 1 + draw(128);
}

static void draw_rule(struct fw_rule *rule)
{
	int kind;

	*rule = (struct fw_rule){ .action = draw(4), .family = 2 * draw(3) + 2, .line = 1 };
	rule->family = rule->family == 2 ? 0 : rule->family;
	if (rule->action == FW_LIMIT)
		draw_limit(&rule->limit);
	draw_values(&rule->length, 1, 65535, false);
	draw_values(&rule->ttl, 0, 255, false);
	draw_values(&rule->dscp, 0, 63, false);
	draw_values(&rule->proto, 0, 255, false);
	draw_values(&rule->vlan, 0, 4095, true);
	draw_addrs(rule->family, &rule->src);
	draw_addrs(rule->family, &rule->dst);
	rule->fragment = draw(2) ? FW_FRAGMENT_ALL : 1 + draw(7);
	rule->options = draw(3);
	rule->malformed = draw(3);
	for (kind = 0; kind < FW_UPPERS; kind++)
		if (rule->family != (kind == FW_ICMP ? 6 : kind == FW_ICMP6 ? 4 : 1))
			draw_upper(kind, &rule->upper[kind]);
	if (!draw(3))
		rule->name = strdup("a \"name\" with \\ in it # {");
}

static bool same_values(const struct fw_values *a, const struct fw_values *b)
{
	return a->given == b->given && a->negated == b->negated && a->count == b->count &&
	       (!a->count || !memcmp(a->range, b->range, a->count * sizeof(*a->range)));
}

static bool same_addrs(const struct fw_addrs *a, const struct fw_addrs *b)
{
	return a->given == b->given && a->negated == b->negated && a->prefixes == b->prefixes &&
	       a->sets == b->sets &&
	       (!a->prefixes || !memcmp(a->prefix, b->prefix, a->prefixes * sizeof(*a->prefix))) &&
	       (!a->sets || !memcmp(a->set, b->set, a->sets * sizeof(*a->set)));
}

static bool same_upper(const struct fw_upper *a, const struct fw_upper *b)
{
	return a->given == b->given && same_values(&a->sport, &b->sport) &&
	       same_values(&a->dport, &b->dport) && same_values(&a->window, &b->window) &&
	       same_values(&a->type, &b->type) && same_values(&a->code, &b->code) &&
	       a->flags.given == b->flags.given && a->flags.negated == b->flags.negated &&
	       a->flags.value == b->flags.value && a->flags.mask == b->flags.mask;
}

static bool same_limit(const struct fw_limit *a, const struct fw_limit *b)
{
	return a->bytes == b->bytes && a->per_source == b->per_source && a->prefix4 == b->prefix4 &&
	       a->prefix6 == b->prefix6 && a->rate == b->rate && a->burst == b->burst;
}

static bool same_rule(const struct fw_rule *a, const struct fw_rule *b)
{
	int i;

	for (i = 0; i < FW_UPPERS; i++)
		if (!same_upper(&a->upper[i], &b->upper[i]))
			return false;
	return a->action == b->action && same_limit(&a->limit, &b->limit) &&
	       a->family == b->family && same_values(&a->length, &b->length) &&
	       same_values(&a->ttl, &b->ttl) && same_values(&a->dscp, &b->dscp) &&
	       same_values(&a->proto, &b->proto) && same_values(&a->vlan, &b->vlan) &&
	       same_addrs(&a->src, &b->src) && same_addrs(&a->dst, &b->dst) &&
	       a->fragment == b->fragment && a->options == b->options &&
	       a->malformed == b->malformed && !a->name == !b->name &&
	       (!a->name || !strcmp(a->name, b->name)) && a->line == b->line;
}

static void random_rules(void **state)
{
	struct fw_rule rule, parsed = {};
	char *text, *again;
	int i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		draw_rule(&rule);
		text = fw_rule_print(&rule);
		assert_non_null(text);
		if (fw_parse_rule(text, &parsed))
			fail_msg("%s: %s", text, ecbpf_error());
		again = fw_rule_print(&parsed);
		if (!same_rule(&rule, &parsed) || strcmp(text, again))
			fail_msg("%s: %s", text, again);
		free(text);
		free(again);
		fw_rule_free(&rule);
		fw_rule_free(&parsed);
	}
}

/* @count times @piece between @head and @tail */
static char *repeated(const char *head, const char *piece, size_t count, const char *tail)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fputs(head, out);
	while (count--)
		fputs(piece, out);
	fputs(tail, out);
	fclose(out);
	return text;
}

static void limits(void **state)
{
	static const struct {
		const char *head, *piece, *tail;
		size_t count;
		const char *want;
	} rows[] = {
		{ "", "udp\n", "", FW_PARSE_RULES_MAX, NULL },
		{ "", "protect udp\n", "udp", FW_PARSE_RULES_MAX,
		  "4097:1: more than 4096 rules near \"udp\"" },
		{ "ttl {", " 7", "}", FW_LIST_MAX, NULL },
		{ "ttl {", " 7", " 8}", FW_LIST_MAX,
		  "1:8199: a list has at most 4096 values near \"8\"" },
		{ "to {", " ::", " ::}", FW_LIST_MAX,
		  "1:12294: a list has at most 4096 values near \"::\"" },
		{ "udp name \"", "x", "\"", FW_NAME_MAX, NULL },
		{ "udp ", "x", "", 100,
		  "1:5: unknown word near \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		  "xxxx...\"" },
	};
	struct fw_ruleset set = {};
	size_t i;
	char *text;
	int err;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		text = repeated(rows[i].head, rows[i].piece, rows[i].count, rows[i].tail);
		err = fw_parse(text, strlen(text), &set);
		if (err != (rows[i].want ? -EINVAL : 0) ||
		    (err && strcmp(ecbpf_error(), rows[i].want)))
			fail_msg("row %zu: %d %s", i, err, ecbpf_error());
		free(text);
		fw_ruleset_free(&set);
	}
	text = repeated("udp name \"", "x", FW_NAME_MAX + 1, "\"");
	assert_int_equal(fw_parse(text, strlen(text), &set), -EINVAL);
	assert_non_null(strstr(ecbpf_error(), "1:10: a name has at most 255 bytes"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_rules),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests_name("fw_print", tests, NULL, NULL);
}
