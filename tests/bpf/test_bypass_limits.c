// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The bypass: limits for packets of unknown flows; monitor mode has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "tests/bpf/bypass_case.h"

#include "bypass_ipvs/xdp_bypass_ipvs.skel.h"

/* --- limits */

static struct model_xdp unknown_packet(struct bypass_suite *s, const struct frames_client *c)
{
	uint8_t frame[FRAMES_MAX];
	size_t len = frames_client(c, frame);

	return suite_xdp(s, s->in, frame, len);
}

/* What @cpu has met in the window before the one that begins now. */
static void window_before(struct bypass_suite *s, uint32_t cpu, uint32_t packets)
{
	const uint32_t window = SUITE_HZ / 16;
	const struct bypass_rate rate = { s->settings->test_now / window - 1, packets, 0, 0 };

	suite_window(s, cpu, &rate);
}

static void unknown_share(struct bypass_suite *s, struct frames_client c)
{
	static const uint32_t limits[][2] = { { 1, 1 },		 { 1, 1000000000 },
					      { 100, 200 },	 { 1000, 1000 },
					      { 1000, 5000 },	 { 100000, 3000000 },
					      { 50000, 400000 }, { 1000000000, 1000000000 } };
	const uint32_t window = SUITE_HZ / 16;
	uint32_t packets;
	size_t i;

	s->model.settings.test_now = s->settings->test_now = 1000 * window;
	for (i = 0; i < ARRAY(limits); i++) {
		struct bypass_params p = suite_params_now(s);

		p.unknown_pps = limits[i][0];
		p.unknown_max_pps = limits[i][1];
		suite_params(s, &p);
		for (packets = 0; packets < 300000000; packets += packets / 2 + 1) {
			const uint64_t pps = (uint64_t)packets * SUITE_HZ / window;
			const double share =
				model_share(pps, p.unknown_pps, p.unknown_max_pps) * 0x1p32;
			struct bypass_rate rate;

			suite_time(s, window);
			window_before(s, s->model.cpu, packets);
			unknown_packet(s, &c);
			rate = suite_rate(s);
			assert_int_equal(rate.before, packets);
			assert_int_equal(rate.count, 1);
			assert_true(rate.drop_below > share - 3 && rate.drop_below < share + 1);
		}
	}
}

/* From the maximum on as many as the target are let through: so many of 2000 are dropped. */
static void unknown_drops(struct bypass_suite *s, struct frames_client c)
{
	const uint32_t window = SUITE_HZ / 16;
	const uint64_t before = s->stats->code[ECBPF_CODE_BYPASS_LIMIT];
	struct bypass_params p = suite_params_now(s);
	struct model_xdp x;
	uint64_t dropped;
	int i;

	p.unknown_pps = 4000;
	p.unknown_max_pps = 8000;
	suite_params(s, &p);
	s->model.settings.test_now = s->settings->test_now = 1000 * window;
	window_before(s, s->model.cpu, 992); /* 16,000 in a second: three of four go */
	for (i = 0; i < 2000; i++) {
		x = unknown_packet(s, &c);
		assert_int_equal(x.action, x.code ? XDP_DROP : ECBPF_NEXT);
	}
	dropped = s->stats->code[ECBPF_CODE_BYPASS_LIMIT] - before;
	assert_in_range(dropped, 1500 - 120, 1500 + 120); /* six standard deviations */
	suite_time(s, 2 * window);
	assert_int_equal(unknown_packet(s, &c).action, ECBPF_NEXT); /* idle for two */
	c.dport = 81;
	window_before(s, s->model.cpu, 1 << 30);
	for (i = 0; i < 20; i++)
		handed(s, &c, 0); /* no service's */
}

static void unknown_of_all_cpus(struct bypass_suite *s, struct frames_client c)
{
	const uint32_t window = SUITE_HZ / 16, other = !s->model.cpu;
	struct bypass_params p = suite_params_now(s);

	if (s->model.cpus < 2)
		return;
	p.unknown_pps = 1000;
	p.unknown_max_pps = 1000;
	suite_params(s, &p);
	s->model.settings.test_now = s->settings->test_now = 1000 * window;
	window_before(s, s->model.cpu, 62);
	window_before(s, other, 62 * 3);
	unknown_packet(s, &c);
	assert_in_range(suite_rate(s).drop_below, 0xbfffffff,
			0xc0000001); /* 4,000: three of four */
}

