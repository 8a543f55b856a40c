// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* NAT: random packets of clients and of backends, kernel program against model. */
#include <string.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include "tests/bpf/lb_scene.h"
#include "tests/bpf/lb_trial.h"

#define EACH 3 /* backends of a VIP */

/* VIPs: 1 and 2 are TCP port 80, 3 and 4 UDP port 80; odd ones IPv4. Their addresses end in 1, or 2. */
#define VIPS 8
_Static_assert(VIPS < MODEL_VIPS && (VIPS + 1) * EACH <= MODEL_BACKENDS, "room");

/** struct pair - addresses and ports of a packet from a backend */
struct pair {
	int family;
	uint8_t proto;
	uint8_t saddr[16];
	uint8_t daddr[16];
	uint16_t sport;
	uint16_t dport;
};

/* --- configuration */

static uint8_t proto_of(uint32_t vip)
{
	return (vip - 1) / 2 % 2 ? IPPROTO_UDP : IPPROTO_TCP;
}

static uint8_t end_of(uint32_t vip)
{
	return 1 + (vip - 1) / 4;
}

/* backend_make - VIPs share servers, so that nat meets replies that are another connection's */
static void backend_make(struct lb_trial *t, uint32_t vip, uint32_t backend)
{
	struct lb_suite *s = t->suite;
	const struct lb_way way = {
		.family = family_of(vip),
		.ifindex = one_in(t, 20) ? s->lost :
			   one_in(t, 2)	 ? s->in :
					   s->out,
		.tags = one_in(t, 2) ? 0 : below(t, 3),
		.tci = { 300 + below(t, 2), 0x2000 + below(t, 3) },
		.kind = one_in(t, 16) ? ECBPF_DIRECT : ECBPF_NAT,
		.server = 1 + backend % EACH,
		.full = one_in(t, 2),
		.port = one_in(t, 2) ? 0 : 8080 + below(t, 2),
	};
	const uint32_t state = one_in(t, 16) ? LB_BACKEND_NONE :
			       one_in(t, 16) ? LB_BACKEND_NO_ROUTE :
					       LB_BACKEND_UP;

	lb_suite_backend(s, backend, vip, &way, one_in(t, 2) ? 1500 : 600 + below(t, 900), state);
	lb_suite_generation(s, backend); /* as the monitor does when NAT changes */
}

static void vip_make(struct lb_trial *t, uint32_t vip)
{
	struct lb_vip_entry entry = {
		.flags = LB_VIP_REFUSE_FRAGMENT | (one_in(t, 12) ? LB_VIP_NO_TABLE : 0) |
			 (one_in(t, 2) ? LB_VIP_ECHO : 0),
		.hash = LB_OF_TUPLE,
		.entries = one_in(t, 30) ? 0 : 31,
		.tcp_idle = 1 + below(t, one_in(t, 2) ? 5000 : 100000),
		.udp_idle = 1 + below(t, one_in(t, 2) ? 5000 : 100000),
		.new_max = one_in(t, 4) ? 1 + below(t, 3) : 0,
	};
	uint16_t table[31];
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		table[i] = one_in(t, 40) ? LB_NUMBER_NONE : vip * EACH + below(t, EACH);
	lb_suite_vip(t->suite, vip, &entry, entry.entries ? table : NULL);
}

static void key_make(struct lb_trial *t, uint32_t vip)
{
	struct lb_key key = {
		.port = htons(80),
		.proto = proto_of(vip),
		.family = family_of(vip) == 4 ? AF_INET : AF_INET6,
	};

	frames_vip_addr(family_of(vip), false, end_of(vip), (uint8_t *)key.addr);
	lb_suite_key(t->suite, &key, vip);
	if (proto_of(vip) != IPPROTO_TCP)
		return;
	key.port = 0;
	key.proto = family_of(vip) == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	lb_suite_key(t->suite, &key, vip);
}

static void port_make(struct lb_trial *t)
{
	const struct lb_suite *s = t->suite;
	const struct lb_port port = {
		.ifindex = one_in(t, 6) ? 0 :
			   one_in(t, 2) ? s->in :
					  s->out,
		.tags = below(t, 3),
		.tag = { { htons(0x88a8), htons(300) }, { htons(0x8100), htons(301) } },
	};

	lb_suite_port(t->suite, &port);
}

