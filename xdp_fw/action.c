// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What the options of a rule mean: the grammar calls these as it goes along. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "xdp_fw/parse.h"

#define BIT(n) (1ULL << (n))

/* Bits of enum fw_once that belong to an upper option: each may have them again. */
#define IN_UPPER                                                                                 \
	(BIT(FW_FIELD_SPORT) | BIT(FW_FIELD_DPORT) | BIT(FW_FIELD_WINDOW) | BIT(FW_FIELD_TYPE) | \
	 BIT(FW_FIELD_CODE) | BIT(FW_ONCE_FLAGS))

/* ... and those that select nothing. */
#define NO_SELECTOR (BIT(FW_ONCE_NAME) | BIT(FW_ONCE_BURST) | BIT(FW_ONCE_PER))

static int fail(struct fw_parser *p, int err)
{
	p->err = err;
	return err;
}

static int once(struct fw_parser *p, uint64_t *seen, unsigned int bit, const struct fw_token *token)
{
	if (*seen & BIT(bit))
		return fail(p, fw_error(token, "%.*s given twice", fw_quoted(token), token->text));
	*seen |= BIT(bit);
	return 0;
}

int fw_once(struct fw_parser *p, unsigned int bit, const struct fw_token *token)
{
	return once(p, &p->seen, bit, token);
}

/* --- numbers */

static struct fw_values *values_of(struct fw_parser *p, enum fw_field field)
{
	struct fw_upper *upper = &p->rule.upper[p->upper];

	switch (field) {
	case FW_FIELD_LENGTH:
		return &p->rule.length;
	case FW_FIELD_TTL:
		return &p->rule.ttl;
	case FW_FIELD_DSCP:
		return &p->rule.dscp;
	case FW_FIELD_PROTO:
		return &p->rule.proto;
	case FW_FIELD_VLAN:
		return &p->rule.vlan;
	case FW_FIELD_SPORT:
		return &upper->sport;
	case FW_FIELD_DPORT:
		return &upper->dport;
	case FW_FIELD_WINDOW:
		return &upper->window;
	case FW_FIELD_TYPE:
		return &upper->type;
	default:
		return &upper->code;
	}
}

static int add_value(struct fw_parser *p, const struct fw_token *token)
{
	struct fw_range range = { 0, fw_field_max(p->field) };
	int err = 0;

	if (!fw_token_is(token, "any"))
		err = fw_field_value(p->field, token, &range);
	else if (p->field != FW_FIELD_VLAN)
		err = fw_error(token, "any cannot stand in a list");
	if (!err)
		err = fw_values_push(p->values, range, token);
	return fail(p, err);
}

int fw_begin_values(struct fw_parser *p, enum fw_field field, const struct fw_token *token)
{
	p->field = field;
	p->values = values_of(p, field);
	p->addrs = NULL;
	p->add = add_value;
	p->negated = false;
	return fw_once(p, field, token);
}

/* --- addresses */

static int add_addr(struct fw_parser *p, const struct fw_token *token)
{
	char name[FW_SET_NAME_MAX + 1];
	struct ecbpf_prefix prefix;
	struct fw_token *at;
	int err;

	if (fw_token_is(token, "any")) {
		p->any = true;
		return 0;
	}
	if (token->text[0] == '@') {
		err = fw_set_name(token, 1, name);
		return fail(p, err ? err : fw_addrs_push_set(p->addrs, name, token));
	}
	err = fw_prefix(token, &prefix);
	if (err)
		return fail(p, err);
	at = &p->addr_at[p->addrs == &p->rule.dst][prefix.family == AF_INET6];
	if (!at->len)
		*at = *token;
	return fail(p, fw_addrs_push_prefix(p->addrs, &prefix, token));
}

