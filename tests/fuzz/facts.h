/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Everything that the header pulls of pkt.bpf.h find out about a frame, in one comparable struct.
 * Offsets count from the frame's first byte, numbers are in host byte order. A layer that was
 * not reached is all zero; one that was refused has nothing but its code.
 */
#ifndef TESTS_FUZZ_FACTS_H
#define TESTS_FUZZ_FACTS_H

#include <linux/types.h>

/**
 * struct facts_link - pkt_eth()
 * @end: the cursor behind it
 * @proto: struct pkt_eth's
 * @offset: of the Ethernet header
 */
struct facts_link {
	__u32 code;
	__u32 end;
	__u16 proto;
	__u16 vlans;
	__u16 tci[2];
	__u32 offset;
};

/**
 * struct facts_net - pkt_ipv4() or pkt_ipv6(), by the type of the link layer
 * @version: 4 or 6
 * @offset: of the IP header
 * @end: the cursor behind it and its extension headers
 *
 * With code IPV6_EXT_LIMIT all members are filled in.
 */
struct facts_net {
	__u32 code;
	__u32 version;
	__u32 offset;
	__u32 end;
	__u32 left;
	__u8 proto;
	__u8 exts;
	__u8 fragment;
	__u8 later;
};

/**
 * struct facts_upper - pkt_tcp(), pkt_udp() or pkt_icmp(), by protocol; later fragments have none
 * @proto: IPPROTO_*
 * @field: ports, source first; ICMP: type and code
 */
struct facts_upper {
	__u32 code;
	__u32 proto;
	__u32 offset;
	__u32 end;
	__u32 left;
	__u16 field[2];
};

struct facts {
	struct facts_link link;
	struct facts_net net;
	struct facts_upper upper;
};
_Static_assert(sizeof(struct facts) == 20 + 24 + 24, "no holes: compared as bytes");

#endif
