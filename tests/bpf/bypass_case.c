// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/bypass_case.h"

/* Buckets of both tables, and paths: few, so that they fill. */
#define BUCKETS 2
#define PATHS	16

uint64_t counted(const struct bypass_suite *s, enum bypass_counter counter)
{
	return s->counts->by[counter];
}

/* --- who there is */

struct frames_client client_of(int family, uint8_t proto)
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

	frames_client_addr(family, 5, c.saddr);
	frames_vip_addr(family, false, 1, c.daddr);
	return c;
}

struct bypass_service_key service_of(const struct frames_client *c, uint16_t port)
{
	struct bypass_service_key key = {
		.family = c->family == 4 ? AF_INET : AF_INET6,
		.proto = c->proto,
		.port = htons(port),
	};

	memcpy(key.addr, c->daddr, c->family == 4 ? 4 : 16);
	return key;
}

struct bypass_service_key mark_of(int family)
{
	return (struct bypass_service_key){ .mark = MARK,
					    .family = family == 4 ? AF_INET : AF_INET6 };
}

/* DR to a server that is where clients come from. */
struct frames_way way_back(const struct bypass_suite *s)
{
	return (struct frames_way){ .ifindex = s->in, .mac = 9 };
}

struct ecbpf_tuple key_of(const struct frames_client *c)
{
	struct ecbpf_tuple key = { .sport = htons(c->sport), .dport = htons(c->dport) };

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
struct bypass_flow *entry_of(struct bypass_suite *s, const struct frames_client *c)
{
	const struct ecbpf_tuple key = key_of(c);

	return model_find(&s->model, &key);
}

/* case_each - a test for both families and protocols; the service is that of address and port */
void case_each(void **state, void (*test)(struct bypass_suite *s, struct frames_client c))
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

void params_set(struct bypass_suite *s, size_t member, uint32_t value)
{
	struct bypass_params p = suite_params_now(s);

	*(uint32_t *)((char *)&p + member) = value;
	suite_params(s, &p);
}

/* --- packets */

uint32_t ingress_of(const struct bypass_suite *s, const struct frames_client *c)
{
	return c->tags == 0 ? s->in : c->tags == 1 ? SUITE_VLAN : SUITE_QINQ;
}

/* sent - IPVS sends a client's packet */
void sent_marked(struct bypass_suite *s, const struct frames_client *c,
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

void sent(struct bypass_suite *s, const struct frames_client *c, const struct frames_way *way)
{
	sent_marked(s, c, way, 0, 1);
}

/* learn - and as many of them as it takes */
void learn(struct bypass_suite *s, const struct frames_client *c, const struct frames_way *way)
{
	const uint64_t before = counted(s, BYPASS_LEARNED_COUNT);
	uint32_t i;

	for (i = 0; i < suite_params_now(s).admit; i++)
		sent(s, c, way);
	assert_int_equal(counted(s, BYPASS_LEARNED_COUNT), before + 1);
	assert_non_null(entry_of(s, c));
}

/* handed - a frame is IPVS's, and as it was */
void frame_handed(struct bypass_suite *s, const uint8_t *frame, size_t len, uint32_t code)
{
	const struct model_xdp x = suite_xdp(s, s->in, frame, len);

	assert_int_equal(x.code, code);
	assert_int_equal(x.action, ECBPF_NEXT);
	assert_int_equal(x.len, len);
	assert_memory_equal(x.frame, frame, len);
}

void handed(struct bypass_suite *s, const struct frames_client *c, uint32_t code)
{
	uint8_t frame[FRAMES_MAX];
	size_t len = frames_client(c, frame);

	frame_handed(s, frame, len, code);
}

/* The random identification of a packet that may be fragmented. */
void forget_id(uint8_t *frame, size_t l2)
{
	assert_int_equal(frames_sum(0, frame + l2, 20), 0xffff);
	memset(frame + l2 + 4, 0, 2);
	memset(frame + l2 + 10, 0, 2);
}

/* hit - a packet is forwarded as IPVS would have sent it, byte for byte */
void hit(struct bypass_suite *s, const struct frames_client *c, const struct frames_way *way)
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

int case_begin(void **state)
{
	*state = suite_begin(
		&(struct suite_sizes){ .buckets = BUCKETS, .buckets6 = BUCKETS, .paths = PATHS });
	return 0;
}

int case_end(void **state)
{
	suite_end(*state);
	return 0;
}