/* A client's segment, and what it is answered with; numbers by RFC 9293 3.10.7.1. */
static void answered(struct bypass_suite *s, const struct frames_client *c, uint8_t flags,
		     uint32_t seq, uint32_t ack)
{
	const size_t l2 = 14 + 4 * c->tags;
	const struct model_xdp x = unknown_packet(s, c);
	struct frames_client reply = client_of(c->family, IPPROTO_TCP);
	uint8_t want[FRAMES_MAX], came[FRAMES_MAX], *ip = want + l2, *tcp;

	frames_client(c, came);
	reply.tags = c->tags;
	memcpy(reply.tci, c->tci, sizeof(reply.tci));
	memcpy(reply.saddr, c->daddr, 16);
	memcpy(reply.daddr, c->saddr, 16);
	reply.sport = c->dport;
	reply.dport = c->sport;
	reply.flags = flags;
	reply.seq = seq;
	reply.ack = ack;
	reply.ttl = 64;
	reply.tos = 0;
	frames_client(&reply, want);
	memcpy(want, came + 6, 6);
	memcpy(want + 6, came, 6);
	tcp = ip + (c->family == 4 ? 20 : 40);
	frames_put16(tcp + 14, 0); /* window */
	frames_put16(tcp + 16, 0);
	if (c->family == 4) {
		frames_put16(ip + 4, 0); /* identification */
		frames_put16(ip + 10, 0);
		frames_put16(ip + 10, ~frames_sum(0, ip, 20));
		frames_put16(tcp + 16, ~frames_sum(frames_sum(26, ip + 12, 8), tcp, 20));
	} else {
		frames_put32(ip, 0x60000000);
		frames_put16(tcp + 16, ~frames_sum(frames_sum(26, ip + 8, 32), tcp, 20));
	}
	assert_int_equal(x.code, ECBPF_CODE_BYPASS_RESET);
	assert_int_equal(x.action, XDP_TX);
	assert_int_equal(x.len, l2 + (c->family == 4 ? 40 : 60));
	assert_memory_equal(x.frame, want, x.len);
}

/* refused - the machine answers a tuple with RST; false: egress drops that */
static bool refused(struct bypass_suite *s, const struct frames_client *c)
{
	struct frames_client rst = *c;
	struct model_skb skb = { .ifindex = s->in, .segments = 1 };
	uint8_t frame[FRAMES_MAX];
	size_t len;

	memcpy(rst.saddr, c->daddr, 16);
	memcpy(rst.daddr, c->saddr, 16);
	rst.sport = c->dport;
	rst.dport = c->sport;
	rst.flags = FRAMES_RST;
	rst.payload = rst.padding = 0;
	len = frames_client(&rst, frame);
	return suite_egress(s, &skb, frame, len);
}

static void answers_with_rst(struct bypass_suite *s, struct frames_client c)
{
	static const uint16_t tci[][2] = { { 0 }, { 100 }, { 200, 201 } };
	const struct frames_way way = way_back(s);

	if (c.proto != IPPROTO_TCP)
		return;
	SET(s, reset_pps, 1000);
	for (c.tags = 0; c.tags < 3; c.tags++) {
		memcpy(c.tci, tci[c.tags], sizeof(c.tci));
		c.payload = 0;
		handed(s, &c, 0);
		assert_true(refused(s, &c));
		c.flags = FRAMES_ACK;
		answered(s, &c, FRAMES_RST, 77, 0);
		c.payload = 33;
		c.padding = 9;
		answered(s, &c, FRAMES_RST, 77, 0);
		c.flags = 0;
		answered(s, &c, FRAMES_RST | FRAMES_ACK, 0, c.seq + 33);
		c.flags = FRAMES_FIN;
		answered(s, &c, FRAMES_RST | FRAMES_ACK, 0, c.seq + 34);
		c.padding = 0;
		c.flags = FRAMES_SYN;
		handed(s, &c, 0); /* IPVS may have a server now */
		c.flags = FRAMES_RST;
		handed(s, &c, 0); /* is never answered */
		c.flags = FRAMES_ACK;
		sent(s, &c, &way); /* IPVS has */
		handed(s, &c, 0);
	}
}

