// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Limits, and the lines that are not rules. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/parse.h"

#define GIGA	  1000000000ULL
#define PPS_MAX	  GIGA
#define BPS_MIN	  8
#define BPS_MAX	  (1000 * GIGA)
#define BURST_MAX GIGA
#define PTB_MAX	  1000000

static int fail(struct fw_parser *p, int err)
{
	p->err = err;
	return err;
}

/* --- limits */

/* A number with k, M or G, and "/s" if it is a rate. */
static int amount(struct fw_token token, const char *noun, uint64_t min, uint64_t max,
		  uint64_t *value)
{
	static const char suffixes[] = "kMG";
	const struct fw_token whole = token;
	const char *suffix = NULL;
	uint64_t unit = 1;

	if (token.len > 1)
		suffix = memchr(suffixes, token.text[token.len - 1], 3);
	if (suffix) {
		token.len--;
		unit = suffix == suffixes ? 1000 : suffix == suffixes + 1 ? 1000000 : GIGA;
	}
	if (!fw_digits(token.text, token.len, value))
		return fw_error(&whole, "%s %.*s is not a number", noun, fw_quoted(&whole),
				whole.text);
	if (__builtin_mul_overflow(*value, unit, value) || *value > max)
		return fw_error(&whole, "%s %.*s is above %llu", noun, fw_quoted(&whole),
				whole.text, (unsigned long long)max);
	if (*value < min)
		return fw_error(&whole, "%s %.*s is below %llu", noun, fw_quoted(&whole),
				whole.text, (unsigned long long)min);
	return 0;
}

int fw_limit_rate(struct fw_parser *p, const struct fw_token *rate, bool bytes)
{
	struct fw_token number = *rate;

	if (number.len > 2 && !memcmp(number.text + number.len - 2, "/s", 2))
		number.len -= 2;
	p->rule.limit.bytes = bytes;
	return fail(p, amount(number, "rate", bytes ? BPS_MIN : 1, bytes ? BPS_MAX : PPS_MAX,
			      &p->rule.limit.rate));
}

int fw_limit_burst(struct fw_parser *p, const struct fw_token *option, const struct fw_token *burst)
{
	if (fw_once(p, FW_ONCE_BURST, option))
		return p->err;
	return fail(p, amount(*burst, "burst", 1, BURST_MAX, &p->rule.limit.burst));
}

static int source_length(const struct fw_token *per, const char *text, size_t len, unsigned int max,
			 uint8_t *length)
{
	uint64_t number;

	if (!fw_digits(text, len, &number) || !number || number > max)
		return fw_error(per, "a prefix length of 1 to %u expected", max);
	*length = number;
	return 0;
}

/* source, source/P4 or source/P4/P6 */
static int per_source(const struct fw_token *per, struct fw_limit *limit)
{
	const size_t skip = sizeof("source") - 1;
	const char *v4 = per->text + skip + 1, *end = per->text + per->len, *slash;
	int err;

	limit->per_source = true;
	limit->prefix4 = 32;
	limit->prefix6 = 64;
	if (per->len == skip)
		return 0;
	slash = memchr(v4, '/', end - v4);
	err = source_length(per, v4, (slash ? slash : end) - v4, 32, &limit->prefix4);
	limit->prefix6 = 2 * limit->prefix4;
	if (!err && slash)
		err = source_length(per, slash + 1, end - slash - 1, 128, &limit->prefix6);
	return err;
}

int fw_limit_per(struct fw_parser *p, const struct fw_token *option, const struct fw_token *per)
{
	const size_t len = sizeof("source") - 1;

	if (fw_once(p, FW_ONCE_PER, option))
		return p->err;
	if (fw_token_is(per, "rule"))
		return 0;
	if (per->len >= len && !memcmp(per->text, "source", len) &&
	    (per->len == len || per->text[len] == '/'))
		return fail(p, per_source(per, &p->rule.limit));
	return fail(p, fw_error(per, "source or rule expected"));
}

/* --- other lines */

static int once_text(struct fw_parser *p, enum fw_once_text which, const struct fw_token *line,
		     const struct fw_token *word)
{
	if (p->single)
		return fail(p, fw_error(line, "a rule expected"));
	if (p->seen_text & 1ULL << which)
		return fail(p, fw_error(word, "%.*s given twice", fw_quoted(word), word->text));
	p->seen_text |= 1ULL << which;
	return 0;
}

int fw_set_default(struct fw_parser *p, const struct fw_token *line, enum fw_default fallback)
{
	p->set->fallback = fallback;
	return once_text(p, FW_ONCE_DEFAULT, line, line);
}

int fw_set_hygiene(struct fw_parser *p, const struct fw_token *line, enum fw_once_text which,
		   const struct fw_token *word, const struct fw_token *ptb)
{
	struct fw_hygiene *hygiene = &p->set->hygiene;
	uint64_t pps;

	if (once_text(p, which, line, word))
		return p->err;
	switch (which) {
	case FW_ONCE_FRAGMENTS:
		hygiene->fragments = true;
		break;
	case FW_ONCE_DROP_OPTIONS:
		hygiene->options = true;
		break;
	case FW_ONCE_DROP_MALFORMED:
		hygiene->malformed = true;
		break;
	default:
		hygiene->local = true;
	}
	if (!ptb)
		return 0;
	if (!fail(p, fw_number(ptb, "ptb", 0, PTB_MAX, &pps)))
		hygiene->ptb_pps = pps;
	return p->err;
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

static bool sha1_of(const struct fw_token *token, uint8_t *sha1)
{
	size_t i;
	int digit;

	if (token->len != 40)
		return false;
	for (i = 0; i < token->len; i++) {
		digit = hex_of(token->text[i]);
		if (digit < 0)
			return false;
		sha1[i / 2] = sha1[i / 2] << 4 | digit;
	}
	return true;
}

static int test_of(const struct fw_token *line, const struct fw_token *sha1,
		   const struct fw_token *action, struct fw_test *test)
{
	*test = (struct fw_test){ .line = line->line };
	if (!sha1_of(sha1, test->sha1))
		return fw_error(sha1, "a SHA-1 has 40 hexadecimal digits");
	if (fw_token_is(action, "XDP_PASS"))
		test->expect = FW_EXPECT_PASS;
	else if (fw_token_is(action, "XDP_DROP"))
		test->expect = FW_EXPECT_DROP;
	else if (fw_token_is(action, "XDP_ABORTED"))
		test->expect = FW_EXPECT_ABORTED;
	else
		return fw_error(action, "XDP_PASS, XDP_DROP or XDP_ABORTED expected");
	return 0;
}

int fw_add_test(struct fw_parser *p, const struct fw_token *line, const struct fw_token *sha1,
		const struct fw_token *action)
{
	struct fw_ruleset *set = p->set;
	struct fw_test test, *grown;

	if (p->single)
		return fail(p, fw_error(line, "a rule expected"));
	if (fail(p, test_of(line, sha1, action, &test)))
		return p->err;
	if (!(set->tests & (set->tests - 1))) {
		grown = reallocarray(set->test, set->tests ? 2 * set->tests : 1, sizeof(*grown));
		if (!grown)
			return fail(p, ecbpf_fail(-ENOMEM, "out of memory"));
		set->test = grown;
	}
	set->test[set->tests++] = test;
	return 0;
}
