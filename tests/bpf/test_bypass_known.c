// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The bypass: what becomes of packets of known flows, and of these in a table that fills. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/bypass_case.h"

/* --- what becomes of a packet of a known flow */

static void rst_with_the_number(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);

	if (c.proto != IPPROTO_TCP)
		return;
	c.payload = 100;
	learn(s, &c, &way);
	assert_int_equal(entry_of(s, &c)->seq, 1000100);
	c.seq += 100;
	c.payload = 50;
	hit(s, &c, &way);
	c.seq += 50;
	c.payload = 0;
	c.flags = FRAMES_RST;
	c.seq--;
	handed(s, &c, ECBPF_CODE_BYPASS_RST_BLIND);
	c.seq += 2;
	handed(s, &c, ECBPF_CODE_BYPASS_RST_BLIND);
	c.seq--;
	c.flags = FRAMES_ACK;
	hit(s, &c, &way);
	c.flags = FRAMES_RST | FRAMES_SYN;
	handed(s, &c, ECBPF_CODE_BYPASS_RST);
	assert_int_equal(entry_of(s, &c)->state, BYPASS_RST);
	c.flags = FRAMES_ACK;
	handed(s, &c, ECBPF_CODE_BYPASS_IDLE);
	c.flags = FRAMES_RST;
	sent(s, &c, &way); /* does not confirm */
	c.flags = FRAMES_ACK;
	SET(s, inactive, UINT32_MAX); /* it is no question of time */
	handed(s, &c, ECBPF_CODE_BYPASS_IDLE);
	sent(s, &c, &way); /* IPVS goes on */
	assert_int_equal(entry_of(s, &c)->state, 0);
	hit(s, &c, &way);
}

static void numbers_within_a_window(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);

	if (c.proto != IPPROTO_TCP)
		return;
	c.seq = 0xffffff00;
	learn(s, &c, &way);
	c.seq += (1 << 24) - 1; /* around */
	hit(s, &c, &way);
	assert_int_equal(entry_of(s, &c)->seq, c.seq);
	c.seq += 1 << 24;
	hit(s, &c, &way);
	assert_int_equal(entry_of(s, &c)->seq, c.seq - (1 << 24));
	c.seq = entry_of(s, &c)->seq - 1; /* sent again */
	hit(s, &c, &way);
	assert_int_equal(entry_of(s, &c)->seq, c.seq + 1);
}

static void syn_begins_anew(struct bypass_suite *s, struct frames_client c)
{
	struct frames_way way = way_back(s);

	if (c.proto != IPPROTO_TCP)
		return;
	learn(s, &c, &way);
	c.flags = FRAMES_FIN | FRAMES_ACK;
	handed(s, &c, ECBPF_CODE_BYPASS_FIN);
	assert_int_equal(entry_of(s, &c)->state, BYPASS_FIN);
	assert_int_equal(entry_of(s, &c)->seq, c.seq + 1);
	c.flags = FRAMES_SYN;
	c.seq = 5;
	handed(s, &c, ECBPF_CODE_BYPASS_SYN);
	way.mac = 10; /* another server */
	sent(s, &c, &way);
	assert_int_equal(entry_of(s, &c)->state, 0);
	assert_int_equal(entry_of(s, &c)->seq, 6);
	c.flags = FRAMES_ACK;
	c.seq = 6;
	hit(s, &c, &way);
}

static void fin_is_sampled_more_often(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);

	if (c.proto != IPPROTO_TCP)
		return;
	SET(s, sample, 400);
	learn(s, &c, &way);
	c.flags = FRAMES_FIN;
	handed(s, &c, ECBPF_CODE_BYPASS_FIN);
	c.flags = FRAMES_ACK;
	suite_time(s, 99);
	hit(s, &c, &way);
	suite_time(s, 1);
	handed(s, &c, ECBPF_CODE_BYPASS_SAMPLE);
}

static void generation_makes_stale(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);
	const uint64_t confirmed = counted(s, BYPASS_CONFIRMED_COUNT);

	learn(s, &c, &way);
	hit(s, &c, &way);
	suite_generations(s);
	handed(s, &c, ECBPF_CODE_BYPASS_STALE);
	handed(s, &c, ECBPF_CODE_BYPASS_STALE);
	sent(s, &c, &way);
	assert_int_equal(counted(s, BYPASS_CONFIRMED_COUNT), confirmed + 1);
	hit(s, &c, &way);
}

