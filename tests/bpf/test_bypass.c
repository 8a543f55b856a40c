// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The bypass, a behaviour at a time: how a flow becomes known, and by which ways. What is expected is said
 * here; that all else is as it should be, down to each entry and counter, the suite compares with the
 * model after each packet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/bypass_case.h"

/* --- how a flow becomes known */

static void learns_by_port(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);
	const struct bypass_flow *flow;

	handed(s, &c, 0);
	assert_null(entry_of(s, &c));
	learn(s, &c, &way);
	flow = entry_of(s, &c);
	assert_int_equal(s->path[ECBPF_MARK_ID(flow->mark)].recipe.service, BY_PORT);
	assert_int_equal(s->path[ECBPF_MARK_ID(flow->mark)].mtu, SUITE_IN_MTU);
	assert_int_equal(flow->packets, 0);
	assert_int_equal(flow->created, s->settings->test_now);
	hit(s, &c, &way);
	assert_int_equal(flow->packets, 1);
	assert_int_equal(flow->bytes,
			 (c.family == 4 ? 20 : 40) + (c.proto == IPPROTO_TCP ? 20 : 8));
}

static void learns_by_all_ports(struct bypass_suite *s, struct frames_client c)
{
	const struct bypass_service_key key = service_of(&c, 0);
	const struct frames_way way = way_back(s);

	suite_service(s, &key, BY_ALL_PORTS);
	c.dport = 81;
	learn(s, &c, &way);
	assert_int_equal(s->path[1].recipe.service, BY_ALL_PORTS);
	c.dport = 80; /* the port goes before */
	learn(s, &c, &way);
	assert_int_equal(s->path[2].recipe.service, BY_PORT);
	hit(s, &c, &way);
}

static void learns_by_mark(struct bypass_suite *s, struct frames_client c)
{
	const struct bypass_service_key key = mark_of(c.family);
	const struct bypass_service_key other = mark_of(c.family == 4 ? 6 : 4);
	const struct frames_way way = way_back(s);

	suite_service(s, &key, BY_MARK);
	sent_marked(s, &c, &way, MARK, 2);
	assert_int_equal(s->path[1].recipe.service, BY_MARK); /* before the port */
	hit(s, &c, &way);
	suite_service(s, &key, -1);
	suite_service(s, &other, BY_MARK);
	c.dport = 81;
	sent_marked(s, &c, &way, MARK, 2); /* the other family's is none */
	assert_null(entry_of(s, &c));
}

static void unrelated_is_left_alone(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);
	const uint64_t before = counted(s, BYPASS_UNRELATED_COUNT);

	c.dport = 81;
	sent_marked(s, &c, &way, MARK, 5);
	assert_int_equal(counted(s, BYPASS_UNRELATED_COUNT), before + 5);
	c.dport = 80;
	c.daddr[c.family == 4 ? 3 : 15] = 2;
	sent(s, &c, &way);
	assert_int_equal(counted(s, BYPASS_UNRELATED_COUNT), before + 6);
	handed(s, &c, 0);
	assert_int_equal(s->model.pending.count, 0);
}

static void from_elsewhere_is_left_alone(struct bypass_suite *s, struct frames_client c)
{
	const uint32_t from[] = { 0, SUITE_OTHER, s->out };
	const struct bypass_counts before = *s->counts;
	const struct frames_way way = way_back(s);
	uint8_t frame[FRAMES_MAX];
	size_t len = frames_server(&c, &way, frame), i;

	for (i = 0; i < ARRAY(from); i++) {
		struct model_skb skb = { .ingress = from[i], .ifindex = s->in, .segments = 9 };

		assert_true(suite_egress(s, &skb, frame, len));
	}
	assert_memory_equal(s->counts, &before, sizeof(before));
	assert_null(entry_of(s, &c));
	assert_int_equal(s->model.pending.count, 0);
}

static void excluded_is_left_alone(struct bypass_suite *s, struct frames_client c)
{
	struct bypass_prefix prefix = { .length = c.family == 4 ? 96 + 30 : 126 };
	const struct ecbpf_tuple key = key_of(&c);
	const struct frames_way way = way_back(s);
	const uint64_t before = counted(s, BYPASS_EXCLUDED_COUNT);

	memcpy(prefix.addr, key.daddr, sizeof(prefix.addr));
	((uint8_t *)prefix.addr)[15] &= 0xfc;
	suite_exclude(s, &prefix, true);
	sent_marked(s, &c, &way, 0, 3);
	sent(s, &c, &way);
	assert_int_equal(counted(s, BYPASS_EXCLUDED_COUNT), before + 4);
	assert_int_equal(s->model.pending.count, 0);
	handed(s, &c, 0);
	suite_exclude(s, &prefix, false);
	learn(s, &c, &way);
}

