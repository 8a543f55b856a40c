// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Recipes, byte by byte. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "xdp_lb/abi.h"
#include "xdp_lb/ways.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MACS           \
	"0200000000bb" \
	"0200000000aa"
#define FROM4 "c0000201" /* 192.0.2.1 */
#define TO4   "c000020a" /* 192.0.2.10 */
#define FROM6 "20010db8000000000000000000000001"
#define TO6   "20010db800000000000000000000000a"
#define OUT4(proto)        \
	"4500000000000000" \
	"00" proto "0000"
#define OUT6(next) "600000000000" next "00"

/* IFINDEX 7, MTU 1500, neither tags nor a router, unless said */
static const struct row {
	const char *name;
	uint8_t family, to, mode;
	bool gateway, configured;
	unsigned int tags;
	uint32_t route_mtu;
	uint8_t kind, flags;
	const char *l2, *outer;
	uint32_t mtu;
} rows[] = {
	{ "direct, IPv4", AF_INET, AF_INET, LB_DIRECT, false, false, 0, 0, ECBPF_DIRECT, 0,
	  MACS "0800", "", 1500 },
	{ "direct, IPv6", AF_INET6, AF_INET6, LB_DIRECT, false, false, 0, 0, ECBPF_DIRECT, 0,
	  MACS "86dd", "", 1500 },
	{ "direct, VLAN 100", AF_INET, AF_INET, LB_DIRECT, false, false, 1, 0, ECBPF_DIRECT, 0,
	  MACS "8100"
	       "0064"
	       "0800",
	  "", 1500 },
	{ "direct, 802.1ad 200 around VLAN 100", AF_INET6, AF_INET6, LB_DIRECT, false, false, 2, 0,
	  ECBPF_DIRECT, 0,
	  MACS "88a8"
	       "00c8"
	       "8100"
	       "0064"
	       "86dd",
	  "", 1500 },
	{ "ipip, 4 in 4, behind a router", AF_INET, AF_INET, LB_IPIP, true, false, 0, 0, ECBPF_IPIP,
	  ECBPF_DF_COPY, MACS "0800", OUT4("04") FROM4 TO4, 1480 },
	{ "ipip, 6 in 6", AF_INET6, AF_INET6, LB_IPIP, false, false, 0, 0, ECBPF_IPIP,
	  ECBPF_OUTER_V6, MACS "86dd", OUT6("29") FROM6 TO6, 1460 },
	{ "ipip, 4 in 6", AF_INET, AF_INET6, LB_IPIP, false, false, 0, 0, ECBPF_IPIP,
	  ECBPF_OUTER_V6, MACS "86dd", OUT6("04") FROM6 TO6, 1460 },
	{ "ipip, 6 in 4", AF_INET6, AF_INET, LB_IPIP, false, false, 0, 0, ECBPF_IPIP, 0,
	  MACS "0800", OUT4("29") FROM4 TO4, 1480 },
	{ "ipip, a source of its own, a lower MTU", AF_INET, AF_INET, LB_IPIP, false, true, 0, 1400,
	  ECBPF_IPIP, ECBPF_DF_COPY, MACS "0800", OUT4("04") "0a090909" TO4, 1380 },
	{ "gue, 4 in 4", AF_INET, AF_INET, LB_GUE, false, false, 0, 0, ECBPF_GUE, ECBPF_DF_COPY,
	  MACS "0800",
	  OUT4("11") FROM4 TO4 "000017c000000000"
			       "00040000",
	  1468 },
	{ "gue, 6 in 6", AF_INET6, AF_INET6, LB_GUE, false, false, 0, 0, ECBPF_GUE, ECBPF_OUTER_V6,
	  MACS "86dd",
	  OUT6("11") FROM6 TO6 "000017c000000000"
			       "00290000",
	  1448 },
	{ "gue, 6 in 4, tagged", AF_INET6, AF_INET, LB_GUE, false, false, 1, 0, ECBPF_GUE, 0,
	  MACS "8100"
	       "0064"
	       "0800",
	  OUT4("11") FROM4 TO4 "000017c000000000"
			       "00290000",
	  1468 },
};