static void another_way_is_followed(struct bypass_suite *s, struct frames_client c)
{
	const uint64_t moved = counted(s, BYPASS_MOVED_COUNT);
	struct frames_way way = way_back(s);

	learn(s, &c, &way);
	hit(s, &c, &way);
	way.mac = 77;
	way.ifindex = s->out;
	sent_marked(s, &c, &way, 0, 3);
	assert_int_equal(counted(s, BYPASS_MOVED_COUNT), moved + 3);
	hit(s, &c, &way);
	assert_int_equal(entry_of(s, &c)->packets, 2);
}

static void idle_is_asked_again(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);

	SET(s, inactive, 1000);
	SET(s, sample, 900000);
	learn(s, &c, &way);
	suite_time(s, 1000);
	hit(s, &c, &way);
	suite_time(s, 1);
	handed(s, &c, ECBPF_CODE_BYPASS_IDLE);
	sent(s, &c, &way);
	hit(s, &c, &way);
}

static void last_hops(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);

	learn(s, &c, &way);
	c.ttl = 2;
	hit(s, &c, &way);
	c.ttl = 1;
	handed(s, &c, ECBPF_CODE_BYPASS_TTL);
	c.ttl = 0;
	handed(s, &c, ECBPF_CODE_BYPASS_TTL);
	c.ttl = 255;
	hit(s, &c, &way);
}

static void longer_than_the_path(struct bypass_suite *s, struct frames_client c)
{
	const uint32_t headers = (c.family == 4 ? 20 : 40) + (c.proto == IPPROTO_TCP ? 20 : 8);
	struct frames_way way = way_back(s);

	learn(s, &c, &way);
	c.payload = SUITE_IN_MTU - headers;
	hit(s, &c, &way);
	c.payload++;
	handed(s, &c, ECBPF_CODE_BYPASS_MTU);
	way.ifindex = s->out;
	c.payload = 0;
	sent(s, &c, &way);
	assert_int_equal(s->path[2].mtu, SUITE_OUT_MTU);
}

/* up_to - packets of @bytes are forwarded, and no longer ones */
static void up_to(struct bypass_suite *s, struct frames_client *c, const struct frames_way *way,
		  uint32_t bytes)
{
	c->payload = 0;
	sent(s, c, way);
	c->payload = bytes - (c->family == 4 ? 20 : 40) - (c->proto == IPPROTO_TCP ? 20 : 8);
	hit(s, c, way);
	c->payload++;
	handed(s, c, ECBPF_CODE_BYPASS_MTU);
}

static void longer_than_the_route(struct bypass_suite *s, struct frames_client c)
{
	struct frames_way way = { .ifindex = s->out, .tunnel = FRAMES_IPIP };

	for (way.outer = 4; way.outer <= 6; way.outer += 2, c.sport++) {
		const uint32_t outer = way.outer == 4 ? 20 : 40, id = way.outer / 2 - 1;

		c.payload = 0;
		learn(s, &c, &way);
		up_to(s, &c, &way, SUITE_OUT_MTU - outer);
		suite_route_mtu(s, id, 1300);
		up_to(s, &c, &way, 1300 - outer);
		suite_route_mtu(s, id, 9000); /* the interface is narrower */
		up_to(s, &c, &way, SUITE_OUT_MTU - outer);
		suite_route_mtu(s, id, outer); /* not even a header */
		c.payload = 0;
		sent(s, &c, &way);
		handed(s, &c, ECBPF_CODE_BYPASS_MTU);
		suite_route_mtu(s, id, 0); /* not known any more */
		up_to(s, &c, &way, SUITE_OUT_MTU - outer);
	}
}

static void sampled_and_given_up(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);
	int i;

	SET(s, sample, 4000);
	SET(s, retry, 500);
	SET(s, tries, 3);
	learn(s, &c, &way);
	suite_time(s, 3999);
	hit(s, &c, &way);
	suite_time(s, 1);
	handed(s, &c, ECBPF_CODE_BYPASS_SAMPLE);
	hit(s, &c, &way); /* until it is time again */
	suite_time(s, 100);
	sent(s, &c, &way);
	suite_time(s, 3999);
	hit(s, &c, &way);
	suite_time(s, 1);
	for (i = 0; i < 3; i++) {
		handed(s, &c, ECBPF_CODE_BYPASS_SAMPLE);
		suite_time(s, 499);
		hit(s, &c, &way);
		suite_time(s, 1);
	}
	assert_int_equal(s->path[1].packets, 0);
	handed(s, &c, ECBPF_CODE_BYPASS_GIVEN_UP);
	assert_null(entry_of(s, &c));
	assert_int_equal(s->path[1].packets, 6); /* which the path keeps */
	handed(s, &c, 0);
}