static void admits_after_so_many(struct bypass_suite *s, struct frames_client c)
{
	const uint64_t before = counted(s, BYPASS_PENDING_COUNT);
	const struct frames_way way = way_back(s);

	SET(s, admit, 5);
	sent_marked(s, &c, &way, 0, 2);
	sent_marked(s, &c, &way, 0, 2);
	assert_null(entry_of(s, &c));
	handed(s, &c, 0);
	assert_int_equal(counted(s, BYPASS_PENDING_COUNT), before + 4);
	sent(s, &c, &way);
	assert_non_null(entry_of(s, &c));
	assert_int_equal(s->model.pending.count, 0);
	c.sport++;
	sent_marked(s, &c, &way, 0, 5); /* at once */
	assert_non_null(entry_of(s, &c));
}

static void pending_is_forgotten(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);

	SET(s, inactive, 100);
	sent(s, &c, &way);
	suite_time(s, 101);
	sent(s, &c, &way);
	assert_null(entry_of(s, &c));
	suite_time(s, 100);
	sent(s, &c, &way);
	assert_non_null(entry_of(s, &c));
}

static void syn_and_rst_admit_nothing(struct bypass_suite *s, struct frames_client c)
{
	static const uint8_t flags[] = { FRAMES_SYN, FRAMES_RST, FRAMES_RST | FRAMES_ACK };
	const struct frames_way way = way_back(s);
	size_t i;

	if (c.proto != IPPROTO_TCP)
		return;
	for (i = 0; i < ARRAY(flags); i++) {
		c.flags = flags[i];
		sent_marked(s, &c, &way, 0, 5);
	}
	assert_int_equal(s->model.pending.count, 0);
	assert_null(entry_of(s, &c));
}

static void masquerading_is_left_alone(struct bypass_suite *s, struct frames_client c)
{
	const struct frames_way way = way_back(s);
	struct frames_client translated = c;

	translated.daddr[c.family == 4 ? 3 : 15] = 99;
	sent_marked(s, &translated, &way, 0, 5);
	handed(s, &c, 0);
	assert_null(entry_of(s, &c));
	assert_null(entry_of(s, &translated));
}

/* --- ways */

static void each_tunnel(struct bypass_suite *s, struct frames_client c)
{
	struct frames_way way = way_back(s);
	const struct {
		enum frames_tunnel tunnel;
		int outer;
		bool csum;
	} rows[] = {
		{ FRAMES_DIRECT, 0, false }, { FRAMES_IPIP, 4, false }, { FRAMES_IPIP, 6, false },
		{ FRAMES_GUE, 4, false },    { FRAMES_GUE, 4, true },	{ FRAMES_GUE, 6, false },
		{ FRAMES_GUE, 6, true },
	};
	size_t i;

	way.gue_sport = 51234;
	way.gue_dport = GUE_PORT;
	way.ifindex = s->out;
	for (i = 0; i < ARRAY(rows); i++, c.sport++) {
		way.tunnel = rows[i].tunnel;
		way.outer = rows[i].outer;
		way.csum = rows[i].csum;
		learn(s, &c, &way);
		assert_int_equal(s->path[i + 1].mtu, SUITE_OUT_MTU - frames_outer_bytes(&way));
		for (c.payload = 0; c.payload < 40; c.payload += 13, c.tos += 5)
			hit(s, &c, &way);
		for (c.padding = 1; c.padding < 20; c.padding += 8)
			hit(s, &c, &way);
		c.payload = c.padding = 0;
	}
}

/* The outer source port is the flow's, not the path's. */
static void gue_port_is_the_flows(struct bypass_suite *s, struct frames_client c)
{
	struct frames_way way = way_back(s);

	way.tunnel = FRAMES_GUE;
	way.outer = 4;
	way.gue_dport = GUE_PORT;
	way.gue_sport = 50001;
	learn(s, &c, &way);
	c.sport++;
	way.gue_sport = 50002;
	learn(s, &c, &way);
	assert_int_equal(s->model.path_free_count, s->model.paths - 2);
	hit(s, &c, &way);
	c.sport--;
	way.gue_sport = 50001;
	hit(s, &c, &way);
	way.gue_sport = 50003; /* which IPVS may choose anew */
	sent(s, &c, &way);
	hit(s, &c, &way);
}

