// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* From rules to terms: a rule's alternatives multiplied out, and which bit each term gets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/compile.h"

static const struct {
	size_t offset; /* in struct fw_upper, or in struct fw_rule */
	enum fw_dim dim;
} fields[FW_FIELDS] = {
	[FW_FIELD_SPORT] = { offsetof(struct fw_upper, sport), FW_DIM_SPORT },
	[FW_FIELD_DPORT] = { offsetof(struct fw_upper, dport), FW_DIM_DPORT },
	[FW_FIELD_WINDOW] = { offsetof(struct fw_upper, window), FW_DIM_WINDOW },
	[FW_FIELD_TYPE] = { offsetof(struct fw_upper, type), FW_DIM_ICMP },
	[FW_FIELD_CODE] = { offsetof(struct fw_upper, code), FW_DIM_ICMP },
	[FW_FIELD_PROTO] = { offsetof(struct fw_rule, proto), FW_DIM_KIND },
	[FW_FIELD_LENGTH] = { offsetof(struct fw_rule, length), FW_DIM_LENGTH },
	[FW_FIELD_TTL] = { offsetof(struct fw_rule, ttl), FW_DIM_HOP },
	[FW_FIELD_DSCP] = { offsetof(struct fw_rule, dscp), FW_DIM_HOP },
	[FW_FIELD_VLAN] = { offsetof(struct fw_rule, vlan), FW_DIM_VLAN },
};

const struct fw_values *fw_term_values(const struct fw_term *term, enum fw_field field)
{
	const struct fw_values *values;
	const char *base = (const char *)term->rule;

	if (field < FW_FIELD_PROTO) {
		if (term->upper == FW_UPPERS)
			return NULL;
		base = (const char *)&term->rule->upper[term->upper];
	}
	values = (const struct fw_values *)(base + fields[field].offset);
	return values->given ? values : NULL;
}

const struct fw_flags *fw_term_flags(const struct fw_term *term)
{
	const struct fw_upper *upper = &term->rule->upper[term->upper % FW_UPPERS];

	return term->upper != FW_UPPERS && upper->flags.given ? &upper->flags : NULL;
}

bool fw_term_needs_upper(const struct fw_term *term)
{
	enum fw_field field;

	for (field = 0; field < FW_FIELD_PROTO; field++)
		if (fw_term_values(term, field))
			return true;
	return fw_term_flags(term);
}

static uint32_t dims_of(const struct fw_term *term)
{
	uint32_t dims = 1U << FW_DIM_KIND;
	enum fw_field field;

	for (field = 0; field < FW_FIELDS; field++)
		if (fw_term_values(term, field))
			dims |= 1U << fields[field].dim;
	if (fw_term_flags(term))
		dims |= 1U << FW_DIM_FLAGS;
	if (term->addrs[FW_SIDE_SRC])
		dims |= 1U << FW_DIM_SRC;
	if (term->addrs[FW_SIDE_DST])
		dims |= 1U << FW_DIM_DST;
	if (term->need || term->forbid)
		dims |= 1U << FW_DIM_SETS;
	return dims;
}

/* --- alternatives */

static size_t addr_alternatives(const struct fw_addrs *addrs)
{
	if (!addrs->given || addrs->negated)
		return 1;
	return !!addrs->prefixes + addrs->sets;
}

/* Options that the rule has, or FW_UPPERS for none; how many. */
static size_t upper_alternatives(const struct fw_rule *rule, uint8_t upper[FW_UPPERS])
{
	size_t count = 0;
	int kind;

	upper[0] = FW_UPPERS;
	for (kind = 0; kind < FW_UPPERS; kind++)
		if (rule->upper[kind].given)
			upper[count++] = kind;
	return count ? count : 1;
}

static size_t alternatives(const struct fw_rule *rule)
{
	uint8_t upper[FW_UPPERS];

	return upper_alternatives(rule, upper) * addr_alternatives(&rule->src) *
	       addr_alternatives(&rule->dst);
}

/* struct pairs - @number: of the pair + 1, by direction and set */
struct pairs {
	int (*set_id)(void *arg, const char *name);
	void *arg;
	struct fw_config *config;
	size_t count;
	uint8_t number[FW_SIDES][FW_SETS_MAX];
};

/* All are counted, but only the first have a bit. */
static int pair_bit(struct pairs *pairs, const char *name, enum fw_side side, uint16_t *mask)
{
	int id = pairs->set_id(pairs->arg, name);
	uint8_t *number;

	if (id < 0)
		return ecbpf_fail(-ENOENT, "there is no set named %s", name);
	number = &pairs->number[side][id];
	if (!*number) {
		*number = ++pairs->count;
		if (pairs->count <= FW_PAIRS_MAX)
			pairs->config->pair[pairs->count - 1] = (struct fw_pair){ id, side, 0 };
	}
	if (*number <= FW_PAIRS_MAX)
		*mask |= 1U << (*number - 1);
	return 0;
}

static int choose_addrs(struct fw_term *term, enum fw_side side, const struct fw_addrs *addrs,
			size_t alternative, struct pairs *pairs)
{
	size_t i, first_set = !!addrs->prefixes;
	int err;

	if (!addrs->given)
		return 0;
	if (addrs->prefixes && (addrs->negated || alternative == 0))
		term->addrs[side] = addrs;
	if (!addrs->negated)
		return alternative < first_set ?
			       0 :
			       pair_bit(pairs, addrs->set[alternative - first_set], side,
					&term->need);
	for (i = 0; i < addrs->sets; i++) {
		err = pair_bit(pairs, addrs->set[i], side, &term->forbid);
		if (err)
			return err;
	}
	return 0;
}

