// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The balancer, a behaviour at a time: where packets go. What is expected is said here; that all else is as it
 * should be, down to each entry and counter, the suite compares with the model after each packet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/lb_scene.h"

/* --- connections */

static void a_connection_stays_where_it_is(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_vip_entry entry = scene_entry(0);
	size_t i;

	for (i = 0; i < 4; i++) {
		const int family = scene_families[i / 2];
		const struct lb_frame f = scene_client(family, i % 2 ? IPPROTO_UDP : IPPROTO_TCP);

		scene_vip(s, family, &entry, BACKEND(family));
		scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, BACKEND(family));
		scene_vip(s, family, &entry, BACKEND(family) + 1);
		scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, BACKEND(family));
	}
	assert_int_equal(s->vip_counts[1].entered, 2);
	assert_int_equal(s->vip_counts[1].hits, 2);
	assert_int_equal(s->counts[10].packets, 4);
	assert_int_equal(s->counts[10].conns, 2);
	assert_int_equal(s->counts[10].bytes, 2 * (20 + 20 + 10) + 2 * (20 + 8 + 10));
}

static void its_backend_goes(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_frame f = scene_client(4, IPPROTO_TCP);
	const struct lb_vip_entry entry = scene_entry(0);

	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10);
	scene_vip(s, 4, &entry, 11);
	scene_backend(s, 4, 10, LB_BACKEND_NONE, 1500);
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 11);
	scene_backend(s, 4, 10, LB_BACKEND_UP, 1500);
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 11);
	scene_vip(s, 4, &entry, 10);
	lb_suite_generation(s, 11); /* given to another one */
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10);
}

static void a_syn_enters_nothing(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = scene_client(6, IPPROTO_TCP);
	const struct lb_bucket6 none = {};

	f.flags = FRAMES_SYN;
	scene_expect_at(s, &f, ECBPF_CODE_LB_HASHED, 20);
	f.flags = FRAMES_RST;
	scene_expect_at(s, &f, ECBPF_CODE_LB_HASHED, 20);
	assert_memory_equal(s->conn6, &none, sizeof(none));
	f.flags = FRAMES_ACK;
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 20);
	f.flags = FRAMES_SYN; /* RFC 5961 4 */
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 20);
}

static void after_a_fin_a_syn_begins_anew(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = scene_client(4, IPPROTO_TCP);
	const struct lb_vip_entry entry = scene_entry(0);

	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10);
	scene_vip(s, 4, &entry, 11);
	f.flags = FRAMES_FIN | FRAMES_ACK;
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 10);
	f.flags = FRAMES_SYN;
	scene_expect_at(s, &f, ECBPF_CODE_LB_HASHED, 11);
	f.flags = FRAMES_ACK;
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 11);
}

static void payload_after_a_fin_keeps_it(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = scene_client(4, IPPROTO_TCP);
	const struct lb_vip_entry entry = scene_entry(0);

	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10);
	f.flags = FRAMES_FIN | FRAMES_ACK;
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 10);
	scene_vip(s, 4, &entry, 11);
	lb_suite_time(s, LB_CLOSING_S * SUITE_HZ);
	f.flags = FRAMES_ACK;
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 10);
	lb_suite_time(s, LB_CLOSING_S * SUITE_HZ + 1); /* no longer closing */
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 10);
	lb_suite_time(s, entry.tcp_idle + 1);
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 11);
}

