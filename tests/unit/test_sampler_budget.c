// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The adaptive budget: single steps, and where steps lead to under traffic of all kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "libecbpf/abi.h"
#include "xdp_sampler/client_budget.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define SECOND	    1000000000ULL
#define TICK	    (SECOND / 10)
#define ONE_IN_MAX  (1U << 31)

static void one_step(void **state)
{
	static const struct {
		const char *name;
		uint32_t one_in, least;
		uint64_t generated, ns;
		uint32_t budget, want;
	} rows[] = {
		{ "off stays off", 0, 10, 5000, SECOND, 1000, 0 },
		{ "nothing is sampled", 50, ECBPF_NEVER, 5000, SECOND, 1000, 50 },
		{ "no time has passed", 50, 10, 5000, 0, 1000, 50 },
		{ "as it should be", 50, 10, 1000, SECOND, 1000, 50 },
		{ "as it should be, in a tick", 50, 10, 100, TICK, 1000, 50 },
		{ "a little too much: half the way", 100, 10, 1500, SECOND, 1000, 126 },
		{ "too much, and a small rate: up all the same", 1, 1, 1001, SECOND, 1000, 2 },
		{ "far too much: there at once", 100, 10, 5000, SECOND, 1000, 501 },
		{ "a little too few: half the way", 100, 10, 800, SECOND, 1000, 90 },
		{ "far too few: as if it were half", 100, 10, 100, SECOND, 1000, 75 },
		{ "no traffic", 100, 10, 0, SECOND, 1000, 75 },
		{ "never below the least rate", 12, 10, 0, SECOND, 1000, 10 },
		{ "nor if it has risen since", 12, 40, 1000, SECOND, 1000, 40 },
		{ "back to 1", 1, 1, 0, SECOND, 1000, 1 },
		{ "the most", 1U << 30, 1, 1000000, SECOND, 1, ONE_IN_MAX },
		{ "and no more", ONE_IN_MAX, 1, UINT64_MAX, 1, 1, ONE_IN_MAX },
	};
	uint32_t next;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		next = budget_next(rows[i].one_in, rows[i].least, rows[i].generated, rows[i].ns,
				   rows[i].budget);
		if (next != rows[i].want)
			fail_msg("%s: %u, not %u", rows[i].name, next, rows[i].want);
	}
}

/* steady - @ticks of so many packets a second; returns the rate at their end */
static uint32_t steady(uint32_t one_in, uint32_t least, double pps, uint32_t budget, int ticks)
{
	while (ticks--)
		one_in = budget_next(one_in, least, (uint64_t)(pps / 10 / one_in), TICK, budget);
	return one_in;
}

static void traffic_finds_its_rate_and_leaves_it(void **state)
{
	static const struct {
		double pps;
		uint32_t budget;
	} rows[] = {
		{ 1e5, 1000 }, { 1e6, 1000 },  { 1e7, 1000 },	 { 1e8, 1000 },
		{ 1e7, 100 },  { 1e8, 50000 }, { 1e7, 1000000 },
	};
	uint32_t one_in;
	double samples;
	size_t i;
	int tick;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		/* the first tick is a guess that is right; the second must be within the budget */
		one_in = steady(1, 1, rows[i].pps, rows[i].budget, 1);
		assert_true(rows[i].pps / one_in <= rows[i].budget);
		one_in = steady(one_in, 1, rows[i].pps, rows[i].budget, 20);
		for (tick = 0; tick < 100; tick++) {
			one_in = steady(one_in, 1, rows[i].pps, rows[i].budget, 1);
			samples = rows[i].pps / one_in;
			/* a tick of few samples counts whole ones, and small rates have coarse steps */
			assert_true(samples >= 0.8 * rows[i].budget);
			assert_true(samples <= 1.2 * rows[i].budget);
		}
		/* none left: what is sampled is as often as the rates say, after four seconds */
		assert_int_equal(steady(one_in, 1, 0, rows[i].budget, 40), 1);
	}
}

static void a_flood_is_met_within_a_tick(void **state)
{
	const uint32_t quiet = steady(10, 10, 1e4, 1000, 50);

	(void)state;
	assert_int_equal(quiet, 10);
	/* 10^7 a second from one moment to the next: a tick of 100 times too many, then none */
	assert_int_equal(budget_next(quiet, 10, 100000, TICK, 1000), 10001);
	assert_in_range(steady(quiet, 10, 1e7, 1000, 30), 9000, 11001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_step),
		cmocka_unit_test(traffic_finds_its_rate_and_leaves_it),
		cmocka_unit_test(a_flood_is_met_within_a_tick),
	};

	return cmocka_run_group_tests_name("sampler_budget", tests, NULL, NULL);
}