/* The number of the protocol and the option's number tell terms apart that the dimensions do not. */
static uint32_t signature_of(const struct fw_term *term)
{
	const struct fw_values *proto = fw_term_values(term, FW_FIELD_PROTO);
	uint32_t signature = dims_of(term) << 16 | term->upper << 8;

	return signature | (proto && proto->count ? proto->range[0].lo & 0xff : 0);
}

/* The terms of one entry, to *next. */
static int multiply(struct fw_build *build, size_t entry, struct pairs *pairs, struct fw_term *next)
{
	const struct fw_rule *rule = build->plan->entry[entry].rule;
	const size_t sources = addr_alternatives(&rule->src);
	const size_t count = alternatives(rule);
	uint8_t upper[FW_UPPERS];
	size_t i, uppers = upper_alternatives(rule, upper);
	int err;

	for (i = 0; i < count; i++, next++) {
		next->rule = rule;
		next->entry = entry;
		next->upper = upper[i % uppers];
		err = choose_addrs(next, FW_SIDE_SRC, &rule->src, i / uppers % sources, pairs);
		if (!err)
			err = choose_addrs(next, FW_SIDE_DST, &rule->dst, i / uppers / sources,
					   pairs);
		if (err)
			return err;
		build->out->need[entry] |= next->need;
		build->out->must[entry] = i ? build->out->must[entry] & next->need : next->need;
		next->signature = signature_of(next);
		build->dims |= dims_of(next);
	}
	return 0;
}

/* --- order */

static int compare_addrs(const struct fw_addrs *a, const struct fw_addrs *b)
{
	if (!a || !b)
		return !!a - !!b;
	return memcmp(a->prefix, b->prefix, sizeof(*a->prefix));
}

static int compare_values(const struct fw_term *a, const struct fw_term *b, enum fw_field field)
{
	const struct fw_values *left = fw_term_values(a, field), *right = fw_term_values(b, field);

	if (!left || !right || !left->count || !right->count)
		return !!left - !!right;
	return (left->range[0].lo > right->range[0].lo) - (left->range[0].lo < right->range[0].lo);
}

static int compare_entries(const void *a, const void *b)
{
	const struct fw_term *left = a, *right = b;

	return (left->entry > right->entry) - (left->entry < right->entry);
}

/* Terms that ask for the same kinds of things, and for values that are near, become neighbours. */
static int compare_terms(const void *a, const void *b)
{
	static const enum fw_field by_choice[] = { FW_FIELD_DPORT, FW_FIELD_SPORT, FW_FIELD_TYPE,
						   FW_FIELD_LENGTH, FW_FIELD_TTL };
	const struct fw_term *left = a, *right = b;
	enum fw_side side;
	size_t i;
	int order;

	if (left->signature != right->signature)
		return left->signature < right->signature ? -1 : 1;
	for (side = 0; side < FW_SIDES; side++) {
		order = compare_addrs(left->addrs[side], right->addrs[side]);
		if (order)
			return order;
	}
	if (left->need != right->need)
		return left->need < right->need ? -1 : 1;
	for (i = 0; i < sizeof(by_choice) / sizeof(by_choice[0]); i++) {
		order = compare_values(left, right, by_choice[i]);
		if (order)
			return order;
	}
	return compare_entries(a, b);
}

/* Within a word, and from word to word, the earlier rule comes first. */
static void arrange(struct fw_build *build, size_t count)
{
	struct fw_term *term = build->term;
	size_t word, in_word;

	if (build->words == 1)
		return;
	qsort(term, count, sizeof(*term), compare_terms);
	for (word = 0; word < build->words; word++) {
		in_word = count - word * 64 < 64 ? count - word * 64 : 64;
		qsort(term + word * 64, in_word, sizeof(*term), compare_entries);
	}
	qsort(term, build->words, 64 * sizeof(*term), compare_entries);
}

static void number_bits(struct fw_build *build)
{
	struct fw_compiled *out = build->out;
	size_t bit;

	/* behind every rule: bits of a word are in ascending order, unused ones too */
	for (bit = 0; bit < FW_TERMS_MAX; bit++)
		out->order[bit] = FW_RULES_MAX;
	for (bit = 0; bit < build->words * 64; bit++) {
		if (!build->term[bit].rule)
			continue;
		fw_bit_set(build->valid, bit);
		out->order[bit] = build->term[bit].entry;
		out->terms++;
	}
	for (bit = 0; bit < build->words; bit++)
		out->first[bit] = build->term[bit * 64].entry;
}

int fw_terms_make(struct fw_build *build, int (*set_id)(void *arg, const char *name), void *arg)
{
	struct pairs pairs = { .set_id = set_id, .arg = arg, .config = &build->out->config };
	const struct fw_plan *plan = build->plan;
	size_t i, count = 0;
	int err;

	for (i = 0; i < plan->count; i++)
		count += alternatives(plan->entry[i].rule);
	if (count > FW_TERMS_MAX)
		return ecbpf_fail(-E2BIG, "the rules come to %zu terms, and at most %d fit", count,
				  FW_TERMS_MAX);
	build->words = count ? (count + 63) / 64 : 1;
	build->dims = 1U << FW_DIM_KIND;
	build->term = calloc(build->words * 64, sizeof(*build->term));
	if (!build->term)
		return -ENOMEM;
	for (i = 0, count = 0; i < plan->count; i++) {
		err = multiply(build, i, &pairs, build->term + count);
		if (err)
			return err;
		count += alternatives(plan->entry[i].rule);
	}
	if (pairs.count > FW_PAIRS_MAX)
		return ecbpf_fail(-E2BIG,
				  "the rules use %zu sets (of each direction), and at most %d fit",
				  pairs.count, FW_PAIRS_MAX);
	build->out->config.pairs = pairs.count;
	arrange(build, count);
	number_bits(build);
	return 0;
}
