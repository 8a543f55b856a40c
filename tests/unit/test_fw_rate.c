// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Rate limits: what a limit is compiled to, and which packets conform. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "xdp_fw/rate.h"
#include "xdp_fw/rate_compile.h"

#define NS_PER_S 1000000000ULL
#define HZ	 250
#define TIME(ns) ((uint64_t)(ns) << RATE_TIME_SHIFT)

static struct fw_verdict_rule compiled(bool bytes, uint64_t rate, uint64_t burst)
{
	const struct fw_limit limit = { .bytes = bytes, .rate = rate, .burst = burst };
	struct fw_verdict_rule rule = {};

	rate_compile(&limit, HZ, &rule);
	return rule;
}

/* sent - how many of @count packets, @gap_ns apart, conform */
static unsigned int sent(const struct fw_verdict_rule *rule, uint64_t *tat, uint64_t start_ns,
			 uint64_t gap_ns, unsigned int count, uint32_t units)
{
	const uint64_t cost = rate_cost(rule->cost, units);
	unsigned int i, conform = 0;
	uint64_t next;

	for (i = 0; i < count; i++) {
		next = rate_next(*tat, TIME(start_ns + i * gap_ns), cost, rule->burst);
		if (!next)
			continue;
		*tat = next;
		conform++;
	}
	return conform;
}

static void costs(void **state)
{
	(void)state;
	assert_int_equal(compiled(false, 1, 0).cost, NS_PER_S << RATE_COST_SHIFT);
	assert_int_equal(compiled(false, 1000, 0).cost, 1000000ULL << RATE_COST_SHIFT);
	assert_int_equal(compiled(false, NS_PER_S, 0).cost, 1 << RATE_COST_SHIFT);
	assert_int_equal(compiled(true, 8, 0).cost, NS_PER_S << RATE_COST_SHIFT);
	assert_int_equal(compiled(true, 1000000000, 0).cost, 8 << RATE_COST_SHIFT);
	/* the dearest byte and the longest frame fit into 64 bits */
	assert_int_equal(rate_cost(compiled(true, 8, 0).cost, 65535), TIME(65535 * NS_PER_S));
}

static void bursts(void **state)
{
	(void)state;
	/* a tenth of a second's worth, at least one packet, or the longest */
	assert_int_equal(compiled(false, 1000, 0).burst, TIME(NS_PER_S / 10));
	assert_int_equal(compiled(false, 1, 0).burst, TIME(NS_PER_S));
	assert_int_equal(compiled(true, 8000, 0).burst, TIME(65535 * NS_PER_S / 1000));
	assert_int_equal(compiled(false, 1000, 5).burst, TIME(5 * NS_PER_S / 1000));
	assert_int_equal(compiled(true, 8000000, 100000).burst, TIME(NS_PER_S / 10));
	/* a year at most, where the product would not fit */
	assert_int_equal(compiled(false, 1, 1000000000).burst, TIME(365ULL * 86400 * NS_PER_S));
}

static void clocks(void **state)
{
	/* a tick of 4 ms: the coarse clock is good for bursts of 8 ms and more */
	(void)state;
	assert_true(compiled(false, 1000, 7).flags & FW_RULE_PRECISE);
	assert_false(compiled(false, 1000, 8).flags & FW_RULE_PRECISE);
	assert_false(compiled(false, 1000000, 0).flags & FW_RULE_PRECISE);
}

static void burst_then_rate(void **state)
{
	const struct fw_verdict_rule rule = compiled(false, 1000, 50);
	uint64_t tat = 0;

	(void)state;
	assert_int_equal(sent(&rule, &tat, NS_PER_S, 0, 200, 1), 50);
	/* refused packets cost nothing: one more each millisecond, however many come */
	assert_int_equal(sent(&rule, &tat, NS_PER_S + 1000000, 1000, 10000, 1), 10);
	/* after a rest the whole burst is there again, and no more */
	assert_int_equal(sent(&rule, &tat, 100 * NS_PER_S, 0, 200, 1), 50);
}

static void long_run(void **state)
{
	const struct fw_verdict_rule rule = compiled(false, 333, 10), one = compiled(false, 333, 1);
	uint64_t tat = 0;

	(void)state;
	/* 100 s at 10,000 packets/s: the burst, and then the rate */
	assert_int_equal(sent(&rule, &tat, NS_PER_S, 100000, 1000000, 1), 10 + 33299);
	/* a burst of one saves nothing up: a packet each 3.003 ms comes to one each 3.1 ms here */
	tat = 0;
	assert_int_equal(sent(&one, &tat, NS_PER_S, 100000, 1000000, 1), 32259);
}

static void bytes(void **state)
{
	const struct fw_verdict_rule rule = compiled(true, 8000000, 100000); /* 1 MB/s */
	uint64_t tat = 0;

	(void)state;
	assert_int_equal(sent(&rule, &tat, NS_PER_S, 0, 1000, 1000), 100);
	/* 1000 bytes a millisecond: all of them, but not both of two */
	assert_int_equal(sent(&rule, &tat, 2 * NS_PER_S, 1000000, 1000, 1000), 1000);
	assert_int_equal(sent(&rule, &tat, 10 * NS_PER_S, 500000, 2000, 1000), 100 + 999);
}

static void no_rate(void **state)
{
	struct fw_verdict_rule rule = { .cost = 7 };

	(void)state;
	rate_compile(&(struct fw_limit){}, HZ, &rule);
	assert_int_equal(rule.cost, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs),    cmocka_unit_test(bursts),
		cmocka_unit_test(clocks),   cmocka_unit_test(burst_then_rate),
		cmocka_unit_test(long_run), cmocka_unit_test(bytes),
		cmocka_unit_test(no_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