static void it_ends(void **state)
{
	static const struct {
		uint8_t proto;
		uint32_t packets;
		uint8_t last; /* flags of the last packet */
		uint32_t ticks;
	} row[] = {
		{ IPPROTO_UDP, 1, 0, LB_SINGLE_S * SUITE_HZ },
		{ IPPROTO_UDP, 2, 0, 60 * SUITE_HZ },
		{ IPPROTO_TCP, 1, FRAMES_ACK, LB_SINGLE_S * SUITE_HZ },
		{ IPPROTO_TCP, 2, FRAMES_ACK, 900 * SUITE_HZ },
		{ IPPROTO_TCP, 2, FRAMES_RST, LB_CLOSING_S * SUITE_HZ },
		{ IPPROTO_TCP, 2, FRAMES_FIN, LB_CLOSING_S * SUITE_HZ },
	};
	struct lb_suite *s = scene_get(state);
	uint32_t i, n, late;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		for (late = 0; late < 2; late++) {
			struct lb_frame f = scene_client(4, row[i].proto);

			scene_setup(state);
			for (n = 1; n < row[i].packets; n++)
				scene_run(s, &f);
			f.flags = row[i].last;
			scene_run(s, &f);
			lb_suite_time(s, row[i].ticks + late);
			f.flags = FRAMES_ACK;
			scene_expect_at(s, &f, late ? ECBPF_CODE_LB_NEW : ECBPF_CODE_LB_FORWARD,
					10);
		}
	}
}

/* One bucket of eight entries. */
static void a_full_bucket(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = scene_client(4, IPPROTO_UDP);
	int i;

	for (i = 0; i < LB_WAYS; i++, f.sport++) {
		scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10);
		lb_suite_time(s, 1);
		if (i > 1)
			scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 10);
	}
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10); /* in place of the first */
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 10);
	f.sport++;
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10); /* the second */
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 10);
	f.sport++;
	scene_expect_at(s, &f, ECBPF_CODE_LB_FULL, 10);
	f.sport = 40001; /* was pushed out */
	scene_expect_at(s, &f, ECBPF_CODE_LB_FULL, 10);
	f.sport = 40002;
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 10);
	lb_suite_time(s, 60 * SUITE_HZ + 1);
	f.sport = 50000;
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10);
	assert_int_equal(s->vip_counts[1].full, 2);
}

static void new_ones_are_limited(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_vip_entry entry = scene_entry(0);
	struct lb_frame f = scene_client(4, IPPROTO_TCP);

	entry.new_max = 2;
	scene_vip(s, 4, &entry, 10);
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10);
	f.sport++;
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10);
	f.sport++;
	scene_expect_at(s, &f, ECBPF_CODE_LB_LIMITED, 10);
	scene_expect_at(s, &f, ECBPF_CODE_LB_LIMITED, 10);
	f.sport--;
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 10);
	f.sport++;
	lb_suite_time(s, SUITE_HZ * LB_WINDOW_MS / 1000);
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10);
	assert_int_equal(s->vip_counts[1].limited, 2);
}

static void without_a_table(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_vip_entry entry = scene_entry(LB_VIP_NO_TABLE);
	const struct lb_frame f = scene_client(6, IPPROTO_UDP);

	scene_vip(s, 6, &entry, 20);
	scene_expect_at(s, &f, ECBPF_CODE_LB_HASHED, 20);
	scene_vip(s, 6, &entry, 21);
	scene_expect_at(s, &f, ECBPF_CODE_LB_HASHED, 21);
	assert_int_equal(s->vip_counts[2].hashed, 2);
}

/* --- choosing */

static void the_longest_source_prefix(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_vip_entry entry = scene_entry(LB_VIP_SOURCES);
	struct lb_source_key key = {
		.length = 32 + 96 + 24,
		.vip = htonl(1),
		.addr = { 0, 0, htonl(0xffff), htonl(0xc6336400) },
	};
	struct lb_frame f = scene_client(4, IPPROTO_UDP);

	scene_backend(s, 4, 12, LB_BACKEND_UP, 1500);
	scene_vip(s, 4, &entry, 10);
	lb_suite_source(s, &key, 11);
	key.length = 32 + 128;
	key.addr[3] = htonl(0xc6336406);
	lb_suite_source(s, &key, 12);
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 11);
	f.saddr[3] = 6;
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 12);
	f.saddr[2] = 101;
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10);
}

