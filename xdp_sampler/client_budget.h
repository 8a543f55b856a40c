/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How seldom packets must be drawn to keep to a budget of samples. */
#ifndef XDP_SAMPLER_CLIENT_BUDGET_H
#define XDP_SAMPLER_CLIENT_BUDGET_H

#include <stdint.h>

/**
 * budget_next - the next rate of drawing, from what the last one brought
 * @one_in: now; 0: off, and stays so
 * @least: never below this; ECBPF_NEVER: nothing is sampled
 * @generated: samples in the last @ns
 * @budget: samples a second, not 0
 */
uint32_t budget_next(uint32_t one_in, uint32_t least, uint64_t generated, uint64_t ns,
		     uint32_t budget);

#endif
