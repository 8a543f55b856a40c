// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Options of an iptables rule: each is translated exactly, or refused. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "xdp_fw/import.h"

/**
 * struct option - a row
 * @values: tokens that follow
 * @negatable: "!" may precede
 * @late: may stand behind hashlimit, which is asked in the order of the text
 * @family: 0 both
 * @take: with the first value (or the option if it has none) and @arg; NULL: refused, for @why
 */
struct option {
	const char *name;
	unsigned int values;
	bool negatable, late;
	int family;
	int (*take)(struct fw_import *im, const struct fw_token *value, int arg);
	int arg;
	const char *why;
};

int fw_import_once(struct fw_import *im, unsigned int bit, const struct fw_token *token)
{
	if (im->seen & 1ULL << bit)
		return fw_error(token, "two conditions on the same field");
	im->seen |= 1ULL << bit;
	return 0;
}

/* --- addresses */

/* ADDRESS/255.255.0.0: the length of such a mask, or -1 */
static int mask_length(const char *text, size_t len)
{
	char mask[INET_ADDRSTRLEN] = "";
	struct in_addr addr;
	uint32_t host;

	if (len >= sizeof(mask))
		return -1;
	memcpy(mask, text, len);
	if (inet_pton(AF_INET, mask, &addr) != 1)
		return -1;
	host = ~ntohl(addr.s_addr);
	return host & (host + 1) ? -1 : 32 - __builtin_popcount(host);
}

static int prefix_of(struct fw_import *im, const struct fw_token *token,
		     struct ecbpf_prefix *prefix)
{
	const char *slash = memchr(token->text, '/', token->len);
	struct fw_token address = *token;
	size_t rest = slash ? token->text + token->len - slash - 1 : 0;
	bool mask = slash && memchr(slash + 1, '.', rest);
	int length = mask ? mask_length(slash + 1, rest) : 0;

	if (length < 0)
		return fw_error(token, "the mask is not that of a prefix");
	if (mask)
		address.len = slash - token->text;
	if (fw_prefix(&address, prefix))
		return -EINVAL;
	if (prefix->family != (im->family == 4 ? AF_INET : AF_INET6))
		return fw_error(token, "an address of the other family");
	if (mask) {
		unsigned int bit;

		prefix->length = length;
		for (bit = length; bit < 32; bit++)
			prefix->addr[bit / 8] &= ~(0x80 >> bit % 8);
	}
	return 0;
}

static void drop_addrs(struct fw_addrs *addrs)
{
	free(addrs->prefix);
	*addrs = (struct fw_addrs){};
}

static int take_addr(struct fw_import *im, const struct fw_token *value, int dst)
{
	struct fw_addrs *addrs = dst ? &im->rule.dst : &im->rule.src;
	const char *at = value->text, *end = value->text + value->len, *comma;
	struct ecbpf_prefix prefix;
	bool any = false;

	if (fw_import_once(im, dst ? FW_ONCE_DST : FW_ONCE_SRC, value))
		return -EINVAL;
	if (im->negated && memchr(value->text, ',', value->len))
		return fw_error(value, "a list of addresses cannot be negated");
	for (;; at = comma + 1) {
		struct fw_token piece = *value;

		comma = memchr(at, ',', end - at);
		piece.column += at - piece.text;
		piece.text = at;
		piece.len = (comma ? comma : end) - at;
		if (prefix_of(im, &piece, &prefix) || fw_addrs_push_prefix(addrs, &prefix, value))
			return -EINVAL;
		any |= !prefix.length && !im->negated;
		if (!comma)
			break;
	}
	addrs->given = true;
	addrs->negated = im->negated;
	if (any)
		drop_addrs(addrs);
	return 0;
}

static int take_set(struct fw_import *im, const struct fw_token *value, int arg)
{
	const struct fw_token *way = value + 1;
	bool dst = fw_token_is(way, "dst");
	struct fw_addrs *addrs = dst ? &im->rule.dst : &im->rule.src;
	char name[FW_SET_NAME_MAX + 1];

	(void)arg;
	if (!dst && !fw_token_is(way, "src"))
		return fw_error(way, "src or dst expected: sets have addresses only");
	if (fw_import_once(im, dst ? FW_ONCE_DST : FW_ONCE_SRC, value) ||
	    fw_set_name(value, 0, name) || fw_addrs_push_set(addrs, name, value))
		return -EINVAL;
	addrs->given = true;
	addrs->negated = im->negated;
	return 0;
}

/* --- protocol, fragments */

static int proto_of(struct fw_import *im, const struct fw_token *value, struct fw_range *range)
{
	if (fw_token_is(value, "all")) {
		*range = (struct fw_range){};
		return 0;
	}
	if (memchr(value->text, '-', value->len) && fw_proto_find(value->text, value->len) < 0)
		return fw_error(value, "protocol is not known");
	(void)im;
	return fw_field_value(FW_FIELD_PROTO, value, range);
}

