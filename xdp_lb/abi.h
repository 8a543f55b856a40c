/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the balancer's kernel program and its command agree on. The program xdp_lb runs in slot 6 of each
 * interface that it is attached to; all of them share these maps:
 *
 *	lb_near_map	which destinations may be a VIP, which sources a backend of NAT: filters in front
 *			of all else
 *	lb_key_map	VIP by address, protocol and port
 *	lb_net_map	nets that VIPs are, longest prefix first
 *	lb_vip_map	the VIPs
 *	lb_ring_map	the Maglev table of each VIP; one update replaces a table whole
 *	lb_source_map	source prefixes that go to a backend of their own
 *	lb_cid_map	connection ids of QUIC, as far as they name a backend
 *	lb_backend_map	the backends, and how packets get there
 *	lb_conn4_map	connections: buckets of LB_WAYS, IPv4
 *	lb_conn6_map	the same for IPv6
 *	lb_back4_map	of connections by NAT, what their replies look like
 *	lb_back6_map	the same for IPv6
 *	lb_fragment_map	backends of fragmented packets
 *	lb_out_map	interfaces that packets may leave by
 *	lb_port_map	where packets for interfaces above others leave
 *	lb_settings_map	sizes and secrets
 *	lb_vip_stat_map, lb_count_map	counters per CPU, of VIPs and of backends
 *	lb_rate_map	new connections of a VIP, per CPU
 *
 * Addresses and ports are in network byte order, all else in the host's. Times are the lower 32
 * bits of the kernel's jiffies, compared by difference.
 */
#ifndef XDP_LB_ABI_H
#define XDP_LB_ABI_H

#include <linux/types.h>

#include "libecbpf/abi.h"
#include "libecbpf/flow.h"
#include "libecbpf/recipe.h"

/* Grows when a shape in this file changes; program and command must agree. */
#define LB_ABI 2

/* Entries of lb_vip_map and lb_backend_map; number 0 is none. */
#define LB_VIP_NUMBERS	   8192
#define LB_BACKEND_NUMBERS 65536
#define LB_NUMBER_NONE	   0

/**
 * struct lb_near - value of lb_near_map: a bit for each value of lb_near_bit()
 *
 * Clear: no VIP has such an address. All ones where nets make it pointless. The second value is of the
 * addresses of backends by NAT.
 */
#define LB_NEAR_VIP  0
#define LB_NEAR_BACK 1
#define LB_NEARS     2
#define LB_NEAR_BITS 65536
struct lb_near {
	__u64 bit[LB_NEAR_BITS / 64];
};

/* lb_near_bit - of an address; IPv4: the address in @a, @b 0; IPv6: its halves, as they lie in memory */
static inline __u32 lb_near_bit(__u64 a, __u64 b)
{
	__u64 x = (a ^ (b * 0x9e3779b97f4a7c15ULL)) * 0xd6e8feb86659fd93ULL;

	return x >> 48;
}

/**
 * struct lb_key - key of lb_key_map
 * @addr: IPv4 in the first word. With @family LB_FAMILY_NET the first word is a net's number
 * @port: 0: all ports. A range is entered port by port
 * @proto: 0: any protocol, and then all ports
 * @family: AF_INET, AF_INET6 or LB_FAMILY_NET
 *
 * The program asks for protocol and port, then for the protocol with all ports, then for any. What a
 * shorter prefix has and a longer one lacks is entered for the longer one, too. A VIP of TCP or UDP that
 * answers echo requests needs a key of ICMP (ICMPv6), port 0.
 */
struct lb_key {
	__be32 addr[4];
	__be16 port;
	__u8 proto;
	__u8 family;
};

#define LB_FAMILY_NET 255
#define LB_KEYS_MAX   1048576

/** struct lb_net - key of lb_net_map; IPv4 as ::ffff:ADDRESS, @length 96 .. 128; value: number, __u32 */
struct lb_net {
	__u32 length;
	__be32 addr[4];
};

#define LB_NETS_MAX 4096

