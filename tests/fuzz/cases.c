// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the columns of a row are, after name and frame:
 *	.link = { code, end, type, tags, { tci, tci } }
 *	.net = { code, version, offset, end, left, protocol, extensions, fragment, later }
 *	.upper = { code, protocol, offset, end, left, { source, destination } }
 */
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>

#include "libecbpf/abi.h"
#include "tests/fuzz/cases.h"
#include "tests/fuzz/hex.h"

/* What a row leaves out must be zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define PORTS_TCP        \
	{                \
		1000, 80 \
	}
#define PORTS_UDP        \
	{                \
		1000, 53 \
	}
#define ECHO         \
	{            \
		8, 3 \
	}

#define CODE(name) ECBPF_CODE_##name

const struct frame_case frame_cases[] = {
	/* link layer */
	{ "link: smallest frame, a type nobody knows", ETH(9000), { .link = { 0, 14, 0x9000 } } },
	{ "link: arp", ETH(0806) "0001 0800 0604 0001 00*38 ", { .link = { 0, 14, 0x0806 } } },
	{ "link: lldp", ETH(88cc) "0207 04*40 ", { .link = { 0, 14, 0x88cc } } },
	{ "link: 802.3 length", ETH(0026) "424203 00*43 ", { .link = { 0, 14, 0x26 } } },
	{ "link: mpls", ETH(8847) "00064140 45 00*50 ", { .link = { 0, 14, 0x8847 } } },
	{ "link: pppoe", ETH(8864) "1100 0001 0002 0021 00*46 ", { .link = { 0, 14, 0x8864 } } },
	{ "link: 9100 is no tag", ETH(9100) TAG(0064, 0800), { .link = { 0, 14, 0x9100 } } },
	{ "vlan: 802.1Q",
	  ETH(8100) TAG(2064, 0806) "00*28 ",
	  { .link = { 0, 18, 0x0806, 1, { 0x2064 } } } },
	{ "vlan: 802.1ad",
	  ETH(88a8) TAG(0fff, 0806) "00*28 ",
	  { .link = { 0, 18, 0x0806, 1, { 0xfff } } } },
	{ "vlan: priority tag",
	  ETH(8100) TAG(e000, 88cc),
	  { .link = { 0, 18, 0x88cc, 1, { 0xe000 } } } },
	{ "vlan: QinQ",
	  ETH(88a8) TAG(0001, 8100) TAG(0002, 0806),
	  { .link = { 0, 22, 0x0806, 2, { 1, 2 } } } },
	{ "vlan: 802.1Q in 802.1Q",
	  ETH(8100) TAG(0001, 8100) TAG(0002, 0026),
	  { .link = { 0, 22, 0x26, 2, { 1, 2 } } } },
	{ "vlan: a third tag is left in the type",
	  ETH(88a8) TAG(0001, 8100) TAG(0002, 8100) TAG(0003, 0800),
	  { .link = { 0, 22, 0x8100, 2, { 1, 2 } } } },
	{ "vlan: no byte of the tag", ETH(8100), { .link = { CODE(VLAN_TRUNCATED) } } },
	{ "vlan: tag cut off", ETH(8100) "000108", { .link = { CODE(VLAN_TRUNCATED) } } },
	{ "vlan: second tag cut off",
	  ETH(88a8) TAG(0001, 8100) "0002 08 ",
	  { .link = { CODE(VLAN_TRUNCATED) } } },
	{ "vlan: ipv4 tcp",
	  ETH(8100) TAG(0064, 0800) IP4(45, 0028, 0000, 06) TCP(50),
	  { { 0, 18, 0x0800, 1, { 100 } },
	    { 0, 4, 18, 38, 20, 6 },
	    { 0, 6, 38, 58, 0, PORTS_TCP } } },
	{ "vlan: QinQ ipv6 udp",
	  ETH(88a8) TAG(0001, 8100) TAG(0002, 86dd) IP6(0008, 11) UDP(0008),
	  { { 0, 22, 0x86dd, 2, { 1, 2 } },
	    { 0, 6, 22, 62, 8, 17 },
	    { 0, 17, 62, 70, 0, PORTS_UDP } } },

