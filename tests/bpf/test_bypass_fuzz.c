// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The bypass: random packets of clients, of IPVS and of neither, kernel programs against model. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/bypass_suite.h"
#include "tests/fuzz/packets.h"

#define SEED	0xb1fa55
#define PACKETS 1000000

/* So many meet every reason code and every counter. */
#define PACKETS_MET 250000

/* After so many everything is forgotten, and other tuples hash to other places. */
#define PACKETS_EACH 20000

#define TUPLES	 64
#define WAYS	 10
#define MARK	 18
#define GUE_PORT 6080

/**
 * struct tuple - a client's connection
 * @next: packet of it; its sequence number goes on
 * @way: where IPVS sends it
 * @mark: that the firewall gives it
 * @ingress: interface that the stack says it came in on
 */
struct tuple {
	struct frames_client next;
	struct frames_way way;
	uint32_t mark;
	uint32_t ingress;
};

struct trial {
	struct packets packets;
	struct bypass_suite *suite;
	struct tuple tuple[TUPLES];
	struct frames_way way[WAYS];
};

static uint32_t below(struct trial *t, uint32_t count)
{
	return packets_random(&t->packets, count);
}

static bool one_in(struct trial *t, uint32_t many)
{
	return !below(t, many);
}

static uint32_t any32(struct trial *t)
{
	return below(t, 1 << 16) << 16 | below(t, 1 << 16);
}

/* --- who there is */

static void way_make(struct trial *t, struct frames_way *way)
{
	*way = (struct frames_way){
		.ifindex = one_in(t, 6) ? t->suite->lost :
			   one_in(t, 2) ? t->suite->in :
					  t->suite->out,
		.tags = one_in(t, 2) ? 0 : below(t, 3),
		.tci = { 300 + below(t, 2), 0x2000 + below(t, 3) },
		.mac = below(t, 4),
		.tunnel = below(t, 3),
		.outer = one_in(t, 2) ? 4 : 6,
		.server = below(t, 4),
		.no_pmtu = one_in(t, 3),
		.gue_sport = 50000 + below(t, 3),
		.gue_dport = one_in(t, 12) ? 999 : GUE_PORT,
		.csum = one_in(t, 2),
		.tos = one_in(t, 30) ? 4 : 0,
		.ttl = one_in(t, 30) ? 3 : 0,
		.label = one_in(t, 4) ? any32(t) & 0xfffff : 0,
	};
}

/* Destinations: 1 a service of a port, 2 of all ports, 3 and more by mark only. */
static void tuple_make(struct trial *t, struct tuple *tuple)
{
	struct frames_client *c = &tuple->next;
	const uint8_t to = 1 + below(t, one_in(t, 3) ? 4 : 2);

	*tuple = (struct tuple){
		.mark = one_in(t, 2) ? MARK : 0,
		.way = t->way[below(t, WAYS)],
		.ingress = t->suite->in,
	};
	*c = (struct frames_client){
		.family = one_in(t, 2) ? 4 : 6,
		.proto = one_in(t, 3) ? IPPROTO_UDP : IPPROTO_TCP,
		.sport = 1024 + below(t, 1000),
		.dport = one_in(t, 12) ? 443 : 80,
		.seq = any32(t),
		.ttl = 64,
		.tos = one_in(t, 2) ? 0 : below(t, 256),
		.df = one_in(t, 2),
		.tags = one_in(t, 3) ? below(t, 3) : 0,
	};
	if (c->tags) {
		tuple->ingress = c->tags == 1 ? SUITE_VLAN : SUITE_QINQ;
		c->tci[0] = c->tags == 1 ? 100 : 200;
		c->tci[1] = 201;
	}
	frames_client_addr(c->family, below(t, 256), c->saddr);
	frames_vip_addr(c->family, false, to, c->daddr);
}

static void service_toggle(struct trial *t, uint32_t which, bool add)
{
	const bool v6 = which & 1;
	struct bypass_service_key key = {
		.family = v6 ? AF_INET6 : AF_INET,
		.proto = which & 2 ? IPPROTO_TCP : IPPROTO_UDP,
		.port = htons(which & 4 ? 80 : 0),
	};
	const uint8_t to = which & 4 ? 1 : 2;

	if (which >= 8)
		key = (struct bypass_service_key){ .mark = MARK, .family = key.family };
	else
		frames_vip_addr(v6 ? 6 : 4, false, to, (uint8_t *)key.addr);
	suite_service(t->suite, &key, add ? (int)which : -1);
}

static void exclude_toggle(struct trial *t, bool add)
{
	struct bypass_prefix prefix = { .length = one_in(t, 8) ? 120 : 126 + below(t, 3) };
	uint8_t *addr = (uint8_t *)prefix.addr;
	const uint32_t bits = 128 - prefix.length;

	if (one_in(t, 2))
		memcpy(addr, (uint8_t[]){ [10] = 0xff, 0xff, 192, 0, 2, 1 + below(t, 4) }, 16);
	else
		memcpy(addr, (uint8_t[]){ 0x20, 1, 0xd, 0xb8, [15] = 1 + below(t, 4) }, 16);
	addr[15] = addr[15] >> bits << bits;
	if (add && t->suite->model.exclude.count > 2)
		return;
	suite_exclude(t->suite, &prefix, add);
}