/* struct lb_vip_entry.flags */
#define LB_VIP_NO_TABLE	       (1U << 0) /* no connection table */
#define LB_VIP_ECHO	       (1U << 1) /* echo requests are answered */
#define LB_VIP_REFUSE_FRAGMENT (1U << 2)
#define LB_VIP_SOURCES	       (1U << 3) /* lb_source_map has prefixes of it */

/* struct lb_vip_entry.hash: what of a packet lb_hash() is of */
#define LB_OF_TUPLE	1 /* addresses, protocol, ports */
#define LB_OF_SOURCE	2 /* source address */
#define LB_OF_ADDRESSES 3 /* addresses and protocol: all ports, fragments and ICMP errors alike */

/**
 * struct lb_vip_entry - value of lb_vip_map, by number
 * @flags: LB_VIP_*
 * @hash: LB_OF_*
 * @entries: of its Maglev table; 0: there is none
 * @tcp_idle, @udp_idle: jiffies without a packet, then a connection is forgotten
 * @new_max: new connections that a CPU enters in a window of LB_WINDOW_MS; 0: no limit
 * @cid_octets: of a connection id of QUIC that lb_cid_map is asked for; 0: it is not asked
 */
struct lb_vip_entry {
	__u32 flags;
	__u32 hash;
	__u32 entries;
	__u32 tcp_idle;
	__u32 udp_idle;
	__u32 new_max;
	__u32 cid_octets;
	__u32 pad;
};

#define LB_WINDOW_MS 100

/**
 * struct lb_ring_line - value of a table in lb_ring_map: numbers of backends, one for each entry
 *
 * Entry i is in line i / LB_RING_LINE. A table without backends has LB_NUMBER_NONE in all.
 */
#define LB_RING_LINE 32
struct lb_ring_line {
	__u16 backend[LB_RING_LINE];
};

/** struct lb_source_key - key of lb_source_map: @length counts @vip's 32 bits; value: backend, __u32 */
struct lb_source_key {
	__u32 length;
	__be32 vip;
	__be32 addr[4]; /* IPv4 as ::ffff:ADDRESS */
};

#define LB_SOURCES_MAX 65535

/**
 * struct lb_cid_key - key of lb_cid_map: lb_cid_key() of a connection id; value: backend, __u32
 *
 * Backends that are down are not there.
 */
struct lb_cid_key {
	__u64 cid[2];
	__u32 vip;
	__u32 pad;
};

/* struct lb_backend_entry.state */
#define LB_BACKEND_NONE	    0 /* not in use */
#define LB_BACKEND_UP	    1 /* gets packets; whether new connections, the tables say */
#define LB_BACKEND_NO_ROUTE 2 /* how to get there is not known (yet): its packets are dropped */

/**
 * struct lb_backend_entry - value of lb_backend_map, by number
 * @recipe: what is done to its packets; recipe.service is the number of its VIP
 * @gen: connections whose mark has another generation are not this backend's any more
 * @mtu: longest packet, without outer headers, that gets there
 * @state: LB_BACKEND_*
 *
 * A change of the way there (route, neighbour) is written while @state says that there is none.
 * @version is odd meanwhile, so that the next command sees what a killed one left half done.
 */
struct lb_backend_entry {
	struct ecbpf_recipe recipe;
	__u32 gen;
	__u32 mtu;
	__u32 state;
	__u32 version;
	__u32 pad[6];
};
_Static_assert(sizeof(struct lb_backend_entry) == 128, "two cache lines");

/* struct lb_nat.flags */
#define LB_NAT_SOURCE (1U << 0) /* the source changes, too: full NAT, and all replies */

/**
 * struct lb_nat - recipe.outer of kind ECBPF_NAT: what addresses and ports become
 * @to: destination; IPv4 as ::ffff:ADDRESS
 * @from: source, with LB_NAT_SOURCE
 * @dport, @sport: 0: as it is; of full NAT the connection tells the latter
 */
struct lb_nat {
	__be32 to[4];
	__be32 from[4];
	__be16 dport;
	__be16 sport;
	__u32 flags;
};
_Static_assert(sizeof(struct lb_nat) <= ECBPF_OUTER_MAX, "it is in a recipe");

