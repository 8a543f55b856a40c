/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Named frames, and what a parser must find in them. */
#ifndef TESTS_FUZZ_CASES_H
#define TESTS_FUZZ_CASES_H

#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/facts.h"

#define CASE_FRAME_MAX 2560

/**
 * struct frame_case - a row
 * @hex: the frame: hexadecimal digits, spaces between; "00*6 " is six bytes of 00
 */
struct frame_case {
	const char *name;
	const char *hex;
	struct facts want;
};

extern const struct frame_case frame_cases[];
extern const size_t frame_cases_count;

/** frame_bytes - the bytes of @hex, into @frame (CASE_FRAME_MAX); returns how many */
size_t frame_bytes(const char *hex, uint8_t *frame);

#endif
