// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Dimensions over addresses. Prefixes are sorted so that one comes before those within it; a walk
 * with a stack of the prefixes that it is in then meets each change of class once. IPv4 addresses
 * are the first 32 of 128 bits here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "xdp_fw/compile.h"

#define DEPTH_MAX 130 /* lengths 0 .. 128, and what is around them */

/* struct use - a prefix that a term mentions */
struct use {
	uint64_t hi, lo;
	uint16_t bit;
	uint8_t length;
	bool negated;
};

/* struct level - a prefix that the walk is in: its last address and its class */
struct level {
	uint64_t hi, lo;
	int class;
};

struct walk {
	struct use *use;
	size_t uses, room;
	struct fw_classes *classes;
	struct level level[DEPTH_MAX];
	size_t depth;
	struct fw_bound *bound; /* found so far, ascending, each of another class than the last */
	size_t bounds, bound_room;
};

static uint64_t number_of(const uint8_t *bytes)
{
	uint64_t number = 0;
	int i;

	for (i = 0; i < 8; i++)
		number = number << 8 | bytes[i];
	return number;
}

static int gather(struct walk *walk, const struct fw_build *build, enum fw_side side, int family)
{
	size_t bit, i;

	for (bit = 0; bit < build->words * 64; bit++) {
		const struct fw_addrs *addrs = build->term[bit].addrs[side];

		for (i = 0; addrs && i < addrs->prefixes; i++) {
			const struct ecbpf_prefix *prefix = &addrs->prefix[i];

			if (prefix->family != family)
				continue;
			if (fw_grow(&walk->use, &walk->room, walk->uses + 1, sizeof(*walk->use)))
				return -ENOMEM;
			walk->use[walk->uses++] = (struct use){ .hi = number_of(prefix->addr),
								.lo = number_of(prefix->addr + 8),
								.bit = bit,
								.length = prefix->length,
								.negated = addrs->negated };
		}
	}
	return 0;
}

static int compare_uses(const void *a, const void *b)
{
	const struct use *left = a, *right = b;

	if (left->hi != right->hi)
		return left->hi < right->hi ? -1 : 1;
	if (left->lo != right->lo)
		return left->lo < right->lo ? -1 : 1;
	return left->length - right->length;
}

static int check_limit(const struct walk *walk, enum fw_side side, int family)
{
	size_t i, count = 0;

	for (i = 0; i < walk->uses; i++)
		count += !i || compare_uses(&walk->use[i], &walk->use[i - 1]);
	if (count <= FW_PREFIXES_MAX)
		return 0;
	return ecbpf_fail(-E2BIG, "the rules have %zu IPv%d %s prefixes, and at most %d fit", count,
			  family == AF_INET ? 4 : 6, side == FW_SIDE_SRC ? "source" : "destination",
			  FW_PREFIXES_MAX);
}

/* From this address on it is this class. At one address, the last call holds. */
static int bound_at(struct walk *walk, uint64_t hi, uint64_t lo, int class)
{
	struct fw_bound *last = walk->bounds ? &walk->bound[walk->bounds - 1] : NULL;

	if (last && last->hi == hi && last->lo == lo)
		walk->bounds--;
	if (walk->bounds && (int)walk->bound[walk->bounds - 1].class == class)
		return 0;
	if (fw_grow(&walk->bound, &walk->bound_room, walk->bounds + 1, sizeof(*walk->bound)))
		return -ENOMEM;
	walk->bound[walk->bounds++] = (struct fw_bound){ .hi = hi, .lo = lo, .class = class };
	return 0;
}

static int leave(struct walk *walk)
{
	const struct level *left = &walk->level[--walk->depth];
	uint64_t lo = left->lo + 1, hi = left->hi + !lo;

	if (!hi && !lo) /* there is no address behind */
		return 0;
	return bound_at(walk, hi, lo, walk->level[walk->depth - 1].class);
}

static bool is_behind(const struct use *use, const struct level *level)
{
	return use->hi != level->hi ? use->hi > level->hi : use->lo > level->lo;
}

/* @count uses of one prefix: its vector is that of the prefix around it, but for their terms. */
static int enter(struct walk *walk, const struct use *use, size_t count)
{
	const struct level *around = &walk->level[walk->depth - 1];
	struct level *level = &walk->level[walk->depth];
	uint64_t vector[FW_WORDS_MAX];
	size_t i;

	memcpy(vector, fw_classes_get(walk->classes, around->class),
	       walk->classes->words * sizeof(*vector));
	for (i = 0; i < count; i++) {
		if (use[i].negated)
			fw_bit_clear(vector, use[i].bit);
		else
			fw_bit_set(vector, use[i].bit);
	}
	level->hi = use->hi | (use->length < 64 ? ~0ULL >> use->length : 0);
	level->lo = use->lo | (use->length <= 64  ? ~0ULL :
			       use->length == 128 ? 0 :
						    ~0ULL >> (use->length - 64));
	level->class = fw_classes_add(walk->classes, vector);
	if (level->class < 0)
		return level->class;
	walk->depth++;
	return bound_at(walk, use->hi, use->lo, level->class);
}

