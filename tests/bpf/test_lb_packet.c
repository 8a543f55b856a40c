// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The balancer, a behaviour at a time: what packets become; fragments, ICMP. As test_lb.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/lb_scene.h"

/* --- too long */

static void too_long(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = scene_client(4, IPPROTO_TCP);

	scene_backend(s, 4, 10, LB_BACKEND_UP, 1400);
	f.payload = 1400 - 40;
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 10);
	f.payload++;
	f.df = false;
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_TOO_LONG);
	f.df = true;
	lb_suite_ptb(s, 1);
	scene_expect(s, &f, XDP_TX, ECBPF_CODE_LB_PTB);
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_TOO_LONG);
	lb_suite_time(s, SUITE_HZ);
	scene_expect(s, &f, XDP_TX, ECBPF_CODE_LB_PTB);
	assert_int_equal(s->vip_counts[1].too_long, 4);
}

static void packet_too_big4(void **state)
{
	static const uint8_t want[] = {
		2,    0,    0,	 0,  0,	  0xc1, 2,    0, 0,  0, 0,    1,    8,	 0, /* back */
		0x45, 0xc0, 0,	 56, 0,	  0,	0x40, 0, 64, 1, 0x4d, 0xcb, 192, 0,
		2,    1,    198, 51, 100, 5,	3,    4,
	};
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = scene_client(4, IPPROTO_TCP);
	struct lb_result r;

	scene_backend(s, 4, 10, LB_BACKEND_UP, 1400);
	f.payload = 1400;
	r = scene_run(s, &f);
	assert_int_equal(r.code, ECBPF_CODE_LB_PTB);
	assert_int_equal(r.len, 14 + 56);
	assert_memory_equal(r.frame, want, sizeof(want));
	assert_int_equal(frames_get16(r.frame + 40), 1400);
	assert_int_equal(frames_sum(0, r.frame + 34, 36), 0xffff);
}

static void packet_too_big6(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = scene_client(6, IPPROTO_UDP);
	struct lb_result r;

	scene_backend(s, 6, 20, LB_BACKEND_UP, 1400);
	f.payload = 1400;
	r = scene_run(s, &f);
	assert_int_equal(r.code, ECBPF_CODE_LB_PTB);
	assert_int_equal(r.len, 14 + 1280);
	assert_memory_equal(r.frame + 14 + 8, f.daddr, 16);
	assert_memory_equal(r.frame + 14 + 24, f.saddr, 16);
	assert_int_equal(r.frame[14 + 40], 2);
	assert_int_equal(frames_get32(r.frame + 14 + 44), 1400);
	assert_int_equal(frames_sum(frames_sum(IPPROTO_ICMPV6 + 1240, r.frame + 14 + 8, 32),
				    r.frame + 14 + 40, 1240),
			 0xffff);
}

/* --- fragments */

static void fragments_follow_the_first(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_vip_entry entry = scene_entry(0);
	size_t i;

	for (i = 0; i < 2; i++) {
		const int family = scene_families[i], backend = BACKEND(family);
		struct lb_frame first = scene_client(family, IPPROTO_UDP), later;

		first.fragment = first.more = true;
		first.df = false;
		first.id = 77;
		later = first;
		later.offset = 100;
		later.more = false;
		scene_expect(s, &later, ECBPF_NEXT, 0); /* of no known port */
		scene_expect_at(s, &first, ECBPF_CODE_LB_NEW, backend);
		scene_vip(s, family, &entry, backend + 1);
		scene_expect_at(s, &later, ECBPF_CODE_LB_FORWARD, backend);
		first.id = later.id = 78; /* a known connection's */
		scene_expect_at(s, &first, ECBPF_CODE_LB_FORWARD, backend);
		scene_expect_at(s, &later, ECBPF_CODE_LB_FORWARD, backend);
		lb_suite_time(s, LB_FRAGMENT_S * SUITE_HZ + 1);
		scene_expect(s, &later, ECBPF_NEXT, 0);
	}
}

static void a_later_fragment_alone(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_vip_entry entry = scene_entry(0);
	struct lb_frame f = scene_client(4, IPPROTO_UDP);

	scene_key(s, 4, 0, 0, 1);
	f.fragment = true;
	f.df = false;
	f.offset = 100;
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_FRAGMENT);
	entry.hash = LB_OF_ADDRESSES;
	scene_vip(s, 4, &entry, 11);
	scene_expect_at(s, &f, ECBPF_CODE_LB_HASHED, 11);
	entry.flags = LB_VIP_REFUSE_FRAGMENT;
	scene_vip(s, 4, &entry, 11);
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_NO_FRAGMENTS);
	assert_int_equal(s->vip_counts[1].fragments, 2);
}

