// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "libecbpf/abi.h"
#include "xdp_sampler/client_budget.h"

#define NS_PER_S 1e9
/* The root draws gaps of up to twice the rate, in 32 bits. */
#define ONE_IN_MAX 0x7fffffff
/* Beyond twice the budget, or below half of it, it is no chance: go there at once. */
#define FAR 2.0

uint32_t budget_next(uint32_t one_in, uint32_t least, uint64_t generated, uint64_t ns,
		     uint32_t budget)
{
	double ratio, next;

	if (!one_in || least >= ONE_IN_MAX || !ns)
		return one_in;
	ratio = generated * NS_PER_S / ns / budget;
	if (ratio < 1 / FAR) /* traffic may be back at the next moment */
		ratio = 1 / FAR;
	next = one_in * (ratio > FAR ? ratio : (1 + ratio) / 2);
	if (next > ONE_IN_MAX)
		next = ONE_IN_MAX;
	/* up: or the rate would never leave small numbers */
	one_in = ratio > 1 ? (uint32_t)next + 1 : (uint32_t)next;
	return one_in > least ? one_in : least;
}