/* IPv4 header */
#define LINK4                 \
	{                     \
		0, 14, 0x0800 \
	}
	{ "ipv4: no byte", ETH(0800), { LINK4, { CODE(IPV4_TRUNCATED) } } },
	{ "ipv4: 19 bytes", ETH(0800) "45 00*18 ", { LINK4, { CODE(IPV4_TRUNCATED) } } },
	{ "ipv4: version 6", ETH(0800) IP4(65, 0014, 0000, 06), { LINK4, { CODE(IPV4_VERSION) } } },
	{ "ipv4: version 0", ETH(0800) IP4(05, 0014, 0000, 06), { LINK4, { CODE(IPV4_VERSION) } } },
	{ "ipv4: header length 16",
	  ETH(0800) IP4(44, 0014, 0000, 06),
	  { LINK4, { CODE(IPV4_IHL) } } },
	{ "ipv4: header length 0",
	  ETH(0800) IP4(40, 0014, 0000, 06),
	  { LINK4, { CODE(IPV4_IHL) } } },
	{ "ipv4: options cut off",
	  ETH(0800) IP4(46, 0018, 0000, 3b) "010101",
	  { LINK4, { CODE(IPV4_OPTIONS_TRUNCATED) } } },
	{ "ipv4: longest options, one byte short",
	  ETH(0800) IP4(4f, 003c, 0000, 3b) "01*39 ",
	  { LINK4, { CODE(IPV4_OPTIONS_TRUNCATED) } } },
	{ "ipv4: total length 0",
	  ETH(0800) IP4(45, 0000, 0000, 06) TCP(50),
	  { LINK4, { CODE(IPV4_LENGTH_SHORT) } } },
	{ "ipv4: total length 19",
	  ETH(0800) IP4(45, 0013, 0000, 06) TCP(50),
	  { LINK4, { CODE(IPV4_LENGTH_SHORT) } } },
	{ "ipv4: total length without the options",
	  ETH(0800) IP4(46, 0017, 0000, 3b) "01*4 ",
	  { LINK4, { CODE(IPV4_LENGTH_SHORT) } } },
	{ "ipv4: total length one beyond the frame",
	  ETH(0800) IP4(45, 0029, 0000, 06) TCP(50),
	  { LINK4, { CODE(IPV4_LENGTH_BEYOND) } } },
	{ "ipv4: total length 65535",
	  ETH(0800) IP4(45, ffff, 0000, 06) TCP(50),
	  { LINK4, { CODE(IPV4_LENGTH_BEYOND) } } },
	{ "ipv4: header alone",
	  ETH(0800) IP4(45, 0014, 0000, 3b),
	  { LINK4, { 0, 4, 14, 34, 0, 59 } } },
	{ "ipv4: one word of options",
	  ETH(0800) IP4(46, 0018, 0000, 3b) "01*4 ",
	  { LINK4, { 0, 4, 14, 38, 0, 59, 1 } } },
	{ "ipv4: ten words of options, then udp",
	  ETH(0800) IP4(4f, 0045, 0000, 11) "01*40 " UDP(0009) "aa ",
	  { LINK4, { 0, 4, 14, 74, 9, 17, 10 }, { 0, 17, 74, 82, 1, PORTS_UDP } } },
	{ "ipv4: padding is not the datagram's",
	  ETH(0800) IP4(45, 001c, 0000, 11) UDP(0008) "00*18 ",
	  { LINK4, { 0, 4, 14, 34, 8, 17 }, { 0, 17, 34, 42, 0, PORTS_UDP } } },
	{ "ipv4: don't fragment is no fragment",
	  ETH(0800) IP4(45, 001c, 4000, 01) ICMP,
	  { LINK4, { 0, 4, 14, 34, 8, 1 }, { 0, 1, 34, 42, 0, ECHO } } },
	{ "ipv4: the reserved flag is no fragment",
	  ETH(0800) IP4(45, 001c, 8000, 01) ICMP,
	  { LINK4, { 0, 4, 14, 34, 8, 1 }, { 0, 1, 34, 42, 0, ECHO } } },
	{ "ipv4: first fragment",
	  ETH(0800) IP4(45, 001c, 2000, 11) UDP(0400),
	  { LINK4, { 0, 4, 14, 34, 8, 17, 0, 1 }, { 0, 17, 34, 42, 0, PORTS_UDP } } },
	{ "ipv4: middle fragment",
	  ETH(0800) IP4(45, 001c, 2001, 11) UDP(0400),
	  { LINK4, { 0, 4, 14, 34, 8, 17, 0, 1, 1 } } },
	{ "ipv4: last fragment, nothing in it to read",
	  ETH(0800) IP4(45, 0015, 1fff, 06) "aa ",
	  { LINK4, { 0, 4, 14, 34, 1, 6, 0, 1, 1 } } },