/* Clients are few, with few ports: two VIPs see the same one. */
static void tuple_make(struct lb_trial *t, struct lb_frame *f)
{
	const int family = one_in(t, 2) ? 4 : 6;

	*f = (struct lb_frame){
		.family = family,
		.proto = one_in(t, 3) ? IPPROTO_UDP : IPPROTO_TCP,
		.sport = 2000 + below(t, 6),
		.dport = one_in(t, 20) ? 443 : 80,
		.ttl = 64,
		.tos = one_in(t, 2) ? 0 : below(t, 256),
		.df = one_in(t, 2),
		.tags = one_in(t, 3) ? below(t, 3) : 0,
		.tci = { 100, 201 },
	};
	frames_client_addr(family, below(t, 4) * FIB_GROUP + below(t, 6), f->saddr);
	frames_vip_addr(family, false, 1 + below(t, 2), f->daddr);
}

static void near_make(struct lb_trial *t)
{
	uint8_t addr[16];
	int i, end;

	for (i = 0; i < 2; i++) {
		for (end = 1; end <= 2; end++) {
			frames_vip_addr(scene_families[i], false, end, addr);
			lb_suite_near(t->suite, scene_families[i], addr);
		}
		for (end = 1; end <= EACH; end++) {
			lb_suite_nat_addr(scene_families[i], end, addr);
			lb_suite_near_back(t->suite, scene_families[i], addr);
		}
	}
}

static void begin(struct lb_trial *t)
{
	uint32_t vip, i;

	near_make(t);
	lb_suite_nat(t->suite, LB_NAT_SOME);
	port_make(t);
	for (vip = 1; vip <= VIPS; vip++) {
		key_make(t, vip);
		for (i = 0; i < EACH; i++)
			backend_make(t, vip, vip * EACH + i);
		vip_make(t, vip);
	}
	for (i = 0; i < TRIAL_TUPLES; i++)
		tuple_make(t, &t->tuple[i]);
}

static void change(struct lb_trial *t)
{
	const uint32_t vip = 1 + below(t, VIPS), backend = vip * EACH + below(t, EACH);

	switch (below(t, 10)) {
	case 0:
		lb_suite_generation(t->suite, backend);
		break;
	case 1:
		lb_suite_nat(t->suite, below(t, 3)); /* "only" is about speed */
		break;
	case 2:
		lb_suite_ptb(t->suite, below(t, 40));
		break;
	case 3:
		port_make(t);
		break;
	case 4 ... 5:
		vip_make(t, vip);
		break;
	case 6 ... 8:
		tuple_make(t, &t->tuple[below(t, TRIAL_TUPLES)]);
		break;
	default:
		backend_make(t, vip, backend);
	}
}

/* --- packets */

/* vary - what differs from packet to packet */
static void vary(struct lb_trial *t, struct lb_frame *f)
{
	f->flags = lb_trial_flags(t, 5);
	f->payload = one_in(t, 3) ? below(t, one_in(t, 8) ? 1600 : 60) : 0;
	f->padding = one_in(t, 4) ? below(t, 20) : 0;
	f->no_sum = one_in(t, 12);
	f->partial = one_in(t, 4);
	f->options = one_in(t, 16) ? below(t, 4) : 0;
	if (one_in(t, 24))
		f->ttl = below(t, 4);
	if (one_in(t, 30)) {
		f->fragment = true;
		f->id = 1 + below(t, 4);
		f->more = !one_in(t, 3);
		f->offset = one_in(t, 2) ? 0 : 1 + below(t, 200);
	}
}

static struct lb_frame client_packet(struct lb_trial *t)
{
	struct lb_frame f = t->tuple[below(t, TRIAL_TUPLES)];

	vary(t, &f);
	return f;
}

static struct lb_frame pair_frame(struct lb_trial *t, const struct pair *p)
{
	struct lb_frame f = {
		.family = p->family,
		.proto = p->proto,
		.sport = p->sport,
		.dport = p->dport,
		.ttl = 64,
		.df = one_in(t, 2),
		.tags = one_in(t, 3) ? below(t, 3) : 0,
		.tci = { 100, 201 },
	};

	memcpy(f.saddr, p->saddr, 16);
	memcpy(f.daddr, p->daddr, 16);
	return f;
}

