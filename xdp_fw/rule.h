/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A ruleset as its text says it: what the parser makes, the printer writes, and the classifier
 * compiles. Numbers are in host byte order, addresses in network byte order.
 */
#ifndef XDP_FW_RULE_H
#define XDP_FW_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libecbpf/cli.h"
#include "xdp_fw/abi.h"

/* Limits of the language; those of the compiled form are in abi.h. */
#define FW_NAME_MAX	255  /* bytes of a rule's name */
#define FW_SET_NAME_MAX 31   /* bytes of a set's name */
#define FW_LIST_MAX	4096 /* values or prefixes in one list */

/** enum fw_action - PROTECT: no rule behind it is asked (a line of its own kind, before all rules) */
enum fw_action { FW_DROP, FW_PASS, FW_LIMIT, FW_COUNT, FW_PROTECT };

/** enum fw_default - of packets that no rule has decided */
enum fw_default { FW_DEFAULT_NEXT, FW_DEFAULT_PASS, FW_DEFAULT_DROP };

/** struct fw_range - lo <= hi, both included */
struct fw_range {
	uint32_t lo, hi;
};

/**
 * struct fw_values - a selector over numbers
 * @given: false: any
 * @negated: matches what is not in the list (the field must be there all the same)
 * @range: @count of them, in the order written
 */
struct fw_values {
	bool given;
	bool negated;
	size_t count;
	struct fw_range *range;
};

/**
 * struct fw_addrs - a selector over addresses: matches any of the prefixes and sets
 * @prefix: @prefixes of them, of either family
 * @set: names of @sets sets
 */
struct fw_addrs {
	bool given;
	bool negated;
	size_t prefixes;
	struct ecbpf_prefix *prefix;
	size_t sets;
	char (*set)[FW_SET_NAME_MAX + 1];
};

/* TCP flags (RFC 9293, RFC 3168), as in the header's 14th byte. */
#define FW_TCP_FIN 0x01
#define FW_TCP_SYN 0x02
#define FW_TCP_RST 0x04
#define FW_TCP_PSH 0x08
#define FW_TCP_ACK 0x10
#define FW_TCP_URG 0x20
#define FW_TCP_ECE 0x40
#define FW_TCP_CWR 0x80

/** struct fw_flags - (flags & mask) == value, or not if @negated; @value is within @mask */
struct fw_flags {
	bool given;
	bool negated;
	uint8_t value;
	uint8_t mask;
};

/**
 * struct fw_upper - one of the options tcp, udp, icmp, icmp6
 * @given: the rule has the option; several of them in a rule are alternatives
 * @sport, @dport: tcp, udp
 * @window, @flags: tcp
 * @type, @code: icmp, icmp6
 *
 * The option alone matches by protocol, also a later fragment or a truncated header; a field in
 * it matches only where that header is there in full.
 */
struct fw_upper {
	bool given;
	struct fw_values sport, dport, window, type, code;
	struct fw_flags flags;
};

enum fw_upper_kind { FW_TCP, FW_UDP, FW_ICMP, FW_ICMP6, FW_UPPERS };

/** enum fw_fragment - which a selector accepts, or what a packet is */
enum fw_fragment {
	FW_FRAGMENT_NONE = 1,  /* a whole packet */
	FW_FRAGMENT_FIRST = 2, /* offset 0, more to come */
	FW_FRAGMENT_LATER = 4,
	FW_FRAGMENT_ALL = 7,
};

/** enum fw_has - selectors that are there or not */
enum fw_has { FW_ANY, FW_YES, FW_NO };

/**
 * struct fw_limit - of action FW_LIMIT: over it, drop; within it, the rule does not match
 * @bytes: the rate is in bits per second; else packets per second
 * @rate: 1 and up
 * @burst: packets or bytes that may come at once; 0: a tenth of a second's worth
 * @per_source: each source has its own; else one for the rule
 * @prefix4, @prefix6: what counts as one source
 */