static void gue_needs_an_inner_checksum(struct bypass_suite *s, struct frames_client c)
{
	struct frames_way way = way_back(s);
	uint8_t frame[FRAMES_MAX];
	size_t len;

	if (c.proto != IPPROTO_UDP)
		return;
	way.tunnel = FRAMES_GUE;
	way.outer = 6;
	way.gue_dport = GUE_PORT;
	way.csum = true;
	learn(s, &c, &way);
	len = frames_client(&c, frame);
	memset(frame + len - 2, 0, 2);
	frame_handed(s, frame, len, ECBPF_CODE_BYPASS_FRAME);
	hit(s, &c, &way);
}

/* A checksum of 0 says that there is none: its complement is sent instead (RFC 768). */
static void gue_checksum_is_never_0(struct bypass_suite *s, struct frames_client c)
{
	struct frames_way way = way_back(s);
	uint8_t frame[FRAMES_MAX];
	uint32_t sport;
	size_t udp;

	way.tunnel = FRAMES_GUE;
	way.gue_sport = 0x1234;
	way.gue_dport = GUE_PORT;
	way.csum = true;
	for (way.outer = 4; way.outer <= 6; way.outer += 2, c.sport++) {
		udp = 14 + (way.outer == 4 ? 20 : 40);
		frames_server(&c, &way, frame);
		sport = way.gue_sport + frames_get16(frame + udp + 6);
		way.gue_sport = (sport & 0xffff) + (sport >> 16);
		frames_server(&c, &way, frame);
		assert_int_equal(frames_get16(frame + udp + 6), 0xffff);
		learn(s, &c, &way);
		hit(s, &c, &way);
	}
}

static void each_df(struct bypass_suite *s, struct frames_client c)
{
	struct frames_way way = way_back(s);

	if (c.family != 4)
		return;
	way.tunnel = FRAMES_IPIP;
	way.outer = 4;
	learn(s, &c, &way); /* with: it is copied */
	hit(s, &c, &way);
	c.df = false;
	hit(s, &c, &way);
	c.sport++;
	learn(s, &c, &way); /* without: nobody knows */
	hit(s, &c, &way);
	c.df = true;
	handed(s, &c, ECBPF_CODE_BYPASS_DF);
	sent(s, &c, &way);
	hit(s, &c, &way);
	c.sport++;
	way.no_pmtu = true;
	learn(s, &c, &way); /* never */
	hit(s, &c, &way);
}

static void each_tag(struct bypass_suite *s, struct frames_client c)
{
	struct frames_way way = way_back(s);
	unsigned int in, out, tunnel;

	c.tci[1] = 201;
	way.outer = 4;
	way.tci[0] = 0x2000 | 300;
	way.tci[1] = 301;
	way.gue_dport = GUE_PORT;
	for (in = 0; in < 3; in++)
		for (out = 0; out < 3; out++)
			for (tunnel = FRAMES_DIRECT; tunnel <= FRAMES_GUE; tunnel++) {
				c.tags = in;
				c.tci[0] = in == 1 ? 100 : 200;
				c.sport++;
				way.tags = out;
				way.tunnel = tunnel;
				suite_time(s, suite_params_now(s).sample + 1); /* for room */
				learn(s, &c, &way);
				hit(s, &c, &way);
				c.tci[0] |= 0xe000; /* a priority is no other VLAN */
				c.padding = 7;
				hit(s, &c, &way);
				c.padding = 0;
			}
	c.tci[0] = 101;
	handed(s, &c, 0);
}

static void tag_of_the_offload(struct bypass_suite *s, struct frames_client c)
{
	struct frames_way way = way_back(s);
	struct model_skb skb = {
		.ingress = s->in,
		.ifindex = s->in,
		.segments = 2,
		.tag = { 0x88a8, 300 },
	};
	const uint64_t strange = counted(s, BYPASS_STRANGE_COUNT);
	uint8_t frame[FRAMES_MAX];
	size_t len;

	way.tags = 1;
	way.tci[0] = 301;
	len = frames_server(&c, &way, frame);
	assert_true(suite_egress(s, &skb, frame, len));
	way.tags = 2;
	way.tci[0] = 300;
	way.tci[1] = 301;
	hit(s, &c, &way);
	len = frames_server(&c, &way, frame);
	assert_true(suite_egress(s, &skb, frame, len)); /* three are too many */
	assert_int_equal(counted(s, BYPASS_STRANGE_COUNT), strange + 2);
}

