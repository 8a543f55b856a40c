// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Dimensions over numbers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/compile.h"

#define TYPES 256
#define TTLS  256
#define DSCPS 64
#define CODES 256

/**
 * struct sweep - what changes from one value to the next
 * @head: for each value: index + 1 of its first change, 0: none
 * @change: a bit of the vector that flips there, and the next such
 * @now: vector of the value that the sweep is at; at first: before all values
 */
struct sweep {
	size_t values, changes, room;
	uint32_t *head;
	struct change {
		uint32_t next;
		uint32_t bit;
	} * change;
	uint64_t now[FW_WORDS_MAX];
};

static int change_at(struct sweep *sweep, size_t value, size_t bit)
{
	if (value >= sweep->values)
		return 0;
	if (fw_grow(&sweep->change, &sweep->room, sweep->changes + 1, sizeof(*sweep->change)))
		return -ENOMEM;
	sweep->change[sweep->changes] = (struct change){ sweep->head[value], bit };
	sweep->head[value] = ++sweep->changes;
	return 0;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct fw_range *left = a, *right = b;

	return (left->lo > right->lo) - (left->lo < right->lo);
}

/* The union of the ranges: flips where it begins and behind its end, however they overlap. */
static int sweep_ranges(struct sweep *sweep, const struct fw_range *range, size_t count, size_t bit)
{
	size_t i, lo, end;
	int err = 0;

	for (i = 0; !err && i < count;) {
		lo = range[i].lo;
		end = (size_t)range[i].hi + 1;
		for (i++; i < count && range[i].lo <= end; i++)
			if (range[i].hi >= end)
				end = (size_t)range[i].hi + 1;
		err = change_at(sweep, lo, bit);
		if (!err)
			err = change_at(sweep, end, bit);
	}
	return err;
}

static int sweep_term(struct sweep *sweep, const struct fw_values *values, size_t bit)
{
	struct fw_range *sorted;
	int err;

	if (!values || values->negated)
		fw_bit_set(sweep->now, bit);
	if (!values || !values->count)
		return 0;
	if (values->count == 1)
		return sweep_ranges(sweep, values->range, 1, bit);
	sorted = calloc(values->count, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, values->range, values->count * sizeof(*sorted));
	qsort(sorted, values->count, sizeof(*sorted), compare_ranges);
	err = sweep_ranges(sweep, sorted, values->count, bit);
	free(sorted);
	return err;
}

static int sweep_values(struct sweep *sweep, struct fw_space *space)
{
	uint32_t change;
	size_t value;

	for (value = 0; value < sweep->values; value++) {
		change = sweep->head[value];
		if (value && !change) {
			space->class[value] = space->class[value - 1];
			continue;
		}
		for (; change; change = sweep->change[change - 1].next)
			fw_bit_flip(sweep->now, sweep->change[change - 1].bit);
		if (fw_space_add(space, value, sweep->now))
			return -ENOMEM;
	}
	return 0;
}

int fw_space_sweep(const struct fw_build *build, enum fw_field field, size_t values,
		   struct fw_space *space)
{
	struct sweep sweep = { .values = values };
	size_t bit;
	int err;

	err = fw_space_make(space, values, build->words);
	sweep.head = calloc(values, sizeof(*sweep.head));
	if (!sweep.head)
		err = -ENOMEM;
	for (bit = 0; !err && bit < build->words * 64; bit++)
		if (build->term[bit].rule)
			err = sweep_term(&sweep, fw_term_values(&build->term[bit], field), bit);
	if (!err)
		err = sweep_values(&sweep, space);
	free(sweep.head);
	free(sweep.change);
	return err;
}

/* --- dimensions */

static int emit(struct fw_build *build, enum fw_dim dim, const struct fw_space *space)
{
	int err = fw_emit_lines(build, space->class, space->values, &build->out->config.line[dim]);

	return err ? err : fw_emit_rows(build, dim, &space->classes);
}

static int compile_field(struct fw_build *build, enum fw_dim dim, enum fw_field field,
			 size_t values)
{
	struct fw_space space;
	int err;

	err = fw_space_sweep(build, field, values, &space);
	if (!err)
		err = emit(build, dim, &space);
	fw_space_free(&space);
	return err;
}

