/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The words of the rule language, between its scanner, its grammar, their meaning, and others that
 * speak of the same values: import, documents, explanations.
 */
#ifndef XDP_FW_PARSE_H
#define XDP_FW_PARSE_H

#include "xdp_fw/rule.h"

/* Rules and protections in one text. */
#define FW_PARSE_RULES_MAX 4096

/**
 * struct fw_token - a piece of the text
 * @text: not NUL-terminated; it can hold any byte
 * @line, @column: of its first byte, from 1
 */
struct fw_token {
	const char *text;
	size_t len;
	unsigned int line, column;
};

/** enum fw_field - selectors over numbers; those from SPORT on belong to an upper option */
enum fw_field {
	FW_FIELD_LENGTH,
	FW_FIELD_TTL,
	FW_FIELD_DSCP,
	FW_FIELD_PROTO,
	FW_FIELD_VLAN,
	FW_FIELD_SPORT,
	FW_FIELD_DPORT,
	FW_FIELD_WINDOW,
	FW_FIELD_TYPE,
	FW_FIELD_CODE,
	FW_FIELDS,
};

/** enum fw_once - what a rule has at most once, besides the fields */
enum fw_once {
	FW_ONCE_FLAGS = FW_FIELDS,
	FW_ONCE_PACKET,
	FW_ONCE_SRC,
	FW_ONCE_DST,
	FW_ONCE_FAMILY,
	FW_ONCE_FRAGMENT,
	FW_ONCE_OPTIONS,
	FW_ONCE_MALFORMED,
	FW_ONCE_UPPER, /* + enum fw_upper_kind */
	FW_ONCE_NAME = FW_ONCE_UPPER + FW_UPPERS,
	FW_ONCE_BURST,
	FW_ONCE_PER,
};

/** enum fw_once_text - what a text has at most once */
enum fw_once_text {
	FW_ONCE_DEFAULT,
	FW_ONCE_FRAGMENTS,
	FW_ONCE_DROP_OPTIONS,
	FW_ONCE_DROP_MALFORMED,
	FW_ONCE_LOCAL,
};

/**
 * struct fw_parser - state of one run over a text
 * @set: what has been parsed
 * @scanner: flex's
 * @err: 0, or what fw_error() has been given
 * @line, @column: where the scanner is
 * @open: the scanner's line has a token already
 * @single: fw_parse_rule(): no other kind of line
 * @rule: the line's, until it ends
 * @last: token that the scanner has given last
 * @first: token of the line
 * @seen: bits of enum fw_field and enum fw_once in this rule
 * @seen_text: bits of enum fw_once_text
 * @family_at, @upper_at, @addr_at: tokens to complain about; @addr_at: [dst][IPv6]
 * @add: takes an item of the list that is being read, into one of the following
 * @field, @values: ... numbers
 * @addrs, @any: ... addresses, and whether "any" is among them
 * @flags: ... TCP flags
 * @arena, @arena_used: the scanner's memory
 */
struct fw_parser {
	struct fw_ruleset *set;
	void *scanner;
	int err;
	unsigned int line, column;
	bool open, single;

	struct fw_rule rule;
	struct fw_token last, first;
	uint64_t seen, seen_text;
	struct fw_token upper_at[FW_UPPERS];
	struct fw_token addr_at[2][2];
	enum fw_upper_kind upper;

	int (*add)(struct fw_parser *p, const struct fw_token *token);
	enum fw_field field;
	struct fw_values *values;
	struct fw_addrs *addrs;
	bool any, negated;
	uint8_t flags;

	_Alignas(16) char arena[1024];
	size_t arena_used;
};

