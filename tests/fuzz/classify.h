/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel program's lookup over a compiled ruleset, in plain C. */
#ifndef TESTS_FUZZ_CLASSIFY_H
#define TESTS_FUZZ_CLASSIFY_H

#include "xdp_fw/plan.h"

#define CLASSIFY_NONE SIZE_MAX

/** classify_kind - value of FW_DIM_KIND */
uint32_t classify_kind(const struct fw_packet *packet);

/**
 * classify - lowest index >= @from of an entry of the plan that matches, or CLASSIFY_NONE
 * @src_sets, @dst_sets: bit of each set that has the address
 */
size_t classify(const struct fw_compiled *compiled, const struct fw_packet *packet,
		uint64_t src_sets, uint64_t dst_sets, size_t from);

/** classify_count - classify(); adds to *words how many words of terms it looked at */
size_t classify_count(const struct fw_compiled *compiled, const struct fw_packet *packet,
		      uint64_t src_sets, uint64_t dst_sets, size_t from, size_t *words);

#endif
