/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the kernel programs, the library and other people's readers agree on: slots, verdicts,
 * reason codes, and the shapes of the maps that every interface's directory of pins holds.
 * All integers are in host byte order unless the type says otherwise (__be16, __be32).
 */
#ifndef LIBECBPF_ABI_H
#define LIBECBPF_ABI_H

#include <linux/types.h>

#ifdef __cplusplus /* which calls it otherwise */
#define _Static_assert static_assert
#endif

#define ECBPF_VERSION "0.1.0"

/* Grows when a shape in this file changes; a member and the root of its interface must agree. */
#define ECBPF_ABI 2

/* Slots run in ascending order. Default places; the others are the user's. */
#define ECBPF_SLOTS	  16
#define ECBPF_SLOT_FW	  5
#define ECBPF_SLOT_LB	  6
#define ECBPF_SLOT_BYPASS 7
#define ECBPF_SLOT_ROOT	  (-1) /* the root is "the slot before slot 0" */

/*
 * Rows of every per-slot table: the root, the slots, and the end of the chain, where a packet
 * on which no member had an opinion becomes XDP_PASS.
 */
#define ECBPF_ROW_ROOT	     0
#define ECBPF_ROW_SLOT(slot) ((slot) + 1)
#define ECBPF_ROW_END	     (ECBPF_SLOTS + 1)
#define ECBPF_ROWS	     (ECBPF_SLOTS + 2)

/* A verdict's action: an XDP action of <linux/bpf.h>, or "no opinion, run the later slots". */
#define ECBPF_NEXT (-1)

/**
 * struct ecbpf_verdict - what a program decided about a packet
 * @action: XDP_ABORTED .. XDP_REDIRECT, or ECBPF_NEXT. Anything else is counted as invalid and
 *          becomes XDP_ABORTED. XDP_PASS is terminal: later slots do not run.
 * @code: why: an enum ecbpf_code; 0 when there is nothing to say, and then not counted
 * @meta: the program's own detail (rule number, backend); shown in traces and samples
 */
struct ecbpf_verdict {
	int action;
	__u32 code;
	__u64 meta;
};

/*
 * Reason codes: X(constant, value, name, text). One list makes the enum, the names and the
 * documentation (ecbpf_code_name(), ecbpf_code_text(), `xdp_root codes`, docs/reason-codes.md).
 * A code belongs to exactly one refusal or event. Ranges:
 * 1-63 header pulls, 64-127 root, 128-191 firewall, 192-255 load balancer, 256-319 bypass,
 * 320-383 sampler, 384-510 users' own programs.
 */