static void params_change(struct trial *t)
{
	struct bypass_params p = {
		.inactive = 1 + below(t, one_in(t, 2) ? 3000 : 30000),
		.sample = 1 + below(t, one_in(t, 3) ? 400 : 4000),
		.retry = 1 + below(t, 100),
		.tries = 1 + below(t, 4),
		.admit = 1 + below(t, 4),
		.shadow_one_in = one_in(t, 10) ? 1 + below(t, 3) : 0,
		.monitor = one_in(t, 8),
		.unknown_pps = one_in(t, 6) ? 1 + below(t, 200) : 0,
		.reset_pps = one_in(t, 6) ? 1 + below(t, 20) : 0,
		.reset_per_flow = one_in(t, 6) ? 1 + below(t, 5) : 0,
	};

	p.unknown_max_pps = p.unknown_pps + below(t, 300);
	suite_params(t->suite, &p);
}

static void begin(struct trial *t)
{
	size_t i;

	suite_reset(t->suite);
	suite_gue(t->suite, GUE_PORT, true);
	for (i = 0; i < 10; i++)
		service_toggle(t, i, true);
	for (i = 0; i < WAYS; i++)
		way_make(t, &t->way[i]);
	for (i = 0; i < TUPLES; i++)
		tuple_make(t, &t->tuple[i]);
	params_change(t);
}

/* --- one step */

/* The command frees paths that no flow has any more. */
static void paths_collect(struct trial *t)
{
	struct model *m = &t->suite->model;
	bool had[MODEL_PATHS] = {};
	uint32_t i, way;

	for (i = 0; i < m->buckets[0]; i++)
		for (way = 0; way < BYPASS_WAYS; way++)
			had[ECBPF_MARK_ID(m->tuple[i].way[way].flow.mark) % MODEL_PATHS] = true;
	for (i = 0; i < m->buckets[1]; i++)
		for (way = 0; way < BYPASS_WAYS; way++)
			had[ECBPF_MARK_ID(m->tuple6[i].way[way].flow.mark) % MODEL_PATHS] = true;
	for (i = 1; i < m->paths; i++)
		if (!had[i])
			suite_path_forget(t->suite, i);
}

static void change(struct trial *t)
{
	switch (below(t, 9)) {
	case 0:
		params_change(t);
		break;
	case 1:
		suite_generations(t->suite);
		break;
	case 2:
		exclude_toggle(t, one_in(t, 4));
		break;
	case 3:
		service_toggle(t, below(t, 10), !one_in(t, 8));
		break;
	case 4:
		suite_gue(t->suite, GUE_PORT, !one_in(t, 8));
		break;
	case 5:
		paths_collect(t);
		break;
	case 6:
		suite_route_mtu(t->suite, 1 + below(t, t->suite->model.paths - 1),
				one_in(t, 4) ? 0 : 20 + below(t, 1500));
		break;
	case 7:
		way_make(t, &t->way[below(t, WAYS)]);
		break;
	default:
		tuple_make(t, &t->tuple[below(t, TUPLES)]);
	}
}

static uint8_t flags_next(struct trial *t)
{
	switch (below(t, 60)) {
	case 0:
		return FRAMES_SYN;
	case 1:
		return FRAMES_FIN | FRAMES_ACK;
	case 2:
		return FRAMES_RST;
	case 3:
		return below(t, 64);
	default:
		return FRAMES_ACK;
	}
}

/* The packet that a client sends next; sometimes with a number that nobody expects. */
static void client_next(struct trial *t, struct tuple *tuple, struct frames_client *c)
{
	const uint32_t end = 1 << 24;

	if (tuple->next.proto == IPPROTO_TCP) {
		tuple->next.seq += tuple->next.payload;
		tuple->next.flags = flags_next(t);
		tuple->next.ack = any32(t);
	}
	tuple->next.payload = one_in(t, 3) ? below(t, one_in(t, 8) ? 1500 : 60) : 0;
	tuple->next.padding = one_in(t, 4) ? below(t, 20) : 0;
	*c = tuple->next;
	if (one_in(t, 8))
		c->seq += one_in(t, 2) ? below(t, 100) : end - 50 + below(t, 100);
	if (one_in(t, 24))
		c->ttl = below(t, 4);
	if (one_in(t, 12))
		c->df = !c->df;
	if (one_in(t, 24))
		c->no_sum = c->proto == IPPROTO_UDP;
	if (one_in(t, 24))
		c->tci[0] ^= 0x8000; /* a priority changes nothing */
}

