// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The balancer by NAT, a behaviour at a time, in both directions. Packets that leave must be, byte for byte, those
 * that a host with the new addresses would have sent, but for a hop. The suite compares all else with the model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/lb_scene.h"

#define SERVER	     7
#define PORT	     8080
#define CASES	     4
#define IS_OURS(p)   ((p) >= LB_NAT_FIRST && (p) < LB_NAT_FIRST + LB_NAT_PORTS)
#define CLIENT_END   5 /* of scene_client() */
#define BLACKHOLE    (FIB_GROUP + 1)
#define ABOVE	     (2 * FIB_GROUP + 1)
#define NO_NEIGHBOUR (3 * FIB_GROUP + 1)

/** struct nat_case - of both families and protocols */
struct nat_case {
	int family;
	uint8_t proto;
};

static struct nat_case case_of(size_t i)
{
	return (struct nat_case){ scene_families[i / 2], i % 2 ? IPPROTO_UDP : IPPROTO_TCP };
}

static void nat_backend(struct lb_suite *s, int family, bool full, uint16_t port)
{
	const struct lb_way way = {
		.family = family,
		.ifindex = s->in,
		.kind = ECBPF_NAT,
		.server = SERVER,
		.full = full,
		.port = port,
	};
	uint8_t addr[16];

	lb_suite_backend(s, BACKEND(family), VIP(family), &way, 1500, LB_BACKEND_UP);
	lb_suite_nat_addr(family, SERVER, addr);
	lb_suite_near_back(s, family, addr);
	lb_suite_nat(s, LB_NAT_SOME);
}

static void nat_setup(struct lb_suite *s, bool full, uint16_t port)
{
	const struct lb_vip_entry entry = scene_entry(LB_VIP_REFUSE_FRAGMENT);
	size_t i;

	for (i = 0; i < 2; i++) {
		nat_backend(s, scene_families[i], full, port);
		scene_vip(s, scene_families[i], &entry, BACKEND(scene_families[i]));
	}
}

/* client - with a payload that does not depend on ports */
static struct lb_frame client(int family, uint8_t proto)
{
	struct lb_frame f = scene_client(family, proto);

	f.fill = 1;
	return f;
}

/* sent_to - as the backend gets it; @port: of full NAT, or 0 */
static struct lb_frame sent_to(const struct lb_frame *f, uint16_t own, uint16_t port)
{
	struct lb_frame sent = *f;

	lb_suite_nat_addr(f->family, SERVER, sent.daddr);
	if (own)
		sent.dport = own;
	if (port) {
		lb_suite_nat_addr(f->family, 0, sent.saddr);
		sent.sport = port;
	}
	return sent;
}

/* expect_frame - that frame with these MAC addresses, and a hop less */
static void expect_frame(const struct lb_result *r, const struct lb_frame *f, const uint8_t *mac)
{
	struct lb_frame hop = *f;
	uint8_t frame[FRAMES_MAX];
	size_t len;

	hop.ttl--;
	hop.partial = false;
	len = lb_frame_make(&hop, frame);
	memcpy(frame, mac, 12);
	assert_int_equal(r->len, len);
	assert_memory_equal(r->frame, frame, len);
}

static void expect_to_backend(const struct lb_result *r, const struct lb_frame *f)
{
	assert_int_equal(r->action, XDP_TX);
	expect_frame(r, f, (uint8_t[]){ 2, 0, 0, 0, 1, SERVER, 2, 0, 0, 0, 0, 2 });
}

/* expect_to_client - as the kernel's routes say */
static void expect_to_client(const struct lb_result *r, const struct lb_frame *f)
{
	assert_int_equal(r->action, XDP_REDIRECT);
	expect_frame(r, f,
		     (uint8_t[]){ 2, 0xc, 0, 0, f->family, CLIENT_END, 2, 0xc, 0, 0, 0, 0xf1 });
}

static uint16_t port_seen(const struct lb_result *r, int family)
{
	return frames_get16(r->frame + 14 + (family == 4 ? 20 : 40));
}

/* --- there and back */

