// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* ecbpf_exit(): what a verdict comes to, which programs run, what is counted where. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "tests/bpf/suite.h"

/* A type that nobody knows: the root hands it on. */
#define FRAME_BYTES 60
static const uint8_t frame[FRAME_BYTES] = { [12] = 0x90 };

/* An Ethernet header that says IPv4, and nothing behind: the root refuses it. */
static const uint8_t refused[SUITE_FRAME_MIN] = { [12] = 0x08 };

/* One frame must come out with @action, and have been run by these programs. */
#define RUN_FRAME(suite, action, ...) \
	run_marks(suite, FRAME_BYTES, action, (const __u32[]){ __VA_ARGS__ __VA_OPT__(, ) 0 })

static void run_marks(struct suite *suite, size_t len, int action, const __u32 *marks)
{
	assert_int_equal(suite_run(suite, frame, len), action);
	suite_expect_trail(suite, marks);
}

/* Short for the one frame of most tests. */
static void counted(struct suite *suite, unsigned int row, unsigned int column)
{
	suite_expect(suite, row, column, FRAME_BYTES);
}

static int member(struct suite *suite, int slot, __u32 mark, int action)
{
	return suite_member(suite, slot,
			    &(const struct member_config){ .mark = mark, .action = action });
}

static int foreign(struct suite *suite, __u32 mark, int action)
{
	return suite_foreign(suite,
			     &(const struct member_config){ .mark = mark, .action = action });
}

/* --- verdicts */

static void empty_chain_passes(void **state)
{
	struct suite *suite = suite_get(state);

	RUN_FRAME(suite, XDP_PASS);
	counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_END, ECBPF_COLUMN_PASS);
	suite_check(suite);
	assert_int_equal(suite_now(suite).pending, 0);
}

static void each_action_ends_the_chain(void **state)
{
	struct suite *suite = suite_get(state);
	int action;

	member(suite, 9, 90, XDP_DROP);
	for (action = XDP_ABORTED; action <= XDP_REDIRECT; action++) {
		member(suite, 4, 40 + action, action);
		RUN_FRAME(suite, action, 40 + action);
		counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
		counted(suite, ECBPF_ROW_SLOT(4), action + 1);
		suite_check(suite);
		assert_int_equal(suite_now(suite).pending, 0);
	}
}

static void invalid_action_aborts(void **state)
{
	static const int actions[] = { XDP_REDIRECT + 1, -2, 255, INT_MAX, INT_MIN };
	struct suite *suite = suite_get(state);
	size_t i;

	member(suite, 15, 150, XDP_PASS);
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		member(suite, 0, 1, actions[i]);
		RUN_FRAME(suite, XDP_ABORTED, 1);
		counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
		counted(suite, ECBPF_ROW_SLOT(0), ECBPF_COLUMN_INVALID);
		suite_check(suite);
	}
}

static void code_is_counted_with_any_action(void **state)
{
	static const struct {
		__u32 code, counted;
		int action;
	} rows[] = {
		{ ECBPF_CODE_USER, ECBPF_CODE_USER, XDP_DROP },
		{ ECBPF_CODE_USER + 1, ECBPF_CODE_USER + 1, ECBPF_NEXT },
		{ 1, 1, XDP_PASS },
		{ 510, 510, XDP_TX },
		{ 511, ECBPF_CODE_OTHER, XDP_DROP },
		{ 512, ECBPF_CODE_OTHER, XDP_DROP },
		{ UINT_MAX, ECBPF_CODE_OTHER, XDP_DROP },
		{ 77, 77, XDP_REDIRECT + 1 },
	};
	struct suite *suite = suite_get(state);
	struct member_config config = { .mark = 1 };
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const bool invalid = rows[i].action > XDP_REDIRECT;
		const bool next = rows[i].action == ECBPF_NEXT;

		config.code = rows[i].code;
		config.action = rows[i].action;
		suite_member(suite, 0, &config);
		RUN_FRAME(suite, invalid ? XDP_ABORTED : next ? XDP_PASS : rows[i].action, 1);
		counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
		counted(suite, ECBPF_ROW_SLOT(0),
			invalid ? ECBPF_COLUMN_INVALID : (unsigned int)rows[i].action + 1);
		if (next)
			counted(suite, ECBPF_ROW_END, ECBPF_COLUMN_PASS);
		suite->want.code[rows[i].counted]++;
		suite_check(suite);
	}
}