static void at_egress(struct trial *t, struct tuple *tuple, const struct frames_client *c)
{
	struct model_skb skb = {
		.mark = one_in(t, 40) ? 0 : tuple->mark,
		.ingress = one_in(t, 40) ? SUITE_OTHER : tuple->ingress,
		.segments = 1,
	};
	struct frames_client sent = *c;
	uint8_t frame[FRAMES_MAX];
	size_t len;

	if (one_in(t, 30))
		tuple->way = t->way[below(t, WAYS)];
	if (sent.payload && one_in(t, 20))
		skb.segments = 1 + below(t, 3);
	sent.no_sum = false;
	skb.ifindex = tuple->way.ifindex;
	len = frames_server(&sent, &tuple->way, frame);
	if (one_in(t, 30))
		len = packets_damage(&t->packets, frame, len);
	if (one_in(t, 30)) {
		skb.tag[0] = one_in(t, 2) ? 0x8100 : 0x88a8;
		skb.tag[1] = 400 + below(t, 2);
	}
	suite_egress(t->suite, &skb, frame, len);
}

static void at_xdp(struct trial *t)
{
	struct tuple *tuple = &t->tuple[below(t, TUPLES)];
	struct frames_client c;
	uint8_t frame[FRAMES_MAX];
	struct model_xdp x;
	size_t len;

	client_next(t, tuple, &c);
	len = frames_client(&c, frame);
	if (one_in(t, 16))
		len = packets_damage(&t->packets, frame, len);
	x = suite_xdp(t->suite, t->suite->in, frame, len);
	if (x.action == ECBPF_NEXT && c.ttl > 1 && !one_in(t, 5))
		at_egress(t, tuple, &c);
}

static void at_xdp_any(struct trial *t)
{
	packets_next(&t->packets, 15);
	suite_xdp(t->suite, t->suite->in, t->packets.frame, t->packets.len);
}

static void at_egress_any(struct trial *t)
{
	struct model_skb skb = { .ingress = t->suite->in, .ifindex = t->suite->out, .segments = 1 };

	packets_next(&t->packets, 15);
	suite_egress(t->suite, &skb, t->packets.frame, t->packets.len);
}

/* The machine's own: mostly RST segments that answer a tuple. */
static void at_egress_own(struct trial *t)
{
	const struct tuple *tuple = &t->tuple[below(t, TUPLES)];
	struct frames_client c = tuple->next;
	struct model_skb skb = { .ifindex = t->suite->in, .segments = 1 };
	uint8_t frame[FRAMES_MAX];
	size_t len;

	memcpy(c.saddr, tuple->next.daddr, sizeof(c.saddr));
	memcpy(c.daddr, tuple->next.saddr, sizeof(c.daddr));
	c.sport = tuple->next.dport;
	c.dport = tuple->next.sport;
	c.payload = c.padding = 0;
	c.flags = one_in(t, 4) ? FRAMES_ACK : FRAMES_RST;
	if (c.tags == 1 && one_in(t, 2)) {
		c.tags = 0;
		skb.tag[0] = 0x8100;
		skb.tag[1] = c.tci[0];
	}
	len = frames_client(&c, frame);
	suite_egress(t->suite, &skb, frame, len);
}

static void step(struct trial *t)
{
	switch (below(t, 200)) {
	case 0:
		at_egress_any(t);
		break;
	case 1 ... 3:
		at_xdp_any(t);
		break;
	case 4 ... 7:
		at_egress_own(t);
		break;
	case 8:
		change(t);
		break;
	case 9 ... 30:
		suite_time(t->suite, one_in(t, 60) ? below(t, 12000) : below(t, 60));
		break;
	default:
		at_xdp(t);
	}
}

/* --- */

/* What no run may miss, or it has tested nothing. */
static void check_met(const struct model *m)
{
	uint32_t code, counter;

	for (code = ECBPF_CODE_BYPASS_HIT; code <= ECBPF_CODE_BYPASS_RESET_LIMIT; code++)
		if (!m->code[code])
			fail_msg("no packet met code %u", code);
	for (counter = 0; counter < BYPASS_COUNTERS_MAX; counter++)
		if (!m->counts.by[counter])
			fail_msg("no packet met counter %u", counter);
}

static void trial(const struct suite_sizes *sizes, uint64_t count)
{
	struct trial *t = calloc(1, sizeof(*t));
	uint64_t next = 0, seed;

	assert_non_null(t);
	packets_begin(&t->packets, SEED);
	seed = t->packets.state;
	t->packets.state += sizes->buckets;
	t->suite = suite_begin(sizes);
	if (!t->suite) {
		free(t);
		skip();
		return;
	}
	while (t->suite->packets < count) {
		if (t->suite->packets >= next) {
			begin(t);
			next += PACKETS_EACH;
		}
		step(t);
	}
	print_message("# %" PRIu64 " packets, %" PRIu64 " forwarded, seed %#" PRIx64 "\n",
		      t->suite->packets, t->suite->model.code[ECBPF_CODE_BYPASS_HIT], seed);
	if (count >= PACKETS_MET)
		check_met(&t->suite->model);
	suite_end(t->suite);
	free(t);
}

static void small_tables(void **state)
{
	(void)state;
	trial(&(struct suite_sizes){ .buckets = 2, .buckets6 = 1, .paths = 24 },
	      packets_count(PACKETS) / 2);
}

static void larger_tables(void **state)
{
	(void)state;
	trial(&(struct suite_sizes){ .buckets = 4, .buckets6 = 3, .paths = 40 },
	      packets_count(PACKETS) / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_tables),
		cmocka_unit_test(larger_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
