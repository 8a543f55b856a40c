// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* From a text to a ruleset, and what to say when there is none. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/parse.h"

#define QUOTED_MAX 64 /* bytes of a token in a message */

int fw_quoted(const struct fw_token *token)
{
	return token->len < QUOTED_MAX ? (int)token->len : QUOTED_MAX;
}

/* Printable ASCII as it is, other bytes as \xNN. */
static void quote(const struct fw_token *token, char *text, size_t size)
{
	size_t i, used = 0, len = fw_quoted(token);

	for (i = 0; i < len && used + sizeof("\\xff...") < size; i++) {
		unsigned char c = token->text[i];

		used += snprintf(text + used, size - used, c >= ' ' && c < 0x7f ? "%c" : "\\x%02x",
				 c);
	}
	snprintf(text + used, size - used, "%s", i < token->len ? "..." : "");
}

/* The cause can hold the token's text: bytes that would spoil the line or the terminal go. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f)
			*text = '?';
}

int fw_error(const struct fw_token *token, const char *format, ...)
{
	char cause[192], near[QUOTED_MAX * 4 + 8];
	va_list args;

	va_start(args, format);
	if (vsnprintf(cause, sizeof(cause), format, args) < 0)
		cause[0] = '\0';
	va_end(args);
	clean(cause);
	if (!token->len || token->text[token->len - 1] == '\n')
		return ecbpf_fail(-EINVAL, "%u:%u: %s at the end of the line", token->line,
				  token->column, cause);
	quote(token, near, sizeof(near));
	return ecbpf_fail(-EINVAL, "%u:%u: %s near \"%s\"", token->line, token->column, cause,
			  near);
}

bool fw_token_is(const struct fw_token *token, const char *word)
{
	return token->len == strlen(word) && !memcmp(token->text, word, token->len);
}

/* The scanner wants the text in memory that it can write to, with two NULs behind. */
static int parse(struct fw_parser *p, const char *text, size_t len)
{
	char *copy;
	int err;

	if (len > INT32_MAX - 2)
		return ecbpf_fail(-EINVAL, "1:1: the text is too long");
	copy = malloc(len + 2);
	if (!copy)
		return ecbpf_fail(-ENOMEM, "out of memory");
	if (len)
		memcpy(copy, text, len);
	memset(copy + len, 0, 2);
	err = fw_scan(p, copy, len);
	free(copy);
	fw_rule_free(&p->rule);
	return err;
}

int fw_parse(const char *text, size_t len, struct fw_ruleset *set)
{
	struct fw_ruleset parsed = {};
	struct fw_parser parser = { .set = &parsed };
	int err = parse(&parser, text, len);

	if (err)
		fw_ruleset_free(&parsed);
	else
		*set = parsed;
	return err;
}

int fw_parse_rule(const char *text, struct fw_rule *rule)
{
	struct fw_ruleset parsed = {};
	struct fw_parser parser = { .set = &parsed, .single = true };
	int err = parse(&parser, text, strlen(text));

	if (!err && !parsed.rules)
		err = ecbpf_fail(-EINVAL, "1:1: a rule expected at the end of the line");
	if (!err) {
		*rule = parsed.rule[0];
		parsed.rules = 0;
	}
	fw_ruleset_free(&parsed);
	return err;
}