static void there_and_back(struct lb_suite *s, bool full, uint16_t own, bool partial)
{
	size_t i;

	nat_setup(s, full, own);
	for (i = 0; i < CASES; i++) {
		struct lb_frame f = client(case_of(i).family, case_of(i).proto), sent, reply;
		struct lb_result r;
		uint16_t port = 0;

		f.partial = partial;
		r = scene_run(s, &f);
		assert_int_equal(r.code, ECBPF_CODE_LB_NEW);
		if (full)
			port = port_seen(&r, f.family);
		assert_true(!full || IS_OURS(port));
		sent = sent_to(&f, own, port);
		expect_to_backend(&r, &sent);
		r = scene_run(s, &f);
		assert_int_equal(r.code, ECBPF_CODE_LB_FORWARD);
		expect_to_backend(&r, &sent);
		reply = lb_frame_turn(&sent);
		reply.payload = 333; /* odd */
		r = scene_run(s, &reply);
		assert_int_equal(r.code, ECBPF_CODE_LB_REPLY);
		f.payload = 333;
		sent = lb_frame_turn(&f);
		expect_to_client(&r, &sent);
	}
	assert_int_equal(s->vip_counts[1].entered, 2);
	assert_int_equal(s->vip_counts[1].hits, 2);
	assert_int_equal(s->vip_counts[1].replies, 2);
	assert_int_equal(s->counts[10].conns, 2);
	assert_int_equal(s->counts[10].packets, 4);
	assert_int_equal(s->counts[10].reply_packets, 2);
	assert_int_equal(s->counts[10].reply_bytes, 2 * (20 + 333) + 20 + 8);
}

static void nat(void **state)
{
	there_and_back(scene_get(state), false, 0, false);
}

static void nat_to_another_port(void **state)
{
	there_and_back(scene_get(state), false, PORT, false);
}

static void full_nat(void **state)
{
	there_and_back(scene_get(state), true, PORT, false);
}

static void checksums_left_to_a_card(void **state)
{
	there_and_back(scene_get(state), false, PORT, true);
}

static void full_nat_of_such(void **state)
{
	there_and_back(scene_get(state), true, 0, true);
}

static void tagged(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = client(4, IPPROTO_TCP), sent, reply;
	struct lb_result r;

	nat_setup(s, false, PORT);
	f.tags = 2;
	f.tci[0] = 7;
	f.tci[1] = 8;
	f.partial = true;
	r = scene_run(s, &f);
	sent = sent_to(&f, PORT, 0);
	sent.tags = 0;
	expect_to_backend(&r, &sent);
	reply = lb_frame_turn(&sent);
	reply.tags = 1; /* another way than packets to it went */
	reply.tci[0] = 9;
	r = scene_run(s, &reply);
	assert_int_equal(r.code, ECBPF_CODE_LB_REPLY);
	f.tags = 0;
	sent = lb_frame_turn(&f);
	expect_to_client(&r, &sent);
}

static void without_a_checksum(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = client(4, IPPROTO_UDP), sent;
	struct lb_result r;

	nat_setup(s, true, PORT);
	f.no_sum = true;
	r = scene_run(s, &f);
	sent = sent_to(&f, PORT, port_seen(&r, 4));
	expect_to_backend(&r, &sent);
	assert_int_equal(frames_get16(r.frame + 14 + 20 + 6), 0);
}

/* --- ICMP errors */

static struct lb_frame error_about(const struct lb_frame *about)
{
	struct lb_frame f = lb_frame_turn(about);

	f.proto = f.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	f.type = f.family == 4 ? 3 : 1;
	f.sport = 0;
	f.quote = about;
	f.quote_bytes = 100;
	return f;
}