#define OTHER4(name, hex, number)                                          \
	{                                                                  \
		"ipv4: " name, ETH(0800) IP4(45, 0018, 0000, hex) "00*4 ", \
		{                                                          \
			LINK4,                                             \
			{                                                  \
				0, 4, 14, 34, 4, number                    \
			}                                                  \
		}                                                          \
	}
	OTHER4("igmp", 02, 2),
	OTHER4("ipv4 inside", 04, 4),
	OTHER4("ipv6 inside", 29, 41),
	OTHER4("gre", 2f, 47),
	OTHER4("esp", 32, 50),
	OTHER4("ah", 33, 51),
	OTHER4("icmpv6 is not its protocol", 3a, 58),
	OTHER4("an extension header's number", 3c, 60),
	OTHER4("sctp", 84, 132),
	OTHER4("protocol 255", ff, 255),

/* upper layers; IPv4 below, where nothing else is said */
#define NET4(left, proto)                 \
	{                                 \
		0, 4, 14, 34, left, proto \
	}
	{ "tcp: no options",
	  ETH(0800) IP4(45, 002a, 0000, 06) TCP(50) "aabb ",
	  { LINK4, NET4(22, 6), { 0, 6, 34, 54, 2, PORTS_TCP } } },
	{ "tcp: longest options",
	  ETH(0800) IP4(45, 0050, 0000, 06) TCP(f0) "01*40 ",
	  { LINK4, NET4(60, 6), { 0, 6, 34, 94, 0, PORTS_TCP } } },
	{ "tcp: no byte",
	  ETH(0800) IP4(45, 0014, 0000, 06),
	  { LINK4, NET4(0, 6), { CODE(TCP_TRUNCATED) } } },
	{ "tcp: 19 bytes",
	  ETH(0800) IP4(45, 0027, 0000, 06) "00*19 ",
	  { LINK4, NET4(19, 6), { CODE(TCP_TRUNCATED) } } },
	{ "tcp: the rest is padding",
	  ETH(0800) IP4(45, 0027, 0000, 06) TCP(50),
	  { LINK4, NET4(19, 6), { CODE(TCP_TRUNCATED) } } },
	{ "tcp: options beyond the frame",
	  ETH(0800) IP4(45, 002b, 0000, 06) TCP(60) "010101",
	  { LINK4, NET4(23, 6), { CODE(TCP_TRUNCATED) } } },
	{ "tcp: options beyond the datagram",
	  ETH(0800) IP4(45, 002b, 0000, 06) TCP(60) "01*8 ",
	  { LINK4, NET4(23, 6), { CODE(TCP_TRUNCATED) } } },
	{ "tcp: data offset 4",
	  ETH(0800) IP4(45, 0028, 0000, 06) TCP(40),
	  { LINK4, NET4(20, 6), { CODE(TCP_OFFSET) } } },
	{ "tcp: data offset 0",
	  ETH(0800) IP4(45, 0028, 0000, 06) TCP(00),
	  { LINK4, NET4(20, 6), { CODE(TCP_OFFSET) } } },
	{ "tcp: first fragment too small for the header",
	  ETH(0800) IP4(45, 001c, 2000, 06) "03e8 0050 00000001 ",
	  { LINK4, { 0, 4, 14, 34, 8, 6, 0, 1 }, { CODE(TCP_TRUNCATED) } } },
	{ "udp: 7 bytes",
	  ETH(0800) IP4(45, 001b, 0000, 11) "03e80035 000800 ",
	  { LINK4, NET4(7, 17), { CODE(UDP_TRUNCATED) } } },
	{ "udp: length 0",
	  ETH(0800) IP4(45, 001c, 0000, 11) UDP(0000),
	  { LINK4, NET4(8, 17), { CODE(UDP_LENGTH) } } },
	{ "udp: length 7",
	  ETH(0800) IP4(45, 001c, 0000, 11) UDP(0007),
	  { LINK4, NET4(8, 17), { CODE(UDP_LENGTH) } } },
	{ "udp: length one beyond the datagram",
	  ETH(0800) IP4(45, 001c, 0000, 11) UDP(0009) "00*18 ",
	  { LINK4, NET4(8, 17), { CODE(UDP_LENGTH) } } },
	{ "udp: length below the datagram's",
	  ETH(0800) IP4(45, 0020, 0000, 11) UDP(0008) "00*4 ",
	  { LINK4, NET4(12, 17), { 0, 17, 34, 42, 4, PORTS_UDP } } },
	{ "udp: first fragment, length 7",
	  ETH(0800) IP4(45, 001c, 2000, 11) UDP(0007),
	  { LINK4, { 0, 4, 14, 34, 8, 17, 0, 1 }, { CODE(UDP_LENGTH) } } },
	{ "icmp: 7 bytes",
	  ETH(0800) IP4(45, 001b, 0000, 01) "08030000 000100 ",
	  { LINK4, NET4(7, 1), { CODE(ICMP_TRUNCATED) } } },
	{ "icmp: the rest is padding",
	  ETH(0800) IP4(45, 001b, 0000, 01) ICMP,
	  { LINK4, NET4(7, 1), { CODE(ICMP_TRUNCATED) } } },

