/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Internet checksum arithmetic (RFC 1071) and incremental update (RFC 1624). Sums are of 16-bit
 * words in the byte order of the packet, so nothing here swaps bytes. Compiles on the host too.
 */
#ifndef LIBECBPF_CSUM_BPF_H
#define LIBECBPF_CSUM_BPF_H

#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/*
 * csum_fold - the 16-bit checksum of a sum. The sum of up to 2^32 words is below 2^48; folded by
 * 32 bits it is below 2^33, then by 16 twice at most 0xffff.
 */
static __always_inline __u16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* A 16-bit word of whatever a header's members are: the compiler must not take it for unrelated. */
struct csum_word {
	__u16 value;
} __attribute__((__may_alias__));

/* csum_add - sum of @words 16-bit words at @data, added to @sum; @words must be a constant */
static __always_inline __u64 csum_add(__u64 sum, const void *data, __u32 words)
{
	const struct csum_word *word = data;
	__u32 i;

	for (i = 0; i < words; i++)
		sum += word[i].value;
	return sum;
}

struct csum_word32 {
	__u32 value;
} __attribute__((__may_alias__));

/* csum_add32 - the same of @words 32-bit words, fewer than 2^16: half the loads, and equal once folded */
static __always_inline __u64 csum_add32(__u64 sum, const void *data, __u32 words)
{
	const struct csum_word32 *word = data;
	__u32 i;

	for (i = 0; i < words; i++)
		sum += word[i].value;
	return sum;
}

/* csum_diff - what to add to a sum when the @words words at @from become those at @to */
static __always_inline __u64 csum_diff(const void *from, const void *to, __u32 words)
{
	const struct csum_word *old = from;
	__u64 sum = 0;
	__u32 i;

	for (i = 0; i < words; i++)
		sum += (__u16)~old[i].value;
	return csum_add(sum, to, words);
}

/* csum_replace - a header's checksum after a csum_diff() (RFC 1624, eqn. 3: HC' = ~(~HC + ~m + m')) */
static __always_inline __u16 csum_replace(__u16 check, __u64 diff)
{
	return csum_fold((__u16)~check + diff);
}

static __always_inline __u16 csum_replace16(__u16 check, __u16 from, __u16 to)
{
	return csum_replace(check, (__u64)(__u16)~from + to);
}

static __always_inline __u16 csum_replace32(__u16 check, __u32 from, __u32 to)
{
	return csum_replace(check, csum_diff(&from, &to, 2));
}

#endif
