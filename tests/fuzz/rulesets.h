/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An endless, repeatable stream of rulesets, and of packets that agree with much of them. Addresses
 * are few, near each other and at edges; short prefixes among them also meet random packets.
 */
#ifndef TESTS_FUZZ_RULESETS_H
#define TESTS_FUZZ_RULESETS_H

#include "xdp_fw/plan.h"

/* Sets that rules name: "set0" .. ; in both directions, they are all that a ruleset can have. */
#define RULESETS_SETS 6

/* From so many rules on, each has one term, so that there is room for FW_TERMS_MAX of them. */
#define RULESETS_PLAIN 300

/** struct rulesets - a stream; @state: of the random numbers */
struct rulesets {
	uint64_t state;
};

void rulesets_begin(struct rulesets *rulesets, uint64_t seed);

/** rulesets_random - 0 .. @below-1 */
uint32_t rulesets_random(struct rulesets *rulesets, uint32_t below);

/** rulesets_one_in - true once in @many */
bool rulesets_one_in(struct rulesets *rulesets, uint32_t many);

/**
 * rulesets_next - a random ruleset of @rules rules (and, below RULESETS_PLAIN, protections and
 * hygiene), for fw_ruleset_free(); aborts without memory
 */
void rulesets_next(struct rulesets *rulesets, size_t rules, struct fw_ruleset *set);

/** rulesets_rule - one random rule; @plain: without alternatives */
void rulesets_rule(struct rulesets *rulesets, bool plain, struct fw_rule *rule);

/** rulesets_local - addresses for hygiene.local; constant, *count of them */
const struct ecbpf_prefix *rulesets_local(size_t *count);

/** rulesets_packet - of a random rule's values for the most part; one that a parser can return */
void rulesets_packet(struct rulesets *rulesets, const struct fw_ruleset *set,
		     struct fw_packet *packet);

/** rulesets_set_id - number of a set by its name, for fw_compile(); -ENOENT */
int rulesets_set_id(void *arg, const char *name);

/** rulesets_has - is the address in the set? For struct fw_members; half of all addresses are */
bool rulesets_has(void *arg, const char *set, int family, const uint8_t *addr);

/** rulesets_sets - the same for all sets: bit rulesets_set_id() of each */
uint64_t rulesets_sets(int family, const uint8_t *addr);

#endif