static int take_proto(struct fw_import *im, const struct fw_token *value, int arg)
{
	struct fw_range range;

	(void)arg;
	if (fw_import_once(im, FW_FIELD_PROTO, value) || proto_of(im, value, &range))
		return -EINVAL;
	if (!range.lo)
		return im->negated ? fw_error(value, "not all never matches") : 0;
	if (!im->negated && range.lo == 6)
		im->kind = FW_TCP;
	else if (!im->negated && range.lo == 17)
		im->kind = FW_UDP;
	else if (!im->negated && range.lo == 1 && im->family == 4)
		im->kind = FW_ICMP;
	else if (!im->negated && range.lo == 58 && im->family == 6)
		im->kind = FW_ICMP6;
	if (im->kind >= 0) {
		im->rule.upper[im->kind].given = true;
		return 0;
	}
	im->rule.proto.given = true;
	im->rule.proto.negated = im->negated;
	return fw_values_push(&im->rule.proto, range, value);
}

static int take_fragment(struct fw_import *im, const struct fw_token *option, int arg)
{
	(void)arg;
	im->rule.fragment = im->negated ? FW_FRAGMENT_NONE | FW_FRAGMENT_FIRST : FW_FRAGMENT_LATER;
	return fw_import_once(im, FW_ONCE_FRAGMENT, option);
}

static int take_tcp_flags(struct fw_import *im, const struct fw_token *value, int syn)
{
	return fw_import_flags(im, value, syn ? NULL : value + 1);
}

/* --- hashlimit */

static int take_above(struct fw_import *im, const struct fw_token *value, int arg)
{
	static const struct {
		const char *name;
		unsigned int seconds;
	} units[] = { { "sec", 1 },	{ "second", 1 },  { "min", 60 },
		      { "minute", 60 }, { "hour", 3600 }, { "day", 86400 } };
	const char *slash = memchr(value->text, '/', value->len);
	struct fw_token unit = *value;
	unsigned int seconds = 0;
	uint64_t rate;
	size_t i;

	(void)arg;
	if (!slash || !fw_digits(value->text, slash - value->text, &rate))
		return fw_error(value, "NUMBER/sec expected: packets, not bytes");
	unit.text = slash + 1;
	unit.len -= slash + 1 - value->text;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (fw_token_is(&unit, units[i].name))
			seconds = units[i].seconds;
	if (!seconds)
		return fw_error(value, "NUMBER/sec expected");
	if (!rate || rate % seconds || rate / seconds > 1000000000)
		return fw_error(value, "not a whole number of packets a second, 1 to 1000000000");
	im->above = true;
	im->rule.limit.rate = rate / seconds;
	return 0;
}

static int take_burst(struct fw_import *im, const struct fw_token *value, int arg)
{
	(void)arg;
	return fw_number(value, "burst", 1, 1000000000, &im->rule.limit.burst);
}

static int take_mode(struct fw_import *im, const struct fw_token *value, int arg)
{
	(void)arg;
	im->by_source = true;
	if (!fw_token_is(value, "srcip"))
		return fw_error(value, "of the modes only srcip is translated");
	return 0;
}

static int take_source_mask(struct fw_import *im, const struct fw_token *value, int arg)
{
	uint64_t length;

	(void)arg;
	if (fw_number(value, "prefix length", 1, im->family == 4 ? 32 : 128, &length))
		return -EINVAL;
	if (im->family == 4) {
		im->rule.limit.prefix4 = length;
		im->rule.limit.prefix6 = 2 * length;
	} else {
		im->rule.limit.prefix6 = length;
	}
	return 0;
}

static int take_table(struct fw_import *im, const struct fw_token *value, int arg)
{
	struct fw_token *grown;
	size_t i;

	(void)arg;
	for (i = 0; i < im->names; i++)
		if (im->name[i].len == value->len &&
		    !memcmp(im->name[i].text, value->text, value->len))
			return fw_error(value, "two rules share this table of hashlimit");
	grown = reallocarray(im->name, im->names + 1, sizeof(*grown));
	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	im->name = grown;
	im->name[im->names++] = *value;
	im->named = true;
	return 0;
}

/* --- modules, targets, comments */