/** fw_error - "LINE:COLUMN: ... near "TOKEN"" to ecbpf_error(); -EINVAL */
int fw_error(const struct fw_token *token, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** fw_token_is - is it this word? */
bool fw_token_is(const struct fw_token *token, const char *word);

/** fw_quoted - length for %.*s: at most what fits into a message */
int fw_quoted(const struct fw_token *token);

/* --- value.c: words to numbers, and lists */

/** fw_digits - decimal or 0x hexadecimal; false: not a number. Saturates at UINT64_MAX */
bool fw_digits(const char *text, size_t len, uint64_t *value);

/** fw_number - a number in @min .. @max; @noun: what the message calls it */
int fw_number(const struct fw_token *token, const char *noun, uint64_t min, uint64_t max,
	      uint64_t *value);

/** fw_field_value - NUMBER, NUMBER-NUMBER or a name that the field knows */
int fw_field_value(enum fw_field field, const struct fw_token *token, struct fw_range *range);

/** fw_field_max - the largest number of a field */
uint32_t fw_field_max(enum fw_field field);

/** fw_proto_find - number of a protocol by name, or -1 */
int fw_proto_find(const char *name, size_t len);

/** fw_proto_name - or NULL */
const char *fw_proto_name(uint32_t proto);

/** fw_dscp_find - number of a code point by name, or -1 */
int fw_dscp_find(const char *name, size_t len);

/** fw_flag_find - bit of a TCP flag by its name, or 0 */
uint8_t fw_flag_find(const char *name, size_t len);

/** fw_flag_name - of the bit with this index, 0 .. 7 */
const char *fw_flag_name(unsigned int index);

/** fw_prefix - an address with or without a length; host bits are cut off */
int fw_prefix(const struct fw_token *token, struct ecbpf_prefix *prefix);

/** fw_set_name - the name of a set; the token has no @ (@skip 0) or one in front (1) */
int fw_set_name(const struct fw_token *token, size_t skip, char *name);

/* Append; @token is what to complain about. */
int fw_values_push(struct fw_values *values, struct fw_range range, const struct fw_token *token);
int fw_addrs_push_prefix(struct fw_addrs *addrs, const struct ecbpf_prefix *prefix,
			 const struct fw_token *token);
int fw_addrs_push_set(struct fw_addrs *addrs, const char *name, const struct fw_token *token);

/* --- action.c, statement.c: what the grammar calls; 0, or -errno after fw_error() */

int fw_once(struct fw_parser *p, unsigned int bit, const struct fw_token *token);
int fw_begin_values(struct fw_parser *p, enum fw_field field, const struct fw_token *token);
int fw_begin_addrs(struct fw_parser *p, bool dst, const struct fw_token *token);
int fw_match_any(struct fw_parser *p, const struct fw_token *token);
int fw_match_end(struct fw_parser *p, const struct fw_token *token);
int fw_begin_flags(struct fw_parser *p, const struct fw_token *token);
int fw_flags_bare(struct fw_parser *p, const struct fw_token *token);
int fw_flags_value(struct fw_parser *p);
int fw_flags_mask(struct fw_parser *p, const struct fw_token *token);
int fw_set_family(struct fw_parser *p, int family, const struct fw_token *token);
int fw_begin_upper(struct fw_parser *p, enum fw_upper_kind kind, const struct fw_token *token);
int fw_set_fragment(struct fw_parser *p, const struct fw_token *option,
		    const struct fw_token *which, bool negated);
int fw_set_rule_name(struct fw_parser *p, const struct fw_token *option,
		     const struct fw_token *text);
int fw_limit_rate(struct fw_parser *p, const struct fw_token *rate, bool bytes);
int fw_limit_burst(struct fw_parser *p, const struct fw_token *option,
		   const struct fw_token *burst);
int fw_limit_per(struct fw_parser *p, const struct fw_token *option, const struct fw_token *per);
int fw_begin_line(struct fw_parser *p, const struct fw_token *first, enum fw_action action);
int fw_end_rule(struct fw_parser *p);
int fw_set_default(struct fw_parser *p, const struct fw_token *line, enum fw_default fallback);
int fw_set_hygiene(struct fw_parser *p, const struct fw_token *line, enum fw_once_text which,
		   const struct fw_token *word, const struct fw_token *ptb);
int fw_add_test(struct fw_parser *p, const struct fw_token *line, const struct fw_token *sha1,
		const struct fw_token *action);

/* --- lexer.l and parser.y */

/** fw_scan - run scanner and grammar over @len bytes at @text, which two NULs follow */
int fw_scan(struct fw_parser *p, char *text, size_t len);

/** fw_lex - the next token */
int fw_lex(struct fw_token *token, void *scanner);

#endif
