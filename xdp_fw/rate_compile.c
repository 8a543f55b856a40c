// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "xdp_fw/rate.h"
#include "xdp_fw/rate_compile.h"

#define NS_PER_S 1000000000ULL

/* A year: no burst is longer. */
#define BURST_MAX (365 * 86400 * NS_PER_S << RATE_TIME_SHIFT)

#define LARGEST_PACKET 65535

/* burst_time - that of so many packets or bytes */
static uint64_t burst_time(uint64_t cost, uint64_t units)
{
	unsigned __int128 time = ((unsigned __int128)cost * units) >>
				 (RATE_COST_SHIFT - RATE_TIME_SHIFT);

	return time > BURST_MAX ? BURST_MAX : time;
}

void rate_compile(const struct fw_limit *limit, unsigned int hz, struct fw_verdict_rule *rule)
{
	const uint64_t per_second = limit->bytes ? 8 * NS_PER_S : NS_PER_S;
	const uint64_t least = limit->bytes ? LARGEST_PACKET : 1;
	const uint64_t tenth = limit->rate / (limit->bytes ? 80 : 10);
	uint64_t units = limit->burst ? limit->burst : tenth, tick;

	if (!limit->rate)
		return;
	rule->flags = (limit->bytes ? FW_RULE_BYTES : 0) |
		      (limit->per_source ? FW_RULE_PER_SOURCE : 0);
	rule->prefix4 = limit->prefix4;
	rule->prefix6 = limit->prefix6;
	rule->cost = ((unsigned __int128)per_second << RATE_COST_SHIFT) / limit->rate;
	if (units < least)
		units = least;
	rule->burst = burst_time(rule->cost, units);
	tick = NS_PER_S / hz << RATE_TIME_SHIFT;
	if (rule->burst < 2 * tick)
		rule->flags |= FW_RULE_PRECISE;
}
