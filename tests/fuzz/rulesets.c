// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/fuzz/rulesets.h"

#define SIZE(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t pool4[][4] = {
	{ 0, 0, 0, 0 },	     { 10, 0, 0, 1 },	    { 10, 0, 0, 255 },
	{ 10, 0, 1, 0 },     { 10, 255, 255, 255 }, { 127, 255, 255, 255 },
	{ 128, 0, 0, 0 },    { 192, 168, 0, 1 },    { 192, 168, 255, 255 },
	{ 198, 51, 100, 7 }, { 203, 0, 113, 128 },  { 255, 255, 255, 255 },
};

static const uint8_t pool6[][16] = {
	{ 0 },
	{ [15] = 1 },
	{ 0x20, 0x01, 0x0d, 0xb8, [15] = 1 },
	{ 0x20, 0x01, 0x0d, 0xb8, [7] = 1, [15] = 1 },
	{ 0x20, 0x01, 0x0d, 0xb8, [7] = 1, [8] = 0xff, [15] = 0xff },
	{ 0x20, 0x01, 0x0d, 0xb9 },
	{ 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff },
	{ 0xfe, 0x80, [8] = 2, [15] = 0xff },
	{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff },
};

void rulesets_begin(struct rulesets *rulesets, uint64_t seed)
{
	rulesets->state = seed;
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t draw(struct rulesets *rulesets)
{
	uint64_t z = rulesets->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint32_t rulesets_random(struct rulesets *rulesets, uint32_t below)
{
	return (draw(rulesets) >> 32) * below >> 32;
}

bool rulesets_one_in(struct rulesets *rulesets, uint32_t many)
{
	return rulesets_random(rulesets, many) == 0;
}

static uint32_t pick(struct rulesets *rulesets, const uint32_t *from, size_t count)
{
	return from[rulesets_random(rulesets, count)];
}
#define PICK(rulesets, ...)                               \
	pick(rulesets, (const uint32_t[]){ __VA_ARGS__ }, \
	     sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		abort();
	return memory;
}

/* --- addresses */

static void random_addr(struct rulesets *rulesets, int family, uint8_t *addr)
{
	const size_t bytes = family == 4 ? 4 : 16;
	size_t i;

	memset(addr, 0, 16);
	if (rulesets_one_in(rulesets, 4))
		for (i = 0; i < bytes; i++)
			addr[i] = draw(rulesets);
	else if (family == 4)
		memcpy(addr, pool4[rulesets_random(rulesets, SIZE(pool4))], bytes);
	else
		memcpy(addr, pool6[rulesets_random(rulesets, SIZE(pool6))], bytes);
	if (rulesets_one_in(rulesets, 3))
		addr[rulesets_random(rulesets, bytes)] ^= 1U << rulesets_random(rulesets, 8);
}

static void mask_addr(uint8_t *addr, unsigned int length)
{
	unsigned int i;

	for (i = length; i < 128; i++)
		addr[i / 8] &= ~(0x80 >> i % 8);
}

static void random_prefix(struct rulesets *rulesets, int family, struct ecbpf_prefix *prefix)
{
	random_addr(rulesets, family, prefix->addr);
	prefix->family = family == 4 ? AF_INET : AF_INET6;
	if (rulesets_one_in(rulesets, 3))
		prefix->length = rulesets_random(rulesets, family == 4 ? 33 : 129);
	else if (family == 4)
		prefix->length = PICK(rulesets, 0, 1, 2, 8, 15, 16, 17, 23, 24, 25, 31, 32, 32);
	else
		prefix->length = PICK(rulesets, 0, 1, 3, 32, 48, 63, 64, 65, 96, 127, 128, 128);
	mask_addr(prefix->addr, prefix->length);
}

static void random_addrs(struct rulesets *rulesets, int family, bool plain, struct fw_addrs *addrs)
{
	size_t i;

	if (!rulesets_one_in(rulesets, 3))
		return;
	addrs->given = true;
	addrs->negated = rulesets_one_in(rulesets, 4);
	addrs->prefixes = rulesets_random(rulesets, rulesets_one_in(rulesets, 8) ? 40 : 4);
	addrs->sets = rulesets_one_in(rulesets, 3) ? 1 + rulesets_random(rulesets, 2) : 0;
	if (plain && !addrs->negated) {
		addrs->sets = addrs->sets && rulesets_one_in(rulesets, 2);
		addrs->prefixes = addrs->sets ? 0 : 1 + addrs->prefixes;
	}
	if (!addrs->prefixes && !addrs->sets)
		addrs->prefixes = 1;
	if (addrs->prefixes)
		addrs->prefix = allocate(addrs->prefixes, sizeof(*addrs->prefix));
	for (i = 0; i < addrs->prefixes; i++)
		random_prefix(rulesets,
			      family			   ? family :
			      rulesets_one_in(rulesets, 2) ? 4 :
							     6,
			      &addrs->prefix[i]);
	if (addrs->sets)
		addrs->set = allocate(addrs->sets, sizeof(*addrs->set));
	for (i = 0; i < addrs->sets; i++) {
		memcpy(addrs->set[i], "set0", sizeof("set0"));
		addrs->set[i][3] += rulesets_random(rulesets, RULESETS_SETS);
	}
}

/* --- numbers */

static uint32_t random_value(struct rulesets *rulesets, uint32_t min, uint32_t max)
{
	static const uint32_t usual[] = { 0, 1, 2, 6, 8, 17, 22, 53, 64, 80, 255, 443, 1024, 4096 };
	uint32_t value = usual[rulesets_random(rulesets, SIZE(usual))];

	if (rulesets_one_in(rulesets, 16))
		return rulesets_one_in(rulesets, 2) ? min : max;
	if (rulesets_one_in(rulesets, 4) || value < min || value > max)
		return min + rulesets_random(rulesets, max - min + 1);
	return value;
}

/* One in @many has it. */
static void random_values(struct rulesets *rulesets, uint32_t many, uint32_t min, uint32_t max,
			  struct fw_values *values)
{
	size_t i;

	if (!rulesets_one_in(rulesets, many))
		return;
	values->given = true;
	values->negated = rulesets_one_in(rulesets, 4);
	values->count = rulesets_one_in(rulesets, 2) ? 1 : 1 + rulesets_random(rulesets, 6);
	values->range = allocate(values->count, sizeof(*values->range));
	for (i = 0; i < values->count; i++) {
		struct fw_range *range = &values->range[i];

		range->lo = random_value(rulesets, min, max);
		range->hi = range->lo;
		if (rulesets_one_in(rulesets, 3))
			range->hi += rulesets_random(rulesets, max - range->lo + 1);
	}
}

/* --- rules */

static void random_upper(struct rulesets *rulesets, enum fw_upper_kind kind, struct fw_upper *upper)
{
	upper->given = true;
	if (kind == FW_ICMP || kind == FW_ICMP6) {
		random_values(rulesets, 2, 0, 255, &upper->type);
		random_values(rulesets, 3, 0, 255, &upper->code);
		return;
	}
	random_values(rulesets, 3, 0, 65535, &upper->sport);
	random_values(rulesets, 2, 0, 65535, &upper->dport);
	if (kind != FW_TCP)
		return;
	random_values(rulesets, 8, 0, 65535, &upper->window);
	if (rulesets_one_in(rulesets, 3)) {
		upper->flags.given = true;
		upper->flags.negated = rulesets_one_in(rulesets, 4);
		upper->flags.mask = draw(rulesets) & (rulesets_one_in(rulesets, 2) ? 0xff : 0x17);
		upper->flags.value = draw(rulesets) & upper->flags.mask;
	}
}

static void random_uppers(struct rulesets *rulesets, bool plain, struct fw_rule *rule)
{
	uint32_t kind, kinds;

	if (rulesets_one_in(rulesets, 3))
		return;
	kinds = PICK(rulesets, 1, 1, 1, 1, 2, 2, 4, 8, 3, 3, 12, 15);
	if (plain)
		kinds = PICK(rulesets, 1, 1, 2, 2, 4, 8);
	if (rule->family == 4)
		kinds &= ~(1U << FW_ICMP6);
	if (rule->family == 6)
		kinds &= ~(1U << FW_ICMP);
	for (kind = 0; kind < FW_UPPERS; kind++)
		if (kinds >> kind & 1)
			random_upper(rulesets, kind, &rule->upper[kind]);
}

static void random_limit(struct rulesets *rulesets, struct fw_limit *limit)
{
	limit->bytes = rulesets_one_in(rulesets, 2);
	limit->rate = 8 + rulesets_random(rulesets, 1000000);
	limit->burst = rulesets_one_in(rulesets, 2) ? 0 : 1 + rulesets_random(rulesets, 1000);
	limit->per_source = rulesets_one_in(rulesets, 2);
	if (!limit->per_source)
		return;
	limit->prefix4 = 1 + rulesets_random(rulesets, 32);
	limit->prefix6 = 1 + rulesets_random(rulesets, 128);
}

void rulesets_rule(struct rulesets *rulesets, bool plain, struct fw_rule *rule)
{
	memset(rule, 0, sizeof(*rule));
	rule->action = PICK(rulesets, FW_DROP, FW_DROP, FW_DROP, FW_PASS, FW_LIMIT, FW_COUNT);
	if (rule->action == FW_LIMIT)
		random_limit(rulesets, &rule->limit);
	rule->family = PICK(rulesets, 0, 0, 0, 4, 4, 6);
	random_values(rulesets, 8, 1, 65535, &rule->length);
	random_values(rulesets, 8, 0, 255, &rule->ttl);
	random_values(rulesets, 8, 0, 63, &rule->dscp);
	random_values(rulesets, 8, 0, 255, &rule->proto);
	random_values(rulesets, 12, 0, FW_VLAN_NONE - 1, &rule->vlan);
	if (rule->vlan.given && rulesets_one_in(rulesets, 3))
		rule->vlan.range[0] = (struct fw_range){ FW_VLAN_NONE, FW_VLAN_NONE };
	random_addrs(rulesets, rule->family, plain, &rule->src);
	random_addrs(rulesets, rule->family, plain, &rule->dst);
	rule->fragment = rulesets_one_in(rulesets, 8) ?
				 1 + rulesets_random(rulesets, FW_FRAGMENT_ALL) :
				 FW_FRAGMENT_ALL;
	rule->options = rulesets_one_in(rulesets, 12) ? FW_YES + rulesets_random(rulesets, 2) :
							FW_ANY;
	rule->malformed = rulesets_one_in(rulesets, 12) ? FW_YES + rulesets_random(rulesets, 2) :
							  FW_ANY;
	random_uppers(rulesets, plain, rule);
}

void rulesets_next(struct rulesets *rulesets, size_t rules, struct fw_ruleset *set)
{
	const bool plain = rules >= RULESETS_PLAIN;
	size_t i;

	memset(set, 0, sizeof(*set));
	set->fallback = rulesets_random(rulesets, 3);
	set->rules = rules;
	set->rule = allocate(rules + 1, sizeof(*set->rule));
	for (i = 0; i < rules; i++)
		rulesets_rule(rulesets, plain, &set->rule[i]);
	if (plain)
		return;
	set->hygiene.fragments = rulesets_one_in(rulesets, 6);
	set->hygiene.options = rulesets_one_in(rulesets, 6);
	set->hygiene.malformed = rulesets_one_in(rulesets, 6);
	set->hygiene.local = rulesets_one_in(rulesets, 2);
	set->hygiene.ptb_pps = set->hygiene.fragments ? rulesets_random(rulesets, 3) : 0;
	set->protects = rulesets_random(rulesets, 3);
	set->protect = allocate(set->protects + 1, sizeof(*set->protect));
	for (i = 0; i < set->protects; i++) {
		rulesets_rule(rulesets, false, &set->protect[i]);
		set->protect[i].action = FW_PROTECT;
		memset(&set->protect[i].limit, 0, sizeof(set->protect[i].limit));
	}
}

const struct ecbpf_prefix *rulesets_local(size_t *count)
{
	static const struct ecbpf_prefix local[] = {
		{ .addr = { 10, 0, 0, 1 }, .family = AF_INET, .length = 32 },
		{ .addr = { 192, 168, 0, 1 }, .family = AF_INET, .length = 32 },
		{ .addr = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, .family = AF_INET6, .length = 128 },
	};

	*count = SIZE(local);
	return local;
}