/* A packet with payload may be late on its way through IPVS: rather one without. */
static void payload_waits_twice_as_long(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);

	SET(s, sample, 1000);
	learn(s, &c, &way);
	c.payload = 10;
	suite_time(s, 1999);
	if (c.proto == IPPROTO_UDP) {
		handed(s, &c, ECBPF_CODE_BYPASS_SAMPLE);
		return;
	}
	hit(s, &c, &way);
	suite_time(s, 1);
	handed(s, &c, ECBPF_CODE_BYPASS_SAMPLE);
}

static void shadow_of_all(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);

	learn(s, &c, &way);
	SET(s, shadow_one_in, 1);
	handed(s, &c, ECBPF_CODE_BYPASS_SHADOW);
	SET(s, shadow_one_in, 0);
	hit(s, &c, &way);
}

static void shadow_of_a_share(struct bypass_suite *s, struct frames_client c)
{
	const uint64_t before = s->stats->code[ECBPF_CODE_BYPASS_SHADOW];
	const struct frames_way way = way_back(s);
	uint8_t frame[FRAMES_MAX];
	size_t len = frames_client(&c, frame);
	uint64_t shadows;
	int i;

	learn(s, &c, &way);
	SET(s, shadow_one_in, 4);
	for (i = 0; i < 2000; i++)
		suite_xdp(s, s->in, frame, len);
	shadows = s->stats->code[ECBPF_CODE_BYPASS_SHADOW] - before;
	assert_in_range(shadows, 500 - 120, 500 + 120); /* six standard deviations */
	assert_int_equal(entry_of(s, &c)->packets, 2000 - shadows);
}

static void monitor_touches_nothing(struct bypass_suite *s, struct frames_client c)
{
	struct frames_way way = way_back(s);

	SET(s, monitor, 1);
	way.tunnel = FRAMES_IPIP;
	way.outer = 6;
	learn(s, &c, &way);
	handed(s, &c, ECBPF_CODE_BYPASS_MONITOR);
	assert_int_equal(entry_of(s, &c)->packets, 0);
	SET(s, monitor, 0);
	hit(s, &c, &way);
}

/* --- what is not looked up */

/* broken - a packet of a known flow, less or other than it was; its IP header's sum does not matter */
static void broken(struct bypass_suite *s, const struct frames_client *c, size_t at, uint8_t value,
		   uint32_t code)
{
	uint8_t frame[FRAMES_MAX];
	size_t len = frames_client(c, frame);

	frame[at] = value;
	frame_handed(s, frame, len, code);
}

static void not_looked_up(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);
	uint8_t frame[FRAMES_MAX];
	size_t len, i;

	learn(s, &c, &way);
	broken(s, &c, 0, 0x33, 0); /* group address */
	broken(s, &c, 0, 0xff, 0);
	if (c.family == 4) {
		broken(s, &c, 14, 0x46, ECBPF_CODE_BYPASS_OPTIONS);
		broken(s, &c, 20, 0x20, ECBPF_CODE_BYPASS_FRAGMENT);
		broken(s, &c, 20, 0x60, ECBPF_CODE_BYPASS_FRAGMENT);
		broken(s, &c, 21, 0x01, ECBPF_CODE_BYPASS_FRAGMENT);
		broken(s, &c, 23, IPPROTO_ICMP, 0);
		broken(s, &c, 17, 19, 0); /* shorter than its header */
		broken(s, &c, 17, 90, 0); /* longer than the frame */
	} else {
		static const uint8_t next[] = { 0, 43, 51, 60, 135, 139, 140 };

		for (i = 0; i < sizeof(next); i++)
			broken(s, &c, 20, next[i], ECBPF_CODE_BYPASS_OPTIONS);
		broken(s, &c, 20, 44, ECBPF_CODE_BYPASS_FRAGMENT);
		broken(s, &c, 20, IPPROTO_ICMPV6, 0);
		broken(s, &c, 19, 90, 0);
	}
	len = frames_client(&c, frame);
	for (i = 14; i < len; i++) /* an end within any header */
		frame_handed(s, frame, i, 0);
	hit(s, &c, &way);
}

