// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The canonical text: defaults left out, options in one order, one blank between words. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "xdp_fw/parse.h"

static const char *const upper_names[FW_UPPERS] = { "tcp", "udp", "icmp", "icmp6" };

/* --- lists: bare if there is one item, else in braces */

static void open_list(FILE *out, const char *word, bool negated, size_t count)
{
	fprintf(out, " %s%s%s", word, negated ? " not" : "", count == 1 ? " " : " { ");
}

static void close_list(FILE *out, size_t count)
{
	if (count != 1)
		fputs(" }", out);
}

static bool any_vlan(enum fw_field field, struct fw_range range)
{
	return field == FW_FIELD_VLAN && !range.lo && range.hi == fw_field_max(field);
}

static void print_range(FILE *out, enum fw_field field, struct fw_range range)
{
	const char *name = field == FW_FIELD_PROTO ? fw_proto_name(range.lo) : NULL;

	if (any_vlan(field, range))
		fputs("any", out);
	else if (range.lo != range.hi)
		fprintf(out, "%u-%u", range.lo, range.hi);
	else if (field == FW_FIELD_VLAN && range.lo == FW_VLAN_NONE)
		fputs("none", out);
	else if (name)
		fputs(name, out);
	else
		fprintf(out, "%u", range.lo);
}

static void print_values(FILE *out, const char *word, enum fw_field field,
			 const struct fw_values *values)
{
	size_t i, braces = values->count;

	if (!values->given)
		return;
	if (values->negated && any_vlan(field, values->range[0]))
		braces = 2; /* "not any" is no text but in a list */
	open_list(out, word, values->negated, braces);
	for (i = 0; i < values->count; i++) {
		fputs(i ? ", " : "", out);
		print_range(out, field, values->range[i]);
	}
	close_list(out, braces);
}

static void print_prefix(FILE *out, const struct ecbpf_prefix *prefix)
{
	char text[INET6_ADDRSTRLEN];

	fputs(inet_ntop(prefix->family, prefix->addr, text, sizeof(text)), out);
	if (prefix->length != (prefix->family == AF_INET ? 32 : 128))
		fprintf(out, "/%u", prefix->length);
}

static void print_addrs(FILE *out, const char *word, const struct fw_addrs *addrs)
{
	size_t i, count = addrs->prefixes + addrs->sets;

	if (!addrs->given)
		return;
	open_list(out, word, addrs->negated, count);
	for (i = 0; i < count; i++) {
		fputs(i ? ", " : "", out);
		if (i < addrs->prefixes)
			print_prefix(out, &addrs->prefix[i]);
		else
			fprintf(out, "@%s", addrs->set[i - addrs->prefixes]);
	}
	close_list(out, count);
}

/* --- upper options */

static void print_flag_names(FILE *out, uint8_t flags)
{
	const char *before = "";
	unsigned int i;

	if (!flags) {
		fputs("{}", out);
		return;
	}
	if (flags & (flags - 1))
		fputs("{ ", out);
	for (i = 0; i < 8; i++)
		if (flags & 1 << i) {
			fprintf(out, "%s%s", before, fw_flag_name(i));
			before = ", ";
		}
	if (flags & (flags - 1))
		fputs(" }", out);
}

static void print_flags(FILE *out, const struct fw_flags *flags)
{
	if (!flags->given)
		return;
	fprintf(out, " flags%s ", flags->negated ? " not" : "");
	print_flag_names(out, flags->value);
	if (flags->mask == flags->value)
		return;
	fputs(" mask ", out);
	print_flag_names(out, flags->mask);
}

static void print_upper(FILE *out, const char *word, const struct fw_upper *upper)
{
	if (!upper->given)
		return;
	fprintf(out, " %s", word);
	print_values(out, "sport", FW_FIELD_SPORT, &upper->sport);
	print_values(out, "dport", FW_FIELD_DPORT, &upper->dport);
	print_values(out, "window", FW_FIELD_WINDOW, &upper->window);
	print_flags(out, &upper->flags);
	print_values(out, "type", FW_FIELD_TYPE, &upper->type);
	print_values(out, "code", FW_FIELD_CODE, &upper->code);
}

/* --- the rule */

static void print_amount(FILE *out, uint64_t amount)
{
	static const char suffixes[] = "kMG";
	int i;

	for (i = -1; i < 2 && amount && amount % 1000 == 0; i++)
		amount /= 1000;
	fprintf(out, "%llu%.*s", (unsigned long long)amount, i >= 0, i >= 0 ? &suffixes[i] : "");
}

static void print_limit(FILE *out, const struct fw_limit *limit)
{
	fputs("limit ", out);
	print_amount(out, limit->rate);
	fputs(limit->bytes ? " bps" : " pps", out);
	if (limit->burst) {
		fputs(" burst ", out);
		print_amount(out, limit->burst);
	}
	if (!limit->per_source)
		return;
	fputs(" per source", out);
	if (limit->prefix4 == 32 && limit->prefix6 == 64)
		return;
	fprintf(out, "/%u", limit->prefix4);
	if (limit->prefix6 != 2 * limit->prefix4)
		fprintf(out, "/%u", limit->prefix6);
}