/* struct lb_conn.state */
#define LB_CONN_SEEN_TWICE (1U << 0) /* more than one packet: there is a client */
#define LB_CONN_CLOSING	   (1U << 1) /* FIN or RST came last */
#define LB_CONN_QUIC	   (1U << 2) /* of a VIP that looks at connection ids */

/**
 * struct lb_conn - a connection's backend
 * @mark: ECBPF_MARK(): check, backend's number, its generation; 0: free
 * @packets, @bytes: of the client, entered here; bytes of IP packets
 * @seen: last packet
 * @created: first packet
 * @idle: jiffies without a packet, then it is forgotten
 * @vip: number
 * @state: LB_CONN_*
 * @port: of full NAT: the source port that backends see; 0: none
 */
struct lb_conn {
	__u64 mark;
	__u64 packets;
	__u64 bytes;
	__u32 seen;
	__u32 created;
	__u32 idle;
	__u32 vip;
	__u32 state;
	__be16 port;
	__u16 pad;
};
_Static_assert(sizeof(struct lb_conn) == 48, "three quarters of a cache line");

struct lb_conn4 {
	struct lb_conn conn;
	struct ecbpf_tuple4 key;
};
_Static_assert(sizeof(struct lb_conn4) == 64, "one cache line");

struct lb_conn6 {
	struct lb_conn conn;
	struct ecbpf_tuple key;
	__u8 pad[40];
};
_Static_assert(sizeof(struct lb_conn6) == 128, "two cache lines");

#define LB_WAYS ECBPF_FLOW_WAYS

struct lb_bucket4 {
	struct lb_conn4 way[LB_WAYS];
};

struct lb_bucket6 {
	struct lb_conn6 way[LB_WAYS];
};

/**
 * struct lb_back_link - where the client's packets came from, if the kernel does not know a better way
 * @ifindex: interface they came in on
 * @bytes: of @l2; 0: nothing is known
 * @l2: Ethernet header and tags, turned round
 */
struct lb_back_link {
	__u32 ifindex;
	__u8 bytes;
	__u8 pad;
	__u8 l2[ECBPF_L2_MAX];
};
_Static_assert(sizeof(struct lb_back_link) == 28, "no holes");

/**
 * struct lb_back4 - replies of a connection by NAT
 * @conn: counts replies; backend, generation and times are as in the connection's own entry, whose idle
 *	  time is LB_TEND_TICKS less
 * @key: of a reply as it arrives; VLAN ids are none
 * @forward: key of the connection: client and VIP
 *
 * A packet of one direction keeps the other one's entry, too, about every LB_TEND_TICKS jiffies.
 */
struct lb_back4 {
	struct lb_conn conn;
	struct ecbpf_tuple4 key;
	struct ecbpf_tuple4 forward;
	struct lb_back_link link;
	__u8 pad[20];
};
_Static_assert(sizeof(struct lb_back4) == 128, "two cache lines");

struct lb_back6 {
	struct lb_conn conn;
	struct ecbpf_tuple key;
	struct ecbpf_tuple forward;
	struct lb_back_link link;
	__u8 pad[36];
};
_Static_assert(sizeof(struct lb_back6) == 192, "three cache lines");

struct lb_back_bucket4 {
	struct lb_back4 way[LB_WAYS];
};

struct lb_back_bucket6 {
	struct lb_back6 way[LB_WAYS];
};

#define LB_TEND_TICKS 2048

/*
 * Source ports of full NAT: CPU c of n takes LB_NAT_FIRST + c, + c + n, ... Below those that Linux gives
 * its own connections (ip_local_port_range), health checks above all.
 */
#define LB_NAT_FIRST  1024
#define LB_NAT_PORTS  31744
#define LB_NAT_PROBES 16 /* of the ports that a connection could have, so many are tried */

/**
 * struct lb_port - value of lb_port_map, by ifindex: an interface that is not where its frames leave
 * @ifindex: that is; 0: none is
 * @tags: VLAN tags, @tag[0] the outermost: type, and VLAN id
 */
