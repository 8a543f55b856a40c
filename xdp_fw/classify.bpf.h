/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which rule a packet meets: a class for each dimension, the AND of the classes' rows, the first
 * rule in it. abi.h has the shapes.
 *
 * fw_config is read-only data: the verifier knows it, and removes what no rule of this generation
 * asks for. Functions that are neither static nor inline are there for the verifier too: it looks
 * at each of them once, not once for every way in which a packet can be parsed.
 */
#ifndef XDP_FW_CLASSIFY_BPF_H
#define XDP_FW_CLASSIFY_BPF_H

#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "libecbpf/pkt.bpf.h"
#include "xdp_fw/abi.h"
#include "xdp_fw/set.bpf.h"

const volatile struct fw_config fw_config = { .stride = 1, .words = 1 };

/* Rule of each bit, and the lowest in each word. */
const volatile __u16 fw_order[FW_TERMS_MAX];
const volatile __u16 fw_first[FW_WORDS_MAX];

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fw_line);
} fw_classes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fw_bound);
} fw_bounds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} fw_rows SEC(".maps");

/* No rule. */
#define FW_NONE FW_RULES_MAX

/**
 * struct fw_fields - of a packet, host byte order
 * @kind: value of FW_DIM_KIND
 * @src, @dst: IPv4: in [0]; IPv6: high and low half
 * @length: of the frame
 * @icmp: type << 8 | code
 * @hop: ttl << 6 | dscp
 */
struct fw_fields {
	__u64 src[2], dst[2];
	__u32 kind;
	__u32 length;
	__u32 hop;
	__u32 vlan;
	__u16 sport, dport, window, icmp;
	__u8 flags;
};

/**
 * struct fw_match - a packet's rows
 * @summary: AND of the first words of all rows
 * @row: of each dimension; 0 has all bits
 * @from: rules before this one are no longer asked
 * @pairs: value of FW_DIM_SETS
 * @counted: bit of each set that has counted the packet
 */
struct fw_match {
	__u64 summary;
	__u32 row[FW_DIMS];
	__u32 from;
	__u32 pairs;
	__u64 counted;
};

/* What the top bits of a 64-bit de Bruijn sequence are when it is shifted by so much. */
const __u8 fw_position[64] = {
	0,  1,	2,  53, 3,  7,	54, 27, 4,  38, 41, 8,	34, 55, 48, 28, 62, 5,	39, 46, 44, 42,
	22, 9,	24, 35, 59, 56, 49, 18, 29, 11, 63, 52, 6,  26, 37, 40, 33, 47, 61, 45, 43, 21,
	23, 58, 17, 10, 51, 25, 36, 32, 60, 20, 57, 16, 50, 31, 19, 15, 30, 14, 13, 12,
};

/* fw_lowest - number of the lowest bit of @v, which is not 0 */
static __always_inline __u32 fw_lowest(__u64 v)
{
	return fw_position[((v & -v) * 0x022fdd63cc95386dULL) >> 58];
}

static __always_inline bool fw_uses(enum fw_dim dim)
{
	return fw_config.dims & (1U << dim);
}

/* fw_and - take a dimension's row into account; 0: nothing is left */
static __always_inline bool fw_and(struct fw_match *m, enum fw_dim dim, __u32 class)
{
	__u32 row = fw_config.row[dim] + class * fw_config.stride;
	__u64 *word = bpf_map_lookup_elem(&fw_rows, &row);

	m->row[dim] = row;
	m->summary &= word ? *word : 0;
	return m->summary;
}

static __always_inline __u32 fw_class_at(__u32 line, __u32 value)
{
	struct fw_line *found;

	line += value / 32;
	found = bpf_map_lookup_elem(&fw_classes, &line);
	return found ? found->class[value % 32] : 0;
}

static __always_inline bool fw_direct(struct fw_match *m, enum fw_dim dim, __u32 value)
{
	return fw_and(m, dim, fw_class_at(fw_config.line[dim], value));
}