static void fragments_are_refused(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_vip_entry entry = scene_entry(LB_VIP_REFUSE_FRAGMENT);
	struct lb_frame f = scene_client(6, IPPROTO_UDP);

	scene_vip(s, 6, &entry, 20);
	scene_expect_at(s, &f, ECBPF_CODE_LB_NEW, 20);
	f.fragment = f.more = true;
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_NO_FRAGMENTS);
	assert_int_equal(s->vip_counts[2].fragments, 1);
	f.more = false; /* RFC 6946: it is a whole one */
	scene_expect_at(s, &f, ECBPF_CODE_LB_FORWARD, 20);
}

/* --- ICMP */

static void errors_reach_the_connection(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_vip_entry entry = scene_entry(0);
	size_t i;

	for (i = 0; i < 2; i++) {
		const int family = scene_families[i], backend = BACKEND(family);
		struct lb_frame about = scene_client(family, IPPROTO_TCP);
		struct lb_frame quote = lb_frame_turn(&about), error = about;

		error.proto = family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		error.type = family == 4 ? 3 : 2;
		error.saddr[family == 4 ? 3 : 15] = 254;
		error.quote = &quote;
		error.quote_bytes = 48;
		scene_expect_at(s, &error, ECBPF_CODE_LB_ICMP, backend); /* by the hash */
		scene_expect_at(s, &about, ECBPF_CODE_LB_NEW, backend);
		scene_vip(s, family, &entry, backend + 1);
		scene_expect_at(s, &error, ECBPF_CODE_LB_ICMP, backend);
		about.sport = quote.dport = 41000;
		scene_expect_at(s, &error, ECBPF_CODE_LB_ICMP, backend + 1);
		error.quote_bytes = family == 4 ? 23 : 43; /* no ports */
		scene_expect(s, &error, ECBPF_NEXT, 0);
		assert_int_equal(s->vip_counts[VIP(family)].icmp, 3);
	}
}

static void other_icmp_is_left_alone(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = scene_client(6, IPPROTO_ICMPV6);

	scene_key(s, 6, 0, 0, 2);
	f.type = 135; /* neighbour solicitation */
	scene_expect(s, &f, ECBPF_NEXT, 0);
	f.type = 128;
	f.fragment = f.more = true;
	scene_expect(s, &f, ECBPF_NEXT, 0);
	f.offset = 100;
	scene_expect(s, &f, ECBPF_NEXT, 0);
}

