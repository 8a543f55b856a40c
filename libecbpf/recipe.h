/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What is done to a packet so that it gets to its server: the shape that forward.bpf.h carries out. */
#ifndef LIBECBPF_RECIPE_H
#define LIBECBPF_RECIPE_H

#include <linux/types.h>

#ifdef __cplusplus /* which calls it otherwise */
#define _Static_assert static_assert
#endif

/** enum ecbpf_kind - how a packet is sent to its server */
enum ecbpf_kind {
	ECBPF_DIRECT, /* direct routing: new MAC addresses */
	ECBPF_IPIP,   /* an IPv4 or IPv6 header before it */
	ECBPF_GUE,    /* that, UDP and GUE version 0 */
	ECBPF_NAT,    /* another destination; @outer says which, in a shape of its owner's */
};

/* struct ecbpf_recipe.flags: what the outer header takes from the inner one or leaves out */
#define ECBPF_OUTER_V6	 (1U << 0) /* the outer header is IPv6 */
#define ECBPF_DF_COPY	 (1U << 1) /* the outer IPv4 header has the inner one's "don't fragment" */
#define ECBPF_DF_UNKNOWN (1U << 2) /* learned from a packet that may be fragmented */
#define ECBPF_GUE_CSUM	 (1U << 3) /* the outer UDP header has a checksum */

#define ECBPF_L2_MAX	22 /* Ethernet and two tags */
#define ECBPF_OUTER_MAX 52 /* IPv6, UDP, GUE */

/**
 * struct ecbpf_recipe - what is done to a packet, and for whom
 * @ifindex: where it leaves
 * @service: number of the service
 * @kind: enum ecbpf_kind
 * @flags: ECBPF_OUTER_V6 and so on
 * @l2_bytes: 14, 18 or 22
 * @outer_bytes: 0; 20 or 40; and 12 with GUE
 * @l2: Ethernet header and tags, the last type being that of what follows
 * @outer: outer headers. Zero where they differ from packet to packet: lengths, identification,
 *         checksums, UDP source port, and what is the inner header's: TTL or hop limit, and TOS or
 *         traffic class
 *
 * Equal recipes are equal bytes.
 */
struct ecbpf_recipe {
	__u32 ifindex;
	__u16 service;
	__u8 kind;
	__u8 flags;
	__u8 l2_bytes;
	__u8 outer_bytes;
	__u8 pad1[2];
	__u8 l2[ECBPF_L2_MAX];
	__u8 pad2[2];
	__u8 outer[ECBPF_OUTER_MAX];
};
_Static_assert(sizeof(struct ecbpf_recipe) == 88, "no holes");

#endif