const char *fw_action_name(enum fw_action action)
{
	static const char *const names[] = {
		[FW_DROP] = "drop",   [FW_PASS] = "pass",	[FW_LIMIT] = "limit",
		[FW_COUNT] = "count", [FW_PROTECT] = "protect",
	};

	return names[action];
}

const char *fw_default_name(enum fw_default fallback)
{
	static const char *const names[] = { "next", "pass", "drop" };

	return names[fallback];
}

static void print_action(FILE *out, const struct fw_rule *rule)
{
	if (rule->action == FW_LIMIT)
		print_limit(out, &rule->limit);
	else
		fputs(fw_action_name(rule->action), out);
}

static void print_switches(FILE *out, const struct fw_rule *rule)
{
	static const char *const fragments[FW_FRAGMENT_ALL] = {
		[FW_FRAGMENT_NONE] = "none",
		[FW_FRAGMENT_FIRST] = "first",
		[FW_FRAGMENT_LATER] = "later",
		[FW_FRAGMENT_FIRST | FW_FRAGMENT_LATER] = "any",
		[FW_FRAGMENT_NONE | FW_FRAGMENT_LATER] = "not first",
		[FW_FRAGMENT_NONE | FW_FRAGMENT_FIRST] = "not later",
	};

	if (rule->fragment != FW_FRAGMENT_ALL)
		fprintf(out, " fragment %s", fragments[rule->fragment]);
	if (rule->options != FW_ANY)
		fprintf(out, "%s options", rule->options == FW_NO ? " not" : "");
	if (rule->malformed != FW_ANY)
		fprintf(out, "%s malformed", rule->malformed == FW_NO ? " not" : "");
}

static bool matches_all(const struct fw_rule *rule)
{
	int i;

	for (i = 0; i < FW_UPPERS; i++)
		if (rule->upper[i].given)
			return false;
	return !rule->family && !rule->length.given && !rule->ttl.given && !rule->dscp.given &&
	       !rule->proto.given && !rule->vlan.given && !rule->src.given && !rule->dst.given &&
	       rule->fragment == FW_FRAGMENT_ALL && rule->options == FW_ANY &&
	       rule->malformed == FW_ANY;
}

static void print_name(FILE *out, const char *name)
{
	fputs(" name \"", out);
	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			fputc('\\', out);
		fputc(*name, out);
	}
	fputc('"', out);
}

static void print_rule(FILE *out, const struct fw_rule *rule)
{
	int i;

	print_action(out, rule);
	if (matches_all(rule))
		fputs(" packet", out);
	print_values(out, "length", FW_FIELD_LENGTH, &rule->length);
	print_values(out, "vlan", FW_FIELD_VLAN, &rule->vlan);
	if (rule->family)
		fputs(rule->family == 4 ? " ip" : " ip6", out);
	print_addrs(out, "from", &rule->src);
	print_addrs(out, "to", &rule->dst);
	print_values(out, "ttl", FW_FIELD_TTL, &rule->ttl);
	print_values(out, "dscp", FW_FIELD_DSCP, &rule->dscp);
	print_values(out, "proto", FW_FIELD_PROTO, &rule->proto);
	print_switches(out, rule);
	for (i = 0; i < FW_UPPERS; i++)
		print_upper(out, upper_names[i], &rule->upper[i]);
	if (rule->name)
		print_name(out, rule->name);
}

static void print_hygiene(FILE *out, const struct fw_hygiene *hygiene)
{
	if (hygiene->fragments && hygiene->ptb_pps)
		fprintf(out, "hygiene drop fragments ptb %u\n", hygiene->ptb_pps);
	else if (hygiene->fragments)
		fputs("hygiene drop fragments\n", out);
	if (hygiene->options)
		fputs("hygiene drop options\n", out);
	if (hygiene->malformed)
		fputs("hygiene drop malformed\n", out);
	if (hygiene->local)
		fputs("hygiene allow local\n", out);
}

/* What open_memstream() has collected, or NULL if there was no room for it. */
static char *collected(FILE *out, char **text)
{
	bool failed = ferror(out);

	if (!fclose(out) && !failed)
		return *text;
	free(*text);
	errno = ENOMEM;
	return NULL;
}

char *fw_rule_print(const struct fw_rule *rule)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	print_rule(out, rule);
	return collected(out, &text);
}

char *fw_ruleset_print(const struct fw_ruleset *set)
{
	char *text = NULL;
	size_t i, size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "default %s\n", fw_default_name(set->fallback));
	print_hygiene(out, &set->hygiene);
	for (i = 0; i < set->protects; i++) {
		print_rule(out, &set->protect[i]);
		fputc('\n', out);
	}
	for (i = 0; i < set->rules; i++) {
		print_rule(out, &set->rule[i]);
		fputc('\n', out);
	}
	return collected(out, &text);
}