struct fw_limit {
	bool bytes;
	bool per_source;
	uint8_t prefix4, prefix6;
	uint64_t rate;
	uint64_t burst;
};

/**
 * struct fw_rule - one rule: all that is given must match
 * @family: 0 both, 4 (option ip), 6 (option ip6); other frames are never judged
 * @length: of the frame, Ethernet and VLAN headers included
 * @proto: of the upper layer, behind the extension headers; 0 .. 255
 * @vlan: id of the outermost tag, 0 .. 4095; FW_VLAN_NONE: no tag
 * @fragment: mask of enum fw_fragment
 * @options: IPv4 options or IPv6 extension headers other than a fragment header
 * @malformed: the upper header is truncated or lies about its length, or the chain of extension
 *             headers is too long
 * @name: or NULL
 * @line: of the text, from 1; 0: none
 */
struct fw_rule {
	enum fw_action action;
	struct fw_limit limit;
	int family;
	struct fw_values length, ttl, dscp, proto, vlan;
	struct fw_addrs src, dst;
	unsigned int fragment;
	enum fw_has options, malformed;
	struct fw_upper upper[FW_UPPERS];
	char *name;
	unsigned int line;
};

/**
 * struct fw_hygiene - switches; they act after the protections and before the rules
 * @ptb_pps: with @fragments: answer so many first fragments a second with a Packet Too Big; 0: none
 * @local: packets to the machine's own addresses are exempt from these
 */
struct fw_hygiene {
	bool fragments, options, malformed, local;
	uint32_t ptb_pps;
};

/** enum fw_expect - a test line's action, by the names of XDP */
enum fw_expect { FW_EXPECT_ABORTED, FW_EXPECT_DROP, FW_EXPECT_PASS };

/** struct fw_test - what the packet with this SHA-1 must meet with */
struct fw_test {
	uint8_t sha1[20];
	enum fw_expect expect;
	unsigned int line;
};

/**
 * struct fw_ruleset - a whole text
 * @protect: rules of action FW_PROTECT, before all others
 */
struct fw_ruleset {
	enum fw_default fallback;
	struct fw_hygiene hygiene;
	size_t protects;
	struct fw_rule *protect;
	size_t rules;
	struct fw_rule *rule;
	size_t tests;
	struct fw_test *test;
};

/**
 * fw_parse - a text, or one line of it
 * @set: empty (all zero); filled in on success only, for fw_ruleset_free()
 * Return: 0; -EINVAL and ecbpf_error() "LINE:COLUMN: cause near "TEXT"".
 */
int fw_parse(const char *text, size_t len, struct fw_ruleset *set);

/** fw_parse_rule - one rule, as `insert` takes it; no other kind of line */
int fw_parse_rule(const char *text, struct fw_rule *rule);

/** fw_action_name, fw_default_name - the word for it */
const char *fw_action_name(enum fw_action action);
const char *fw_default_name(enum fw_default fallback);

/** fw_rule_print - canonical text without newline, malloc()ed; fw_parse() takes it back */
char *fw_rule_print(const struct fw_rule *rule);

/** fw_ruleset_print - canonical text of everything but tests, malloc()ed */
char *fw_ruleset_print(const struct fw_ruleset *set);

/** fw_import - iptables-save text (IPv4, or IPv6 if @family is 6) to rules; as fw_parse() */
int fw_import(const char *text, size_t len, int family, struct fw_ruleset *set);

/** fw_rule_free - what it points to */
void fw_rule_free(struct fw_rule *rule);

/** fw_ruleset_free - what it points to; leaves it empty */
void fw_ruleset_free(struct fw_ruleset *set);

/** fw_ruleset_insert - takes @rule over; @at: 0 .. set->rules; -ENOMEM */
int fw_ruleset_insert(struct fw_ruleset *set, size_t at, struct fw_rule *rule);

/** fw_ruleset_remove - and free */
void fw_ruleset_remove(struct fw_ruleset *set, size_t at);

#endif
