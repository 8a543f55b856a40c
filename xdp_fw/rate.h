/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Rate limits as a virtual scheduling algorithm (GCRA, ITU-T I.371 annex A): a bucket is one number,
 * the time at which it will be empty again ("theoretical arrival time", tat). A packet conforms if that
 * is at most a burst ahead of now, and then moves it by its cost. A bucket that is empty is the same
 * as none at all, and a packet over the limit changes nothing: under a flood there are only readers.
 *
 * Pure; compiled for BPF and for host tests. Times are in units of 2^-6 ns.
 */
#ifndef XDP_FW_RATE_H
#define XDP_FW_RATE_H

#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define RATE_TIME_SHIFT 6  /* of times, in ns */
#define RATE_COST_SHIFT 16 /* of the cost of one packet or byte, in ns */

/* rate_cost - of @units (1 packet, or up to 65535 bytes): @cost is below 2^47, see rate_compile() */
static __always_inline __u64 rate_cost(__u64 cost, __u32 units)
{
	return (cost * units) >> (RATE_COST_SHIFT - RATE_TIME_SHIFT);
}

/*
 * rate_next - the bucket's next tat if a packet of this cost conforms, or 0 if it does not
 * @tat: the bucket's; 0: never used
 * @burst: how far ahead of @now the bucket may be after the packet
 */
static __always_inline __u64 rate_next(__u64 tat, __u64 now, __u64 cost, __u64 burst)
{
	__u64 next = (tat > now ? tat : now) + cost;

	return next - now > burst ? 0 : next;
}

#endif
