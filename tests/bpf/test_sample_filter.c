// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The sampler's filter, held against the reference parser on odd frames of all kinds. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/suite.h"
#include "tests/fuzz/packets.h"
#include "tests/fuzz/reference.h"

#define SEED	0xecf1
#define PACKETS 200000

static bool prefix_holds(const uint8_t *addr, const struct ecbpf_filter *filter, size_t bytes)
{
	const uint8_t *want = (const uint8_t *)filter->addr, *mask = (const uint8_t *)filter->mask;
	size_t i;

	for (i = 0; i < bytes; i++)
		if ((addr[i] & mask[i]) != want[i])
			return false;
	return true;
}

static bool addr_holds(const uint8_t *ip, const struct facts_net *net,
		       const struct ecbpf_filter *filter)
{
	const size_t bytes = net->version == 4 ? 4 : 16, at = net->version == 4 ? 12 : 8;

	return filter->family == net->version && (prefix_holds(ip + at, filter, bytes) ||
						  prefix_holds(ip + at + bytes, filter, bytes));
}

static bool port_holds(const uint8_t *upper, const struct facts_net *net, __be16 port)
{
	if (net->later || net->left < 4 || (net->proto != IPPROTO_TCP && net->proto != IPPROTO_UDP))
		return false;
	return !memcmp(upper, &port, 2) || !memcmp(upper + 2, &port, 2);
}

static bool is_wanted(const uint8_t *frame, const struct facts *facts,
		      const struct ecbpf_filter *filter)
{
	const struct facts_net *net = &facts->net;

	if (facts->link.code || !net->version ||
	    (net->code && net->code != ECBPF_CODE_IPV6_EXT_LIMIT))
		return false;
	if (filter->flags & ECBPF_FILTER_PROTO && net->proto != filter->proto)
		return false;
	if (filter->flags & ECBPF_FILTER_ADDR && !addr_holds(frame + net->offset, net, filter))
		return false;
	return !(filter->flags & ECBPF_FILTER_PORT) ||
	       port_holds(frame + net->end, net, filter->port);
}

/* filter_make - of parts of the frame, wherever its headers would be if they are not as they should */
static void filter_make(struct packets *p, const struct facts *facts, struct ecbpf_filter *filter)
{
	uint8_t *addr = (uint8_t *)filter->addr, *mask = (uint8_t *)filter->mask;
	const size_t at = facts->net.offset + (facts->net.version == 6 ? 8 : 12);
	const size_t bytes = facts->net.version == 6 ? 16 : 4;
	uint32_t bits = packets_random(p, bytes * 8 + 1);
	size_t i;

	*filter = (struct ecbpf_filter){ .flags = 1 + packets_random(p, 7),
					 .family = packets_random(p, 9) ? facts->net.version : 4,
					 .proto = facts->net.proto };
	for (i = 0; i < bytes && facts->net.version; i++, bits -= bits < 8 ? bits : 8) {
		mask[i] = bits < 8 ? 0xff << (8 - bits) : 0xff;
		addr[i] = p->frame[at + i] & mask[i];
	}
	if (facts->net.version && facts->net.end + 4 <= p->len)
		memcpy(&filter->port, p->frame + facts->net.end + 2 * packets_random(p, 2), 2);
	if (!packets_random(p, 4))
		addr[packets_random(p, bytes)] ^= mask[0] & 1;
	if (!packets_random(p, 8))
		filter->proto ^= 1;
	if (!packets_random(p, 8))
		filter->port ^= 1;
}

static void filter_agrees(void **state)
{
	struct suite *suite = suite_get(state);
	const uint64_t count = packets_count(PACKETS);
	uint64_t i, wanted = 0, made;
	struct ecbpf_filter filter;
	struct packets packets;
	struct facts facts;

	packets_begin(&packets, SEED);
	print_message("# %" PRIu64 " packets, seed %#" PRIx64 "\n", count, packets.state);
	suite->sampling->by_default = 1;
	suite->control->sample_one_in = 1;
	for (i = 0; i < count; i++) {
		packets_next(&packets, SUITE_FRAME_MIN);
		reference_parse(packets.frame, packets.len, &facts);
		filter_make(&packets, &facts, &filter);
		memcpy((void *)&suite->sampling->filter, &filter, sizeof(filter));
		suite_run(suite, packets.frame, packets.len);
		wanted += is_wanted(packets.frame, &facts, &filter);
		made = suite_sampled(suite).generated;
		if (made != wanted)
			fail_msg("packet %" PRIu64 ": flags %u: %" PRIu64 " samples, not %" PRIu64,
				 i, filter.flags, made, wanted);
	}
	assert_in_range(wanted, count / 20, count - count / 20);
	assert_int_equal(suite_sampled(suite).filtered, count - wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(filter_agrees, suite_open, suite_close),
	};

	return cmocka_run_group_tests_name("sample_filter", tests, NULL, NULL);
}