static void the_most_exact_vip(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_net net = { .length = 120, { 0, 0, htonl(0xffff), htonl(0xc0000200) } };
	const struct lb_key in_net = { .addr = { 9 }, .family = LB_FAMILY_NET };
	const struct lb_vip_entry entry = scene_entry(LB_VIP_NO_TABLE);
	struct lb_frame f = scene_client(4, IPPROTO_UDP);
	uint16_t table[SCENE_ENTRIES] = { 11, 11, 11, 11, 11, 11, 11 };

	lb_suite_near_all(s);
	lb_suite_vip(s, 3, &entry, table);
	scene_vip(s, 4, &entry, 10);
	f.dport = 81;
	scene_expect(s, &f, ECBPF_NEXT, 0);
	lb_suite_net(s, &net, 9);
	lb_suite_key(s, &in_net, 3);
	scene_expect_at(s, &f, ECBPF_CODE_LB_HASHED, 11);
	f.proto = 47;
	scene_expect_at(s, &f, ECBPF_CODE_LB_HASHED, 11);
	scene_key(s, 4, IPPROTO_UDP, 0, 1);
	scene_expect_at(s, &f, ECBPF_CODE_LB_HASHED, 11);
	f.proto = IPPROTO_UDP;
	scene_expect_at(s, &f, ECBPF_CODE_LB_HASHED, 10);
	scene_key(s, 4, IPPROTO_UDP, 81, 3);
	scene_expect_at(s, &f, ECBPF_CODE_LB_HASHED, 11);
	f.daddr[2] = 3;
	scene_expect(s, &f, ECBPF_NEXT, 0);
}

/* --- what is dropped */

static void no_backend(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_vip_entry entry = scene_entry(0);
	const struct lb_frame f = scene_client(4, IPPROTO_TCP);

	scene_vip(s, 4, &entry, LB_NUMBER_NONE);
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_NO_BACKEND);
	scene_vip(s, 4, &entry, 13); /* which nobody is */
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_NO_BACKEND);
	entry.entries = 0;
	lb_suite_vip(s, 1, &entry, NULL);
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_NO_BACKEND);
	assert_int_equal(s->vip_counts[1].no_backend, 3);
}

static void no_route_and_no_hop(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = scene_client(6, IPPROTO_TCP);

	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 20);
	scene_backend(s, 6, 20, LB_BACKEND_NO_ROUTE, 1500);
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_NO_ROUTE);
	scene_backend(s, 6, 20, LB_BACKEND_UP, 1500);
	f.ttl = 1;
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_TTL);
	f.ttl = 2;
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 20);
	assert_int_equal(s->vip_counts[2].no_route, 1);
	assert_int_equal(s->vip_counts[2].ttl, 1);
	assert_int_equal(s->counts[20].packets, 2);
}

static void a_way_that_is_closed(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_way way = { .family = 4, .ifindex = s->lost, .server = 10 };
	struct lb_frame f = scene_client(4, IPPROTO_UDP);

	lb_suite_backend(s, 10, 1, &way, 1500, LB_BACKEND_UP);
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_FRAME);
	way = (struct lb_way){
		.family = 4, .ifindex = s->out, .kind = ECBPF_GUE, .outer = 4, .csum = true
	};
	lb_suite_backend(s, 10, 1, &way, 1500, LB_BACKEND_UP);
	scene_expect(s, &f, XDP_REDIRECT, ECBPF_CODE_LB_FORWARD);
	f.no_sum = true;
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_FRAME);
	assert_int_equal(s->counts[10].packets, 1);
}

#define TEST(function) cmocka_unit_test_setup(function, scene_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_connection_stays_where_it_is),
		TEST(its_backend_goes),
		TEST(a_syn_enters_nothing),
		TEST(after_a_fin_a_syn_begins_anew),
		TEST(payload_after_a_fin_keeps_it),
		TEST(it_ends),
		TEST(a_full_bucket),
		TEST(new_ones_are_limited),
		TEST(without_a_table),
		TEST(the_longest_source_prefix),
		TEST(the_most_exact_vip),
		TEST(no_backend),
		TEST(no_route_and_no_hop),
		TEST(a_way_that_is_closed),
	};

	return cmocka_run_group_tests(tests, scene_begin, scene_end);
}
