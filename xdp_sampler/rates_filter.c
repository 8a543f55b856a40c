// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Words to filters, and back. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "libecbpf/cli.h"
#include "xdp_sampler/rates.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
	const char *name;
	__u8 number;
} protos[] = {
	{ "icmp", IPPROTO_ICMP },    { "igmp", IPPROTO_IGMP }, { "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },	     { "gre", IPPROTO_GRE },   { "esp", IPPROTO_ESP },
	{ "icmp6", IPPROTO_ICMPV6 }, { "sctp", IPPROTO_SCTP }, { "ipip", IPPROTO_IPIP },
	{ "ipv6", IPPROTO_IPV6 },
};

static int set_addr(struct ecbpf_filter *filter, const char *text)
{
	struct ecbpf_prefix prefix;
	int err = ecbpf_parse_prefix(text, &prefix), word, bits;

	if (err)
		return err;
	memcpy(filter->addr, prefix.addr, sizeof(filter->addr));
	for (word = 0; word < 4; word++) {
		bits = prefix.length - 32 * word;
		if (bits > 0)
			filter->mask[word] = htonl(bits < 32 ? ~(UINT32_MAX >> bits) : UINT32_MAX);
	}
	filter->family = prefix.family == AF_INET6 ? 6 : 4;
	filter->flags |= ECBPF_FILTER_ADDR;
	return 0;
}

static int set_proto(struct ecbpf_filter *filter, const char *text)
{
	uint64_t number;
	size_t i;

	filter->flags |= ECBPF_FILTER_PROTO;
	for (i = 0; i < COUNT(protos); i++) {
		filter->proto = protos[i].number;
		if (!strcmp(text, protos[i].name))
			return 0;
	}
	if (ecbpf_parse_number(text, 0, UINT8_MAX, &number))
		return ecbpf_fail(-EINVAL, "proto %s: it is 0 to 255, icmp, icmp6, tcp, udp, ...",
				  text);
	filter->proto = number;
	return 0;
}

static int set_port(struct ecbpf_filter *filter, const char *text)
{
	uint64_t number;
	int err = ecbpf_parse_number(text, 0, UINT16_MAX, &number);

	if (err)
		return err;
	filter->port = htons(number);
	filter->flags |= ECBPF_FILTER_PORT;
	return 0;
}

static const struct word {
	const char *name;
	__u32 flag;
	int (*set)(struct ecbpf_filter *filter, const char *text);
} words_known[] = {
	{ "addr", ECBPF_FILTER_ADDR, set_addr },
	{ "proto", ECBPF_FILTER_PROTO, set_proto },
	{ "port", ECBPF_FILTER_PORT, set_port },
};

static const struct word *word_find(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(words_known); i++)
		if (!strcmp(name, words_known[i].name))
			return &words_known[i];
	return NULL;
}

static int set_word(struct ecbpf_filter *filter, const char *name, const char *text)
{
	const struct word *word = word_find(name);

	if (!word)
		return ecbpf_fail(-EINVAL, "%s: it is addr, proto, port or none", name);
	if (!text)
		return ecbpf_fail(-EINVAL, "%s needs 1 more", name);
	if (filter->flags & word->flag)
		return ecbpf_fail(-EINVAL, "%s is given twice", name);
	return word->set(filter, text);
}

int rates_parse_filter(struct ecbpf_filter *filter, size_t count, char *const *words)
{
	struct ecbpf_filter fresh = {};
	size_t i;
	int err = 0;

	if (!count)
		return ecbpf_fail(-EINVAL, "say which packets: addr, proto, port or none");
	if (count > 1 || strcmp(words[0], "none"))
		for (i = 0; !err && i < count; i += 2)
			err = set_word(&fresh, words[i], i + 1 < count ? words[i + 1] : NULL);
	if (!err && fresh.flags & ECBPF_FILTER_PORT && fresh.flags & ECBPF_FILTER_PROTO &&
	    fresh.proto != IPPROTO_TCP && fresh.proto != IPPROTO_UDP)
		err = ecbpf_fail(-EINVAL, "port: only tcp and udp have ports");
	if (!err)
		*filter = fresh;
	return err;
}

void rates_prefix(const struct ecbpf_filter *filter, char text[RATES_PREFIX_MAX])
{
	char addr[INET6_ADDRSTRLEN] = "";
	int bits = 0, word;

	text[0] = '\0';
	if (!(filter->flags & ECBPF_FILTER_ADDR))
		return;
	for (word = 0; word < 4; word++)
		bits += __builtin_popcount(filter->mask[word]);
	inet_ntop(filter->family == 6 ? AF_INET6 : AF_INET, filter->addr, addr, sizeof(addr));
	snprintf(text, RATES_PREFIX_MAX, "%s/%d", addr, bits);
}

const char *rates_proto(const struct ecbpf_filter *filter, char number[4])
{
	size_t i;

	if (!(filter->flags & ECBPF_FILTER_PROTO))
		return NULL;
	for (i = 0; i < COUNT(protos); i++)
		if (protos[i].number == filter->proto)
			return protos[i].name;
	snprintf(number, 4, "%u", filter->proto);
	return number;
}

void rates_write_filter(FILE *to, const struct ecbpf_filter *filter)
{
	char prefix[RATES_PREFIX_MAX], number[4];
	const char *gap = "", *proto = rates_proto(filter, number);

	if (!filter->flags)
		fputs("none", to);
	rates_prefix(filter, prefix);
	if (prefix[0]) {
		fprintf(to, "addr %s", prefix);
		gap = " ";
	}
	if (proto) {
		fprintf(to, "%sproto %s", gap, proto);
		gap = " ";
	}
	if (filter->flags & ECBPF_FILTER_PORT)
		fprintf(to, "%sport %u", gap, ntohs(filter->port));
}