static int walk_prefixes(struct walk *walk, const uint64_t *outside)
{
	int class = fw_classes_add(walk->classes, outside), err;
	size_t i, same;

	if (class < 0)
		return class;
	walk->level[0] = (struct level){ ~0ULL, ~0ULL, class };
	walk->depth = 1;
	err = bound_at(walk, 0, 0, class);
	for (i = 0; !err && i < walk->uses; i += same) {
		const struct use *use = &walk->use[i];

		for (same = 1; i + same < walk->uses && !compare_uses(use, use + same);)
			same++;
		while (!err && is_behind(use, &walk->level[walk->depth - 1]))
			err = leave(walk);
		if (!err)
			err = enter(walk, use, same);
	}
	while (!err && walk->depth > 1)
		err = leave(walk);
	return err;
}

/* --- output: IPv4 */

struct trie {
	struct fw_build *build;
	uint16_t root[65536];
};

static uint16_t *entry_of(struct trie *trie, int node, uint32_t index)
{
	return node < 0 ? &trie->root[index] : &trie->build->node[(size_t)node * 256 + index];
}

static int new_node(struct fw_build *build)
{
	if (fw_grow(&build->node, &build->node_room, build->nodes + 1, 256 * sizeof(*build->node)))
		return -ENOMEM;
	memset(build->node + build->nodes * 256, 0, 256 * sizeof(*build->node));
	return build->nodes++;
}

/*
 * Addresses @at .. @end, below entry @node (-1: the root), whose entries are 2^shift addresses.
 * Comes in ascending order: an entry that is split was not written to before.
 */
static int fill(struct trie *trie, int node, unsigned int shift, uint32_t at, uint32_t end,
		uint16_t class)
{
	const uint32_t below = (1U << shift) - 1, entries = node < 0 ? 65536 : 256;
	uint32_t index, last;
	int child, err;

	for (;; at = last + 1) {
		index = (at >> shift) % entries;
		last = at | below;
		if (!(at & below) && last <= end) {
			*entry_of(trie, node, index) = class;
		} else {
			child = *entry_of(trie, node, index);
			child = child & FW_NODE ? child - FW_NODE : new_node(trie->build);
			if (child < 0)
				return child;
			*entry_of(trie, node, index) = FW_NODE | child;
			err = fill(trie, child, shift - 8, at, last < end ? last : end, class);
			if (err)
				return err;
		}
		if (last >= end)
			return 0;
	}
}

static int emit_trie(struct fw_build *build, enum fw_dim dim, const struct walk *walk)
{
	struct trie *trie = calloc(1, sizeof(*trie));
	uint32_t at, end;
	size_t i;
	int err = 0;

	if (!trie)
		return -ENOMEM;
	trie->build = build;
	for (i = 0; !err && i < walk->bounds; i++) {
		at = walk->bound[i].hi >> 32;
		end = i + 1 < walk->bounds ? (uint32_t)(walk->bound[i + 1].hi >> 32) - 1 :
					     UINT32_MAX;
		err = fill(trie, -1, 16, at, end, walk->bound[i].class);
	}
	if (!err)
		err = fw_emit_lines(build, trie->root, 65536, &build->out->config.line[dim]);
	free(trie);
	return err;
}

/* --- output: IPv6 */

static int emit_bounds(struct fw_build *build, enum fw_side side, const struct walk *walk)
{
	struct fw_compiled *out = build->out;
	struct fw_bound *bound;

	bound = realloc(out->bound, (out->bounds + walk->bounds) * sizeof(*bound));
	if (!bound)
		return -ENOMEM;
	out->bound = bound;
	memcpy(bound + out->bounds, walk->bound, walk->bounds * sizeof(*bound));
	out->config.bounds[side] = out->bounds;
	out->config.bounds_count[side] = walk->bounds;
	out->bounds += walk->bounds;
	return 0;
}

/* --- a direction */

static int compile_family(struct fw_build *build, enum fw_side side, int family,
			  struct fw_classes *classes)
{
	const enum fw_dim dim = side == FW_SIDE_SRC ? FW_DIM_SRC : FW_DIM_DST;
	struct walk walk = { .classes = classes };
	uint64_t outside[FW_WORDS_MAX];
	size_t bit;
	int err;

	memcpy(outside, build->valid, sizeof(outside));
	for (bit = 0; bit < build->words * 64; bit++)
		if (build->term[bit].addrs[side] && !build->term[bit].addrs[side]->negated)
			fw_bit_clear(outside, bit);
	err = gather(&walk, build, side, family);
	if (!err && walk.uses)
		qsort(walk.use, walk.uses, sizeof(*walk.use), compare_uses);
	if (!err)
		err = check_limit(&walk, side, family);
	if (!err)
		err = walk_prefixes(&walk, outside);
	if (!err)
		err = family == AF_INET ? emit_trie(build, dim, &walk) :
					  emit_bounds(build, side, &walk);
	free(walk.use);
	free(walk.bound);
	return err;
}

int fw_compile_addrs(struct fw_build *build, enum fw_side side)
{
	const enum fw_dim dim = side == FW_SIDE_SRC ? FW_DIM_SRC : FW_DIM_DST;
	struct fw_classes classes = { .words = build->words };
	int err;

	if (!(build->dims >> dim & 1))
		return 0;
	err = compile_family(build, side, AF_INET, &classes);
	if (!err)
		err = compile_family(build, side, AF_INET6, &classes);
	if (!err)
		err = fw_emit_rows(build, dim, &classes);
	fw_classes_free(&classes);
	return err;
}
