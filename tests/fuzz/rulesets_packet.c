// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Packets that agree with much of a ruleset, and who is in which set. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/fuzz/rulesets.h"
#include "xdp_fw/hash.h"

#define SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* A value that the selector mostly takes; else at the edge of its ranges, or any. */
static uint32_t agreeing(struct rulesets *rulesets, const struct fw_values *values, uint32_t min,
			 uint32_t max)
{
	const struct fw_range *range;
	uint32_t value;

	if (!values || !values->given || !values->count || rulesets_one_in(rulesets, 12) ||
	    (values->negated && !rulesets_one_in(rulesets, 4)))
		return min + rulesets_random(rulesets, max - min + 1);
	range = &values->range[rulesets_random(rulesets, values->count)];
	value = range->lo + rulesets_random(rulesets, range->hi - range->lo + 1);
	if (rulesets_one_in(rulesets, 4))
		value = rulesets_one_in(rulesets, 2) ? range->lo : range->hi;
	if (rulesets_one_in(rulesets, 16))
		value += rulesets_one_in(rulesets, 2) ? 1 : -1;
	return value < min || value > max ? min : value;
}

static bool agreeing_has(struct rulesets *rulesets, enum fw_has has)
{
	if (has == FW_ANY || rulesets_one_in(rulesets, 12))
		return rulesets_one_in(rulesets, 6);
	return has == FW_YES;
}

static void random_bytes(struct rulesets *rulesets, uint8_t *bytes, size_t count)
{
	while (count--)
		*bytes++ = rulesets_random(rulesets, 256);
}

/* Within one of the prefixes, often at its first or last address or just beside it. */
static void agreeing_addr(struct rulesets *rulesets, const struct fw_addrs *addrs, int family,
			  uint8_t *addr)
{
	const unsigned int bits = family == 4 ? 32 : 128;
	const struct ecbpf_prefix *prefix = NULL;
	unsigned int i, how = rulesets_random(rulesets, 4);

	memset(addr, 0, 16);
	if (addrs->given && addrs->prefixes && !rulesets_one_in(rulesets, 8))
		prefix = &addrs->prefix[rulesets_random(rulesets, addrs->prefixes)];
	if (!prefix || prefix->family != (family == 4 ? AF_INET : AF_INET6)) {
		random_bytes(rulesets, addr, bits / 8);
		return;
	}
	memcpy(addr, prefix->addr, 16);
	for (i = prefix->length; i < bits; i++)
		if (how == 0 || (how == 1 && rulesets_one_in(rulesets, 2)))
			addr[i / 8] |= 0x80 >> i % 8;
	if (rulesets_one_in(rulesets, 8)) {
		i = rulesets_random(rulesets, bits);
		addr[i / 8] ^= 0x80 >> i % 8;
	}
}

static int agreeing_family(struct rulesets *rulesets, const struct fw_rule *rule)
{
	if (rule->family && !rulesets_one_in(rulesets, 12))
		return rule->family;
	if (rule->src.prefixes)
		return rule->src.prefix[0].family == AF_INET ? 4 : 6;
	if (rule->dst.prefixes)
		return rule->dst.prefix[0].family == AF_INET ? 4 : 6;
	return rulesets_one_in(rulesets, 2) ? 4 : 6;
}

static const uint8_t upper_proto[FW_UPPERS] = {
	[FW_TCP] = IPPROTO_TCP,
	[FW_UDP] = IPPROTO_UDP,
	[FW_ICMP] = IPPROTO_ICMP,
	[FW_ICMP6] = IPPROTO_ICMPV6,
};

/* The option that the packet is made for: one that the rule has, or FW_UPPERS. */
static int agreeing_upper(struct rulesets *rulesets, const struct fw_rule *rule)
{
	int i, kind = rulesets_random(rulesets, FW_UPPERS);

	for (i = 0; i < FW_UPPERS; i++, kind = (kind + 1) % FW_UPPERS)
		if (rule->upper[kind].given)
			return kind;
	return FW_UPPERS;
}

