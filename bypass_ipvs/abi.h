/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the bypass's kernel programs and its command agree on: flows, paths, services, parameters.
 *
 * The programs are the XDP program xdp_bypass_ipvs, in slot 7 of each inbound interface, and
 * bpf_egress_syn_check, at TC egress of each inbound and outbound interface. All share these maps:
 *
 *	tuple_map	decisions of IPVS about IPv4 connections: buckets of BYPASS_WAYS flows
 *	tuple6_map	the same for IPv6
 *	path_map	where a decision leads, one entry for each way out that IPVS uses
 *	path_id_map	number of a path, by what it does to a packet
 *	path_free_map	numbers that no path has
 *	pending_map	connections that IPVS forwards and that are not admitted to a tuple map yet
 *	service_map	what IPVS balances
 *	exclude_map	destinations that are left to IPVS
 *	device_map	the interfaces and their part
 *	gue_map		UDP ports that tunnels of IPVS go to
 *	out_map		interfaces that packets may be redirected to
 *	settings_map	parameters, and the heartbeat of what follows IPVS
 *	vip_map		destinations that were seen with the mark of a service
 *	reset_map	tuples that the machine has answered with RST
 *	rate_map	packets of unknown flows, per CPU
 *	count_map	counters of the egress program, per CPU
 *
 * Addresses and ports are in network byte order, all else in the host's. Times are the lower 32
 * bits of the kernel's jiffies, compared by difference.
 */
#ifndef BYPASS_IPVS_ABI_H
#define BYPASS_IPVS_ABI_H

#include <linux/types.h>

#include "libecbpf/abi.h"
#include "libecbpf/flow.h"
#include "libecbpf/recipe.h"

/* Grows when a shape in this file changes; programs and command must agree. */
#define BYPASS_ABI 1

/* struct bypass_flow.state */
#define BYPASS_FIN (1U << 0) /* the client has sent FIN */
#define BYPASS_RST (1U << 1) /* and RST, with the number expected; IPVS has sent nothing since */

/**
 * struct bypass_flow - what IPVS decided about a connection
 * @mark: ECBPF_MARK(): check, path, generation; 0: free
 * @packets: that were forwarded past IPVS
 * @bytes: of these: of IP packets, as IPVS counts
 * @seen: last packet of the client
 * @handed: last packet that was handed to IPVS because it was time to
 * @confirmed: last packet that IPVS was seen to send this way
 * @created: first packet that was
 * @seq: TCP: the sequence number behind all that the client has sent
 * @gue_sport: source port of the outer UDP header
 * @tries: times that a packet was handed to IPVS since it was last seen to send one
 * @state: BYPASS_*
 *
 * Counts may fall short if two CPUs work on packets of one connection at the same instant; the
 * statistics of the slot never do.
 */
struct bypass_flow {
	__u64 mark;
	__u64 packets;
	__u64 bytes;
	__u32 seen;
	__u32 handed;
	__u32 confirmed;
	__u32 created;
	__u32 seq;
	__be16 gue_sport;
	__u8 tries;
	__u8 state;
};
_Static_assert(sizeof(struct bypass_flow) == 48, "three quarters of a cache line");

/* Path 0 is no path: of an entry that somebody is filling. */
#define BYPASS_PATH_NONE ECBPF_ID_NONE

struct bypass_flow4 {
	struct bypass_flow flow;
	struct ecbpf_tuple4 key;
};
_Static_assert(sizeof(struct bypass_flow4) == 64, "one cache line");

struct bypass_flow6 {
	struct bypass_flow flow;
	struct ecbpf_tuple key;
	__u8 pad[40];
};
_Static_assert(sizeof(struct bypass_flow6) == 128, "two cache lines");

#define BYPASS_WAYS ECBPF_FLOW_WAYS

struct bypass_bucket4 {
	struct bypass_flow4 way[BYPASS_WAYS];
};

struct bypass_bucket6 {
	struct bypass_flow6 way[BYPASS_WAYS];
};