/* IPv6 header */
#define LINK6                 \
	{                     \
		0, 14, 0x86dd \
	}
#define NET6(left, proto)                 \
	{                                 \
		0, 6, 14, 54, left, proto \
	}
	{ "ipv6: no byte", ETH(86dd), { LINK6, { CODE(IPV6_TRUNCATED) } } },
	{ "ipv6: 39 bytes", ETH(86dd) "60 00*38 ", { LINK6, { CODE(IPV6_TRUNCATED) } } },
	{ "ipv6: version 4", ETH(86dd) "45 00*39 ", { LINK6, { CODE(IPV6_VERSION) } } },
	{ "ipv6: payload one beyond the frame",
	  ETH(86dd) IP6(0009, 11) UDP(0008),
	  { LINK6, { CODE(IPV6_LENGTH_BEYOND) } } },
	{ "ipv6: payload 65535",
	  ETH(86dd) IP6(ffff, 11) UDP(0008),
	  { LINK6, { CODE(IPV6_LENGTH_BEYOND) } } },
	{ "ipv6: no next header", ETH(86dd) IP6(0000, 3b), { LINK6, NET6(0, 59) } },
	{ "ipv6: tcp",
	  ETH(86dd) IP6(0014, 06) TCP(50) "00*4 ",
	  { LINK6, NET6(20, 6), { 0, 6, 54, 74, 0, PORTS_TCP } } },
	{ "ipv6: udp",
	  ETH(86dd) IP6(0008, 11) UDP(0008),
	  { LINK6, NET6(8, 17), { 0, 17, 54, 62, 0, PORTS_UDP } } },
	{ "ipv6: icmpv6",
	  ETH(86dd) IP6(0008, 3a) ICMP,
	  { LINK6, NET6(8, 58), { 0, 58, 54, 62, 0, ECHO } } },
	{ "ipv6: icmpv6, 7 bytes",
	  ETH(86dd) IP6(0007, 3a) ICMP,
	  { LINK6, NET6(7, 58), { CODE(ICMPV6_TRUNCATED) } } },
	{ "ipv6: icmp is not its protocol", ETH(86dd) IP6(0007, 01) ICMP, { LINK6, NET6(7, 1) } },
	{ "ipv6: tcp cut off",
	  ETH(86dd) IP6(0013, 06) TCP(50),
	  { LINK6, NET6(19, 6), { CODE(TCP_TRUNCATED) } } },
	{ "ipv6: udp length",
	  ETH(86dd) IP6(0008, 11) UDP(0009),
	  { LINK6, NET6(8, 17), { CODE(UDP_LENGTH) } } },
	{ "ipv6: payload 0 and no hop-by-hop options: nothing behind the header",
	  ETH(86dd) IP6(0000, 11) UDP(0008),
	  { LINK6, NET6(0, 17), { CODE(UDP_TRUNCATED) } } },
	{ "ipv6: gre", ETH(86dd) IP6(0004, 2f) "00*4 ", { LINK6, NET6(4, 47) } },
	{ "ipv6: esp ends the walk",
	  ETH(86dd) IP6(0010, 3c) EXT(32, 00) "00*8 ",
	  { LINK6, { 0, 6, 14, 62, 8, 50, 1 } } },
	{ "ipv6: sctp", ETH(86dd) IP6(000c, 84) "00*12 ", { LINK6, NET6(12, 132) } },
	{ "ipv6: jumbogram takes the frame's length",
	  ETH(86dd) IP6(0000, 00) "1100 c204 00010000 " UDP(0009) "aa ",
	  { LINK6, { 0, 6, 14, 62, 9, 17, 1 }, { 0, 17, 62, 70, 1, PORTS_UDP } } },
	{ "ipv6: jumbogram with nothing behind",
	  ETH(86dd) IP6(0000, 00),
	  { LINK6, { CODE(IPV6_EXT_TRUNCATED) } } },

