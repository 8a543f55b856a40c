/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef XDP_FW_RATE_COMPILE_H
#define XDP_FW_RATE_COMPILE_H

#include "xdp_fw/abi.h"
#include "xdp_fw/rule.h"

/**
 * rate_compile - cost, burst and flags of a rule, for rate.h
 * @hz: ticks of the coarse clock: a burst that is over within two of them needs the precise one
 *
 * A burst is at least one packet (one of 65535 bytes, of a limit in bits).
 */
void rate_compile(const struct fw_limit *limit, unsigned int hz, struct fw_verdict_rule *rule);

#endif