/* Most flows of a table, and entries of path_map; a mark has 16 bits for a path. */
#define BYPASS_FLOWS_MAX (1U << 28)
#define BYPASS_PATHS_MAX 65536

/**
 * struct bypass_path - value of path_map
 * @recipe: what is done
 * @gen: generation: a flow whose mark has another is asked of IPVS again. Only the command and its
 *       follower write it, to make decisions invalid
 * @mtu: longest IP packet, without outer headers, that IPVS would send this way
 * @route_mtu: of a tunnel: MTU of the route to its other end; 0: not known. The follower writes it
 * @packets: forwarded, of flows that are not in a tuple map any more; of path 0: of paths that are gone
 * @bytes: of these
 */
struct bypass_path {
	struct ecbpf_recipe recipe;
	__u32 gen;
	__u32 mtu;
	__u64 packets;
	__u64 bytes;
	__u32 route_mtu;
	__u32 pad[3];
};
_Static_assert(sizeof(struct bypass_path) == 128, "two cache lines");

/**
 * struct bypass_service_key - key of service_map
 * @mark: of a firewall-mark service; 0: of a service with an address
 * @port: 0: all ports (IPVS: persistent services only)
 * @proto: IPPROTO_TCP or IPPROTO_UDP; 0 with a mark
 * @family: AF_INET or AF_INET6
 * @addr: IPv4 in the first word; zero with a mark
 */
struct bypass_service_key {
	__u32 mark;
	__be16 port;
	__u8 proto;
	__u8 family;
	__be32 addr[4];
};

/**
 * struct bypass_service - value of service_map
 * @number: of the service, from 0; kept as long as it is known
 * @flags: BYPASS_BY_HAND
 */
struct bypass_service {
	__u32 number;
	__u32 flags;
};

#define BYPASS_BY_HAND (1U << 0) /* added by a command: it stays whatever the kernel says */

#define BYPASS_SERVICES_MAX 65536

/** struct bypass_prefix - key of exclude_map; IPv4 as ::ffff:ADDRESS, @length then 96 to 128 */
struct bypass_prefix {
	__u32 length;
	__be32 addr[4];
};

/* struct bypass_device.role */
#define BYPASS_INBOUND	(1U << 0) /* clients' packets come in here */
#define BYPASS_OUTBOUND (1U << 1) /* servers are here */
#define BYPASS_AT_XDP	(1U << 2) /* the XDP program is on it: it is, or carries, an inbound one */
#define BYPASS_AT_TC	(1U << 3) /* so is the egress program */

/**
 * struct bypass_device - value of device_map, by ifindex
 * @role: BYPASS_INBOUND, BYPASS_OUTBOUND; for the command: BYPASS_AT_*
 * @outer, @inner: VLAN ids of packets that the kernel says came in here: of a VLAN device on an
 *                 inbound interface
 */
struct bypass_device {
	__u32 role;
	__u16 outer;
	__u16 inner;
};

/**
 * struct bypass_params - what can be changed live; bypass_ipvs/params.h tells units and ranges
 * @inactive: jiffies: an entry that was not confirmed for so long is asked of IPVS again
 * @sample: jiffies: a packet of each flow is handed to IPVS so often
 * @retry: jiffies: and again so soon if it was not seen to leave
 * @tries: times, then the entry is given up
 * @admit: packets that IPVS must have forwarded before the flow is entered
 * @shadow_one_in: one packet in so many is handed to IPVS to compare; 0: none
 * @monitor: no packet is touched; what would be done is counted
 * @unknown_pps: packets of unknown flows a second, on all CPUs, that are let through; 0: all
 * @unknown_max_pps: from here on no more than @unknown_pps of them are; in between, a share
 * @reset_pps: RST segments a second that the machine may send from services' addresses; 0: all
 * @reset_per_flow: of these, for one tuple within BYPASS_RESET_S seconds
 */
struct bypass_params {
	__u32 inactive;
	__u32 sample;
	__u32 retry;
	__u32 tries;
	__u32 admit;
	__u32 shadow_one_in;
	__u32 monitor;
	__u32 unknown_pps;
	__u32 unknown_max_pps;
	__u32 reset_pps;
	__u32 reset_per_flow;
	__u32 pad[5];
};
_Static_assert(sizeof(struct bypass_params) == 64, "one cache line");