static void truncated_segments(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);
	const size_t tcp = 14 + (c.family == 4 ? 20 : 40);

	learn(s, &c, &way);
	c.padding = 40; /* that is none of it */
	if (c.family == 4)
		broken(s, &c, 17, c.proto == IPPROTO_TCP ? 39 : 27, 0);
	else
		broken(s, &c, 19, c.proto == IPPROTO_TCP ? 19 : 7, 0);
	if (c.proto != IPPROTO_TCP)
		return;
	broken(s, &c, tcp + 12, 0x40, 0); /* a header of four words */
	broken(s, &c, tcp + 12, 0x60, 0); /* options beyond the packet */
}

/* --- the table */

static void table_fills(struct bypass_suite *s, struct frames_client c)
{
	const uint32_t room = BYPASS_WAYS * s->model.buckets[c.family == 6];
	const uint64_t evicted = counted(s, BYPASS_EVICTED_COUNT);
	const struct frames_way way = way_back(s);
	uint64_t full, learned;
	uint32_t i;

	SET(s, admit, 1);
	for (i = 0; i < 4 * room; i++, c.sport++)
		sent(s, &c, &way);
	full = counted(s, BYPASS_TABLE_FULL_COUNT);
	assert_int_equal(counted(s, BYPASS_EVICTED_COUNT), evicted);
	suite_time(s, suite_params_now(s).sample);
	sent(s, &c, &way); /* none is idle long enough */
	assert_int_equal(counted(s, BYPASS_TABLE_FULL_COUNT), full + 1);
	suite_time(s, 1);
	learned = counted(s, BYPASS_LEARNED_COUNT);
	sent(s, &c, &way); /* now all are */
	assert_int_equal(counted(s, BYPASS_LEARNED_COUNT), learned + 1);
	assert_int_equal(counted(s, BYPASS_EVICTED_COUNT), evicted + 1);
	assert_non_null(entry_of(s, &c));
}

/* Those that are active stay, whatever comes. */
static void active_flows_stay(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);
	struct frames_client flood = c;
	int i;

	SET(s, admit, 1);
	learn(s, &c, &way);
	for (i = 0; i < 300; i++) {
		suite_time(s, 20);
		flood.sport++;
		sent(s, &flood, &way);
		hit(s, &c, &way);
		if (i % 50 == 49)
			sent(s, &c, &way);
	}
	assert_int_equal(entry_of(s, &c)->packets, 300);
}

static void unconfirmed_flows_go_first(struct bypass_suite *s, struct frames_client c)
{
	const uint32_t room = BYPASS_WAYS * s->model.buckets[c.family == 6];
	const struct frames_way way = way_back(s);
	const struct frames_client first = c;
	uint32_t i;

	SET(s, admit, 1);
	SET(s, sample, 9000);
	SET(s, inactive, 10000);
	learn(s, &first, &way);
	suite_time(s, 8000);
	for (i = 0; i < 2 * room; i++) {
		c.sport++;
		sent(s, &c, &way);
	}
	hit(s, &first, &way); /* seen, but not confirmed */
	assert_non_null(entry_of(s, &first));
	suite_time(s, 2001);
	for (i = 0; i < 2 * room && entry_of(s, &first); i++) {
		c.sport++;
		sent(s, &c, &way);
	}
	assert_null(entry_of(s, &first));
	assert_int_equal(s->path[1].packets, 1);
}

/* --- */

/* A test of this name for each family and protocol. */
#define EACH(X)                        \
	X(rst_with_the_number)         \
	X(numbers_within_a_window)     \
	X(syn_begins_anew)             \
	X(fin_is_sampled_more_often)   \
	X(generation_makes_stale)      \
	X(another_way_is_followed)     \
	X(idle_is_asked_again)         \
	X(last_hops)                   \
	X(longer_than_the_path)        \
	X(longer_than_the_route)       \
	X(sampled_and_given_up)        \
	X(payload_waits_twice_as_long) \
	X(shadow_of_all)               \
	X(shadow_of_a_share)           \
	X(monitor_touches_nothing)     \
	X(not_looked_up)               \
	X(truncated_segments)          \
	X(table_fills)                 \
	X(active_flows_stay)           \
	X(unconfirmed_flows_go_first)

EACH(CASE_RUN)

int main(void)
{
	const struct CMUnitTest tests[] = { EACH(CASE_ROW) };

	return cmocka_run_group_tests(tests, case_begin, case_end);
}
