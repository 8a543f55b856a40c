// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Conditions of iptables on the fields of headers. */
#include <errno.h>
#include <string.h>

#include "xdp_fw/import.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

#define NO_CODE 0x10000

struct icmp_name {
	const char *name;
	int value;
};

static const struct icmp_name icmp_names[] = {
	{ "echo-reply", 0 << 8 | NO_CODE },
	{ "pong", 0 << 8 | NO_CODE },
	{ "destination-unreachable", 3 << 8 | NO_CODE },
	{ "network-unreachable", 3 << 8 | 0 },
	{ "host-unreachable", 3 << 8 | 1 },
	{ "protocol-unreachable", 3 << 8 | 2 },
	{ "port-unreachable", 3 << 8 | 3 },
	{ "fragmentation-needed", 3 << 8 | 4 },
	{ "source-quench", 4 << 8 | NO_CODE },
	{ "redirect", 5 << 8 | NO_CODE },
	{ "echo-request", 8 << 8 | NO_CODE },
	{ "ping", 8 << 8 | NO_CODE },
	{ "router-advertisement", 9 << 8 | NO_CODE },
	{ "router-solicitation", 10 << 8 | NO_CODE },
	{ "time-exceeded", 11 << 8 | NO_CODE },
	{ "ttl-exceeded", 11 << 8 | NO_CODE },
	{ "ttl-zero-during-transit", 11 << 8 | 0 },
	{ "ttl-zero-during-reassembly", 11 << 8 | 1 },
	{ "parameter-problem", 12 << 8 | NO_CODE },
	{ "timestamp-request", 13 << 8 | NO_CODE },
	{ "timestamp-reply", 14 << 8 | NO_CODE },
	{ "address-mask-request", 17 << 8 | NO_CODE },
	{ "address-mask-reply", 18 << 8 | NO_CODE },
};

static const struct icmp_name icmp6_names[] = {
	{ "destination-unreachable", 1 << 8 | NO_CODE },
	{ "no-route", 1 << 8 | 0 },
	{ "communication-prohibited", 1 << 8 | 1 },
	{ "address-unreachable", 1 << 8 | 3 },
	{ "port-unreachable", 1 << 8 | 4 },
	{ "packet-too-big", 2 << 8 | NO_CODE },
	{ "time-exceeded", 3 << 8 | NO_CODE },
	{ "ttl-exceeded", 3 << 8 | NO_CODE },
	{ "ttl-zero-during-transit", 3 << 8 | 0 },
	{ "ttl-zero-during-reassembly", 3 << 8 | 1 },
	{ "parameter-problem", 4 << 8 | NO_CODE },
	{ "bad-header", 4 << 8 | 0 },
	{ "unknown-header-type", 4 << 8 | 1 },
	{ "unknown-option", 4 << 8 | 2 },
	{ "echo-request", 128 << 8 | NO_CODE },
	{ "ping", 128 << 8 | NO_CODE },
	{ "echo-reply", 129 << 8 | NO_CODE },
	{ "pong", 129 << 8 | NO_CODE },
	{ "router-solicitation", 133 << 8 | NO_CODE },
	{ "router-advertisement", 134 << 8 | NO_CODE },
	{ "neighbour-solicitation", 135 << 8 | NO_CODE },
	{ "neighbor-solicitation", 135 << 8 | NO_CODE },
	{ "neighbour-advertisement", 136 << 8 | NO_CODE },
	{ "neighbor-advertisement", 136 << 8 | NO_CODE },
	{ "redirect", 137 << 8 | NO_CODE },
};

static int give(struct fw_import *im, struct fw_values *values, uint32_t lo, uint32_t hi,
		const struct fw_token *token)
{
	values->given = true;
	values->negated = im->negated;
	return fw_values_push(values, (struct fw_range){ lo, hi }, token);
}

/* --- ports */