struct lb_port {
	__u32 ifindex;
	__u32 tags;
	struct {
		__be16 tpid;
		__be16 tci;
	} tag[2];
};

#define LB_PORTS_MAX 4096

/* Seconds that a connection is kept after FIN or RST, and one of a single packet. */
#define LB_CLOSING_S 30
#define LB_SINGLE_S  10

/** struct lb_fragment_key - key of lb_fragment_map; IPv4 as ::ffff:ADDRESS; IPv6: @proto is 0 */
struct lb_fragment_key {
	__be32 saddr[4];
	__be32 daddr[4];
	__be32 id;
	__u32 proto;
};

/** struct lb_fragment - value of lb_fragment_map: where the first fragment went, and for which VIP */
struct lb_fragment {
	__u16 backend;
	__u16 gen;
	__u32 vip;
	__u32 seen;
};

#define LB_FRAGMENTS_MAX 16384
#define LB_FRAGMENT_S	 30 /* RFC 8200 4.5: reassembly is given up after 60 seconds */

/* struct lb_settings.nat: are there backends by NAT? */
#define LB_NAT_NONE 0
#define LB_NAT_SOME 1
#define LB_NAT_ONLY 2 /* and no others */

/**
 * struct lb_settings - lb_settings_map: the one entry, memory-mapped
 * @abi: LB_ABI
 * @nets: entries of lb_net_map; 0: nobody looks
 * @conns, @conns6: entries of the connection tables
 * @backs, @backs6: entries of lb_back4_map and lb_back6_map
 * @nat: LB_NAT_*
 * @seed: secret of the connection tables' hash
 * @ptb_pps: Packet Too Big messages a second that are sent
 * @ptb_second, @ptb_used: the second that the latter is of
 * @test_now: jiffies, for programs that are loaded to be tested
 */
struct lb_settings {
	__u32 abi;
	__u32 nets;
	__u32 conns;
	__u32 conns6;
	__u64 seed[2];
	__u32 ptb_pps;
	__u32 ptb_second;
	__u32 ptb_used;
	__u32 nat;
	__u32 backs;
	__u32 backs6;
	__u64 test_now;
};

/**
 * struct lb_vip_counts - value of lb_vip_stat_map, by number
 * @hits: packets of known connections
 * @entered: connections entered
 * @hashed: packets by the hash alone: the VIP has no table, or they begin no connection
 * @limited: of new connections beyond new_max, by the hash alone
 * @full: no entry of the bucket could be had: by the hash alone
 * @no_backend, @no_route, @too_long, @ttl, @fragments: dropped, by reason
 * @icmp: ICMP errors that were steered
 * @echo: echo requests that were answered
 * @quic: by the connection id, whatever the table and the hash say
 * @replies: of backends by NAT, translated
 * @nat_limited, @nat_full, @nat_ports, @nat_unknown: dropped, by reason: NAT cannot do by the hash alone
 */
struct lb_vip_counts {
	__u64 hits;
	__u64 entered;
	__u64 hashed;
	__u64 limited;
	__u64 full;
	__u64 no_backend;
	__u64 no_route;
	__u64 too_long;
	__u64 ttl;
	__u64 fragments;
	__u64 icmp;
	__u64 echo;
	__u64 quic;
	__u64 replies;
	__u64 nat_limited;
	__u64 nat_full;
	__u64 nat_ports;
	__u64 nat_unknown;
};

/**
 * struct lb_counts - value of lb_count_map, by number of the backend; bytes of IP packets
 * @packets, @bytes: to it
 * @conns: connections entered
 * @reply_packets, @reply_bytes: from it, by NAT
 */
struct lb_counts {
	__u64 packets;
	__u64 bytes;
	__u64 conns;
	__u64 reply_packets;
	__u64 reply_bytes;
};

/** struct lb_rate - value of lb_rate_map, by number of the VIP */
struct lb_rate {
	__u32 window;
	__u32 entered;
};

#endif
