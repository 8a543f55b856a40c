/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * From a ruleset to what the kernel program asks, in two steps: the plan, a flat list of rules in
 * the order in which they are asked (protections, hygiene, rules), and its compiled form.
 * Besides, the plain way to judge a packet by a plan: rule by rule. It explains verdicts, and tests
 * hold the compiled form against it.
 */
#ifndef XDP_FW_PLAN_H
#define XDP_FW_PLAN_H

#include "xdp_fw/abi.h"
#include "xdp_fw/rule.h"

/** enum fw_kind_of_rule - which list an entry's number counts in */
enum fw_rule_kind { FW_KIND_PROTECT, FW_KIND_HYGIENE, FW_KIND_RULE };

/**
 * struct fw_entry - one rule of a plan
 * @rule: of the ruleset, or one made for a hygiene switch
 * @kind: where it comes from
 * @number: from 1, within its kind (of hygiene: fragments 1, options 2, malformed 3)
 * @action: what the kernel does
 * @code: with which reason code
 */
struct fw_entry {
	const struct fw_rule *rule;
	enum fw_rule_kind kind;
	unsigned int number;
	enum fw_do action;
	unsigned int code;
};

/**
 * struct fw_plan - the entries, in order
 * @set: borrowed
 * @own: rules made for hygiene switches
 */
struct fw_plan {
	const struct fw_ruleset *set;
	size_t count;
	struct fw_entry *entry;
	struct fw_rule own[3];
};

/**
 * fw_plan_make - @local: addresses that @set->hygiene.local exempts; copied
 * Return: 0; -ENOMEM; -E2BIG more than FW_RULES_MAX.
 */
int fw_plan_make(const struct fw_ruleset *set, const struct ecbpf_prefix *local, size_t locals,
		 struct fw_plan *plan);
void fw_plan_free(struct fw_plan *plan);

/* --- rule by rule */

/**
 * struct fw_packet - what selectors look at, host byte order but for addresses
 * @length: of the frame
 * @family: 4 or 6
 * @fragment: one of enum fw_fragment
 * @upper: the header behind is there in full; the members after it are valid then, by protocol
 * @vlan: FW_VLAN_NONE: no tag
 */
struct fw_packet {
	uint32_t length;
	uint8_t family, proto, ttl, dscp;
	uint8_t fragment;
	bool options, malformed, upper;
	uint16_t vlan;
	uint8_t src[16], dst[16];
	uint16_t sport, dport, window;
	uint8_t flags, type, code;
};

/** struct fw_members - who is in which set; @has: is the address (4 or 16 bytes) in the set? */
struct fw_members {
	bool (*has)(void *arg, const char *set, int family, const uint8_t *addr);
	void *arg;
};

/** fw_mismatch - the selector by which the rule does not match ("ttl"), or NULL: it matches */
const char *fw_mismatch(const struct fw_rule *rule, const struct fw_packet *packet,
			const struct fw_members *members);

/** fw_match - index of the first entry from @from on that matches, or plan->count */
size_t fw_match(const struct fw_plan *plan, size_t from, const struct fw_packet *packet,
		const struct fw_members *members);

/* --- all rules at a time */

/**
 * struct fw_compiled - contents of the maps of a generation; see abi.h
 * @line: @lines of map fw_classes
 * @bound: @bounds of map fw_bounds
 * @row: @words of map fw_rows
 * @order: entry of the plan that a bit stands for; one word, any of them, may not be full: its last
 *         bits match nothing
 * @first: lowest entry in each word of 64 bits; ascending
 * @need: of each entry of the plan: pairs that it asks for, and not by "not"
 * @must: those of them that all packets which it matches are members of
 * @terms: how many bits are in use
 */
struct fw_compiled {
	struct fw_config config;
	size_t lines, bounds, words, terms;
	struct fw_line *line;
	struct fw_bound *bound;
	__u64 *row;
	__u16 order[FW_TERMS_MAX];
	__u16 first[FW_WORDS_MAX];
	__u16 need[FW_RULES_MAX];
	__u16 must[FW_RULES_MAX];
};

/**
 * fw_compile - @set_id: number of a set (0 .. FW_SETS_MAX-1) by its name, or -ENOENT
 * Return: 0; -ENOMEM; -E2BIG a limit of abi.h, named in ecbpf_error(); -ENOENT no such set.
 */
int fw_compile(const struct fw_plan *plan, int (*set_id)(void *arg, const char *name), void *arg,
	       struct fw_compiled *compiled);
void fw_compiled_free(struct fw_compiled *compiled);

#endif