/* fw_trie - class of an IPv4 address */
static __always_inline __u32 fw_trie(enum fw_dim dim, __u32 addr)
{
	__u32 class = fw_class_at(fw_config.line[dim], addr >> 16);

	if (!(class & FW_NODE))
		return class;
	class = fw_class_at(fw_config.nodes + (class & ~FW_NODE) * FW_NODE_LINES, addr >> 8 & 0xff);
	if (!(class & FW_NODE))
		return class;
	return fw_class_at(fw_config.nodes + (class & ~FW_NODE) * FW_NODE_LINES, addr & 0xff);
}

/* Halvings that find one of FW_BOUNDS_MAX. */
#define FW_BOUNDS_STEPS 15
_Static_assert(FW_BOUNDS_MAX < 1 << FW_BOUNDS_STEPS, "steps of fw_search6()");

/* fw_search6 - class of an IPv6 address: that of the last bound which is not above it */
__noinline __u32 fw_search6(__u32 from, __u32 count, __u64 hi, __u64 lo)
{
	struct fw_bound *bound;
	__u32 class = 0, half, at;
	int i;

	for (i = 0; i < FW_BOUNDS_STEPS; i++) {
		if (!count)
			break;
		half = count / 2;
		at = from + half;
		bound = bpf_map_lookup_elem(&fw_bounds, &at);
		if (!bound)
			break;
		if (bound->hi > hi || (bound->hi == hi && bound->lo > lo)) {
			count = half;
		} else {
			class = bound->class;
			from = at + 1;
			count -= half + 1;
		}
	}
	return class;
}

static __always_inline bool fw_address(struct fw_match *m, enum fw_dim dim, bool ipv6,
				       const __u64 addr[2])
{
	const int way = dim == FW_DIM_DST;

	if (!ipv6)
		return fw_and(m, dim, fw_trie(dim, addr[0]));
	return fw_and(m, dim,
		      fw_search6(fw_config.bounds[way], fw_config.bounds_count[way], addr[0],
				 addr[1]));
}

static __always_inline __u64 fw_sets_of(bool ipv6, const __u64 addr[2])
{
	return ipv6 ? fw_sets_of6(addr[0], addr[1]) : fw_sets_of4(addr[0]);
}

/* fw_pairs - value of FW_DIM_SETS */
static __always_inline __u32 fw_pairs(const struct fw_fields *f)
{
	const bool ipv6 = f->kind & FW_KIND_IPV6;
	__u64 sets[2] = {};
	__u32 value = 0;
	__u32 i;

	if (fw_config.sets_src)
		sets[0] = fw_sets_of(ipv6, f->src);
	if (fw_config.sets_dst)
		sets[1] = fw_sets_of(ipv6, f->dst);
	for (i = 0; i < FW_PAIRS_MAX; i++) {
		if (i >= fw_config.pairs)
			break;
		value |= ((fw_config.pair[i].dst ? sets[1] : sets[0]) >> fw_config.pair[i].set & 1)
			 << i;
	}
	return value;
}

static __always_inline bool fw_ports(struct fw_match *m, const struct fw_fields *f)
{
	if (fw_uses(FW_DIM_SPORT) && !fw_direct(m, FW_DIM_SPORT, f->sport))
		return false;
	return !fw_uses(FW_DIM_DPORT) || fw_direct(m, FW_DIM_DPORT, f->dport);
}

static __always_inline bool fw_tcp(struct fw_match *m, const struct fw_fields *f)
{
	if (fw_uses(FW_DIM_FLAGS) && !fw_direct(m, FW_DIM_FLAGS, f->flags))
		return false;
	return !fw_uses(FW_DIM_WINDOW) || fw_direct(m, FW_DIM_WINDOW, f->window);
}

/* fw_upper - the dimensions of the header behind, which is there */
static __always_inline bool fw_upper(struct fw_match *m, const struct fw_fields *f)
{
	switch (f->kind & 0xff) {
	case IPPROTO_TCP:
		return fw_ports(m, f) && fw_tcp(m, f);
	case IPPROTO_UDP:
		return fw_ports(m, f);
	default:
		return !fw_uses(FW_DIM_ICMP) || fw_direct(m, FW_DIM_ICMP, f->icmp);
	}
}

