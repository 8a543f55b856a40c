/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Buckets of a duration in nanoseconds; see ECBPF_NS_BUCKETS. For kernel programs and the host. */
#ifndef LIBECBPF_HISTOGRAM_H
#define LIBECBPF_HISTOGRAM_H

#include <linux/types.h>

#include "libecbpf/abi.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* ecbpf_ns_bucket - the bucket that counts @ns */
static __always_inline __u32 ecbpf_ns_bucket(__u64 ns)
{
	__u32 octave = 0, value = ns;

	if (ns < ECBPF_NS_LINEAR)
		return value;
	if (ns >> 20)
		return ECBPF_NS_BUCKETS - 1;
	if (value >> 12) {
		value >>= 8;
		octave += 8;
	}
	if (value >> 8) {
		value >>= 4;
		octave += 4;
	}
	if (value >> 6) {
		value >>= 2;
		octave += 2;
	}
	if (value >> 5) {
		value >>= 1;
		octave += 1;
	}
	/* value is 16 .. 31 now: one leading bit, three that number the bucket, one to spare */
	return ECBPF_NS_LINEAR + octave * ECBPF_NS_SUB + (value >> 1) - ECBPF_NS_SUB;
}

/* ecbpf_ns_bucket_low - the smallest value of a bucket: it holds [low, low of the next) */
static __always_inline __u64 ecbpf_ns_bucket_low(__u32 bucket)
{
	__u32 octave;

	if (bucket < ECBPF_NS_LINEAR)
		return bucket;
	octave = (bucket - ECBPF_NS_LINEAR) / ECBPF_NS_SUB;
	return (__u64)(ECBPF_NS_SUB + (bucket - ECBPF_NS_LINEAR) % ECBPF_NS_SUB) << (octave + 1);
}

#endif