static void errors(struct lb_suite *s, bool full)
{
	size_t i;

	nat_setup(s, full, PORT);
	for (i = 0; i < CASES; i++) {
		const struct lb_frame f = client(case_of(i).family, case_of(i).proto);
		struct lb_result r = scene_run(s, &f);
		const uint16_t port = full ? port_seen(&r, f.family) : 0;
		const struct lb_frame sent = sent_to(&f, PORT, port);
		const struct lb_frame answer = lb_frame_turn(&f), told = lb_frame_turn(&sent);
		struct lb_frame in = error_about(&answer), out = error_about(&told);

		r = scene_run(s, &in);
		assert_int_equal(r.code, ECBPF_CODE_LB_ICMP);
		expect_to_backend(&r, &out);
		in = error_about(&sent);
		out = error_about(&f);
		r = scene_run(s, &in);
		assert_int_equal(r.code, ECBPF_CODE_LB_ICMP);
		expect_to_client(&r, &out);
		/* of a router, which nobody knows: the VIP tells its client */
		frames_client_addr(in.family, 250, in.saddr);
		r = scene_run(s, &in);
		assert_int_equal(r.code, ECBPF_CODE_LB_ICMP);
		expect_to_client(&r, &out);
	}
	assert_int_equal(s->vip_counts[1].icmp, 6);
}

static void errors_by_nat(void **state)
{
	errors(scene_get(state), false);
}

static void errors_by_full_nat(void **state)
{
	errors(scene_get(state), true);
}

/* --- what is refused */

static void of_no_connection(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = client(4, IPPROTO_TCP), turned = lb_frame_turn(&f), icmp;

	nat_setup(s, false, 0);
	icmp = error_about(&turned);
	scene_expect(s, &icmp, XDP_DROP, ECBPF_CODE_LB_NAT_UNKNOWN);
	f.flags = FRAMES_RST;
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_NAT_UNKNOWN);
	assert_int_equal(s->vip_counts[1].nat_unknown, 2);
}

static void more_than_the_limit(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_vip_entry entry = scene_entry(LB_VIP_REFUSE_FRAGMENT);
	struct lb_frame f = client(6, IPPROTO_TCP);

	nat_setup(s, true, 0);
	entry.new_max = 2;
	scene_vip(s, 6, &entry, BACKEND(6));
	for (; f.sport < 40002; f.sport++)
		scene_expect(s, &f, XDP_TX, ECBPF_CODE_LB_NEW);
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_NAT_LIMITED);
	lb_suite_time(s, SUITE_HZ);
	scene_expect(s, &f, XDP_TX, ECBPF_CODE_LB_NEW);
	assert_int_equal(s->vip_counts[2].nat_limited, 1);
}

static void fragments(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = client(4, IPPROTO_UDP), sent;

	nat_setup(s, false, 0);
	scene_expect(s, &f, XDP_TX, ECBPF_CODE_LB_NEW);
	sent = sent_to(&f, 0, 0);
	sent = lb_frame_turn(&sent);
	f.fragment = f.more = sent.fragment = sent.more = true;
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_NO_FRAGMENTS);
	scene_expect(s, &sent, XDP_DROP, ECBPF_CODE_LB_NO_FRAGMENTS);
	sent.offset = 5; /* whose it is, only the first one tells */
	scene_expect(s, &sent, ECBPF_NEXT, 0);
}

/* A client's port has one connection with a backend, of whatever VIP; full NAT has ports for all. */
static void replies_that_are_taken(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_frame tcp = client(4, IPPROTO_TCP);
	struct lb_frame f = tcp;

	nat_setup(s, false, PORT);
	scene_key(s, 4, IPPROTO_TCP, 81, VIP(4));
	scene_expect(s, &tcp, XDP_TX, ECBPF_CODE_LB_NEW);
	f.dport = 81;
	scene_expect(s, &f, XDP_DROP, ECBPF_CODE_LB_NAT_PORTS);
	assert_int_equal(s->vip_counts[1].nat_ports, 1);
	nat_backend(s, 4, true, PORT);
	lb_suite_generation(s, BACKEND(4));
	scene_expect(s, &tcp, XDP_TX, ECBPF_CODE_LB_NEW);
	scene_expect(s, &f, XDP_TX, ECBPF_CODE_LB_NEW);
}

