// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What kind of a packet it is: FW_DIM_KIND, which all packets and all terms have. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "libecbpf/pkt.bpf.h"
#include "xdp_fw/compile.h"

#define PROTOS	  256
#define FRAGMENTS 4 /* as two bits; the last is no packet's */

/* struct kinds - for each property, and without and with it: who agrees */
struct kinds {
	uint64_t ipv6[2][FW_WORDS_MAX];
	uint64_t fragment[FRAGMENTS][FW_WORDS_MAX];
	uint64_t options[2][FW_WORDS_MAX];
	uint64_t malformed[2][FW_WORDS_MAX];
	uint64_t header[2][FW_WORDS_MAX];
	uint64_t upper[FW_UPPERS + 1][FW_WORDS_MAX]; /* that protocol; the last: another */
};

static int upper_of(unsigned int proto, bool ipv6)
{
	switch (proto) {
	case IPPROTO_TCP:
		return FW_TCP;
	case IPPROTO_UDP:
		return FW_UDP;
	case IPPROTO_ICMP:
		return ipv6 ? FW_UPPERS : FW_ICMP;
	case IPPROTO_ICMPV6:
		return ipv6 ? FW_ICMP6 : FW_UPPERS;
	default:
		return FW_UPPERS;
	}
}

static bool is_malformed(size_t kind)
{
	const unsigned int proto = kind % PROTOS;
	const bool ipv6 = kind & FW_KIND_IPV6;

	if (kind & FW_KIND_UPPER || (kind & FW_KIND_FRAGMENT(3)) == FW_KIND_FRAGMENT(2))
		return false;
	return upper_of(proto, ipv6) != FW_UPPERS || (ipv6 && pkt_is_ipv6_ext(proto));
}

static void add_has(uint64_t has[2][FW_WORDS_MAX], enum fw_has wanted, size_t bit)
{
	if (wanted != FW_YES)
		fw_bit_set(has[0], bit);
	if (wanted != FW_NO)
		fw_bit_set(has[1], bit);
}

static void add_term(struct kinds *kinds, const struct fw_term *term, size_t bit)
{
	static const unsigned int fragment[FRAGMENTS] = { FW_FRAGMENT_NONE, FW_FRAGMENT_FIRST,
							  FW_FRAGMENT_LATER };
	const struct fw_rule *rule = term->rule;
	int i;

	if (rule->family != 6)
		fw_bit_set(kinds->ipv6[0], bit);
	if (rule->family != 4)
		fw_bit_set(kinds->ipv6[1], bit);
	for (i = 0; i < FRAGMENTS; i++)
		if (rule->fragment & fragment[i])
			fw_bit_set(kinds->fragment[i], bit);
	add_has(kinds->options, rule->options, bit);
	add_has(kinds->malformed, rule->malformed, bit);
	add_has(kinds->header, fw_term_needs_upper(term) ? FW_YES : FW_ANY, bit);
	for (i = 0; i <= FW_UPPERS; i++)
		if (term->upper == FW_UPPERS || term->upper == i)
			fw_bit_set(kinds->upper[i], bit);
}

static int add_kind(const struct kinds *kinds, const struct fw_space *protos, size_t kind,
		    struct fw_space *space)
{
	const bool ipv6 = kind & FW_KIND_IPV6;
	const uint64_t *const asked[] = {
		fw_classes_get(&protos->classes, protos->class[kind % PROTOS]),
		kinds->ipv6[ipv6],
		kinds->fragment[kind / FW_KIND_FRAGMENT(1) % FRAGMENTS],
		kinds->options[!!(kind & FW_KIND_OPTIONS)],
		kinds->header[!!(kind & FW_KIND_UPPER)],
		kinds->malformed[is_malformed(kind)],
		kinds->upper[upper_of(kind % PROTOS, ipv6)],
	};
	uint64_t vector[FW_WORDS_MAX];
	size_t i, word;

	for (word = 0; word < space->classes.words; word++) {
		vector[word] = asked[0][word];
		for (i = 1; i < sizeof(asked) / sizeof(asked[0]); i++)
			vector[word] &= asked[i][word];
	}
	return fw_space_add(space, kind, vector);
}

int fw_compile_kind(struct fw_build *build)
{
	struct fw_space protos, space = {};
	struct kinds kinds = {};
	size_t i;
	int err;

	for (i = 0; i < build->words * 64; i++)
		if (build->term[i].rule)
			add_term(&kinds, &build->term[i], i);
	err = fw_space_sweep(build, FW_FIELD_PROTO, PROTOS, &protos);
	if (!err)
		err = fw_space_make(&space, FW_KIND_VALUES, build->words);
	for (i = 0; !err && i < FW_KIND_VALUES; i++)
		err = add_kind(&kinds, &protos, i, &space);
	if (!err)
		err = fw_emit_lines(build, space.class, FW_KIND_VALUES,
				    &build->out->config.line[FW_DIM_KIND]);
	if (!err)
		err = fw_emit_rows(build, FW_DIM_KIND, &space.classes);
	fw_space_free(&protos);
	fw_space_free(&space);
	return err;
}
