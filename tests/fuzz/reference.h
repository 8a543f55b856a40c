/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The header parser once more, by offsets and from the RFCs: what pkt.bpf.h is held against. */
#ifndef TESTS_FUZZ_REFERENCE_H
#define TESTS_FUZZ_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/facts.h"

/** reference_parse - all facts about a frame */
void reference_parse(const uint8_t *frame, size_t len, struct facts *facts);

/** reference_refusal - the code with which the root refuses the frame, or 0 */
__u32 reference_refusal(const struct facts *facts);

#endif