#define ECBPF_CODES(X)                                                                           \
	X(NONE, 0, "none", "nothing to say")                                                     \
	X(ETH_TRUNCATED, 1, "eth-truncated", "shorter than an Ethernet header")                  \
	X(VLAN_TRUNCATED, 2, "vlan-truncated", "ends within one of the first two VLAN tags")     \
	X(IPV4_TRUNCATED, 3, "ipv4-truncated", "ends within the fixed IPv4 header")              \
	X(IPV4_VERSION, 4, "ipv4-version", "version is not 4")                                   \
	X(IPV4_IHL, 5, "ipv4-ihl", "header length below 20 bytes")                               \
	X(IPV4_OPTIONS_TRUNCATED, 6, "ipv4-options-truncated", "ends within the IPv4 options")   \
	X(IPV4_LENGTH_SHORT, 7, "ipv4-length-short", "total length below the header length")     \
	X(IPV4_LENGTH_BEYOND, 8, "ipv4-length-beyond-frame", "total length beyond the frame")    \
	X(IPV6_TRUNCATED, 9, "ipv6-truncated", "ends within the IPv6 header")                    \
	X(IPV6_VERSION, 10, "ipv6-version", "version is not 6")                                  \
	X(IPV6_LENGTH_BEYOND, 11, "ipv6-length-beyond-frame", "payload length beyond the frame") \
	X(IPV6_EXT_TRUNCATED, 12, "ipv6-extension-truncated",                                    \
	  "an extension header ends beyond the payload")                                         \
	X(IPV6_EXT_LIMIT, 13, "ipv6-extension-limit",                                            \
	  "more than eight extension headers; not refused")                                      \
	X(TCP_TRUNCATED, 14, "tcp-truncated", "ends within the TCP header or its options")       \
	X(TCP_OFFSET, 15, "tcp-data-offset", "TCP data offset below 20 bytes")                   \
	X(UDP_TRUNCATED, 16, "udp-truncated", "ends within the UDP header")                      \
	X(UDP_LENGTH, 17, "udp-length", "UDP length below 8 bytes or beyond the datagram")       \
	X(ICMP_TRUNCATED, 18, "icmp-truncated", "ends within the ICMP header")                   \
	X(ICMPV6_TRUNCATED, 19, "icmpv6-truncated", "ends within the ICMPv6 header")             \
	X(FW_RULE, 128, "fw-rule", "dropped by a rule; meta is its number")                      \
	X(FW_LIMIT, 129, "fw-limit", "over a rule's rate limit; meta is the rule's number")      \
	X(FW_PASS, 130, "fw-pass", "passed by a rule; meta is its number")                       \
	X(FW_COUNT, 131, "fw-count", "a counting rule would have dropped it; meta: its number")  \
	X(FW_DEFAULT, 132, "fw-default", "no rule decided, and the default is drop")             \
	X(FW_PROTECTED, 133, "fw-protected", "a protection exempts it; meta is its number")      \
	X(FW_FRAGMENT, 134, "fw-fragment", "a fragment, and hygiene drops fragments")            \
	X(FW_PTB, 135, "fw-ptb", "a first fragment, answered with Packet Too Big")               \
	X(FW_OPTIONS, 136, "fw-options", "IPv4 options or IPv6 extension headers: hygiene")      \
	X(FW_MALFORMED, 137, "fw-malformed", "the upper header is malformed: hygiene")           \
	X(FW_TABLE, 138, "fw-table", "a table of the ruleset is missing: not judged")            \
	X(LB_FORWARD, 192, "lb-forward", "to a known connection's backend; meta is its number")  \
	X(LB_NEW, 193, "lb-new", "a new connection; meta is the backend's number")               \
	X(LB_HASHED, 194, "lb-hashed", "by the hash alone; meta is the backend's number")        \
	X(LB_LIMITED, 195, "lb-limited", "by the hash alone: too many new connections")          \
	X(LB_FULL, 196, "lb-full", "by the hash alone: no room for the connection")              \
	X(LB_NO_BACKEND, 197, "lb-no-backend", "the VIP has no backend that takes it")           \
	X(LB_NO_ROUTE, 198, "lb-no-route", "the way to the backend is not known")                \
	X(LB_TTL, 199, "lb-ttl", "TTL or hop limit at its end")                                  \
	X(LB_TOO_LONG, 200, "lb-too-long", "longer than the way to the backend carries")         \
	X(LB_PTB, 201, "lb-ptb", "too long, answered with Packet Too Big")                       \
	X(LB_FRAGMENT, 202, "lb-fragment", "a later fragment whose first one was not seen")      \
	X(LB_NO_FRAGMENTS, 203, "lb-no-fragments", "a fragment, and the VIP takes none")         \
	X(LB_ICMP, 204, "lb-icmp", "an ICMP error about a connection, to its backend")           \
	X(LB_ECHO, 205, "lb-echo", "an echo request, answered")                                  \
	X(LB_FRAME, 206, "lb-frame", "the frame could not be changed")                           \
	X(LB_QUIC, 207, "lb-quic", "by QUIC's connection id; meta is the backend's number")      \
	X(LB_REPLY, 208, "lb-reply", "a backend's reply, translated; meta is its number")        \
	X(LB_NAT_LIMITED, 209, "lb-nat-limited", "mode nat, refused: too many new connections")  \
	X(LB_NAT_FULL, 210, "lb-nat-full", "mode nat, refused: no room for the connection")      \
	X(LB_NAT_PORTS, 211, "lb-nat-ports", "mode nat, refused: no port for the connection")    \
	X(LB_NAT_UNKNOWN, 212, "lb-nat-unknown", "mode nat, refused: of no known connection")    \
	X(BYPASS_HIT, 256, "bypass-hit", "forwarded as IPVS did before; meta is the path")       \
	X(BYPASS_MONITOR, 257, "bypass-monitor", "would have been forwarded; meta is the path")  \
	X(BYPASS_SAMPLE, 258, "bypass-sample", "handed to IPVS: it was time to")                 \
	X(BYPASS_SHADOW, 259, "bypass-shadow", "handed to IPVS, to be compared")                 \
	X(BYPASS_STALE, 260, "bypass-stale", "handed to IPVS: its configuration has changed")    \
	X(BYPASS_IDLE, 261, "bypass-idle", "handed to IPVS: not confirmed for long")             \
	X(BYPASS_GIVEN_UP, 262, "bypass-given-up",                                               \
	  "handed to IPVS, which did not confirm; entry removed")                                \
	X(BYPASS_SYN, 263, "bypass-syn", "SYN of a known flow, handed to IPVS")                  \
	X(BYPASS_FIN, 264, "bypass-fin", "FIN of a known flow, handed to IPVS")                  \
	X(BYPASS_RST, 265, "bypass-rst", "RST with the expected number, handed to IPVS")         \
	X(BYPASS_RST_BLIND, 266, "bypass-rst-blind", "RST with another number, handed to IPVS")  \
	X(BYPASS_FRAGMENT, 267, "bypass-fragment", "a fragment, left to IPVS")                   \
	X(BYPASS_OPTIONS, 268, "bypass-options",                                                 \
	  "IPv4 options or IPv6 extension headers, left to IPVS")                                \
	X(BYPASS_TTL, 269, "bypass-ttl", "TTL or hop limit at its end, handed to IPVS")          \
	X(BYPASS_MTU, 270, "bypass-mtu", "longer than its path allows, handed to IPVS")          \
	X(BYPASS_DF, 271, "bypass-df", "handed to IPVS, to see what becomes of its DF bit")      \
	X(BYPASS_FRAME, 272, "bypass-frame", "the frame could not be changed, left to IPVS")     \
	X(BYPASS_LIMIT, 273, "bypass-limit", "unknown flow, over its share of the packets")      \
	X(BYPASS_RESET, 274, "bypass-reset", "unknown flow, answered with RST")                  \
	X(BYPASS_RESET_LIMIT, 275, "bypass-reset-limit", "unknown flow, over the limit of RSTs") \
	X(USER, 384, "user", "the first of the users' own codes")                                \
	X(OTHER, 511, "other", "any code from 511 on")