static void member_without_a_slot_aborts(void **state)
{
	struct suite *suite = suite_get(state);

	suite_put(suite, 2, member(suite, ECBPF_SLOTS, 1, XDP_PASS));
	RUN_FRAME(suite, XDP_ABORTED, 1);
	counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
	suite_check(suite);
}

/* --- order */

static void next_runs_later_slots_in_order(void **state)
{
	struct suite *suite = suite_get(state);

	member(suite, 15, 150, ECBPF_NEXT);
	member(suite, 2, 20, ECBPF_NEXT);
	member(suite, 5, 50, ECBPF_NEXT);
	RUN_FRAME(suite, XDP_PASS, 20, 50, 150);
	counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_SLOT(2), ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_SLOT(5), ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_SLOT(15), ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_END, ECBPF_COLUMN_PASS);
	suite_check(suite);
}

static void all_slots_full(void **state)
{
	struct suite *suite = suite_get(state);
	__u32 marks[ECBPF_SLOTS + 1] = {};
	int slot;

	counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
	for (slot = 0; slot < ECBPF_SLOTS; slot++) {
		marks[slot] = 100 + slot;
		member(suite, slot, marks[slot], ECBPF_NEXT);
		counted(suite, ECBPF_ROW_SLOT(slot), ECBPF_COLUMN_NEXT);
	}
	counted(suite, ECBPF_ROW_END, ECBPF_COLUMN_PASS);
	run_marks(suite, FRAME_BYTES, XDP_PASS, marks);
	suite_check(suite);
}

static void pass_skips_later_slots(void **state)
{
	struct suite *suite = suite_get(state);

	member(suite, 1, 10, ECBPF_NEXT);
	member(suite, 3, 30, XDP_PASS);
	member(suite, 4, 40, XDP_DROP);
	RUN_FRAME(suite, XDP_PASS, 10, 30);
	counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_SLOT(1), ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_SLOT(3), ECBPF_COLUMN_PASS);
	suite_check(suite);
}

static void emptied_slot_is_skipped(void **state)
{
	struct suite *suite = suite_get(state);

	member(suite, 0, 1, XDP_DROP);
	member(suite, 15, 150, XDP_TX);
	suite_put(suite, 0, -1);
	RUN_FRAME(suite, XDP_TX, 150);
	suite_put(suite, 15, -1);
	RUN_FRAME(suite, XDP_PASS);
	counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_SLOT(15), ECBPF_COLUMN_TX);
	counted(suite, ECBPF_ROW_END, ECBPF_COLUMN_PASS);
	suite_check(suite);
}

/* Whatever the control map says of the slots, those that it does not say to be empty are run in order. */
static void slots_said_to_be_empty_are_not_tried(void **state)
{
	struct suite *suite = suite_get(state);
	__u32 round, slot, empty, random = 1, marks[ECBPF_SLOTS + 1], count;

	for (slot = 0; slot < ECBPF_SLOTS; slot++)
		member(suite, slot, 100 + slot, ECBPF_NEXT);
	for (round = 0; round < 500; round++) {
		random = random * 1664525 + 1013904223;
		/* each slot alone, each missing alone, and what comes */
		empty = round < ECBPF_SLOTS	? 1U << round :
			round < 2 * ECBPF_SLOTS ? 0xffff & ~(1U << round % ECBPF_SLOTS) :
						  random >> 16;
		suite->control->empty = empty;
		for (slot = count = 0; slot < ECBPF_SLOTS; slot++) {
			if (empty >> slot & 1)
				continue;
			marks[count++] = 100 + slot;
			counted(suite, ECBPF_ROW_SLOT(slot), ECBPF_COLUMN_NEXT);
		}
		marks[count] = 0;
		run_marks(suite, FRAME_BYTES, XDP_PASS, marks);
		counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
		counted(suite, ECBPF_ROW_END, ECBPF_COLUMN_PASS);
	}
	suite_check(suite);
}