/* One bucket of eight: those that were acknowledged stay, whatever comes. */
static void a_flood_of_syns(void **state)
{
	struct lb_suite *s = scene_get(state);
	struct lb_frame f = client(4, IPPROTO_TCP), flood;
	int i, n;

	nat_setup(s, true, 0);
	flood = f;
	flood.flags = FRAMES_SYN;
	for (i = 0; i < LB_WAYS - 1; i++, f.sport++) {
		f.flags = FRAMES_SYN;
		scene_expect(s, &f, XDP_TX, ECBPF_CODE_LB_NEW);
		f.flags = FRAMES_ACK;
		scene_expect(s, &f, XDP_TX, ECBPF_CODE_LB_FORWARD);
	}
	for (i = 0; i < 40; i++) {
		flood.sport = 1000 + i;
		scene_expect(s, &flood, XDP_TX, ECBPF_CODE_LB_NEW);
		for (n = 0; n < 3; n++) /* they may come again, but are no more for that */
			scene_expect(s, &flood, XDP_TX, ECBPF_CODE_LB_FORWARD);
		lb_suite_time(s, 1);
	}
	while (--f.sport >= 40000)
		scene_expect(s, &f, XDP_TX, ECBPF_CODE_LB_FORWARD);
	f.sport = 39999; /* the last place */
	scene_expect(s, &f, XDP_TX, ECBPF_CODE_LB_NEW);
	scene_expect(s, &f, XDP_TX, ECBPF_CODE_LB_FORWARD);
	flood.sport++;
	scene_expect(s, &flood, XDP_DROP, ECBPF_CODE_LB_NAT_FULL);
	assert_int_equal(s->vip_counts[1].nat_full, 1);
}

/* --- entries of both directions */

static struct lb_frame answered(struct lb_suite *s, const struct lb_frame *f, uint32_t code)
{
	const struct lb_result r = scene_run(s, f);
	const struct lb_frame sent = sent_to(f, 0, port_seen(&r, f->family));

	assert_int_equal(r.code, code);
	return lb_frame_turn(&sent);
}

static void one_direction_keeps_the_other(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_frame f = client(4, IPPROTO_UDP);
	struct lb_frame reply;
	int i;

	nat_setup(s, true, 0);
	answered(s, &f, ECBPF_CODE_LB_NEW);
	reply = answered(s, &f, ECBPF_CODE_LB_FORWARD);
	for (i = 0; i < 20; i++) { /* 60 seconds without a packet are the end */
		lb_suite_time(s, 7 * SUITE_HZ);
		scene_expect(s, &reply, XDP_REDIRECT, ECBPF_CODE_LB_REPLY);
	}
	scene_expect(s, &f, XDP_TX, ECBPF_CODE_LB_FORWARD);
	for (i = 0; i < 20; i++) {
		lb_suite_time(s, 7 * SUITE_HZ);
		scene_expect(s, &f, XDP_TX, ECBPF_CODE_LB_FORWARD);
	}
	scene_expect(s, &reply, XDP_REDIRECT, ECBPF_CODE_LB_REPLY);
	lb_suite_time(s, 63 * SUITE_HZ);
	scene_expect(s, &reply, ECBPF_NEXT, 0);
}

static void its_backend_goes(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_frame f = client(6, IPPROTO_TCP);
	struct lb_frame reply;

	nat_setup(s, true, 0);
	reply = answered(s, &f, ECBPF_CODE_LB_NEW);
	scene_expect(s, &reply, XDP_REDIRECT, ECBPF_CODE_LB_REPLY);
	lb_suite_generation(s, BACKEND(6));
	scene_expect(s, &reply, ECBPF_NEXT, 0);
	reply = answered(s, &f, ECBPF_CODE_LB_NEW);
	scene_expect(s, &reply, XDP_REDIRECT, ECBPF_CODE_LB_REPLY);
	lb_suite_nat(s, LB_NAT_NONE); /* nothing is looked for */
	scene_expect(s, &reply, ECBPF_NEXT, 0);
}