static struct fw_values *ports_of(struct fw_import *im, const struct fw_token *token, int field)
{
	if (im->kind != FW_TCP && im->kind != FW_UDP) {
		fw_error(token, "ports need -p tcp or -p udp before them");
		return NULL;
	}
	if (fw_import_once(im, field, token))
		return NULL;
	return field == FW_FIELD_SPORT ? &im->rule.upper[im->kind].sport :
					 &im->rule.upper[im->kind].dport;
}

/* N or N:N; an end that is left out is the lowest or highest port if @open */
static int port_range(const struct fw_token *token, const char *text, size_t len, bool open,
		      struct fw_range *range)
{
	const char *colon = memchr(text, ':', len);
	size_t first = colon ? (size_t)(colon - text) : len, last = colon ? len - first - 1 : 0;
	uint64_t lo = 0, hi = UINT16_MAX;

	if ((!(colon && open && !first) && !fw_digits(text, first, &lo)) ||
	    (colon && !(open && !last) && !fw_digits(colon + 1, last, &hi)))
		return fw_error(token, "port is not a number");
	if (!colon)
		hi = lo;
	if (lo > UINT16_MAX || hi > UINT16_MAX)
		return fw_error(token, "port above %d", UINT16_MAX);
	if (lo > hi)
		return fw_error(token, "range of ports is reversed");
	*range = (struct fw_range){ lo, hi };
	return 0;
}

int fw_import_ports(struct fw_import *im, const struct fw_token *value, int field)
{
	struct fw_values *values = ports_of(im, value, field);
	struct fw_range range;

	if (!values || port_range(value, value->text, value->len, true, &range))
		return -EINVAL;
	return give(im, values, range.lo, range.hi, value);
}

int fw_import_multiport(struct fw_import *im, const struct fw_token *value, int field)
{
	struct fw_values *values = ports_of(im, value, field);
	const char *at = value->text, *end = value->text + value->len, *comma;
	struct fw_range range;

	if (!values)
		return -EINVAL;
	for (;; at = comma + 1) {
		comma = memchr(at, ',', end - at);
		if (port_range(value, at, (comma ? comma : end) - at, false, &range) ||
		    give(im, values, range.lo, range.hi, value))
			return -EINVAL;
		if (!comma)
			return 0;
	}
}

/* --- TCP flags */

static int flags_of(const struct fw_token *token, uint8_t *flags)
{
	const char *at = token->text, *end = token->text + token->len, *comma;
	char name[8] = "";
	size_t i, len;

	*flags = 0;
	if (fw_token_is(token, "NONE"))
		return 0;
	/* iptables knows six of the eight */
	*flags = 0x3f;
	if (fw_token_is(token, "ALL"))
		return 0;
	for (*flags = 0;; at = comma + 1) {
		comma = memchr(at, ',', end - at);
		len = (comma ? comma : end) - at;
		for (i = 0; i < len && i < sizeof(name); i++)
			name[i] = at[i] >= 'A' && at[i] <= 'Z' ? at[i] | 0x20 : '?';
		if (len != 3 || !fw_flag_find(name, len) || fw_flag_find(name, len) > FW_TCP_URG)
			return fw_error(token, "not a list of TCP flags");
		*flags |= fw_flag_find(name, len);
		if (!comma)
			return 0;
	}
}

int fw_import_flags(struct fw_import *im, const struct fw_token *mask, const struct fw_token *flags)
{
	struct fw_flags *to = &im->rule.upper[FW_TCP].flags;

	if (im->kind != FW_TCP)
		return fw_error(mask, "flags need -p tcp before them");
	if (fw_import_once(im, FW_ONCE_FLAGS, mask))
		return -EINVAL;
	*to = (struct fw_flags){ .given = true, .negated = im->negated };
	if (!flags) { /* --syn */
		to->mask = FW_TCP_FIN | FW_TCP_SYN | FW_TCP_RST | FW_TCP_ACK;
		to->value = FW_TCP_SYN;
		return 0;
	}
	if (flags_of(mask, &to->mask) || flags_of(flags, &to->value))
		return -EINVAL;
	if (to->value & ~to->mask)
		return fw_error(flags, "flags outside of their mask never match");
	return 0;
}

