/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Tables of flows in ARRAY maps: buckets of entries, each one cache line for IPv4 and two for IPv6.
 * An entry begins with its mark, and has its key ECBPF_FLOW_KEY bytes behind that; the rest is its
 * owner's. flow.bpf.h looks them up and enters them.
 */
#ifndef LIBECBPF_FLOW_H
#define LIBECBPF_FLOW_H

#include <linux/types.h>

/* A flow may be in any entry of its bucket; the one that its hash prefers is looked at first. */
#define ECBPF_FLOW_WAYS 8
#define ECBPF_FLOW_KEY	48

/*
 * The mark: the upper half of the key's hash, the number of what the flow goes to (a path, a backend), and
 * that one's generation when this was said. 0: the entry is free. It is written last by whoever fills
 * the entry, and read first by whoever looks a flow up; with the key, it is all that a reader needs.
 */
#define ECBPF_MARK(check, id, gen) ((__u64)(check) << 32 | (__u64)(id) << 16 | (__u16)(gen))
#define ECBPF_MARK_CHECK(mark)	   ((__u32)((mark) >> 32))
#define ECBPF_MARK_ID(mark)	   ((__u32)(mark) >> 16)
#define ECBPF_MARK_GEN(mark)	   ((__u16)(mark))

/* Number 0 is none: of an entry that somebody is filling. */
#define ECBPF_ID_NONE	0
#define ECBPF_MARK_BUSY ECBPF_MARK(0, ECBPF_ID_NONE, 1)

/* Third word of an IPv4 address among IPv6 ones, in host byte order (RFC 4291 2.5.5.2) */
#define ECBPF_V4_PREFIX 0xffff

/*
 * What of a packet is in a key besides addresses and ports: the protocol, and the VLAN ids that it came
 * with. An id of 0 is no tag, or a tag that only carries a priority.
 */
#define ECBPF_REST(proto, outer, inner) \
	((__u32)(proto) | ((__u32)(outer)&0xfff) << 8 | ((__u32)(inner)&0xfff) << 20)
#define ECBPF_REST_PROTO(rest) ((rest)&0xff)
#define ECBPF_REST_OUTER(rest) ((rest) >> 8 & 0xfff)
#define ECBPF_REST_INNER(rest) ((rest) >> 20)

/** struct ecbpf_tuple4 - key for IPv4: which flow a packet is of; @rest: ECBPF_REST() */
struct ecbpf_tuple4 {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u32 rest;
};
_Static_assert(sizeof(struct ecbpf_tuple4) == 16, "two words");

/** struct ecbpf_tuple - the same of either family; IPv4 as ::ffff:ADDRESS */
struct ecbpf_tuple {
	__be32 saddr[4];
	__be32 daddr[4];
	__be16 sport;
	__be16 dport;
	__u32 rest;
};
_Static_assert(sizeof(struct ecbpf_tuple) == 40, "five words");

#endif
