// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The bypass, a behaviour at a time. What is expected is said here; that all else is as it should be,
 * down to each entry and counter, the suite compares with the model after each packet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/bypass_suite.h"

#define MARK	 18
#define GUE_PORT 6080
#define ARRAY(a) (sizeof(a) / sizeof((a)[0]))

/* Numbers of services, by how they are found. */
enum number { BY_MARK = 7, BY_PORT = 8, BY_ALL_PORTS = 9 };

static uint64_t counted(const struct bypass_suite *s, enum bypass_counter counter)
{
	return s->counts->by[counter];
}

/* --- who there is */

static struct frames_client client_of(int family, uint8_t proto)
{
	struct frames_client c = {
		.family = family,
		.proto = proto,
		.sport = 40000,
		.dport = 80,
		.flags = proto == IPPROTO_TCP ? FRAMES_ACK : 0,
		.seq = 1000000,
		.ack = 77,
		.ttl = 57,
		.tos = 0x28,
		.df = true,
	};

	if (family == 4) {
		memcpy(c.saddr, (uint8_t[]){ 198, 51, 100, 5 }, 4);
		memcpy(c.daddr, (uint8_t[]){ 192, 0, 2, 1 }, 4);
	} else {
		memcpy(c.saddr, (uint8_t[]){ 0x20, 1, 0xd, 0xb8, 9, [15] = 5 }, 16);
		memcpy(c.daddr, (uint8_t[]){ 0x20, 1, 0xd, 0xb8, [15] = 1 }, 16);
	}
	return c;
}

static struct bypass_service_key service_of(const struct frames_client *c, uint16_t port)
{
	struct bypass_service_key key = {
		.family = c->family == 4 ? AF_INET : AF_INET6,
		.proto = c->proto,
		.port = htons(port),
	};

	memcpy(key.addr, c->daddr, c->family == 4 ? 4 : 16);
	return key;
}

static struct bypass_service_key mark_of(int family)
{
	return (struct bypass_service_key){ .mark = MARK,
					    .family = family == 4 ? AF_INET : AF_INET6 };
}

/* DR to a server that is where clients come from. */
static struct frames_way way_back(const struct bypass_suite *s)
{
	return (struct frames_way){ .ifindex = s->in, .mac = 9 };
}

static struct bypass_key key_of(const struct frames_client *c)
{
	struct bypass_key key = { .sport = htons(c->sport), .dport = htons(c->dport) };

	key.rest = ECBPF_REST(c->proto, c->tags > 0 ? c->tci[0] & 0xfff : 0,
			       c->tags > 1 ? c->tci[1] & 0xfff : 0);
	if (c->family == 6) {
		memcpy(key.saddr, c->saddr, 16);
		memcpy(key.daddr, c->daddr, 16);
	} else {
		key.saddr[2] = key.daddr[2] = htonl(0xffff);
		memcpy(&key.saddr[3], c->saddr, 4);
		memcpy(&key.daddr[3], c->daddr, 4);
	}
	return key;
}

/* entry_of - the model's; the kernel's is the same */
static struct bypass_flow *entry_of(struct bypass_suite *s, const struct frames_client *c)
{
	const struct bypass_key key = key_of(c);

	return model_find(&s->model, &key);
}

/* each - a test for both families and protocols; the service is that of address and port */
static void each(void **state, void (*test)(struct bypass_suite *s, struct frames_client c))
{
	static const int family[] = { 4, 6 }, proto[] = { IPPROTO_TCP, IPPROTO_UDP };
	struct bypass_suite *s = *state;
	struct bypass_service_key key;
	struct frames_client c;
	size_t i;

	if (!s)
		skip();
	for (i = 0; s && i < 4; i++) {
		c = client_of(family[i % 2], proto[i / 2]);
		key = service_of(&c, 80);
		suite_reset(s);
		suite_service(s, &key, BY_PORT);
		suite_gue(s, GUE_PORT, true);
		test(s, c);
	}
}

static void params_set(struct bypass_suite *s, size_t member, uint32_t value)
{
	struct bypass_params p = suite_params_now(s);

	*(uint32_t *)((char *)&p + member) = value;
	suite_params(s, &p);
}
#define SET(suite, name, value) params_set(suite, offsetof(struct bypass_params, name), value)

/* --- packets */

static uint32_t ingress_of(const struct bypass_suite *s, const struct frames_client *c)
{
	return c->tags == 0 ? s->in : c->tags == 1 ? SUITE_VLAN : SUITE_QINQ;
}

/* sent - IPVS sends a client's packet */
static void sent_marked(struct bypass_suite *s, const struct frames_client *c,
			const struct frames_way *way, uint32_t mark, uint32_t segments)
{
	struct model_skb skb = {
		.mark = mark,
		.ingress = ingress_of(s, c),
		.ifindex = way->ifindex,
		.segments = segments,
	};
	uint8_t frame[FRAMES_MAX];
	size_t len = frames_server(c, way, frame);

	assert_true(suite_egress(s, &skb, frame, len));
}

static void sent(struct bypass_suite *s, const struct frames_client *c,
		 const struct frames_way *way)
{
	sent_marked(s, c, way, 0, 1);
}