enum ecbpf_code {
#define ECBPF_CODE_ENUM(constant, value, name, text) ECBPF_CODE_##constant = value,
	ECBPF_CODES(ECBPF_CODE_ENUM)
#undef ECBPF_CODE_ENUM
};

/* Codes from here on are counted as ECBPF_CODE_OTHER. */
#define ECBPF_CODES_MAX 512

/*
 * Columns of a row. Column of an action: action + 1. X(constant, name). One packet counts in
 * exactly one column of each row it reached.
 */
#define ECBPF_COLUMNS(X)        \
	X(NEXT, "next")         \
	X(ABORTED, "aborted")   \
	X(DROP, "drop")         \
	X(PASS, "pass")         \
	X(TX, "tx")             \
	X(REDIRECT, "redirect") \
	X(INVALID, "invalid")   \
	X(UNREPORTED, "unreported")

enum ecbpf_column {
#define ECBPF_COLUMN_ENUM(constant, name) ECBPF_COLUMN_##constant,
	ECBPF_COLUMNS(ECBPF_COLUMN_ENUM)
#undef ECBPF_COLUMN_ENUM
		ECBPF_COLUMNS_MAX,
};

/**
 * struct ecbpf_counter - packets, and their bytes as the frames arrived at the root
 *
 * A member that grows or cuts a packet does not change what it counts as, so rows add up.
 */
struct ecbpf_counter {
	__u64 packets;
	__u64 bytes;
};

/**
 * struct ecbpf_row - what became of the packets that reached the root, one slot, or the end
 * @by: by column. NEXT: handed on. INVALID: an action that does not exist. UNREPORTED: the slot
 *      held a program that does not use ecbpf_exit(), so nobody knows
 */
struct ecbpf_row {
	struct ecbpf_counter by[ECBPF_COLUMNS_MAX];
};
_Static_assert(sizeof(struct ecbpf_row) == 128, "two cache lines");

/* Bytes of a packet that a trace keeps: its headers as they arrived. A sample may keep more. */
#define ECBPF_SNAP     128
#define ECBPF_SNAP_MAX 1536

/**
 * struct ecbpf_sample - one traced or sampled packet, as the perf buffers deliver it
 * @time_ns: CLOCK_MONOTONIC when the packet reached the root
 * @meta: of the verdict
 * @sequence: how many samples this CPU had generated before; 0 in traces
 * @code: of the verdict
 * @frame_bytes: length on arrival
 * @snap_bytes: valid bytes of @snap
 * @ifindex: receiving interface, in the namespace of the root
 * @rx_queue: receive queue
 * @cpu: that the packet was on
 * @one_in: it was drawn with a probability of 1 in so many, and stands for so many packets; 0 in traces
 * @version: ECBPF_ABI
 * @row: which row decided: root, slot, or end of chain
 * @column: enum ecbpf_column of the action
 * @snap: the packet's first bytes as it arrived, before any rewriting
 *
 * Records end behind @snap_bytes (samples) or ECBPF_SNAP bytes (traces) of @snap, or some bytes of
 * padding later.
 */
