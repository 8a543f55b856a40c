/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Inside of the compiler. Terms have bits; a vector is a bit for each term. For each dimension the
 * values with the same vector are one class.
 */
#ifndef XDP_FW_COMPILE_H
#define XDP_FW_COMPILE_H

#include "xdp_fw/plan.h"

enum fw_side { FW_SIDE_SRC, FW_SIDE_DST, FW_SIDES };

/** enum fw_field - selectors over numbers; the first are of the upper header */
enum fw_field {
	FW_FIELD_SPORT,
	FW_FIELD_DPORT,
	FW_FIELD_WINDOW,
	FW_FIELD_TYPE,
	FW_FIELD_CODE,
	FW_FIELD_PROTO,
	FW_FIELD_LENGTH,
	FW_FIELD_TTL,
	FW_FIELD_DSCP,
	FW_FIELD_VLAN,
	FW_FIELDS,
};

/**
 * struct fw_term - one combination of a rule's alternatives
 * @rule: NULL: a bit that is not in use
 * @addrs: whose prefixes the address must be in, or not be in; NULL: nothing is asked of it
 * @signature: what is selected at all: mask of dimensions, and protocol
 * @entry: of the plan
 * @need, @forbid: masks of pairs (struct fw_config)
 * @upper: which option of the rule, FW_UPPERS: it has none
 */
struct fw_term {
	const struct fw_rule *rule;
	const struct fw_addrs *addrs[FW_SIDES];
	uint32_t signature;
	uint16_t entry;
	uint16_t need, forbid;
	uint8_t upper;
};

/**
 * struct fw_build - a compilation under way
 * @term: by bit; 64 * @words of them
 * @words: of a vector
 * @dims: mask of dimensions that a term asks for
 * @valid: the bits in use
 * @line_room, @row_room: allocated, of @out's arrays
 * @node: nodes of both tries, @nodes of 256 entries, room for @node_room
 */
struct fw_build {
	const struct fw_plan *plan;
	struct fw_compiled *out;
	struct fw_term *term;
	size_t words;
	uint32_t dims;
	uint64_t valid[FW_WORDS_MAX];
	size_t line_room, row_room;
	uint16_t *node;
	size_t nodes, node_room;
};

/** fw_grow - room for @need elements of @each bytes in *array, which has *room; -ENOMEM */
int fw_grow(void *array, size_t *room, size_t need, size_t each);

static inline void fw_bit_set(uint64_t *vector, size_t bit)
{
	vector[bit / 64] |= 1ULL << bit % 64;
}

static inline void fw_bit_clear(uint64_t *vector, size_t bit)
{
	vector[bit / 64] &= ~(1ULL << bit % 64);
}

static inline void fw_bit_flip(uint64_t *vector, size_t bit)
{
	vector[bit / 64] ^= 1ULL << bit % 64;
}

/* --- compile_terms.c */

/** fw_terms_make - fills in @build's terms, and the pairs and order of @build->out */
int fw_terms_make(struct fw_build *build, int (*set_id)(void *arg, const char *name), void *arg);

/** fw_term_values - what a term asks of a field, or NULL: nothing */
const struct fw_values *fw_term_values(const struct fw_term *term, enum fw_field field);

/** fw_term_flags - what a term asks of TCP flags, or NULL: nothing */
const struct fw_flags *fw_term_flags(const struct fw_term *term);

/** fw_term_needs_upper - it asks for something in the upper header */
bool fw_term_needs_upper(const struct fw_term *term);

/* --- compile_classes.c */

/**
 * struct fw_classes - distinct vectors, numbered
 * @vector: @count of them, of @words words
 * @slot: hash table of @slots (a power of two): class + 1, 0 is free
 */
struct fw_classes {
	size_t words, count, room, slots;
	uint64_t *vector;
	uint32_t *slot;
};

/** fw_classes_add - class of a vector, which must not be in @classes' own memory; or -ENOMEM */
int fw_classes_add(struct fw_classes *classes, const uint64_t *vector);

/** fw_classes_get - the vector of a class; moves when one is added */
const uint64_t *fw_classes_get(const struct fw_classes *classes, size_t class);

void fw_classes_free(struct fw_classes *classes);

/**
 * struct fw_space - values 0 .. @values-1 and their classes
 */
struct fw_space {
	size_t values;
	uint16_t *class;
	struct fw_classes classes;
};

/** fw_space_make - without classes yet; -ENOMEM; in any case fw_space_free() it */
int fw_space_make(struct fw_space *space, size_t values, size_t words);
void fw_space_free(struct fw_space *space);

/** fw_space_add - the next value, in order: @at; -ENOMEM */
int fw_space_add(struct fw_space *space, size_t at, const uint64_t *vector);

/** fw_space_product - value high * low->values + low agrees with what both agree with */
int fw_space_product(const struct fw_space *low, const struct fw_space *high,
		     struct fw_space *product);

/** fw_emit_rows - classes of a dimension to @build->out */
int fw_emit_rows(struct fw_build *build, enum fw_dim dim, const struct fw_classes *classes);

/** fw_emit_lines - classes of values to @build->out, in whole lines; *line: the first */
int fw_emit_lines(struct fw_build *build, const uint16_t *class, size_t values, __u32 *line);

/* --- compile_values.c, compile_kind.c, compile_addrs.c: dimensions to @build->out */

/** fw_space_sweep - a field's values, as its terms ask for them */
int fw_space_sweep(const struct fw_build *build, enum fw_field field, size_t values,
		   struct fw_space *space);

int fw_compile_values(struct fw_build *build);
int fw_compile_kind(struct fw_build *build);
int fw_compile_addrs(struct fw_build *build, enum fw_side side);

#endif