static void answers_have_limits(struct bypass_suite *s, struct frames_client c)
{
	const uint64_t sent_before = counted(s, BYPASS_RESET_SENT_COUNT);
	const uint64_t rate = counted(s, BYPASS_RESET_RATE_COUNT);
	const uint64_t flow = counted(s, BYPASS_RESET_FLOW_COUNT);
	struct frames_client other = c;

	if (c.proto != IPPROTO_TCP)
		return;
	other.sport++;
	assert_true(refused(s, &c)); /* no limit, no count */
	assert_int_equal(counted(s, BYPASS_RESET_SENT_COUNT), sent_before);
	SET(s, reset_per_flow, 2);
	assert_true(refused(s, &c));
	assert_int_equal(unknown_packet(s, &c).code, ECBPF_CODE_BYPASS_RESET);
	assert_int_equal(unknown_packet(s, &c).code, ECBPF_CODE_BYPASS_RESET_LIMIT);
	assert_int_equal(unknown_packet(s, &c).action, XDP_DROP);
	assert_false(refused(s, &c));
	assert_int_equal(counted(s, BYPASS_RESET_FLOW_COUNT), flow + 1);
	assert_true(refused(s, &other));
	suite_time(s, 10 * SUITE_HZ + 1);
	assert_int_equal(unknown_packet(s, &c).code, ECBPF_CODE_BYPASS_RESET);
	SET(s, reset_per_flow, 0);
	SET(s, reset_pps, 2);
	suite_time(s, 10 * SUITE_HZ);
	assert_true(refused(s, &c));
	assert_int_equal(unknown_packet(s, &other).code, ECBPF_CODE_BYPASS_RESET);
	assert_int_equal(unknown_packet(s, &other).code, ECBPF_CODE_BYPASS_RESET_LIMIT);
	assert_false(refused(s, &c));
	assert_int_equal(counted(s, BYPASS_RESET_RATE_COUNT), rate + 1);
	SET(s, reset_per_flow, 3);
	suite_time(s, 2 * SUITE_HZ);
	assert_true(refused(s, &c));
	assert_true(refused(s, &c));
	assert_false(refused(s, &c));
	assert_int_equal(counted(s, BYPASS_RESET_RATE_COUNT), rate + 2);
	suite_time(s, SUITE_HZ);
	assert_true(refused(s, &c)); /* the third: what was dropped does not count */
	assert_false(refused(s, &c));
	assert_int_equal(counted(s, BYPASS_RESET_FLOW_COUNT), flow + 2);
	assert_true(refused(s, &other)); /* nor has that used up what all may send */
	suite_time(s, SUITE_HZ);
	c.dport = 81; /* no service's */
	assert_true(refused(s, &c));
	assert_true(refused(s, &c));
	assert_true(refused(s, &c));
}

/* Of each kind of packet: more than 10^6 in sum. */
#define MONITORED 300000

static void monitor_changes_none_of_many(struct bypass_suite *s, struct frames_client c)
{
	uint8_t frame[FRAMES_MAX], out[FRAMES_MAX];
	struct xdp_md ctx = { .data_end = frames_client(&c, frame), .ingress_ifindex = s->in };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = ctx.data_end,
		    .data_out = out, .data_size_out = sizeof(out), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = MONITORED);
	struct frames_way way = way_back(s);

	SET(s, monitor, 1);
	learn(s, &c, &way);
	/* a repeated run hands each packet to the next as the one before has left it */
	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(s->xdp->progs.xdp_bypass_ipvs), &opts), 0);
	assert_int_equal(opts.retval, XDP_PASS);
	assert_int_equal(opts.data_size_out, ctx.data_end);
	assert_memory_equal(out, frame, ctx.data_end);
	s->model.code[ECBPF_CODE_BYPASS_MONITOR] += MONITORED;
	s->model.column[ECBPF_COLUMN_NEXT] += MONITORED;
	handed(s, &c, ECBPF_CODE_BYPASS_MONITOR);
	assert_int_equal(entry_of(s, &c)->packets, 0);
}

static void no_limits_with_monitor(struct bypass_suite *s, struct frames_client c)
{
	struct bypass_params p = suite_params_now(s);

	p.monitor = 1;
	p.reset_pps = 1;
	p.unknown_pps = 1;
	p.unknown_max_pps = 1;
	suite_params(s, &p);
	window_before(s, s->model.cpu, 1 << 30);
	assert_int_equal(unknown_packet(s, &c).action, ECBPF_NEXT);
	if (c.proto != IPPROTO_TCP)
		return;
	assert_true(refused(s, &c));
	assert_true(refused(s, &c));
	assert_true(refused(s, &c));
	handed(s, &c, ECBPF_CODE_BYPASS_RESET_LIMIT);
}

/* With a mark, a destination is known once it was seen with it. */
static void limits_of_marked_services(struct bypass_suite *s, struct frames_client c)
{
	const struct bypass_service_key port = service_of(&c, 80), mark = mark_of(c.family);
	const struct frames_way way = way_back(s);
	struct frames_client other = c;

	suite_service(s, &port, -1);
	suite_service(s, &mark, BY_MARK);
	SET(s, reset_per_flow, 1);
	assert_true(refused(s, &c));
	assert_true(refused(s, &c));
	other.sport++;
	sent_marked(s, &other, &way, MARK, 1);
	assert_true(refused(s, &c));
	if (c.proto == IPPROTO_TCP)
		assert_false(refused(s, &c));
}

/* --- */

/* A test of this name for each family and protocol. */
#define EACH(X)                         \
	X(unknown_share)                \
	X(unknown_drops)                \
	X(unknown_of_all_cpus)          \
	X(answers_with_rst)             \
	X(answers_have_limits)          \
	X(no_limits_with_monitor)       \
	X(monitor_changes_none_of_many) \
	X(limits_of_marked_services)

EACH(CASE_RUN)

int main(void)
{
	const struct CMUnitTest tests[] = { EACH(CASE_ROW) };

	return cmocka_run_group_tests(tests, case_begin, case_end);
}
