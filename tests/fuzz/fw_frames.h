/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Frames for what selectors look at, and the other way round by the reference parser. */
#ifndef TESTS_FUZZ_FW_FRAMES_H
#define TESTS_FUZZ_FW_FRAMES_H

#include "tests/fuzz/facts.h"
#include "tests/fuzz/rulesets.h"

/* No frame is longer. */
#define FW_FRAME_MAX 2048

/**
 * fw_frame_make - a frame that is what @packet says, as far as one can be; returns its length
 *
 * Lengths that the headers or FW_FRAME_MAX do not allow become the nearest that they do.
 */
size_t fw_frame_make(struct rulesets *rulesets, const struct fw_packet *packet, uint8_t *frame);

/**
 * fw_frame_packet - what selectors see of a frame
 * @facts: reference_parse() of it
 * Return: false: not IP, or malformed.
 */
bool fw_frame_packet(const uint8_t *frame, size_t len, const struct facts *facts,
		     struct fw_packet *packet);

#endif