/* learn - and as many of them as it takes */
static void learn(struct bypass_suite *s, const struct frames_client *c,
		  const struct frames_way *way)
{
	const uint64_t before = counted(s, BYPASS_LEARNED_COUNT);
	uint32_t i;

	for (i = 0; i < suite_params_now(s).admit; i++)
		sent(s, c, way);
	assert_int_equal(counted(s, BYPASS_LEARNED_COUNT), before + 1);
	assert_non_null(entry_of(s, c));
}

/* handed - a frame is IPVS's, and as it was */
static void frame_handed(struct bypass_suite *s, const uint8_t *frame, size_t len, uint32_t code)
{
	const struct model_xdp x = suite_xdp(s, s->in, frame, len);

	assert_int_equal(x.code, code);
	assert_int_equal(x.action, ECBPF_NEXT);
	assert_int_equal(x.len, len);
	assert_memory_equal(x.frame, frame, len);
}

static void handed(struct bypass_suite *s, const struct frames_client *c, uint32_t code)
{
	uint8_t frame[FRAMES_MAX];
	size_t len = frames_client(c, frame);

	frame_handed(s, frame, len, code);
}

/* The random identification of a packet that may be fragmented. */
static void forget_id(uint8_t *frame, size_t l2)
{
	assert_int_equal(frames_sum(0, frame + l2, 20), 0xffff);
	memset(frame + l2 + 4, 0, 2);
	memset(frame + l2 + 10, 0, 2);
}

/* hit - a packet is forwarded as IPVS would have sent it, byte for byte */
static void hit(struct bypass_suite *s, const struct frames_client *c, const struct frames_way *way)
{
	const int action = way->ifindex == s->in ? XDP_TX : XDP_REDIRECT;
	const size_t l2 = 14 + 4 * way->tags;
	uint8_t frame[FRAMES_MAX], want[FRAMES_MAX];
	size_t len = frames_client(c, frame), want_len = frames_server(c, way, want);
	struct model_xdp x = suite_xdp(s, s->in, frame, len);

	assert_int_equal(x.code, ECBPF_CODE_BYPASS_HIT);
	assert_int_equal(x.action, action);
	if (way->tunnel != FRAMES_DIRECT && way->outer == 4 && !(want[l2 + 6] & 0x40)) {
		forget_id(x.frame, l2);
		forget_id(want, l2);
	}
	if (way->tunnel == FRAMES_DIRECT && !way->tags && !c->tags) {
		memcpy(want + want_len, frame + len - c->padding, c->padding);
		want_len += c->padding;
	}
	assert_int_equal(x.len, want_len);
	assert_memory_equal(x.frame, want, want_len);
}

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
	const struct bypass_key key = key_of(&c);
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
	handed(s, &c, ECBPF_CODE_BYPASS_IDLE);
	sent(s, &c, &way); /* IPVS goes on */
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
	way = (struct frames_way){
		.ifindex = s->out, .tunnel = FRAMES_IPIP, .outer = 4, .server = 77
	};
	c.payload = 0;
	sent(s, &c, &way); /* through a route that is narrower */
	c.payload = SUITE_ROUTE_MTU - 20 - headers;
	hit(s, &c, &way);
	c.payload++;
	handed(s, &c, ECBPF_CODE_BYPASS_MTU);
	way.outer = 6;
	c.payload = 0;
	sent(s, &c, &way);
	c.payload = SUITE_ROUTE6_MTU - 40 - headers;
	hit(s, &c, &way);
	c.payload++;
	handed(s, &c, ECBPF_CODE_BYPASS_MTU);
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
	suite_time(s, SUITE_HZ);
	assert_true(refused(s, &c));
	c.dport = 81; /* no service's */
	assert_true(refused(s, &c));
	assert_true(refused(s, &c));
	assert_true(refused(s, &c));
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

static int begin(void **state)
{
	*state = suite_begin(&(struct suite_sizes){ .buckets = 2, .buckets6 = 2, .paths = 16 });
	return 0;
}

static int end(void **state)
{
	suite_end(*state);
	return 0;
}

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
	X(paths_are_shared)             \
	X(rst_with_the_number)          \
	X(numbers_within_a_window)      \
	X(syn_begins_anew)              \
	X(fin_is_sampled_more_often)    \
	X(generation_makes_stale)       \
	X(another_way_is_followed)      \
	X(idle_is_asked_again)          \
	X(last_hops)                    \
	X(longer_than_the_path)         \
	X(sampled_and_given_up)         \
	X(payload_waits_twice_as_long)  \
	X(shadow_of_all)                \
	X(shadow_of_a_share)            \
	X(monitor_touches_nothing)      \
	X(not_looked_up)                \
	X(truncated_segments)           \
	X(table_fills)                  \
	X(active_flows_stay)            \
	X(unconfirmed_flows_go_first)   \
	X(unknown_share)                \
	X(unknown_drops)                \
	X(unknown_of_all_cpus)          \
	X(answers_with_rst)             \
	X(answers_have_limits)          \
	X(no_limits_with_monitor)       \
	X(limits_of_marked_services)

#define EACH_RUN(name)                       \
	static void run_##name(void **state) \
	{                                    \
		each(state, name);           \
	}
EACH(EACH_RUN)

int main(void)
{
#define EACH_ROW(name) { #name, run_##name, NULL, NULL, NULL },
	const struct CMUnitTest tests[] = { EACH(EACH_ROW) };

	return cmocka_run_group_tests(tests, begin, end);
}