/* --- bytes */

/* What a packet counts as is its length on arrival, whatever members make of it. */
static void bytes_are_those_that_arrived(void **state)
{
	static const uint8_t large[1000] = { [12] = 0x90 };
	struct suite *suite = suite_get(state);
	uint8_t out[SUITE_FRAME_MAX];
	size_t len = sizeof(large);

	suite_member(
		suite, 0,
		&(const struct member_config){ .action = ECBPF_NEXT, .mark = 1, .tail = -900 });
	suite_member(suite, 1,
		     &(const struct member_config){ .action = ECBPF_NEXT, .mark = 2, .tail = 20 });
	member(suite, 2, 3, XDP_TX);
	assert_int_equal(suite_run_out(suite, large, &len, out), XDP_TX);
	assert_int_equal(len, 120);
	suite_expect(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT, sizeof(large));
	suite_expect(suite, ECBPF_ROW_SLOT(0), ECBPF_COLUMN_NEXT, sizeof(large));
	suite_expect(suite, ECBPF_ROW_SLOT(1), ECBPF_COLUMN_NEXT, sizeof(large));
	suite_expect(suite, ECBPF_ROW_SLOT(2), ECBPF_COLUMN_TX, sizeof(large));
	suite_check(suite);
}

static void each_packet_has_its_own_bytes(void **state)
{
	static const size_t lens[] = { SUITE_FRAME_MIN, 60, 15 };
	struct suite *suite = suite_get(state);
	size_t i;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		run_marks(suite, lens[i], XDP_PASS, (const __u32[]){ 0 });
		suite_expect(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT, lens[i]);
		suite_expect(suite, ECBPF_ROW_END, ECBPF_COLUMN_PASS, lens[i]);
		suite_check(suite);
	}
}

/* --- programs that do not report */

static void foreign_program_is_counted_by_the_next_packet(void **state)
{
	struct suite *suite = suite_get(state);

	suite_put(suite, 6, foreign(suite, 60, XDP_DROP));
	member(suite, 7, 70, XDP_TX);
	run_marks(suite, 40, XDP_DROP, (const __u32[]){ 60, 0 });
	suite_expect(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT, 40);
	suite_check(suite);
	assert_int_equal(suite_now(suite).pending, ECBPF_ROW_SLOT(6));
	assert_int_equal(suite_now(suite).bytes, 40);

	suite_put(suite, 6, -1);
	RUN_FRAME(suite, XDP_TX, 70);
	suite_expect(suite, ECBPF_ROW_SLOT(6), ECBPF_COLUMN_UNREPORTED, 40);
	counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_SLOT(7), ECBPF_COLUMN_TX);
	suite_check(suite);
	assert_int_equal(suite_now(suite).pending, 0);

	RUN_FRAME(suite, XDP_TX, 70); /* and only once */
	counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_SLOT(7), ECBPF_COLUMN_TX);
	suite_check(suite);
}

static void refused_packet_counts_the_foreign_one_before(void **state)
{
	struct suite *suite = suite_get(state);

	suite_put(suite, 15, foreign(suite, 150, XDP_PASS));
	RUN_FRAME(suite, XDP_PASS, 150);
	assert_int_equal(suite_run(suite, refused, sizeof(refused)), XDP_ABORTED);
	counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_SLOT(15), ECBPF_COLUMN_UNREPORTED);
	suite_expect(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_ABORTED, sizeof(refused));
	suite->want.code[ECBPF_CODE_IPV4_TRUNCATED]++;
	suite_check(suite);
}