static void a_lost_entry_is_entered_again(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_frame f = client(4, IPPROTO_TCP);
	struct lb_frame reply = {};

	nat_setup(s, true, 0);
	answered(s, &f, ECBPF_CODE_LB_NEW);
	memset(s->back4, 0, sizeof(*s->back4));
	memset(s->model.back4, 0, sizeof(s->model.back4));
	lb_suite_time(s, LB_TEND_TICKS);
	reply = answered(s, &f, ECBPF_CODE_LB_NEW);
	scene_expect(s, &reply, XDP_REDIRECT, ECBPF_CODE_LB_REPLY);
}

/* --- the way of replies */

static struct lb_frame reply_to(struct lb_suite *s, int family, uint8_t end)
{
	struct lb_frame f = client(family, IPPROTO_TCP);

	frames_client_addr(family, end, f.saddr);
	f.tags = 1;
	f.tci[0] = 77;
	f = answered(s, &f, ECBPF_CODE_LB_NEW);
	f.tags = 0;
	return f;
}

static void ways_of_replies(void **state)
{
	static const uint8_t learned[18] = { 2, 0, 0, 0, 0, 0xc1, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 77 };
	struct lb_suite *s = scene_get(state);
	struct lb_frame reply;
	struct lb_result r;
	size_t i;

	nat_setup(s, true, 0);
	for (i = 0; i < 2; i++) {
		const int family = scene_families[i];
		const struct lb_port port = { s->out, 1, { { htons(0x8100), htons(300) } } };
		const uint8_t above[16] = { 2, 0xc, 0, 0,    family, ABOVE, 2, 0xc,
					    0, 0,   0, 0xf2, 0x81,   0,	    1, 300 - 256 };

		reply = reply_to(s, family, BLACKHOLE);
		scene_expect(s, &reply, XDP_DROP, ECBPF_CODE_LB_NO_ROUTE);
		reply = reply_to(s, family, NO_NEIGHBOUR);
		r = scene_run(s, &reply);
		assert_int_equal(r.action, XDP_TX);
		assert_memory_equal(r.frame, learned, 16);
		lb_suite_port(s, &port);
		reply = reply_to(s, family, ABOVE);
		r = scene_run(s, &reply);
		assert_int_equal(r.action, XDP_REDIRECT);
		assert_memory_equal(r.frame, above, sizeof(above));
	}
}

static void replies_that_do_not_get_there(void **state)
{
	struct lb_suite *s = scene_get(state);
	const struct lb_frame f = client(4, IPPROTO_TCP);
	struct lb_frame reply;

	nat_setup(s, true, 0);
	reply = answered(s, &f, ECBPF_CODE_LB_NEW);
	reply.payload = FIB_MTU - 40;
	scene_expect(s, &reply, XDP_REDIRECT, ECBPF_CODE_LB_REPLY);
	reply.payload++;
	scene_expect(s, &reply, XDP_TX, ECBPF_CODE_LB_PTB);
	reply.df = false;
	scene_expect(s, &reply, XDP_DROP, ECBPF_CODE_LB_TOO_LONG);
	reply.payload = 0;
	reply.ttl = 1;
	scene_expect(s, &reply, XDP_DROP, ECBPF_CODE_LB_TTL);
	assert_int_equal(s->counts[10].reply_packets, 1);
}

#define TEST(function) cmocka_unit_test_setup(function, scene_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nat),
		TEST(nat_to_another_port),
		TEST(full_nat),
		TEST(checksums_left_to_a_card),
		TEST(full_nat_of_such),
		TEST(tagged),
		TEST(without_a_checksum),
		TEST(errors_by_nat),
		TEST(errors_by_full_nat),
		TEST(of_no_connection),
		TEST(more_than_the_limit),
		TEST(fragments),
		TEST(replies_that_are_taken),
		TEST(a_flood_of_syns),
		TEST(one_direction_keeps_the_other),
		TEST(its_backend_goes),
		TEST(a_lost_entry_is_entered_again),
		TEST(ways_of_replies),
		TEST(replies_that_do_not_get_there),
	};

	return cmocka_run_group_tests(tests, scene_begin, scene_end);
}