static void other_interface(struct bypass_suite *s, struct frames_client c)
{
	struct frames_way way = way_back(s);

	way.ifindex = s->out;
	learn(s, &c, &way);
	hit(s, &c, &way);
	assert_int_equal(entry_of(s, &c)->packets, 1);
	way.ifindex = s->lost;
	sent(s, &c, &way);
	handed(s, &c, ECBPF_CODE_BYPASS_FRAME);
	assert_int_equal(entry_of(s, &c)->packets, 1);
}

static void strange_ways(struct bypass_suite *s, struct frames_client c)
{
	struct frames_way way = way_back(s), other;
	struct model_skb skb = { .ingress = s->in, .ifindex = s->in, .segments = 1 };
	uint64_t strange = counted(s, BYPASS_STRANGE_COUNT);
	uint8_t frame[FRAMES_MAX];
	size_t len;

	way.tunnel = FRAMES_GUE;
	way.outer = 4;
	way.gue_dport = GUE_PORT;
	other = way;
	other.tos = 4;
	sent(s, &c, &other);
	assert_int_equal(counted(s, BYPASS_STRANGE_COUNT), ++strange);
	other = way;
	other.ttl = 1;
	sent(s, &c, &other);
	assert_int_equal(counted(s, BYPASS_STRANGE_COUNT), ++strange);
	len = frames_server(&c, &way, frame);
	frame[14 + 20 + 8] = 1; /* words of options */
	suite_egress(s, &skb, frame, len);
	assert_int_equal(counted(s, BYPASS_STRANGE_COUNT), ++strange);
	len = frames_server(&c, &way, frame);
	frame[14 + 9] = 47; /* GRE */
	suite_egress(s, &skb, frame, len);
	assert_int_equal(counted(s, BYPASS_STRANGE_COUNT), ++strange);
	assert_int_equal(s->model.pending.count, 0);
}

static void paths_are_shared(struct bypass_suite *s, struct frames_client c)
{
	const uint32_t free_before = s->model.path_free_count;
	struct frames_way way = way_back(s);
	uint64_t full;
	uint32_t i;

	for (i = 0; i < 5; i++, c.sport++)
		learn(s, &c, &way);
	assert_int_equal(s->model.path_free_count, free_before - 1);
	for (i = 1; i < free_before; i++) {
		way.mac++;
		sent(s, &c, &way);
		sent(s, &c, &way);
	}
	assert_int_equal(s->model.path_free_count, 0);
	full = counted(s, BYPASS_PATHS_FULL_COUNT);
	way.mac++;
	c.sport--;
	sent(s, &c, &way); /* of a known flow */
	assert_int_equal(counted(s, BYPASS_PATHS_FULL_COUNT), full + 1);
	c.sport += 2;
	sent(s, &c, &way);
	sent(s, &c, &way);
	assert_int_equal(counted(s, BYPASS_PATHS_FULL_COUNT), full + 2);
	assert_null(entry_of(s, &c));
}

/* --- */

/* A test of this name for each family and protocol. */
#define EACH(X)                         \
	X(learns_by_port)               \
	X(learns_by_all_ports)          \
	X(learns_by_mark)               \
	X(unrelated_is_left_alone)      \
	X(from_elsewhere_is_left_alone) \
	X(excluded_is_left_alone)       \
	X(admits_after_so_many)         \
	X(pending_is_forgotten)         \
	X(syn_and_rst_admit_nothing)    \
	X(masquerading_is_left_alone)   \
	X(each_tunnel)                  \
	X(gue_port_is_the_flows)        \
	X(gue_needs_an_inner_checksum)  \
	X(gue_checksum_is_never_0)      \
	X(each_df)                      \
	X(each_tag)                     \
	X(tag_of_the_offload)           \
	X(other_interface)              \
	X(strange_ways)                 \
	X(paths_are_shared)

EACH(CASE_RUN)

int main(void)
{
	const struct CMUnitTest tests[] = { EACH(CASE_ROW) };

	return cmocka_run_group_tests(tests, case_begin, case_end);
}
