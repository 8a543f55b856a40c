// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Lines, tables and chains of iptables-save text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/import.h"

#define TOKENS_MAX 256

enum table { NO_TABLE, FILTER, RAW, MANGLE, OTHER };

/**
 * struct reader - of a text
 * @token: of the line, @count of them
 * @table: whose lines these are; @tables: bits of those that have been
 * @claimed: the one table that decides anything
 * @declared: the table's chain has been declared
 */
struct reader {
	struct fw_import im;
	struct fw_token token[TOKENS_MAX];
	size_t count;
	enum table table, claimed;
	unsigned int tables;
	bool declared;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static size_t token_length(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len && text[0] != '"' && !blank(text[i]); i++)
		;
	if (text[0] != '"')
		return i;
	for (i = 1; i < len; i++) {
		if (text[i] == '"')
			return i + 1;
		if (text[i] == '\\')
			i++;
	}
	return 0;
}

static int split(struct reader *r, const char *text, size_t len, unsigned int line)
{
	size_t at = 0;

	for (r->count = 0;; r->count++) {
		struct fw_token token = { .line = line };

		while (at < len && blank(text[at]))
			at++;
		if (at == len)
			return 0;
		token.text = text + at;
		token.column = at + 1;
		token.len = token_length(text + at, len - at);
		at += token.len;
		if (!token.len) {
			token.len = len - at;
			return fw_error(&token, "a string without end");
		}
		if (r->count == TOKENS_MAX)
			return fw_error(&token, "the line is too long");
		r->token[r->count] = token;
	}
}

static const char *chain_of(enum table table)
{
	return table == FILTER ? "INPUT" : table == RAW || table == MANGLE ? "PREROUTING" : "";
}

/* The table decides something: then no other may. */
static int claim(struct reader *r, const struct fw_token *token)
{
	if (r->claimed != NO_TABLE && r->claimed != r->table)
		return fw_error(token, "two tables have rules or a policy of DROP");
	r->claimed = r->table;
	return 0;
}

static int begin_table(struct reader *r)
{
	static const char *const names[] = {
		[FILTER] = "*filter", [RAW] = "*raw", [MANGLE] = "*mangle"
	};
	enum table table;

	if (r->table != NO_TABLE)
		return fw_error(&r->token[0], "COMMIT of the table before is missing");
	for (table = FILTER; table < OTHER; table++)
		if (fw_token_is(&r->token[0], names[table]))
			break;
	if (table != OTHER && r->tables & 1U << table)
		return fw_error(&r->token[0], "this table has been there");
	r->tables |= 1U << table;
	r->table = table;
	r->declared = r->im.drops = false;
	return 0;
}

static int declare(struct reader *r)
{
	struct fw_token chain = r->token[0];
	const struct fw_token *policy = &r->token[1];

	chain.text++;
	chain.len--;
	if (r->table == NO_TABLE)
		return fw_error(&r->token[0], "a chain outside of a table");
	if (r->count < 2)
		return fw_error(&r->token[0], "a chain without a policy");
	if (!fw_token_is(&chain, chain_of(r->table)))
		return 0;
	if (r->declared)
		return fw_error(&r->token[0], "this chain has been declared");
	r->declared = true;
	if (fw_token_is(policy, "ACCEPT"))
		return 0;
	if (!fw_token_is(policy, "DROP"))
		return fw_error(policy, "ACCEPT or DROP expected");
	r->im.drops = true;
	r->im.set->fallback = FW_DEFAULT_DROP;
	return claim(r, &r->token[0]);
}

/* -A CHAIN ...: @first is the -A */
static int check_chain(struct reader *r, const struct fw_token *first, size_t count)
{
	if (r->table == NO_TABLE)
		return fw_error(first, "a rule outside of a table");
	if (count < 2)
		return fw_error(first, "a chain is missing");
	if (r->table == OTHER)
		return fw_error(first, "of the tables filter, raw and mangle are translated");
	if (!fw_token_is(&first[1], chain_of(r->table)))
		return fw_error(&first[1], "of this table's chains only %s is translated",
				chain_of(r->table));
	if (!r->declared)
		return fw_error(&first[1], "the chain has not been declared");
	if (r->im.set->rules >= FW_PARSE_RULES_MAX)
		return fw_error(first, "more than %d rules", FW_PARSE_RULES_MAX);
	return claim(r, first);
}

static void begin_rule(struct fw_import *im, const struct fw_token *first)
{
	im->rule = (struct fw_rule){ .family = im->family,
				     .fragment = FW_FRAGMENT_ALL,
				     .line = first->line };
	im->kind = -1;
	im->seen = 0;
	im->negated = im->module = im->limited = im->above = im->by_source = im->named = false;
	im->target = false;
}

static int read_rule(struct reader *r, size_t at)
{
	const struct fw_token *first = &r->token[at];
	struct fw_import *im = &r->im;
	int taken;

	if (check_chain(r, first, r->count - at))
		return -EINVAL;
	begin_rule(im, first);
	for (at += 2; at < r->count; at += taken) {
		im->negated = fw_token_is(&r->token[at], "!");
		at += im->negated;
		if (at == r->count)
			return fw_error(&r->token[at - 1], "an option is missing");
		taken = fw_import_option(im, &r->token[at], r->count - at);
		if (taken < 0)
			return taken;
	}
	if (fw_import_rule_end(im, first))
		return -EINVAL;
	return fw_ruleset_insert(im->set, im->set->rules, &im->rule);
}

static int commit(struct reader *r)
{
	if (r->table == NO_TABLE)
		return fw_error(&r->token[0], "COMMIT outside of a table");
	r->table = NO_TABLE;
	return 0;
}

static int read_line(struct reader *r, const char *text, size_t len, unsigned int line)
{
	const struct fw_token *token = r->token;
	size_t at;

	if (split(r, text, len, line))
		return -EINVAL;
	if (!r->count || token->text[0] == '#')
		return 0;
	if (token->text[0] == '*')
		return begin_table(r);
	if (token->text[0] == ':')
		return declare(r);
	if (fw_token_is(token, "COMMIT"))
		return commit(r);
	at = token->text[0] == '['; /* counters */
	if (at < r->count && (fw_token_is(&token[at], "-A") || fw_token_is(&token[at], "--append")))
		return read_rule(r, at);
	return fw_error(&token[at < r->count ? at : 0], "not a line of iptables-save");
}

static int read_text(struct reader *r, const char *text, size_t len)
{
	const char *end = text + len, *newline;
	struct fw_token nothing = { .line = 1, .column = 1 };
	int err;

	for (; text < end; text = newline + 1, nothing.line++) {
		newline = memchr(text, '\n', end - text);
		if (!newline)
			newline = end;
		err = text[0] == '#' ? 0 : read_line(r, text, newline - text, nothing.line);
		if (err)
			return err;
	}
	if (r->table != NO_TABLE)
		return fw_error(&nothing, "COMMIT is missing");
	if (!r->tables)
		return fw_error(&nothing, "no table");
	return 0;
}

int fw_import(const char *text, size_t len, int family, struct fw_ruleset *set)
{
	struct fw_ruleset read = {};
	struct reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return ecbpf_fail(-ENOMEM, "out of memory");
	r->im.set = &read;
	r->im.family = family;
	err = read_text(r, text, len);
	fw_rule_free(&r->im.rule);
	free(r->im.name);
	free(r);
	if (err)
		fw_ruleset_free(&read);
	else
		*set = read;
	return err;
}