/* A dimension whose values are two numbers in one. */
static int compile_two(struct fw_build *build, enum fw_dim dim, enum fw_field high_field,
		       size_t high_values, enum fw_field low_field, size_t low_values)
{
	struct fw_space high = {}, low = {}, both = {};
	int err;

	err = fw_space_sweep(build, high_field, high_values, &high);
	if (!err)
		err = fw_space_sweep(build, low_field, low_values, &low);
	if (!err)
		err = fw_space_product(&low, &high, &both);
	if (!err)
		err = emit(build, dim, &both);
	fw_space_free(&high);
	fw_space_free(&low);
	fw_space_free(&both);
	return err;
}

static int compile_flags(struct fw_build *build)
{
	uint64_t vector[FW_WORDS_MAX];
	const struct fw_flags *flags;
	struct fw_space space;
	size_t value, bit;
	int err;

	err = fw_space_make(&space, FW_FLAGS_VALUES, build->words);
	for (value = 0; !err && value < FW_FLAGS_VALUES; value++) {
		memcpy(vector, build->valid, sizeof(vector));
		for (bit = 0; bit < build->words * 64; bit++) {
			flags = build->term[bit].rule ? fw_term_flags(&build->term[bit]) : NULL;
			if (flags && ((value & flags->mask) == flags->value) == flags->negated)
				fw_bit_clear(vector, bit);
		}
		err = fw_space_add(&space, value, vector);
	}
	if (!err)
		err = emit(build, FW_DIM_FLAGS, &space);
	fw_space_free(&space);
	return err;
}

/* Not a member of the pair, or a member: who agrees? */
static int pair_space(const struct fw_build *build, size_t pair, struct fw_space *space)
{
	uint64_t no[FW_WORDS_MAX], yes[FW_WORDS_MAX];
	size_t bit;
	int err;

	memcpy(no, build->valid, sizeof(no));
	memcpy(yes, build->valid, sizeof(yes));
	for (bit = 0; bit < build->words * 64; bit++) {
		if (build->term[bit].need >> pair & 1)
			fw_bit_clear(no, bit);
		if (build->term[bit].forbid >> pair & 1)
			fw_bit_clear(yes, bit);
	}
	err = fw_space_make(space, 2, build->words);
	if (!err)
		err = fw_space_add(space, 0, no);
	if (!err)
		err = fw_space_add(space, 1, yes);
	return err;
}

static int compile_sets(struct fw_build *build)
{
	struct fw_space all, pair, product;
	size_t i;
	int err;

	err = pair_space(build, 0, &all);
	for (i = 1; !err && i < build->out->config.pairs; i++) {
		memset(&product, 0, sizeof(product));
		err = pair_space(build, i, &pair);
		if (!err)
			err = fw_space_product(&all, &pair, &product);
		fw_space_free(&pair);
		fw_space_free(&all);
		all = product;
	}
	if (!err)
		err = emit(build, FW_DIM_SETS, &all);
	fw_space_free(&all);
	return err;
}

int fw_compile_values(struct fw_build *build)
{
	static const struct {
		enum fw_dim dim;
		enum fw_field field;
		size_t values;
	} plain[] = {
		{ FW_DIM_SPORT, FW_FIELD_SPORT, FW_WORD16_VALUES },
		{ FW_DIM_DPORT, FW_FIELD_DPORT, FW_WORD16_VALUES },
		{ FW_DIM_WINDOW, FW_FIELD_WINDOW, FW_WORD16_VALUES },
		{ FW_DIM_LENGTH, FW_FIELD_LENGTH, FW_WORD16_VALUES },
		{ FW_DIM_VLAN, FW_FIELD_VLAN, FW_VLAN_VALUES },
	};
	size_t i;
	int err = 0;

	for (i = 0; !err && i < sizeof(plain) / sizeof(plain[0]); i++)
		if (build->dims >> plain[i].dim & 1)
			err = compile_field(build, plain[i].dim, plain[i].field, plain[i].values);
	if (!err && build->dims >> FW_DIM_FLAGS & 1)
		err = compile_flags(build);
	if (!err && build->dims >> FW_DIM_ICMP & 1)
		err = compile_two(build, FW_DIM_ICMP, FW_FIELD_TYPE, TYPES, FW_FIELD_CODE, CODES);
	if (!err && build->dims >> FW_DIM_HOP & 1)
		err = compile_two(build, FW_DIM_HOP, FW_FIELD_TTL, TTLS, FW_FIELD_DSCP, DSCPS);
	if (!err && build->dims >> FW_DIM_SETS & 1)
		err = compile_sets(build);
	return err;
}