int fw_begin_addrs(struct fw_parser *p, bool dst, const struct fw_token *token)
{
	p->values = NULL;
	p->addrs = dst ? &p->rule.dst : &p->rule.src;
	p->add = add_addr;
	p->negated = p->any = false;
	return fw_once(p, dst ? FW_ONCE_DST : FW_ONCE_SRC, token);
}

/* --- either */

int fw_match_any(struct fw_parser *p, const struct fw_token *token)
{
	if (p->values && p->field == FW_FIELD_VLAN) {
		p->values->given = true;
		return add_value(p, token);
	}
	return 0;
}

int fw_match_end(struct fw_parser *p, const struct fw_token *token)
{
	if (p->values) {
		p->values->given = true;
		p->values->negated = p->negated;
		return 0;
	}
	if (p->any && p->negated)
		return fail(p, fw_error(token, "not any matches nothing"));
	if (p->any) {
		free(p->addrs->prefix);
		free(p->addrs->set);
		*p->addrs = (struct fw_addrs){};
		return 0;
	}
	p->addrs->given = true;
	p->addrs->negated = p->negated;
	return 0;
}

/* --- TCP flags */

static int add_flag(struct fw_parser *p, const struct fw_token *token)
{
	uint8_t flag = fw_flag_find(token->text, token->len);

	if (!flag)
		return fail(p, fw_error(token, "%.*s is not a TCP flag", fw_quoted(token),
					token->text));
	p->flags |= flag;
	return 0;
}

int fw_begin_flags(struct fw_parser *p, const struct fw_token *token)
{
	p->add = add_flag;
	p->negated = false;
	p->flags = 0;
	return fw_once(p, FW_ONCE_FLAGS, token);
}

int fw_flags_bare(struct fw_parser *p, const struct fw_token *token)
{
	uint64_t byte;
	int err;

	if (token->len < 2 || token->text[0] != '0' || (token->text[1] | 0x20) != 'x')
		return add_flag(p, token);
	err = fw_number(token, "flags", 0, UINT8_MAX, &byte);
	if (!err)
		p->flags = byte;
	return fail(p, err);
}

int fw_flags_value(struct fw_parser *p)
{
	struct fw_flags *flags = &p->rule.upper[p->upper].flags;

	flags->given = true;
	flags->negated = p->negated;
	flags->value = flags->mask = p->flags;
	p->flags = 0;
	return 0;
}

int fw_flags_mask(struct fw_parser *p, const struct fw_token *token)
{
	struct fw_flags *flags = &p->rule.upper[p->upper].flags;

	flags->mask = p->flags;
	if (flags->value & ~flags->mask)
		return fail(p, fw_error(token, "flags outside of their mask"));
	return 0;
}

/* --- the rest of the options */

int fw_set_family(struct fw_parser *p, int family, const struct fw_token *token)
{
	if (p->rule.family && p->rule.family != family)
		return fail(p, fw_error(token, "ip and ip6 exclude each other"));
	p->rule.family = family;
	return fw_once(p, FW_ONCE_FAMILY, token);
}

int fw_begin_upper(struct fw_parser *p, enum fw_upper_kind kind, const struct fw_token *token)
{
	p->upper = kind;
	p->upper_at[kind] = *token;
	p->rule.upper[kind].given = true;
	p->seen &= ~IN_UPPER;
	return fw_once(p, FW_ONCE_UPPER + kind, token);
}

int fw_set_fragment(struct fw_parser *p, const struct fw_token *option,
		    const struct fw_token *which, bool negated)
{
	unsigned int mask = FW_FRAGMENT_FIRST | FW_FRAGMENT_LATER;

	if (fw_token_is(which, "none"))
		mask = FW_FRAGMENT_NONE;
	else if (fw_token_is(which, "first"))
		mask = FW_FRAGMENT_FIRST;
	else if (fw_token_is(which, "later"))
		mask = FW_FRAGMENT_LATER;
	p->rule.fragment = negated ? FW_FRAGMENT_ALL & ~mask : mask;
	return fw_once(p, FW_ONCE_FRAGMENT, option);
}