static int take_module(struct fw_import *im, const struct fw_token *value, int arg)
{
	static const struct {
		const char *name, *why;
	} modules[] = {
		{ "tcp", NULL },
		{ "udp", NULL },
		{ "icmp", NULL },
		{ "icmp6", NULL },
		{ "multiport", NULL },
		{ "ttl", NULL },
		{ "hl", NULL },
		{ "dscp", NULL },
		{ "set", NULL },
		{ "hashlimit", NULL },
		{ "comment", NULL },
		{ "state", "there is no connection tracking" },
		{ "conntrack", "there is no connection tracking" },
		{ "limit", "limit matches what is within a rate; a rule here drops what is above" },
		{ "length", "length is that of the IP packet; a frame's depends on VLAN tags" },
	};
	size_t i;

	(void)arg;
	for (i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		if (fw_token_is(value, modules[i].name))
			break;
	if (i == sizeof(modules) / sizeof(modules[0]))
		return fw_error(value, "this match is not translated");
	if (modules[i].why)
		return fw_error(value, "%s", modules[i].why);
	if (im->limited && !fw_token_is(value, "comment"))
		return fw_error(value, "hashlimit must be the last match");
	if (i < 4)
		im->module = true;
	if (fw_token_is(value, "hashlimit")) {
		im->limited = true;
		im->rule.limit = (struct fw_limit){ .per_source = true,
						    .prefix4 = 32,
						    .prefix6 = im->family == 4 ? 64 : 128,
						    .burst = 5 };
	}
	return 0;
}

static int take_comment(struct fw_import *im, const struct fw_token *value, int arg)
{
	char name[FW_NAME_MAX + 1];
	bool quoted = value->text[0] == '"';
	size_t i, len = 0;

	(void)arg;
	for (i = quoted; i < value->len - quoted; i++) {
		if (quoted && value->text[i] == '\\' && i + 2 < value->len)
			i++;
		if ((unsigned char)value->text[i] < ' ' || value->text[i] == 0x7f)
			return fw_error(value, "a control character in a name");
		if (len >= FW_NAME_MAX)
			return fw_error(value, "a name has at most %d bytes", FW_NAME_MAX);
		name[len++] = value->text[i];
	}
	name[len] = '\0';
	if (fw_import_once(im, FW_ONCE_NAME, value))
		return -EINVAL;
	if (!len)
		return 0;
	im->rule.name = strdup(name);
	return im->rule.name ? 0 : ecbpf_fail(-ENOMEM, "out of memory");
}

static int take_target(struct fw_import *im, const struct fw_token *value, int arg)
{
	(void)arg;
	if (im->target)
		return fw_error(value, "two targets");
	im->target = true;
	if (fw_token_is(value, "DROP") || (fw_token_is(value, "RETURN") && im->drops))
		im->rule.action = FW_DROP;
	else if (fw_token_is(value, "ACCEPT") || fw_token_is(value, "RETURN"))
		im->rule.action = FW_PASS;
	else if (fw_token_is(value, "REJECT"))
		return fw_error(value, "nothing is sent here: use DROP");
	else
		return fw_error(value, "neither DROP, ACCEPT nor RETURN; chains are not followed");
	return 0;
}

static int take_counters(struct fw_import *im, const struct fw_token *value, int arg)
{
	uint64_t number;

	(void)im;
	(void)arg;
	return fw_number(value, "counter", 0, UINT64_MAX, &number);
}

#define PER_INTERFACE "a ruleset is for one interface: leave the rules of others out"

static const struct option options[] = {
	{ "-s|--source|--src", 1, true, true, 0, take_addr, 0, NULL },
	{ "-d|--destination|--dst", 1, true, true, 0, take_addr, 1, NULL },
	{ "-p|--protocol", 1, true, true, 0, take_proto, 0, NULL },
	{ "-f|--fragment", 0, true, true, 4, take_fragment, 0, NULL },
	{ "-m|--match", 1, false, true, 0, take_module, 0, NULL },
	{ "-j|--jump", 1, false, true, 0, take_target, 0, NULL },
	{ "-c|--set-counters", 2, false, true, 0, take_counters, 0, NULL },
	{ "-i|--in-interface", 1, true, true, 0, NULL, 0, PER_INTERFACE },
	{ "-o|--out-interface", 1, true, true, 0, NULL, 0, PER_INTERFACE },
	{ "-g|--goto", 1, false, true, 0, NULL, 0, "chains are not followed" },
	{ "--sport|--source-port", 1, true, false, 0, fw_import_ports, FW_FIELD_SPORT, NULL },
	{ "--dport|--destination-port", 1, true, false, 0, fw_import_ports, FW_FIELD_DPORT, NULL },
	{ "--sports|--source-ports", 1, true, false, 0, fw_import_multiport, FW_FIELD_SPORT, NULL },
	{ "--dports|--destination-ports", 1, true, false, 0, fw_import_multiport, FW_FIELD_DPORT,
	  NULL },
	{ "--ports", 1, true, false, 0, NULL, 0, "either port: make it two rules" },
	{ "--tcp-flags", 2, true, false, 0, take_tcp_flags, 0, NULL },
	{ "--syn", 0, true, false, 0, take_tcp_flags, 1, NULL },
	{ "--icmp-type", 1, true, false, 4, fw_import_icmp, FW_ICMP, NULL },
	{ "--icmpv6-type", 1, true, false, 6, fw_import_icmp, FW_ICMP6, NULL },
	{ "--ttl-eq", 1, true, false, 4, fw_import_hop, FW_HOP_EQ, NULL },
	{ "--ttl-lt", 1, false, false, 4, fw_import_hop, FW_HOP_LT, NULL },
	{ "--ttl-gt", 1, false, false, 4, fw_import_hop, FW_HOP_GT, NULL },
	{ "--hl-eq", 1, true, false, 6, fw_import_hop, FW_HOP_EQ, NULL },
	{ "--hl-lt", 1, false, false, 6, fw_import_hop, FW_HOP_LT, NULL },
	{ "--hl-gt", 1, false, false, 6, fw_import_hop, FW_HOP_GT, NULL },
	{ "--dscp", 1, true, false, 0, fw_import_dscp, 0, NULL },
	{ "--dscp-class", 1, true, false, 0, fw_import_dscp, 1, NULL },
	{ "--match-set", 2, true, false, 0, take_set, 0, NULL },
	{ "--comment", 1, false, true, 0, take_comment, 0, NULL },
	{ "--hashlimit-above", 1, false, true, 0, take_above, 0, NULL },
	{ "--hashlimit-upto", 1, false, true, 0, NULL, 0, "use --hashlimit-above with -j DROP" },
	{ "--hashlimit-burst", 1, false, true, 0, take_burst, 0, NULL },
	{ "--hashlimit-mode", 1, false, true, 0, take_mode, 0, NULL },
	{ "--hashlimit-srcmask", 1, false, true, 0, take_source_mask, 0, NULL },
	{ "--hashlimit-name", 1, false, true, 0, take_table, 0, NULL },
};

static const struct option *find_option(const struct fw_import *im, const struct fw_token *token)
{
	const char *name;
	size_t i, len;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		for (name = options[i].name; *name; name += len + (name[len] == '|')) {
			len = strcspn(name, "|");
			if (len == token->len && !memcmp(name, token->text, len) &&
			    (!options[i].family || options[i].family == im->family))
				return &options[i];
		}
	return NULL;
}

int fw_import_option(struct fw_import *im, const struct fw_token *token, size_t count)
{
	const struct option *option = find_option(im, token);

	if (!option)
		return fw_error(token, "this option is not translated");
	if (!option->take)
		return fw_error(token, "%s", option->why);
	if (im->negated && !option->negatable)
		return fw_error(token, "this option cannot be negated");
	if (im->limited && !option->late)
		return fw_error(token, "hashlimit must be the last match");
	if (!im->limited && !strncmp(option->name, "--hashlimit", 11))
		return fw_error(token, "-m hashlimit is missing");
	if (count <= option->values)
		return fw_error(token, "a value is missing");
	if (option->take(im, option->values ? token + 1 : token, option->arg))
		return -EINVAL;
	return 1 + option->values;
}

/*
 * A module of iptables matches only where its header is, as a field of ours does; without a
 * condition of its own it becomes a field that has any value.
 */
static int module_alone(struct fw_import *im, const struct fw_token *first)
{
	const uint64_t tcp_udp = 1ULL << FW_FIELD_SPORT | 1ULL << FW_FIELD_DPORT |
				 1ULL << FW_ONCE_FLAGS;
	struct fw_upper *upper;

	if (!im->module || im->kind < 0)
		return im->module ? fw_error(first, "a match without its protocol") : 0;
	upper = &im->rule.upper[im->kind];
	im->negated = false;
	if (im->seen & (tcp_udp | 1ULL << FW_FIELD_TYPE))
		return 0;
	if (im->kind == FW_TCP || im->kind == FW_UDP)
		return fw_import_ports(im, &(struct fw_token){ ":", 1, first->line, first->column },
				       FW_FIELD_SPORT);
	upper->type.given = true;
	return fw_values_push(&upper->type, (struct fw_range){ 0, UINT8_MAX }, first);
}

int fw_import_rule_end(struct fw_import *im, const struct fw_token *first)
{
	if (module_alone(im, first))
		return -EINVAL;
	if (!im->target)
		im->rule.action = FW_COUNT;
	if (!im->limited)
		return 0;
	if (!im->above || !im->by_source || !im->named)
		return fw_error(first, "hashlimit needs its options above, mode and name");
	if (im->rule.action != FW_DROP)
		return fw_error(first, "hashlimit is translated with -j DROP only");
	im->rule.action = FW_LIMIT;
	return 0;
}