/* IPv6 extension headers */
#define EXT6(name, hex)                                                       \
	{                                                                     \
		"ext: " name, ETH(86dd) IP6(0010, hex) EXT(11, 00) UDP(0008), \
		{                                                             \
			LINK6, { 0, 6, 14, 62, 8, 17, 1 },                    \
			{                                                     \
				0, 17, 62, 70, 0, PORTS_UDP                   \
			}                                                     \
		}                                                             \
	}
	EXT6("hop-by-hop options", 00),
	EXT6("routing", 2b),
	EXT6("ah, shorter than any real one", 33),
	EXT6("destination options", 3c),
	EXT6("mobility", 87),
	EXT6("hip", 8b),
	EXT6("shim6", 8c),
	{ "ext: 16 bytes",
	  ETH(86dd) IP6(0018, 3c) EXT(11, 01) "00*8 " UDP(0008),
	  { LINK6, { 0, 6, 14, 70, 8, 17, 1 }, { 0, 17, 70, 78, 0, PORTS_UDP } } },
	{ "ext: the longest",
	  ETH(86dd) IP6(0808, 3c) EXT(11, ff) "00*2040 " UDP(0008),
	  { LINK6, { 0, 6, 14, 2102, 8, 17, 1 }, { 0, 17, 2102, 2110, 0, PORTS_UDP } } },
	{ "ext: the whole payload",
	  ETH(86dd) IP6(0010, 3c) EXT(3b, 01) "00*8 ",
	  { LINK6, { 0, 6, 14, 70, 0, 59, 1 } } },
	{ "ext: longer than the frame",
	  ETH(86dd) IP6(0010, 3c) EXT(11, 02) "00*8 ",
	  { LINK6, { CODE(IPV6_EXT_TRUNCATED) } } },
	{ "ext: longer than the payload, not than the frame",
	  ETH(86dd) IP6(0008, 3c) EXT(11, 01) UDP(0008),
	  { LINK6, { CODE(IPV6_EXT_TRUNCATED) } } },
	{ "ext: length 255 in a small packet",
	  ETH(86dd) IP6(0010, 3c) EXT(11, ff) UDP(0008),
	  { LINK6, { CODE(IPV6_EXT_TRUNCATED) } } },
	{ "ext: 7 bytes",
	  ETH(86dd) IP6(0007, 3c) "1100 0102 000000 ",
	  { LINK6, { CODE(IPV6_EXT_TRUNCATED) } } },
	{ "ext: no byte", ETH(86dd) IP6(0000, 3c), { LINK6, { CODE(IPV6_EXT_TRUNCATED) } } },
	{ "ext: second one cut off",
	  ETH(86dd) IP6(000c, 3c) EXT(2b, 00) "1100 0102 ",
	  { LINK6, { CODE(IPV6_EXT_TRUNCATED) } } },
	{ "ext: ah of 24 bytes",
	  ETH(86dd) IP6(0020, 33) "1104 0000 00000001 00*16 " UDP(0008),
	  { LINK6, { 0, 6, 14, 78, 8, 17, 1 }, { 0, 17, 78, 86, 0, PORTS_UDP } } },
	{ "ext: ah of 12 bytes",
	  ETH(86dd) IP6(0014, 33) "1101 0000 00000001 00*4 " UDP(0008),
	  { LINK6, { 0, 6, 14, 66, 8, 17, 1 }, { 0, 17, 66, 74, 0, PORTS_UDP } } },
	{ "ext: ah longer than the payload",
	  ETH(86dd) IP6(0010, 33) EXT(11, 03) UDP(0008),
	  { LINK6, { CODE(IPV6_EXT_TRUNCATED) } } },
	{ "ext: ah, length 255",
	  ETH(86dd) IP6(0010, 33) EXT(11, ff) UDP(0008),
	  { LINK6, { CODE(IPV6_EXT_TRUNCATED) } } },
	{ "ext: a chain of four kinds",
	  ETH(86dd) IP6(003c, 00) EXT(2b, 00) EXT(33, 00) "3c02 0000 00000001 00*8 " EXT(06, 00)
		  TCP(50),
	  { LINK6, { 0, 6, 14, 94, 20, 6, 4 }, { 0, 6, 94, 114, 0, PORTS_TCP } } },