struct ecbpf_sample {
	__u64 time_ns;
	__u64 meta;
	__u64 sequence;
	__u32 code;
	__u32 frame_bytes;
	__u32 snap_bytes;
	__u32 ifindex;
	__u32 rx_queue;
	__u32 cpu;
	__u32 one_in;
	__u16 version;
	__u8 row;
	__u8 column;
	__u8 snap[ECBPF_SNAP_MAX];
};
_Static_assert(sizeof(struct ecbpf_sample) == 56 + ECBPF_SNAP_MAX, "no holes");

/* Bytes of a record before the packet's. */
#define ECBPF_SAMPLE_HEADER (sizeof(struct ecbpf_sample) - ECBPF_SNAP_MAX)

/**
 * struct ecbpf_sampled - what became of the packets that were drawn, per CPU
 * @drawn: packets that were drawn, at the root
 * @filtered: of these: the filter does not want them
 * @thinned: of these: what became of them is sampled more seldom
 * @unreported: of these: a program that does not report took them
 * @generated: of these: all others; each is delivered to the perf buffer or counted below
 * @unread: nobody has opened the perf buffer
 * @full: the perf buffer had no room
 * @failed: it could not be written for another reason
 */
struct ecbpf_sampled {
	__u64 drawn;
	__u64 filtered;
	__u64 thinned;
	__u64 unreported;
	__u64 generated;
	__u64 unread;
	__u64 full;
	__u64 failed;
};

/* A rate that is none: such packets are not sampled. All others are at most 2^31. */
#define ECBPF_NEVER 0xffffffff

/* Rates of rules: of a verdict's code and meta together. */
#define ECBPF_SAMPLING_RULES 32

struct ecbpf_sampling_rule {
	__u64 meta;
	__u32 code;
	__u32 one_in; /* 0: no rule, neither here nor behind */
};

/* struct ecbpf_filter.flags: what of it must match */
#define ECBPF_FILTER_ADDR  (1U << 0)
#define ECBPF_FILTER_PROTO (1U << 1)
#define ECBPF_FILTER_PORT  (1U << 2)

/**
 * struct ecbpf_filter - packets that are wanted
 * @addr, @mask: of source or destination; network byte order, IPv4 in the first word
 * @flags: ECBPF_FILTER_*; 0: all packets
 * @family: 4 or 6, of @addr
 * @proto: of the upper layer
 * @port: source or destination, of TCP or UDP
 */
struct ecbpf_filter {
	__be32 addr[4];
	__be32 mask[4];
	__u32 flags;
	__u8 family;
	__u8 proto;
	__be16 port;
};

/**
 * struct ecbpf_sampling - map ecbpf_sampling: the one entry, memory-mapped and changed live
 * @snap_bytes: of a packet that are kept, at most
 * @budget: samples a second, at most, over all CPUs; 0: no limit. For user space: whoever reads the
 *          samples keeps to it by raising ecbpf_control.sample_one_in
 * @by_default: one in so many, if nothing below says otherwise
 * @by_row, @by_column, @by_code, @rule: instead, by what became of the packet; 0: not said. The
 *      last that says something counts
 * @filter: packets that are sampled at all
 *
 * Packets are drawn one in ecbpf_control.sample_one_in, the least of all rates, before it is known
 * what becomes of them; at the exit those with a higher one are thinned.
 */
struct ecbpf_sampling {
	__u32 snap_bytes;
	__u32 budget;
	__u32 by_default;
	__u32 by_row[ECBPF_ROWS];
	__u32 by_column[ECBPF_COLUMNS_MAX];
	__u32 by_code[ECBPF_CODES_MAX];
	struct ecbpf_sampling_rule rule[ECBPF_SAMPLING_RULES];
	struct ecbpf_filter filter;
};

/* struct ecbpf_packet.flags */
#define ECBPF_PACKET_TRACE   (1U << 0) /* tell what becomes of it */
#define ECBPF_PACKET_PROFILE (1U << 1) /* time each slot */
#define ECBPF_PACKET_SAMPLE  (1U << 2) /* tell the sampler what becomes of it */