/* pair_find - of one of the entries; false: it is free */
static bool pair_find(struct lb_trial *t, struct pair *p)
{
	const struct lb_model *m = &t->suite->model;
	const bool v4 = one_in(t, 2);
	const uint32_t bucket = below(t, m->buckets[v4 ? 2 : 3]), way = below(t, LB_WAYS);
	const struct lb_back4 *four = &m->back4[bucket].way[way];
	const struct lb_back6 *six = &m->back6[bucket].way[way];

	*p = (struct pair){ .family = v4 ? 4 : 6 };
	p->proto = v4 ? four->key.rest : six->key.rest;
	p->sport = ntohs(v4 ? four->key.sport : six->key.sport);
	p->dport = ntohs(v4 ? four->key.dport : six->key.dport);
	memcpy(p->saddr, v4 ? &four->key.saddr : six->key.saddr, v4 ? 4 : 16);
	memcpy(p->daddr, v4 ? &four->key.daddr : six->key.daddr, v4 ? 4 : 16);
	return v4 ? four->conn.mark : six->conn.mark;
}

static void run(struct lb_trial *t, const struct lb_frame *f)
{
	uint8_t frame[FRAMES_MAX];

	lb_trial_run(t, frame, lb_frame_make(f, frame), 20);
}

/* error - to the sender of @about, from a router or from who should have got it */
static void error(struct lb_trial *t, const struct lb_frame *about)
{
	static const uint8_t types4[] = { 3, 3, 11, 12 };
	static const uint8_t types6[] = { 1, 2, 3, 4 };
	struct lb_frame quote = *about, f = lb_frame_turn(about);

	f.proto = f.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	f.type = (f.family == 4 ? types4 : types6)[below(t, 4)];
	f.options = one_in(t, 8);
	f.fragment = quote.fragment = false;
	f.tags = one_in(t, 3) ? below(t, 3) : 0;
	if (one_in(t, 2))
		frames_client_addr(f.family, 250, f.saddr);
	f.quote = &quote;
	f.quote_bytes = one_in(t, 8) ? below(t, 100) : 28 + below(t, 500);
	run(t, &f);
}

static void client(struct lb_trial *t)
{
	const struct lb_frame f = client_packet(t);

	run(t, &f);
}

static void reply(struct lb_trial *t)
{
	struct pair pair;
	struct lb_frame f;

	if (!pair_find(t, &pair))
		return;
	if (one_in(t, 20))
		pair.dport++;
	f = pair_frame(t, &pair);
	vary(t, &f);
	run(t, &f);
}

/* client_error - about a reply, as the client got it; reply_error - about what a backend got */
static void client_error(struct lb_trial *t)
{
	const struct lb_frame f = client_packet(t), sent = lb_frame_turn(&f);

	error(t, &sent);
}

static void reply_error(struct lb_trial *t)
{
	struct pair pair;
	struct lb_frame f, sent;

	if (!pair_find(t, &pair))
		return;
	f = pair_frame(t, &pair);
	vary(t, &f);
	sent = lb_frame_turn(&f);
	error(t, &sent);
}

static void step(struct lb_trial *t)
{
	switch (below(t, 200)) {
	case 0 ... 1:
		change(t);
		break;
	case 2 ... 14:
		client_error(t);
		break;
	case 15 ... 27:
		reply_error(t);
		break;
	case 28 ... 47:
		lb_suite_time(t->suite, one_in(t, 60) ? below(t, 50000) : below(t, 60));
		break;
	case 48 ... 119:
		reply(t);
		break;
	default:
		client(t);
	}
}

/* --- */

static const uint32_t met[] = { ECBPF_CODE_LB_FORWARD,	   ECBPF_CODE_LB_NEW,
				ECBPF_CODE_LB_ICMP,	   ECBPF_CODE_LB_REPLY,
				ECBPF_CODE_LB_NAT_LIMITED, ECBPF_CODE_LB_NAT_FULL,
				ECBPF_CODE_LB_NAT_PORTS,   ECBPF_CODE_LB_NAT_UNKNOWN,
				ECBPF_CODE_LB_NO_ROUTE,	   ECBPF_CODE_LB_TOO_LONG,
				ECBPF_CODE_LB_PTB,	   ECBPF_CODE_LB_NO_FRAGMENTS,
				ECBPF_CODE_LB_FRAME };

int main(void)
{
	const struct lb_plan plan = {
		.seed = 0x2a2a2a,
		.begin = begin,
		.step = step,
		.met = met,
		.met_count = sizeof(met) / sizeof(met[0]),
	};

	return lb_trial_main(&plan);
}
