// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A packet against one rule, selector by selector: what the compiled form must agree with. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "xdp_fw/plan.h"

#define LENGTH_MAX 65535 /* longer frames are taken for this long */

/* FW_VLAN_NONE is a value like the others: "not 5" includes packets without a tag. */
static bool values_match(const struct fw_values *values, uint32_t value)
{
	size_t i;

	if (!values->given)
		return true;
	for (i = 0; i < values->count; i++)
		if (value >= values->range[i].lo && value <= values->range[i].hi)
			return !values->negated;
	return values->negated;
}

static bool prefix_covers(const struct ecbpf_prefix *prefix, int family, const uint8_t *addr)
{
	unsigned int bytes = prefix->length / 8, bits = prefix->length % 8;

	if (prefix->family != (family == 4 ? AF_INET : AF_INET6))
		return false;
	if (memcmp(prefix->addr, addr, bytes))
		return false;
	return !bits || !((prefix->addr[bytes] ^ addr[bytes]) >> (8 - bits));
}

static bool addrs_match(const struct fw_addrs *addrs, int family, const uint8_t *addr,
			const struct fw_members *members)
{
	size_t i;

	if (!addrs->given)
		return true;
	for (i = 0; i < addrs->prefixes; i++)
		if (prefix_covers(&addrs->prefix[i], family, addr))
			return !addrs->negated;
	for (i = 0; i < addrs->sets; i++)
		if (members->has(members->arg, addrs->set[i], family, addr))
			return !addrs->negated;
	return addrs->negated;
}

static bool flags_match(const struct fw_flags *flags, uint8_t value)
{
	return !flags->given || ((value & flags->mask) == flags->value) != flags->negated;
}

static bool has_match(enum fw_has has, bool there)
{
	return has == FW_ANY || there == (has == FW_YES);
}

/* --- the upper layer */

static const struct {
	const char *name;
	uint8_t proto;
	int family; /* 0: either */
} uppers[FW_UPPERS] = {
	[FW_TCP] = { "tcp", IPPROTO_TCP, 0 },
	[FW_UDP] = { "udp", IPPROTO_UDP, 0 },
	[FW_ICMP] = { "icmp", IPPROTO_ICMP, 4 },
	[FW_ICMP6] = { "icmp6", IPPROTO_ICMPV6, 6 },
};

static bool is_upper(enum fw_upper_kind kind, const struct fw_packet *packet)
{
	return packet->proto == uppers[kind].proto &&
	       (!uppers[kind].family || packet->family == uppers[kind].family);
}

/* A field matches only in a header that is there in full. */
static const char *fields_mismatch(const struct fw_upper *upper, const struct fw_packet *packet)
{
	const struct {
		const char *name;
		const struct fw_values *values;
		uint32_t value;
	} fields[] = {
		{ "sport", &upper->sport, packet->sport },
		{ "dport", &upper->dport, packet->dport },
		{ "window", &upper->window, packet->window },
		{ "type", &upper->type, packet->type },
		{ "code", &upper->code, packet->code },
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].values->given &&
		    !(packet->upper && values_match(fields[i].values, fields[i].value)))
			return fields[i].name;
	if (upper->flags.given && !(packet->upper && flags_match(&upper->flags, packet->flags)))
		return "flags";
	return NULL;
}

/* Options are alternatives, and a packet is of one protocol: at most one of them can match. */
static const char *upper_mismatch(const struct fw_rule *rule, const struct fw_packet *packet)
{
	const char *other = NULL;
	int kind;

	for (kind = 0; kind < FW_UPPERS; kind++) {
		if (!rule->upper[kind].given)
			continue;
		if (is_upper(kind, packet))
			return fields_mismatch(&rule->upper[kind], packet);
		if (!other)
			other = uppers[kind].name;
	}
	return other;
}

/* --- the rule */

const char *fw_mismatch(const struct fw_rule *rule, const struct fw_packet *packet,
			const struct fw_members *members)
{
	const uint32_t length = packet->length > LENGTH_MAX ? LENGTH_MAX : packet->length;

	if (rule->family && rule->family != packet->family)
		return rule->family == 4 ? "ip" : "ip6";
	if (!values_match(&rule->length, length))
		return "length";
	if (!values_match(&rule->vlan, packet->vlan))
		return "vlan";
	if (!addrs_match(&rule->src, packet->family, packet->src, members))
		return "from";
	if (!addrs_match(&rule->dst, packet->family, packet->dst, members))
		return "to";
	if (!values_match(&rule->ttl, packet->ttl))
		return "ttl";
	if (!values_match(&rule->dscp, packet->dscp))
		return "dscp";
	if (!values_match(&rule->proto, packet->proto))
		return "proto";
	if (!(rule->fragment & packet->fragment))
		return "fragment";
	if (!has_match(rule->options, packet->options))
		return "options";
	if (!has_match(rule->malformed, packet->malformed))
		return "malformed";
	return upper_mismatch(rule, packet);
}

size_t fw_match(const struct fw_plan *plan, size_t from, const struct fw_packet *packet,
		const struct fw_members *members)
{
	size_t i;

	for (i = from; i < plan->count; i++)
		if (!fw_mismatch(plan->entry[i].rule, packet, members))
			return i;
	return plan->count;
}