#define BYPASS_RESET_S 10

/**
 * struct bypass_settings - settings_map: the one entry, memory-mapped
 * @active: which of @params counts. The other one is filled in, then this is switched, so that no
 *          packet meets half a change
 * @abi: BYPASS_ABI
 * @excludes: entries of exclude_map; 0: nobody looks
 * @followed: jiffies when the kernel's services were last compared; 0: never
 * @seed: the programs' bypass_seed, for those that take their place
 * @flows, @flows6: entries of the tuple maps
 * @paths: entries of path_map
 * @reset_second: the second that @reset_used is of
 * @reset_used: RST segments that were sent in it
 * @test_now: jiffies, for programs that are loaded to be tested
 */
struct bypass_settings {
	__u32 active;
	__u32 abi;
	__u32 excludes;
	__u32 flows;
	__u32 flows6;
	__u32 paths;
	__u64 followed;
	__u32 reset_second;
	__u32 reset_used;
	__u64 test_now;
	__u64 seed[2];
	struct bypass_params params[2];
};

/** struct bypass_pending - value of pending_map: what IPVS forwarded of a flow that is not admitted */
struct bypass_pending {
	__u32 packets;
	__u32 first;
};

/** struct bypass_reset - value of reset_map: RSTs that were sent to a client @from jiffies on */
struct bypass_reset {
	__u32 from;
	__u32 sent;
};

/**
 * struct bypass_rate - value of rate_map: packets of unknown flows that a CPU has met
 * @window: number of the time window that @count is of
 * @count: packets in it
 * @before: packets in the one before
 * @drop_below: share of packets that are dropped, times 2^32
 */
struct bypass_rate {
	__u32 window;
	__u32 count;
	__u32 before;
	__u32 drop_below;
};

/*
 * Counters of the egress program: X(CONSTANT, name, text). What the XDP program does is counted by
 * its reason codes.
 */
#define BYPASS_COUNTERS(X)                                                                 \
	X(CONFIRMED, "confirmed", "packets that left as the flow's entry says")            \
	X(MOVED, "moved", "packets that left another way; the entry was corrected")        \
	X(PENDING, "pending", "packets of flows that are not admitted yet")                \
	X(LEARNED, "learned", "flows that were entered")                                   \
	X(EVICTED, "evicted", "entries of idle flows that made room")                      \
	X(TABLE_FULL, "table-full", "flows not entered: no entry of their bucket is idle") \
	X(PATHS_FULL, "paths-full", "flows not entered: no path is free")                  \
	X(EXCLUDED, "excluded", "packets to destinations that are excluded")               \
	X(STRANGE, "strange", "packets that IPVS sent in a way that cannot be repeated")   \
	X(UNRELATED, "unrelated", "packets that came in and are for no service")           \
	X(RESET_SENT, "reset-sent", "RST segments that the machine sent from a service")   \
	X(RESET_RATE, "reset-rate", "RST segments dropped: more than reset-pps")           \
	X(RESET_FLOW, "reset-flow", "RST segments dropped: more than reset-per-flow")

enum bypass_counter {
#define BYPASS_COUNTER_ENUM(constant, name, text) BYPASS_##constant##_COUNT,
	BYPASS_COUNTERS(BYPASS_COUNTER_ENUM)
#undef BYPASS_COUNTER_ENUM
		BYPASS_COUNTERS_MAX,
};

/** struct bypass_counts - value of count_map */
struct bypass_counts {
	__u64 by[BYPASS_COUNTERS_MAX];
};

/* Sizes of the tables whose size is not said at attach. */
#define BYPASS_PENDING_MAX  65536
#define BYPASS_RESET_MAX    65536
#define BYPASS_VIPS_MAX	    16384
#define BYPASS_EXCLUDES_MAX 4096
#define BYPASS_DEVICES_MAX  1024
#define BYPASS_GUE_MAX	    64

#endif