static void hop_make(struct lb_hop *hop, uint8_t family, bool gateway, unsigned int tags)
{
	*hop = (struct lb_hop){
		.route = { .ifindex = 9, .family = family, .gateway = gateway, .sourced = true },
		.out = { .ifindex = 7, .mtu = 1500, .mac = { 2, 0, 0, 0, 0, 0xaa } },
		.mac = { 2, 0, 0, 0, 0, 0xbb },
	};
	inet_pton(family, family == AF_INET ? "192.0.2.1" : "2001:db8::1", hop->route.source);
	hop->out.tags = tags;
	if (tags) {
		hop->out.tag[tags - 1].tpid = htons(0x8100);
		hop->out.tag[tags - 1].tci = htons(100);
	}
	if (tags == 2) {
		hop->out.tag[0].tpid = htons(0x88a8);
		hop->out.tag[0].tci = htons(200);
	}
}

static void endpoint_make(struct lb_endpoint *to, uint8_t family)
{
	*to = (struct lb_endpoint){ .family = family };
	inet_pton(family, family == AF_INET ? "192.0.2.10" : "2001:db8::a", to->addr);
}

static void forward_make(struct lb_forward *forward, const struct row *row)
{
	*forward = (struct lb_forward){ .mode = row->mode,
					.gue_port = row->mode == LB_GUE ? LB_GUE_PORT_DEFAULT : 0 };
	if (row->configured)
		inet_pton(AF_INET, "10.9.9.9", forward->source4);
}