/**
 * struct ecbpf_packet - the packet that this CPU is working on: root writes, exits read
 * @mark_ns: with ECBPF_PACKET_PROFILE: when the last exit was left
 * @bytes: length on arrival at the root
 * @pending: row that the packet was handed to and that has not reported; 0: none
 * @flags: ECBPF_PACKET_*; 0 for all but the sampled share
 * @skip: packets until the next one is drawn, that one included
 * @one_in: that @skip is of: one packet in so many is drawn
 * @empty: struct ecbpf_control.empty when the packet came
 */
struct ecbpf_packet {
	__u64 mark_ns;
	__u32 bytes;
	__u32 pending;
	__u32 flags;
	__u32 skip;
	__u32 one_in;
	__u32 empty;
	__u32 pad[8];
};
_Static_assert(sizeof(struct ecbpf_packet) == 64, "one cache line");

/**
 * struct ecbpf_cpu - map ecbpf_stats: the one entry, one copy per CPU
 * @now: scratch of the packet in flight
 * @row: counters, only ever incremented
 * @code: packets per reason code
 * @sampled: counters of the sampler
 * @sample: scratch: the traced or sampled packet in flight
 *
 * Only programs on that CPU write; user space only reads (a reset is a baseline kept aside).
 */
struct ecbpf_cpu {
	struct ecbpf_packet now;
	struct ecbpf_row row[ECBPF_ROWS];
	__u64 code[ECBPF_CODES_MAX];
	struct ecbpf_sampled sampled;
	struct ecbpf_sample sample;
};
_Static_assert(sizeof(struct ecbpf_cpu) < 32768, "the kernel's limit for one per-CPU value");

/**
 * struct ecbpf_total - all CPUs summed; also map ecbpf_base, what a reset subtracts
 * @row: counters
 * @code: packets per reason code
 * @since_ns: CLOCK_REALTIME from which the counters count: attach, or reset
 */
struct ecbpf_total {
	struct ecbpf_row row[ECBPF_ROWS];
	__u64 code[ECBPF_CODES_MAX];
	__u64 since_ns;
};

/**
 * struct ecbpf_control - map ecbpf_control: the one entry, memory-mapped and changed live
 * @trace_until_ns: CLOCK_MONOTONIC; a tracer that dies leaves its share on no longer than this
 * @profile_until_ns: the same for the profiler
 * @trace_one_in: 0 off, else one packet in so many is traced
 * @profile_one_in: 0 off, else one packet in so many is timed
 * @sample_one_in: 0 off, else one packet in so many is drawn for the sampler
 * @empty: slots that have no program, a bit each: they are not tried. A program is never in one of them;
 *         a slot without a program that is not one of them is tried for nothing
 */
struct ecbpf_control {
	__u64 trace_until_ns;
	__u64 profile_until_ns;
	__u32 trace_one_in;
	__u32 profile_one_in;
	__u32 sample_one_in;
	__u32 empty;
};

/*
 * Histogram of nanoseconds: values below 16 have a bucket each, then 8 buckets to an octave, so
 * a bucket is at most an eighth wide; the last one holds everything from 2^20 ns up.
 */
#define ECBPF_NS_LINEAR	 16
#define ECBPF_NS_SUB	 8
#define ECBPF_NS_BUCKETS (ECBPF_NS_LINEAR + 16 * ECBPF_NS_SUB + 1)

/* Row of map ecbpf_profile that times the clock itself: two calls with nothing between. */
#define ECBPF_ROW_CLOCK	   ECBPF_ROWS
#define ECBPF_PROFILE_ROWS (ECBPF_ROWS + 1)

/**
 * struct ecbpf_profile - map ecbpf_profile: time from the exit before to this row's own exit
 * @sum_ns: for the mean
 * @bucket: counts modulo 2^32; readers take differences
 */
struct ecbpf_profile {
	__u64 sum_ns;
	__u32 bucket[ECBPF_NS_BUCKETS];
	__u32 pad;
};

/**
 * struct ecbpf_about - what a root or a member says of itself, in section .rodata.ecbpf
 * @abi: ECBPF_ABI it was built with
 * @slot: its slot: the default in the object, the real one once libecbpf loads it
 * @version: of the program, NUL-padded
 */
struct ecbpf_about {
	__u32 abi;
	__s32 slot;
	char version[24];
};
_Static_assert(sizeof(struct ecbpf_about) == 32, "no holes");

#define ECBPF_ABOUT_SECTION ".rodata.ecbpf"

#endif
