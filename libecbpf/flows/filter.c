// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "libecbpf/flows/filter.h"

static int proto_word(const char *value, int *proto)
{
	int choice, err = ecbpf_parse_choice("tcp|udp", value, &choice);

	if (!err)
		*proto = choice == 1 ? IPPROTO_TCP : IPPROTO_UDP;
	return err;
}

int ecbpf_flow_filter_word(struct ecbpf_flow_filter *filter, const char *name, const char *value)
{
	if (!strcmp(name, "src"))
		return ecbpf_parse_prefix(value, &filter->src);
	if (!strcmp(name, "dst"))
		return ecbpf_parse_prefix(value, &filter->dst);
	if (!strcmp(name, "sport"))
		return ecbpf_parse_number(value, 1, 65535, &filter->sport);
	if (!strcmp(name, "dport"))
		return ecbpf_parse_number(value, 1, 65535, &filter->dport);
	if (!strcmp(name, "proto"))
		return proto_word(value, &filter->proto);
	if (!strcmp(name, "limit"))
		return ecbpf_parse_number(value, 1, UINT64_MAX, &filter->limit);
	return -ENOENT;
}

static bool in_prefix(const struct ecbpf_prefix *prefix, const struct ecbpf_tuple *tuple,
		      const __be32 *addr)
{
	const int family = ecbpf_tuple_is_v4(tuple) ? AF_INET : AF_INET6;
	const uint8_t *bytes = (const uint8_t *)(family == AF_INET ? &addr[3] : addr);
	const unsigned int whole = prefix->length / 8, rest = prefix->length % 8;

	if (!prefix->family)
		return true;
	if (prefix->family != family || memcmp(prefix->addr, bytes, whole))
		return false;
	return !rest || !((prefix->addr[whole] ^ bytes[whole]) & (uint8_t)(0xff00 >> rest));
}

bool ecbpf_flow_filter_takes(const struct ecbpf_flow_filter *filter,
			     const struct ecbpf_tuple *tuple)
{
	return in_prefix(&filter->src, tuple, tuple->saddr) &&
	       in_prefix(&filter->dst, tuple, tuple->daddr) &&
	       (!filter->sport || ntohs(tuple->sport) == filter->sport) &&
	       (!filter->dport || ntohs(tuple->dport) == filter->dport) &&
	       (!filter->proto || (int)ECBPF_REST_PROTO(tuple->rest) == filter->proto);
}