static void hex(const __u8 *bytes, size_t count, char *text)
{
	size_t i;

	*text = '\0';
	for (i = 0; i < count; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static bool is_zero(const void *bytes, size_t count)
{
	const __u8 *at = bytes;
	size_t i;

	for (i = 0; i < count; i++)
		if (at[i])
			return false;
	return true;
}

static void row_check(const struct row *row)
{
	char text[2 * ECBPF_OUTER_MAX + 1];
	struct lb_forward forward;
	struct lb_endpoint to;
	struct lb_way way;
	struct lb_hop hop;

	print_message("%s\n", row->name);
	hop_make(&hop, row->to, row->gateway, row->tags);
	hop.route.mtu = row->route_mtu;
	endpoint_make(&to, row->to);
	forward_make(&forward, row);
	assert_null(lb_way_make(row->family, 42, &forward, &to, &hop, &way));
	assert_int_equal(way.recipe.ifindex, 7);
	assert_int_equal(way.recipe.service, 42);
	assert_int_equal(way.recipe.kind, row->kind);
	assert_int_equal(way.recipe.flags, row->flags);
	hex(way.recipe.l2, way.recipe.l2_bytes, text);
	assert_string_equal(text, row->l2);
	hex(way.recipe.outer, way.recipe.outer_bytes, text);
	assert_string_equal(text, row->outer);
	assert_int_equal(way.mtu, row->mtu);
	assert_true(
		is_zero(way.recipe.l2 + way.recipe.l2_bytes, ECBPF_L2_MAX - way.recipe.l2_bytes));
	assert_true(is_zero(way.recipe.outer + way.recipe.outer_bytes,
			    ECBPF_OUTER_MAX - way.recipe.outer_bytes));
}

static void recipes_are_what_packets_need(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		row_check(&rows[i]);
}

#define MAPPED "00000000000000000000ffff"
#define NOBODY "00000000000000000000000000000000"

/* Bytes of struct lb_nat: to, from, dport, sport, flags. */
static const struct nat_row {
	uint8_t family, mode;
	bool configured;
	uint16_t port;
	const char *outer;
} nat_rows[] = {
	{ AF_INET, LB_NAT, false, 0,
	  MAPPED TO4 NOBODY "0000"
			    "0000" },
	{ AF_INET, LB_NAT, false, 8080,
	  MAPPED TO4 NOBODY "1f90"
			    "0000" },
	{ AF_INET6, LB_NAT, false, 8080,
	  TO6 NOBODY "1f90"
		     "0000" },
	{ AF_INET, LB_FULL_NAT, false, 0,
	  MAPPED TO4 MAPPED FROM4 "0000"
				  "0000" },
	{ AF_INET, LB_FULL_NAT, true, 0,
	  MAPPED TO4 MAPPED "0a090909"
			    "0000"
			    "0000" },
	{ AF_INET6, LB_FULL_NAT, true, 53,
	  TO6 FROM6 "0035"
		    "0000" },
};

static void nat_row_check(const struct nat_row *row)
{
	const struct row as = { .mode = row->mode, .configured = row->configured };
	const size_t flags_at = offsetof(struct lb_nat, flags);
	char text[2 * ECBPF_OUTER_MAX + 1];
	struct lb_forward forward;
	struct lb_endpoint to;
	struct lb_nat nat;
	struct lb_way way;
	struct lb_hop hop;

	hop_make(&hop, row->family, true, 1);
	endpoint_make(&to, row->family);
	to.port = row->port;
	forward_make(&forward, &as);
	assert_null(lb_way_make(row->family, 42, &forward, &to, &hop, &way));
	assert_int_equal(way.recipe.kind, ECBPF_NAT);
	assert_int_equal(way.recipe.service, 42);
	assert_int_equal(way.recipe.outer_bytes, 0);
	assert_int_equal(way.mtu, 1500);
	hex(way.recipe.l2, way.recipe.l2_bytes, text);
	assert_string_equal(text, row->family == AF_INET ? MACS "8100"
								"0064"
								"0800" :
							   MACS "8100"
								"0064"
								"86dd");
	hex(way.recipe.outer, flags_at, text);
	assert_string_equal(text, row->outer);
	memcpy(&nat, way.recipe.outer, sizeof(nat));
	assert_int_equal(nat.flags, row->mode == LB_FULL_NAT ? LB_NAT_SOURCE : 0);
}

static void what_nat_makes_of_packets(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(nat_rows); i++)
		nat_row_check(&nat_rows[i]);
}

static void no_way(uint8_t mode, const char *cause, void (*change)(struct lb_hop *hop))
{
	const struct row row = { .mode = mode };
	struct lb_forward forward;
	struct lb_endpoint to;
	struct lb_way way;
	struct lb_hop hop;

	hop_make(&hop, AF_INET, false, 0);
	endpoint_make(&to, AF_INET);
	forward_make(&forward, &row);
	change(&hop);
	memset(&way, 0xff, sizeof(way));
	assert_string_equal(lb_way_make(AF_INET, 42, &forward, &to, &hop, &way), cause);
	assert_true(is_zero(&way, sizeof(way)));
}

static void behind_router(struct lb_hop *hop)
{
	hop->route.gateway = true;
}

static void without_source(struct lb_hop *hop)
{
	hop->route.sourced = false;
}

static void with_tiny_mtu(struct lb_hop *hop)
{
	hop->route.mtu = 87;
}

static void unresolved(struct lb_hop *hop)
{
	hop->cause = "the neighbour is not resolved";
}

static void ways_that_are_none(void **state)
{
	(void)state;
	no_way(LB_DIRECT, "mode direct, but the backend is behind a router", behind_router);
	no_way(LB_IPIP, "the tunnel has no source address", without_source);
	no_way(LB_IPIP, "the MTU on the way is too small", with_tiny_mtu);
	no_way(LB_GUE, "the neighbour is not resolved", unresolved);
	no_way(LB_NAT, "the neighbour is not resolved", unresolved);
	no_way(LB_FULL_NAT, "there is no source address that the backend could answer to",
	       without_source);
	no_way(0, "there is no such mode", with_tiny_mtu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recipes_are_what_packets_need),
		cmocka_unit_test(what_nat_makes_of_packets),
		cmocka_unit_test(ways_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