static bool has_upper(const struct fw_packet *packet)
{
	return packet->proto == IPPROTO_TCP || packet->proto == IPPROTO_UDP ||
	       packet->proto == (packet->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

static bool is_extension(const struct fw_packet *packet)
{
	static const uint8_t extensions[] = { 0, 43, 44, 51, 60, 135, 139, 140 };

	return packet->family == 6 && memchr(extensions, packet->proto, sizeof(extensions));
}

static void packet_network(struct rulesets *rulesets, const struct fw_rule *rule, int upper,
			   struct fw_packet *packet)
{
	static const uint8_t usual[] = { 6, 6, 17, 17, 1, 58, 0, 44, 47, 50, 60 };

	packet->length = agreeing(rulesets, &rule->length, 1, 65535);
	if (rulesets_one_in(rulesets, 100))
		packet->length += 65535;
	packet->vlan = agreeing(rulesets, &rule->vlan, 0, FW_VLAN_NONE);
	if (!rule->vlan.given && !rulesets_one_in(rulesets, 4))
		packet->vlan = FW_VLAN_NONE;
	packet->family = agreeing_family(rulesets, rule);
	agreeing_addr(rulesets, &rule->src, packet->family, packet->src);
	agreeing_addr(rulesets, &rule->dst, packet->family, packet->dst);
	packet->ttl = agreeing(rulesets, &rule->ttl, 0, 255);
	packet->dscp = agreeing(rulesets, &rule->dscp, 0, 63);
	packet->options = agreeing_has(rulesets, rule->options);
	packet->proto = usual[rulesets_random(rulesets, SIZE(usual))];
	if (upper != FW_UPPERS && !rulesets_one_in(rulesets, 16))
		packet->proto = upper_proto[upper];
	else if (rule->proto.given)
		packet->proto = agreeing(rulesets, &rule->proto, 0, 255);
}

static void packet_upper(struct rulesets *rulesets, const struct fw_rule *rule, int upper,
			 struct fw_packet *packet)
{
	static const struct fw_upper none;
	const struct fw_upper *wanted = upper == FW_UPPERS ? &none : &rule->upper[upper];

	packet->fragment = rulesets_one_in(rulesets, 8) ? 1U << rulesets_random(rulesets, 3) :
							  FW_FRAGMENT_NONE;
	if (!(rule->fragment & packet->fragment) && !rulesets_one_in(rulesets, 12))
		packet->fragment = rule->fragment & -rule->fragment;
	packet->upper = has_upper(packet) && packet->fragment != FW_FRAGMENT_LATER &&
			!agreeing_has(rulesets, rule->malformed);
	packet->malformed = !packet->upper && packet->fragment != FW_FRAGMENT_LATER &&
			    (has_upper(packet) || is_extension(packet));
	/* also where the header is not: nobody may look */
	packet->sport = agreeing(rulesets, &wanted->sport, 0, 65535);
	packet->dport = agreeing(rulesets, &wanted->dport, 0, 65535);
	packet->window = agreeing(rulesets, &wanted->window, 0, 65535);
	packet->type = agreeing(rulesets, &wanted->type, 0, 255);
	packet->code = agreeing(rulesets, &wanted->code, 0, 255);
	packet->flags = rulesets_random(rulesets, 256);
	if (wanted->flags.given && !rulesets_one_in(rulesets, 4))
		packet->flags = (packet->flags & ~wanted->flags.mask) | wanted->flags.value;
}

void rulesets_packet(struct rulesets *rulesets, const struct fw_ruleset *set,
		     struct fw_packet *packet)
{
	static const struct fw_rule any = { .fragment = FW_FRAGMENT_ALL };
	const size_t count = set->protects + set->rules;
	const struct fw_rule *rule = &any;
	size_t number = rulesets_random(rulesets, count + 1);
	int upper;

	if (number < set->protects)
		rule = &set->protect[number];
	else if (number < count)
		rule = &set->rule[number - set->protects];
	upper = agreeing_upper(rulesets, rule);
	memset(packet, 0, sizeof(*packet));
	packet_network(rulesets, rule, upper, packet);
	packet_upper(rulesets, rule, upper, packet);
}

/* --- sets */

static int id_of(unsigned int number)
{
	return (number * 11 + 3) % FW_SETS_MAX;
}

int rulesets_set_id(void *arg, const char *name)
{
	(void)arg;
	if (strncmp(name, "set", 3) || name[3] < '0' || name[3] >= '0' + RULESETS_SETS || name[4])
		return -ENOENT;
	return id_of(name[3] - '0');
}

uint64_t rulesets_sets(int family, const uint8_t *addr)
{
	const size_t bytes = family == 4 ? 4 : 16;
	uint64_t hash = bytes, sets = 0;
	unsigned int i;

	for (i = 0; i < bytes; i++)
		hash = hash_mix(hash << 8 ^ addr[i] ^ hash);
	for (i = 0; i < RULESETS_SETS; i++)
		sets |= (hash >> i & 1) << id_of(i);
	return sets;
}

bool rulesets_has(void *arg, const char *set, int family, const uint8_t *addr)
{
	return rulesets_sets(family, addr) >> rulesets_set_id(arg, set) & 1;
}