#define EXT4 EXT(3c, 00) EXT(3c, 00) EXT(3c, 00) EXT(3c, 00)
	{ "ext: eight, then udp",
	  ETH(86dd) IP6(0048, 3c) EXT4 EXT(3c, 00) EXT(3c, 00) EXT(3c, 00) EXT(11, 00) UDP(0008),
	  { LINK6, { 0, 6, 14, 118, 8, 17, 8 }, { 0, 17, 118, 126, 0, PORTS_UDP } } },
	{ "ext: nine are over the limit",
	  ETH(86dd) IP6(0050, 3c) EXT4 EXT4 EXT(11, 00) UDP(0008),
	  { LINK6, { CODE(IPV6_EXT_LIMIT), 6, 14, 118, 16, 60, 8 } } },
	{ "ext: over the limit, and the ninth is not there",
	  ETH(86dd) IP6(0040, 3c) EXT4 EXT4,
	  { LINK6, { CODE(IPV6_EXT_LIMIT), 6, 14, 118, 0, 60, 8 } } },
	{ "ext: the eighth ends the walk as a later fragment's",
	  ETH(86dd) IP6(0048, 3c) EXT4 EXT(3c, 00) EXT(3c, 00) EXT(2c, 00) FRAG(3c, 0008) "00*8 ",
	  { LINK6, { 0, 6, 14, 118, 8, 60, 8, 1, 1 } } },