static void foreign_program_after_a_member(void **state)
{
	struct suite *suite = suite_get(state);

	member(suite, 3, 30, ECBPF_NEXT);
	suite_put(suite, 8, foreign(suite, 80, XDP_TX));
	RUN_FRAME(suite, XDP_TX, 30, 80);
	RUN_FRAME(suite, XDP_TX, 30, 80);
	counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_SLOT(3), ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_SLOT(3), ECBPF_COLUMN_NEXT);
	counted(suite, ECBPF_ROW_SLOT(8), ECBPF_COLUMN_UNREPORTED);
	suite_check(suite);
	assert_int_equal(suite_now(suite).pending, ECBPF_ROW_SLOT(8));
}

/* --- the capture hook: a program for each action, and what that returns is the result */

static void hook_runs_for_each_action(void **state)
{
	struct suite *suite = suite_get(state);
	int action, result;

	for (action = XDP_ABORTED; action <= XDP_REDIRECT; action++)
		suite_hook(suite, action, foreign(suite, 200 + action, (action + 1) % 5));
	for (action = XDP_ABORTED; action <= XDP_REDIRECT; action++) {
		result = (action + 1) % 5;
		member(suite, 0, 1, action);
		RUN_FRAME(suite, result, 1, 200 + action);
		counted(suite, ECBPF_ROW_ROOT, ECBPF_COLUMN_NEXT);
		counted(suite, ECBPF_ROW_SLOT(0), action + 1);
		suite_check(suite);
		assert_int_equal(suite_now(suite).pending, 0);
	}
}

static void hook_runs_at_the_end_of_the_chain(void **state)
{
	struct suite *suite = suite_get(state);

	suite_hook(suite, XDP_PASS, foreign(suite, 202, XDP_PASS));
	member(suite, 5, 50, ECBPF_NEXT);
	RUN_FRAME(suite, XDP_PASS, 50, 202);
}

static void hook_sees_refusals_and_invalid_actions(void **state)
{
	struct suite *suite = suite_get(state);

	suite_hook(suite, XDP_ABORTED, foreign(suite, 200, XDP_ABORTED));
	assert_int_equal(suite_run(suite, refused, sizeof(refused)), XDP_ABORTED);
	suite_expect_trail(suite, (const __u32[]){ 200, 0 });
	member(suite, 5, 50, -2);
	RUN_FRAME(suite, XDP_ABORTED, 50, 200);
}

static void hook_of_another_action_does_not_run(void **state)
{
	struct suite *suite = suite_get(state);

	suite_hook(suite, XDP_DROP, foreign(suite, 201, XDP_DROP));
	member(suite, 5, 50, XDP_TX);
	RUN_FRAME(suite, XDP_TX, 50);
}

#define CHAIN_TEST(f) cmocka_unit_test_setup_teardown(f, suite_open, suite_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHAIN_TEST(empty_chain_passes),
		CHAIN_TEST(each_action_ends_the_chain),
		CHAIN_TEST(invalid_action_aborts),
		CHAIN_TEST(code_is_counted_with_any_action),
		CHAIN_TEST(member_without_a_slot_aborts),
		CHAIN_TEST(next_runs_later_slots_in_order),
		CHAIN_TEST(all_slots_full),
		CHAIN_TEST(pass_skips_later_slots),
		CHAIN_TEST(emptied_slot_is_skipped),
		CHAIN_TEST(slots_said_to_be_empty_are_not_tried),
		CHAIN_TEST(bytes_are_those_that_arrived),
		CHAIN_TEST(each_packet_has_its_own_bytes),
		CHAIN_TEST(foreign_program_is_counted_by_the_next_packet),
		CHAIN_TEST(refused_packet_counts_the_foreign_one_before),
		CHAIN_TEST(foreign_program_after_a_member),
		CHAIN_TEST(hook_runs_for_each_action),
		CHAIN_TEST(hook_runs_at_the_end_of_the_chain),
		CHAIN_TEST(hook_sees_refusals_and_invalid_actions),
		CHAIN_TEST(hook_of_another_action_does_not_run),
	};

	return cmocka_run_group_tests_name("exit", tests, NULL, NULL);
}
