/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Between xdp_fw and its kernel program: the compiled ruleset, sets, limits and counters.
 * Integers are in host byte order unless the type says otherwise.
 *
 * A ruleset is compiled into terms, at most FW_TERMS_MAX: a rule is one term, or several if it has
 * alternatives. Each dimension (enum fw_dim) maps a packet's value to a class, each class has a row:
 * a bit for each term that the value agrees with. The AND of a packet's rows has the terms that
 * match. Rows of more than 64 terms begin with a summary: bit w says that word w is not zero.
 * Terms are grouped so that summaries are sparse; fw_order tells the rule of each bit.
 *
 * All of it belongs to one generation: a program and its own maps, put into the slot by one
 * update. Counters, buckets and sets outlive a generation.
 */
#ifndef XDP_FW_ABI_H
#define XDP_FW_ABI_H

#include <linux/types.h>

#define FW_TERMS_MAX 4096
#define FW_WORDS_MAX (FW_TERMS_MAX / 64)

/* Rules, protections and hygiene together; each has at least one term. */
#define FW_RULES_MAX FW_TERMS_MAX

/* Prefixes in rules (not in sets), for each family and direction. */
#define FW_PREFIXES_MAX 8192

/*
 * Dimensions. KIND: fw_kind(). SRC, DST: IPv4 by trie, IPv6 by search. ICMP: type << 8 | code.
 * HOP: ttl << 6 | dscp. VLAN: id of the outermost tag, or 4096. SETS: bit k: pair k of fw_config is
 * a member. A dimension that no rule uses is not looked at. A packet that lacks the header of a
 * dimension (SPORT .. ICMP) has row 0, all ones: terms with such a field ask for its kind already.
 */
enum fw_dim {
	FW_DIM_KIND,
	FW_DIM_SRC,
	FW_DIM_DST,
	FW_DIM_SPORT,
	FW_DIM_DPORT,
	FW_DIM_FLAGS,
	FW_DIM_WINDOW,
	FW_DIM_ICMP,
	FW_DIM_LENGTH,
	FW_DIM_HOP,
	FW_DIM_VLAN,
	FW_DIM_SETS,
	FW_DIMS,
};

/* Values of each direct-indexed dimension. */
#define FW_KIND_VALUES	 8192
#define FW_WORD16_VALUES 65536 /* SPORT, DPORT, WINDOW, ICMP, LENGTH (longer frames: 65535) */
#define FW_FLAGS_VALUES	 256
#define FW_VLAN_NONE	 4096 /* of FW_DIM_VLAN: no tag */
#define FW_VLAN_VALUES	 4128 /* 4097, in whole lines */

/*
 * Value of FW_DIM_KIND: bits 0-7 protocol, 8 IPv6, 9-10 fragment (0 none, 1 first, 2 later),
 * 11 options or extension headers (the fragment header of a fragment is none), 12 the upper header
 * is there in full (it is TCP, UDP, or ICMP of its family, and pkt_tcp() ... found no fault).
 * Malformed is a packet without bit 12 that ought to have it: the protocol is one of these and the
 * fragment is not a later one; or, IPv6 and not a later fragment, pkt_is_ipv6_ext(protocol): the
 * chain of extension headers was too long.
 */
#define FW_KIND_IPV6	    (1U << 8)
#define FW_KIND_FRAGMENT(f) ((f) << 9)
#define FW_KIND_OPTIONS	    (1U << 11)
#define FW_KIND_UPPER	    (1U << 12)

/**
 * struct fw_line - map fw_classes: 32 classes, in one cache line
 *
 * Dimension d begins at line fw_config.line[d]. SRC and DST hold a trie: 65536 entries by the first
 * two bytes of the address, then nodes of 256 for the third and the fourth. An entry with
 * FW_NODE is the number of a node; node n begins at line fw_config.nodes + 8 * n.
 */
struct fw_line {
	__u16 class[32];
};
_Static_assert(sizeof(struct fw_line) == 64, "one cache line");

#define FW_NODE	      0x8000
#define FW_NODE_LINES (256 / 32)

/**
 * struct fw_bound - map fw_bounds: the class of IPv6 addresses from here to the next bound
 * @hi, @lo: the address as two numbers
 *
 * SRC: @bounds_count[0] entries from @bounds[0], DST: [1]; the first is ::, ascending.
 */
struct fw_bound {
	__u64 hi, lo;
	__u32 class;
	__u32 pad;
};
_Static_assert(sizeof(struct fw_bound) == 24, "no holes");

#define FW_BOUNDS_MAX (2 * FW_PREFIXES_MAX + 1) /* of one direction: 15 steps of a search */