/* IPv6 fragments: 13 bits of offset, 2 reserved, 1 "more" */
#define FRAG6(name, word, ...)                                                    \
	{                                                                         \
		"frag6: " name, ETH(86dd) IP6(0010, 2c) FRAG(11, word) UDP(0008), \
		{                                                                 \
			LINK6, __VA_ARGS__                                        \
		}                                                                 \
	}
	FRAG6("first", 0001, { 0, 6, 14, 62, 8, 17, 1, 1 }, { 0, 17, 62, 70, 0, PORTS_UDP }),
	FRAG6("middle", 0009, { 0, 6, 14, 62, 8, 17, 1, 1, 1 }),
	FRAG6("last", 0008, { 0, 6, 14, 62, 8, 17, 1, 1, 1 }),
	FRAG6("last, highest offset", fff8, { 0, 6, 14, 62, 8, 17, 1, 1, 1 }),
	FRAG6("atomic is a whole packet", 0000, { 0, 6, 14, 62, 8, 17, 1 },
	      { 0, 17, 62, 70, 0, PORTS_UDP }),
	FRAG6("reserved bits mean nothing", 0006, { 0, 6, 14, 62, 8, 17, 1 },
	      { 0, 17, 62, 70, 0, PORTS_UDP }),
	{ "frag6: the reserved byte is no length",
	  ETH(86dd) IP6(0010, 2c) "11ff 0000 00000007 " UDP(0008),
	  { LINK6, { 0, 6, 14, 62, 8, 17, 1 }, { 0, 17, 62, 70, 0, PORTS_UDP } } },
	{ "frag6: first, udp length beyond the fragment",
	  ETH(86dd) IP6(0010, 2c) FRAG(11, 0001) UDP(0400),
	  { LINK6, { 0, 6, 14, 62, 8, 17, 1, 1 }, { 0, 17, 62, 70, 0, PORTS_UDP } } },
	{ "frag6: atomic, udp length beyond the datagram",
	  ETH(86dd) IP6(0010, 2c) FRAG(11, 0000) UDP(0400),
	  { LINK6, { 0, 6, 14, 62, 8, 17, 1 }, { CODE(UDP_LENGTH) } } },
	{ "frag6: first, options behind it are walked",
	  ETH(86dd) IP6(0018, 2c) FRAG(3c, 0001) EXT(11, 00) UDP(0008),
	  { LINK6, { 0, 6, 14, 70, 8, 17, 2, 1 }, { 0, 17, 70, 78, 0, PORTS_UDP } } },
	{ "frag6: later, what looks like options behind it is data",
	  ETH(86dd) IP6(0018, 2c) FRAG(3c, 0010) EXT(11, ff) UDP(0008),
	  { LINK6, { 0, 6, 14, 62, 16, 60, 1, 1, 1 } } },
	{ "frag6: behind hop-by-hop options",
	  ETH(86dd) IP6(0018, 00) EXT(2c, 00) FRAG(11, 0008) UDP(0008),
	  { LINK6, { 0, 6, 14, 70, 8, 17, 2, 1, 1 } } },
	{ "frag6: an atomic header behind a first fragment's takes nothing back",
	  ETH(86dd) IP6(0018, 2c) FRAG(2c, 0001) FRAG(11, 0000) UDP(0400),
	  { LINK6, { 0, 6, 14, 70, 8, 17, 2, 1 }, { 0, 17, 70, 78, 0, PORTS_UDP } } },
	{ "frag6: cut off",
	  ETH(86dd) IP6(0004, 2c) "1100 0000 ",
	  { LINK6, { CODE(IPV6_EXT_TRUNCATED) } } },
};

const size_t frame_cases_count = sizeof(frame_cases) / sizeof(frame_cases[0]);

static unsigned int digit(char c)
{
	assert(isxdigit((unsigned char)c));
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

size_t frame_bytes(const char *hex, uint8_t *frame)
{
	unsigned long times;
	size_t len = 0;
	uint8_t byte;

	while (*hex) {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		byte = digit(hex[0]) * 16 + digit(hex[1]);
		hex += 2;
		times = *hex == '*' ? strtoul(hex + 1, (char **)&hex, 10) : 1;
		assert(len + times <= CASE_FRAME_MAX);
		while (times--)
			frame[len++] = byte;
	}
	return len;
}