/* --- ICMP */

/* icmp_find - type << 8 | code of an iptables name, 0x10000 set if it has no code; -1 */
static int icmp_find(int family, const char *name, size_t len)
{
	const struct icmp_name *table = family == 4 ? icmp_names : icmp6_names;
	size_t i, rows = family == 4 ? ROWS(icmp_names) : ROWS(icmp6_names);

	for (i = 0; i < rows; i++)
		if (strlen(table[i].name) == len && !memcmp(table[i].name, name, len))
			return table[i].value;
	return -1;
}

/* @any: IPv4's 255 is all types */
static int type_of(int family, const struct fw_token *value, int *type, bool *any)
{
	const char *slash = memchr(value->text, '/', value->len);
	size_t len = slash ? (size_t)(slash - value->text) : value->len;
	uint64_t number, code = 0;

	*any = family == 4 && fw_token_is(value, "any");
	*type = icmp_find(family, value->text, value->len);
	if (*any || *type >= 0)
		return 0;
	if (!fw_digits(value->text, len, &number) || number > UINT8_MAX ||
	    (slash && (!fw_digits(slash + 1, value->len - len - 1, &code) || code > UINT8_MAX)))
		return fw_error(value, "not an ICMP type");
	*any = family == 4 && number == UINT8_MAX;
	*type = number << 8 | code | (slash ? 0 : NO_CODE);
	return 0;
}

int fw_import_icmp(struct fw_import *im, const struct fw_token *value, int kind)
{
	struct fw_upper *upper = &im->rule.upper[kind];
	bool any;
	int type, err;

	if (im->kind != kind)
		return fw_error(value, "a type needs the protocol before it");
	if (type_of(im->family, value, &type, &any) || fw_import_once(im, FW_FIELD_TYPE, value))
		return -EINVAL;
	if (any && im->negated)
		return fw_error(value, "not any never matches");
	if (any)
		return give(im, &upper->type, 0, UINT8_MAX, value);
	if (im->negated && !(type & NO_CODE))
		return fw_error(value, "one selector cannot say: not this type with this code");
	err = give(im, &upper->type, type >> 8 & UINT8_MAX, type >> 8 & UINT8_MAX, value);
	if (!err && !(type & NO_CODE))
		err = give(im, &upper->code, type & UINT8_MAX, type & UINT8_MAX, value);
	return err;
}

/* --- IP headers */

int fw_import_hop(struct fw_import *im, const struct fw_token *value, int how)
{
	uint64_t number;

	if (fw_number(value, "ttl", 0, UINT8_MAX, &number) ||
	    fw_import_once(im, FW_FIELD_TTL, value))
		return -EINVAL;
	if (how == FW_HOP_EQ)
		return give(im, &im->rule.ttl, number, number, value);
	if (number == (how == FW_HOP_LT ? 0 : UINT8_MAX))
		return fw_error(value, "no ttl is beyond that");
	if (how == FW_HOP_LT)
		return give(im, &im->rule.ttl, 0, number - 1, value);
	return give(im, &im->rule.ttl, number + 1, UINT8_MAX, value);
}

static int class_of(const struct fw_token *value)
{
	char name[8];
	size_t i;

	for (i = 0; i < value->len && i < sizeof(name); i++) {
		name[i] = value->text[i];
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] |= 0x20;
	}
	return i < value->len ? -1 : fw_dscp_find(name, value->len);
}

int fw_import_dscp(struct fw_import *im, const struct fw_token *value, int class)
{
	uint64_t number;
	int named = class ? class_of(value) : 0;

	if (named < 0)
		return fw_error(value, "not a class of DSCP");
	number = named;
	if ((!class && fw_number(value, "dscp", 0, 63, &number)) ||
	    fw_import_once(im, FW_FIELD_DSCP, value))
		return -EINVAL;
	return give(im, &im->rule.dscp, number, number, value);
}