static __always_inline bool fw_network(struct fw_match *m, const struct fw_fields *f)
{
	const bool ipv6 = f->kind & FW_KIND_IPV6;

	if (fw_uses(FW_DIM_HOP) && !fw_direct(m, FW_DIM_HOP, f->hop))
		return false;
	if (fw_uses(FW_DIM_LENGTH) &&
	    !fw_direct(m, FW_DIM_LENGTH, f->length < 0xffff ? f->length : 0xffff))
		return false;
	if (fw_uses(FW_DIM_VLAN) && !fw_direct(m, FW_DIM_VLAN, f->vlan))
		return false;
	if (fw_uses(FW_DIM_DST) && !fw_address(m, FW_DIM_DST, ipv6, f->dst))
		return false;
	return !fw_uses(FW_DIM_SRC) || fw_address(m, FW_DIM_SRC, ipv6, f->src);
}

/* fw_classify - the packet's rows; false: no rule matches. Cheap dimensions first. */
__noinline int fw_classify(struct fw_match *m, const struct fw_fields *f)
{
	if (!m || !f)
		return false;
	m->summary = ~0ULL;
	if (!fw_direct(m, FW_DIM_KIND, f->kind))
		return false;
	if ((f->kind & FW_KIND_UPPER) && !fw_upper(m, f))
		return false;
	if (!fw_network(m, f))
		return false;
	if (!fw_uses(FW_DIM_SETS))
		return true;
	m->pairs = fw_pairs(f);
	return fw_direct(m, FW_DIM_SETS, m->pairs);
}

/* fw_rule_of - rule of a bit; masked last, where Linux 6.1 looks for it */
static __always_inline __u32 fw_rule_of(__u32 bit)
{
	barrier_var(bit);
	return fw_order[bit % FW_TERMS_MAX];
}

/* fw_before - all ones if that bit's rule is before @from; no branch, for the verifier's sake */
static __always_inline __u32 fw_before(__u32 bit, __u32 from)
{
	__u32 below = fw_rule_of(bit) - from; /* both are small: the sign is the answer */

	barrier_var(below);
	return -(below >> 31);
}

/* fw_later - those bits of a word whose rules are not before @from; bits are in order of rules */
static __always_inline __u64 fw_later(__u64 v, __u32 word, __u32 from)
{
	__u32 below = 0, half;

	/* how many bits belong to rules before @from: a binary search in 64 */
#pragma unroll
	for (half = 32; half; half /= 2)
		below += half & fw_before(word * 64 + below + half - 1, from);
	v &= ~(__u64)(__s64)(__s32)fw_before(word * 64 + below, from);
	return v & ~0ULL << below;
}

/*
 * fw_word - AND of one word of all rows. Row 0, of a header that the packet lacks, is not looked up;
 * and most words are looked at in vain, which shows long before the last dimension.
 */
static __always_inline __u64 fw_word(const struct fw_match *m, __u32 word)
{
	__u64 v = ~0ULL, *part;
	__u32 at;
	int dim;

#pragma unroll
	for (dim = 0; dim < FW_DIMS; dim++) {
		if (!fw_uses(dim) || !m->row[dim])
			continue;
		at = m->row[dim] + 1 + word;
		part = bpf_map_lookup_elem(&fw_rows, &at);
		v &= part ? *part : 0;
		if (!v)
			return 0;
	}
	return v;
}

/* fw_bit - the lowest rule in a word's bits, or FW_NONE */
static __always_inline __u32 fw_bit(__u64 v, __u32 word, __u32 from)
{
	if (from)
		v = fw_later(v, word, from);
	return v ? fw_rule_of(word * 64 + fw_lowest(v)) : FW_NONE;
}

/* fw_search - the first rule from m->from on that matches, or FW_NONE; rows of many words */
__noinline __u32 fw_search(const struct fw_match *m)
{
	__u32 best = FW_NONE, word, rule;
	__u64 summary;
	int i;

	if (!m)
		return FW_NONE;
	summary = m->summary;
	for (i = 0; i < FW_WORDS_MAX; i++) {
		if (!summary)
			break;
		word = fw_lowest(summary) % FW_WORDS_MAX;
		summary &= summary - 1;
		if (fw_first[word] >= best)
			break;
		rule = fw_bit(fw_word(m, word), word, m->from);
		if (rule < best)
			best = rule;
	}
	return best;
}

static __always_inline __u32 fw_next(const struct fw_match *m)
{
	if (fw_config.words == 1)
		return fw_bit(m->summary, 0, m->from);
	return fw_search(m);
}

#endif