#define FW_PAIRS_MAX  12 /* sets that rules use, counted for each direction */
#define FW_PAIRS_ROOM 16 /* of an array of them, a power of two */

/** struct fw_pair - a set in a direction, for FW_DIM_SETS; @slot: of the set's counters */
struct fw_pair {
	__u8 set;
	__u8 dst;
	__u16 slot;
};

/**
 * struct fw_config - read-only data of a generation
 * @dims: mask of the dimensions in use
 * @words: of a row, 1 .. FW_WORDS_MAX
 * @stride: 64-bit words from one row to the next: 1, or 1 + @words
 * @line: see struct fw_line; of SRC and DST: the IPv4 trie
 * @nodes: line of node 0
 * @row: of class 0 of each dimension, in map fw_rows; row 0 of the map is all ones. IPv4 and IPv6
 *       share the classes of SRC and DST
 * @bounds, @bounds_count: see struct fw_bound
 * @pairs: in use; @pair of them
 * @sets_src, @sets_dst: some pair has that direction
 * @fallback: verdict of packets that nothing has decided: ECBPF_NEXT, XDP_PASS or XDP_DROP
 */
struct fw_config {
	__u32 dims;
	__u32 words;
	__u32 stride;
	__u32 line[FW_DIMS];
	__u32 nodes;
	__u32 row[FW_DIMS];
	__u32 bounds[2];
	__u32 bounds_count[2];
	__u32 pairs;
	__u32 sets_src, sets_dst;
	__s32 fallback;
	struct fw_pair pair[FW_PAIRS_ROOM];
};

/* struct fw_verdict_rule.action */
enum fw_do {
	FW_DO_NEXT, /* protected */
	FW_DO_PASS,
	FW_DO_DROP,
	FW_DO_COUNT,	/* and look for the next match */
	FW_DO_LIMIT,	/* drop, or look for the next match */
	FW_DO_FRAGMENT, /* drop; a first fragment may be answered */
};

/* struct fw_verdict_rule.flags */
#define FW_RULE_BYTES	   (1U << 0) /* @cost is for a byte, else for a packet */
#define FW_RULE_PER_SOURCE (1U << 1)
#define FW_RULE_PRECISE	   (1U << 2) /* the burst is too short for the clock that ticks */

/**
 * struct fw_verdict_rule - map xdp_fw_rules_map: what a rule does, by its index
 * @action: enum fw_do
 * @prefix4, @prefix6: with FW_RULE_PER_SOURCE
 * @code: reason code
 * @number: for the verdict's meta: from 1, as listed; of its own kind (rule or protection)
 * @pairs: that it asks for, if there are several; those that the packet is a member of count it
 * @set_slot: of the set's counters, if there is but one that it asks for; 0: see @pairs
 * @slot: of its counters and its bucket
 * @cost: nanoseconds * 2^16 for a packet or byte
 * @burst: nanoseconds * 2^6 that a bucket may be ahead of the time
 */
struct fw_verdict_rule {
	__u8 action;
	__u8 flags;
	__u8 prefix4;
	__u8 prefix6;
	__u32 code;
	__u16 number;
	__u16 pairs;
	__u16 set_slot;
	__u16 slot;
	__u64 cost;
	__u64 burst;
};
_Static_assert(sizeof(struct fw_verdict_rule) == 32, "two to a cache line");

/* Counters of rules: as many again as rules, so that those of a generation ago are not reused. */
#define FW_SLOTS (3 * FW_RULES_MAX)

#define FW_SETS_MAX 64

/* Counters of sets, behind those of rules: a set that takes another's number has others. */
#define FW_SET_SLOTS (3 * FW_SETS_MAX)
#define FW_HITS	     (FW_SLOTS + FW_SET_SLOTS)
_Static_assert(FW_HITS < 0x10000 && FW_SLOTS % FW_SETS_MAX == 0, "struct fw_verdict_rule");

/**
 * struct fw_hits - map fw_hits, per CPU: packets that a rule matched; of a limit: that it dropped
 * @last: in jiffies; 0: never
 *
 * Of a set: packets with an address in it that a rule matched, which names it and not by "not": once
 * for each packet, and also within a limit.
 */
struct fw_hits {
	__u64 packets;
	__u64 bytes;
	__u64 last;
	__u64 within; /* of a limit: packets that it let go on */
};

/* Hash of fw_limits: 64-byte buckets of four entries. */
#define FW_BUCKET_ENTRIES 4

/** struct fw_source - @tag: keyed hash of rule and source, 0: free; @tat: see rate.h */
struct fw_source {
	__u64 tag;
	__u64 tat;
};

