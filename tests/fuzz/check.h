/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Comparing parsers in cmocka tests. */
#ifndef TESTS_FUZZ_CHECK_H
#define TESTS_FUZZ_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/cases.h"

struct CMUnitTest;

/**
 * struct check_case - state of a test that runs for each of frame_cases
 * @subject: what to test
 */
struct check_case {
	void *subject;
	const struct frame_case *frame;
};

/**
 * check_cases - run @test for each of frame_cases (state: struct check_case), then @more
 * @more: tests whose state is @subject
 * Return: exit status.
 */
int check_cases(const char *group, void *subject, void (*test)(void **state),
		const struct CMUnitTest *more, size_t more_count);

/** check_facts - fail, and show frame and both facts, unless they are the same */
void check_facts(const char *who, const uint8_t *frame, size_t len, const struct facts *got,
		 const struct facts *want);

#endif