static void echo(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_vip_entry entry = scene_entry(LB_VIP_ECHO);
	size_t i;

	for (i = 0; i < 2; i++) {
		const int family = scene_families[i];
		struct lb_frame f =
			scene_client(family, family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
		struct lb_frame reply;
		struct lb_result r;
		uint8_t frame[FRAMES_MAX];
		size_t len;

		f.type = family == 4 ? 8 : 128;
		scene_expect(s, &f, ECBPF_NEXT, 0);
		scene_key(s, family, f.proto, 0, VIP(family));
		scene_expect(s, &f, ECBPF_NEXT, 0);
		scene_vip(s, family, &entry, BACKEND(family));
		r = scene_run(s, &f);
		assert_int_equal(r.action, XDP_TX);
		assert_int_equal(r.code, ECBPF_CODE_LB_ECHO);
		reply = lb_frame_turn(&f);
		reply.sport = f.sport; /* the identifier */
		reply.type = family == 4 ? 0 : 129;
		reply.ttl = 64;
		len = lb_frame_make(&reply, frame);
		memcpy(frame, (uint8_t[]){ 2, 0, 0, 0, 0, 0xc1, 2, 0, 0, 0, 0, 1 }, 12);
		assert_int_equal(r.len, len);
		assert_memory_equal(r.frame, frame, len);
		f.options = 1;
		scene_expect(s, &f, ECBPF_NEXT, 0);
		assert_int_equal(s->vip_counts[VIP(family)].echo, 1);
	}
}

/* --- tunnels */

static void ipip(void **state)
{
	static const uint8_t want4[] = {
		2,    0,    0, 0,  1, 10, 2,	0, 0,  0, 0,	2,    8,  0, /* link */
		0x45, 0x28, 0, 70, 0, 0,  0x40, 0, 56, 4, 0x2d, 0x70, 10, 9, 0, 1, 10, 9, 1, 10,
	};
	static const uint8_t want6[] = {
		2,    0,    0, 0,  1, 20, 2, 0, 0,  0,	0, 2, 0x81, 0, 0, 5, 8,	 0, /* link, tag */
		0x45, 0x28, 0, 90, 0, 0,  0, 0, 56, 41, 0, 0, 10,   9, 0, 1, 10, 9, 1, 20,
	};
	struct lb_suite *s = scene_get(state);
	struct lb_way way = { .family = 4,
			      .ifindex = s->out,
			      .kind = ECBPF_IPIP,
			      .outer = 4,
			      .server = 10,
			      .df = true };
	struct lb_frame f = scene_client(4, IPPROTO_TCP);
	struct lb_result r;

	lb_suite_backend(s, 10, 1, &way, 1480, LB_BACKEND_UP);
	f.tags = 1;
	f.tci[0] = 9;
	f.padding = 4;
	scene_expect_behind(s, &f, want4, sizeof(want4));

	way = (struct lb_way){ .family = 6,
			       .ifindex = s->out,
			       .kind = ECBPF_IPIP,
			       .outer = 4,
			       .server = 20,
			       .tags = 1,
			       .tci = { 5 } };
	lb_suite_backend(s, 20, 2, &way, 1480, LB_BACKEND_UP);
	f = scene_client(6, IPPROTO_TCP);
	r = scene_run(s, &f); /* identification and checksum are random */
	assert_int_equal(frames_sum(0, r.frame + 18, 20), 0xffff);
	memset(r.frame + 22, 0, 2);
	memset(r.frame + 28, 0, 2);
	assert_memory_equal(r.frame, want6, sizeof(want6));
}

static void gue(void **state)
{
	uint8_t want[14 + 40 + 12] = {
		2,	    0,	      0,	 0,
		1,	    10,	      2,	 0,
		0,	    0,	      0,	 2,
		0x86,	    0xdd, /* link */
		0x62,	    0x80,     0,	 0,
		0,	    62,	      17,	 56,
		0xfd,	    9,	      [37] = 1,	 0xfd,
		9,	    [45] = 1, [53] = 10, [56] = 6080 >> 8,
		6080 & 255, 0,	      62,	 [63] = IPPROTO_IPIP,
	};
	struct lb_suite *s = scene_get(state);
	const struct lb_way way = { .family = 4,
				    .ifindex = s->out,
				    .kind = ECBPF_GUE,
				    .outer = 6,
				    .server = 10,
				    .csum = true };
	const struct lb_frame f = scene_client(4, IPPROTO_TCP);
	struct lb_result r;

	lb_suite_backend(s, 10, 1, &way, 1400, LB_BACKEND_UP);
	r = scene_run(s, &f);
	assert_int_equal(r.action, XDP_REDIRECT);
	assert_true(frames_get16(r.frame + 54) >= 0xc000);
	assert_int_equal(frames_sum(frames_sum(IPPROTO_UDP + 62, r.frame + 22, 32), r.frame + 54,
				    62),
			 0xffff);
	memcpy(want + 54, r.frame + 54, 2);
	memcpy(want + 60, r.frame + 60, 2);
	scene_expect_behind(s, &f, want, sizeof(want));
}

/* --- what is not for it */

static void not_for_the_balancer(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = scene_client(4, IPPROTO_TCP);
	uint8_t frame[FRAMES_MAX];
	size_t len;

	f.dport = 81;
	scene_expect(s, &f, ECBPF_NEXT, 0);
	f.dport = 80;
	len = lb_frame_make(&f, frame);
	frame[0] |= 1; /* to a group */
	assert_int_equal(lb_suite_run(s, frame, len).action, ECBPF_NEXT);
	frame[0] &= 0xfe;
	frames_put16(frame + 16, 39); /* ends in the TCP header */
	assert_int_equal(lb_suite_run(s, frame, len).action, ECBPF_NEXT);
	frames_put16(frame + 16, 40);
	assert_int_equal(lb_suite_run(s, frame, len).code, ECBPF_CODE_LB_NEW);
	f.daddr[3] = 2;
	scene_expect(s, &f, ECBPF_NEXT, 0);
}

#define TEST(function) cmocka_unit_test_setup(function, scene_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(too_long),
		TEST(packet_too_big4),
		TEST(packet_too_big6),
		TEST(fragments_follow_the_first),
		TEST(a_later_fragment_alone),
		TEST(fragments_are_refused),
		TEST(errors_reach_the_connection),
		TEST(other_icmp_is_left_alone),
		TEST(echo),
		TEST(ipip),
		TEST(gue),
		TEST(not_for_the_balancer),
	};

	return cmocka_run_group_tests(tests, scene_begin, scene_end);
}