struct fw_bucket {
	struct fw_source source[FW_BUCKET_ENTRIES];
};
_Static_assert(sizeof(struct fw_bucket) == 64, "one cache line");

/**
 * struct fw_counts - map fw_counts, per CPU: what belongs to no rule
 * @default_packets, @default_bytes: that no rule decided
 * @sources_evicted: sources under a limit that were forgotten for want of room
 * @replies: fragments that were answered with a Packet Too Big
 * @replies_held: that would have been, but for the rate
 * @replies_failed: that would have been, but the frame could not be made
 */
struct fw_counts {
	__u64 default_packets;
	__u64 default_bytes;
	__u64 sources_evicted;
	__u64 replies;
	__u64 replies_held;
	__u64 replies_failed;
};

/* --- sets: one pool for all, with these maps */

/**
 * struct fw_set_slot - an entry in its hash bucket; four to a cache line, map fw_set_slots
 * @key: IPv4: the address of the prefix as a number; IPv6: hash_key6()
 * @index: of its struct fw_set_entry
 * @expires: in jiffies >> FW_EXPIRY_SHIFT; 0: never
 * @length: of the prefix, 1 .. 32 or 128; 0: the slot is free
 * @set: 0 .. FW_SETS_MAX-1
 * @flags: FW_SLOT_*
 */
struct fw_set_slot {
	__u32 key;
	__u32 index;
	__u32 expires;
	__u8 length;
	__u8 set;
	__u16 flags;
};
_Static_assert(sizeof(struct fw_set_slot) == 16, "written as two words");

#define FW_SLOT_IPV6 1
#define FW_SLOT_HITS 2 /* count in the entry */
#define FW_SLOT_GONE 4 /* a tombstone: matches nothing, but the search goes on behind it */

#define FW_EXPIRY_SHIFT 6

#define FW_SET_WAYS  4
#define FW_SET_CHAIN 8 /* buckets that a search goes through while they are full */

struct fw_set_bucket {
	struct fw_set_slot slot[FW_SET_WAYS];
};

/**
 * struct fw_set_entry - map fw_set_entries: the whole of an entry
 * @addr: network byte order; IPv4 in the first four bytes
 * @length: 0: free
 * @family: 4 or 6
 * @tag: index into map fw_set_tags; 0: none
 * @hits: packets, if the set counts
 */
struct fw_set_entry {
	__u8 addr[16];
	__u8 length;
	__u8 family;
	__u8 set;
	__u8 pad;
	__u32 tag;
	__u64 hits;
};
_Static_assert(sizeof(struct fw_set_entry) == 32, "no holes");

/**
 * struct fw_set_mask - map fw_set_masks: what is known of an address before it is looked up
 * @v4_sets: by the first bits of an IPv4 address: the sets that have all that begin so, by a prefix
 *           no longer than the index, which never expires and whose hits nobody counts
 * @v4: lengths of the other prefixes there, each of which must be looked up: bit length-1
 * @v4_near: filter of the prefixes longer than the index: bit hash_near4()
 * @v6: lengths of IPv6 prefixes, bit (length-1) % 64 of word (length-1) / 64. Those of 32 bits and more
 *      are in the entry that a hash of the first 32 bits of the address says, those of FW_MASK_DEEP and
 *      more in that of the first 48; shorter ones, FW_MASK_SHORT, are in entry 0 for all addresses.
 *      In all other entries these bits are a filter of the prefixes there: bit hash_near6()
 */
struct fw_set_mask {
	__u64 v4_sets;
	__u32 v4;
	__u32 v4_near;
	__u64 v6[2];
};
_Static_assert(sizeof(struct fw_set_mask) == 32, "two to a cache line");

#define FW_MASK_SHORT	  0x7fffffffU
#define FW_MASK_DEEP	  48
#define FW_MASK_DEEP_BITS (~0ULL << (FW_MASK_DEEP - 1)) /* of the first word */

/**
 * struct fw_sets_config - read-only data of a program that looks sets up
 * @capacity_mask: buckets less one
 * @masks: entries of fw_set_masks
 * @mask_shift: 32 less the bits of an index into it
 */
struct fw_sets_config {
	__u32 capacity_mask;
	__u32 masks;
	__u32 mask_shift;
};

/**
 * struct fw_set_info - map fw_set_names: a set
 * @name: empty: free
 * @flags: FW_SET_*
 * @turn: of its FW_SET_SLOTS / FW_SETS_MAX counters; stays when the set goes
 */
struct fw_set_info {
	char name[32];
	__u32 flags;
	__u32 entries;
	__u32 turn;
	__u32 pad;
};

#define FW_SET_COUNTS 1 /* hits of each entry */

struct fw_set_tag {
	char text[64];
};

#endif