/* Between the quotes; the scanner has seen to it that something follows a backslash. */
static int unescape(const struct fw_token *token, char *name)
{
	size_t i, len = 0;

	for (i = 1; i + 1 < token->len; i++) {
		unsigned char c = token->text[i];

		if (c == '\\') {
			c = token->text[++i];
			if (c != '"' && c != '\\')
				return fw_error(token, "only \\\" and \\\\ are escapes");
		}
		if (c < ' ' || c == 0x7f)
			return fw_error(token, "a control character in a name");
		if (len >= FW_NAME_MAX)
			return fw_error(token, "a name has at most %d bytes", FW_NAME_MAX);
		name[len++] = c;
	}
	name[len] = '\0';
	return len ? 0 : fw_error(token, "an empty name");
}

int fw_set_rule_name(struct fw_parser *p, const struct fw_token *option,
		     const struct fw_token *text)
{
	char name[FW_NAME_MAX + 1];
	int err = fw_once(p, FW_ONCE_NAME, option);

	if (!err)
		err = unescape(text, name);
	if (err)
		return fail(p, err);
	p->rule.name = strdup(name);
	return p->rule.name ? 0 : fail(p, ecbpf_fail(-ENOMEM, "out of memory"));
}

/* --- the line */

int fw_begin_line(struct fw_parser *p, const struct fw_token *first, enum fw_action action)
{
	p->first = first ? *first : p->last;
	p->seen = 0;
	memset(p->upper_at, 0, sizeof(p->upper_at));
	memset(p->addr_at, 0, sizeof(p->addr_at));
	p->rule.action = action;
	p->rule.fragment = FW_FRAGMENT_ALL;
	p->rule.line = p->first.line;
	if (p->single && action == FW_PROTECT)
		return fail(p, fw_error(&p->first, "a rule expected"));
	if (p->set->rules + p->set->protects >= FW_PARSE_RULES_MAX)
		return fail(p, fw_error(&p->first, "more than %d rules", FW_PARSE_RULES_MAX));
	if (p->single && p->set->rules)
		return fail(p, fw_error(&p->first, "one rule expected, here is another"));
	return 0;
}

static int check_families(struct fw_parser *p)
{
	const struct fw_token *at;
	int dst;

	for (dst = 0; dst < 2 && p->rule.family; dst++) {
		at = &p->addr_at[dst][p->rule.family == 4];
		if (at->len)
			return fw_error(at, "an %s address in a rule for %s",
					p->rule.family == 4 ? "IPv6" : "IPv4",
					p->rule.family == 4 ? "ip" : "ip6");
	}
	if (p->rule.family == 4 && p->rule.upper[FW_ICMP6].given)
		return fw_error(&p->upper_at[FW_ICMP6], "icmp6 in a rule for ip");
	if (p->rule.family == 6 && p->rule.upper[FW_ICMP].given)
		return fw_error(&p->upper_at[FW_ICMP], "icmp in a rule for ip6");
	return 0;
}

static int add_protect(struct fw_ruleset *set, struct fw_rule *rule)
{
	struct fw_rule *grown = reallocarray(set->protect, set->protects + 1, sizeof(*grown));

	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	grown[set->protects++] = *rule;
	*rule = (struct fw_rule){};
	set->protect = grown;
	return 0;
}

int fw_end_rule(struct fw_parser *p)
{
	int err = 0;

	if (!(p->seen & ~NO_SELECTOR))
		err = fw_error(&p->first, "a rule without a selector matches everything; "
					  "say `packet` for that");
	if (!err)
		err = check_families(p);
	if (err)
		return fail(p, err);
	if (p->rule.action == FW_PROTECT)
		return fail(p, add_protect(p->set, &p->rule));
	return fail(p, fw_ruleset_insert(p->set, p->set->rules, &p->rule));
}
