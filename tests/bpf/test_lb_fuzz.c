// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The balancer: random packets to a random configuration that changes, kernel program against model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/lb_scene.h"
#include "tests/bpf/lb_trial.h"
#include "xdp_lb/maglev.h"

#define EACH 3 /* backends of a VIP */
#define ENDS 4 /* last bytes of VIPs' addresses: 1 to 3; 4 is none's */

/**
 * struct where - how a VIP is found; each is there for both families
 * @end: last byte of its address; 0: it is a net
 */
static const struct where {
	uint8_t end;
	uint8_t proto;
	uint16_t port;
} where[] = {
	{ 1, IPPROTO_TCP, 80 }, { 1, IPPROTO_UDP, 80 }, { 2, 0, 0 }, { 2, IPPROTO_TCP, 443 },
	{ 3, IPPROTO_UDP, 0 },	{ 0, IPPROTO_TCP, 80 }, { 0, 0, 0 },
};
#define KINDS (sizeof(where) / sizeof(where[0]))
_Static_assert(2 * KINDS < MODEL_VIPS && (2 * KINDS + 1) * EACH <= MODEL_BACKENDS, "room");

/* --- numbers: VIPs from 1 on, IPv4 and IPv6 in turn; backends from EACH on */

static const struct where *where_of(uint32_t vip)
{
	return &where[(vip - 1) / 2];
}

static uint32_t any_vip(struct lb_trial *t)
{
	return 1 + below(t, 2 * KINDS);
}

static uint32_t any_backend(struct lb_trial *t, uint32_t vip)
{
	return vip * EACH + below(t, EACH);
}

/* --- configuration */

static void backend_make(struct lb_trial *t, uint32_t vip, uint32_t backend)
{
	struct lb_suite *s = t->suite;
	const struct lb_way way = {
		.family = family_of(vip),
		.ifindex = one_in(t, 12) ? s->lost :
			   one_in(t, 2)	 ? s->in :
					   s->out,
		.tags = one_in(t, 2) ? 0 : below(t, 3),
		.tci = { 300 + below(t, 2), 0x2000 + below(t, 3) },
		.kind = below(t, 3),
		.outer = one_in(t, 2) ? 4 : 6,
		.server = backend,
		.df = one_in(t, 2),
		.csum = one_in(t, 2),
	};
	const uint32_t state = one_in(t, 12) ? LB_BACKEND_NONE :
			       one_in(t, 12) ? LB_BACKEND_NO_ROUTE :
					       LB_BACKEND_UP;

	lb_suite_backend(s, backend, vip, &way, one_in(t, 2) ? 1500 : 600 + below(t, 900), state);
}

/* table_make - Maglev, of some of the VIP's backends; sometimes of none */
static void table_make(struct lb_trial *t, uint32_t vip, uint16_t *table, uint32_t entries)
{
	struct lb_maglev_backend list[EACH];
	uint16_t number[EACH];
	size_t count = 0, i;

	for (i = 0; i < EACH; i++) {
		if (one_in(t, 4))
			continue;
		list[count] = (struct lb_maglev_backend){
			.endpoint = { .addr = { 10, 9, 1, vip * EACH + i }, .family = AF_INET },
			.weight = below(t, 4),
		};
		number[count++] = vip * EACH + i;
	}
	assert_int_equal(lb_maglev_fill(list, count, table, entries), 0);
	for (i = 0; i < entries; i++)
		table[i] = table[i] == LB_NONE ? LB_NUMBER_NONE : number[table[i]];
}

static void vip_make(struct lb_trial *t, uint32_t vip)
{
	static const uint32_t sizes[] = { 7, 31, 61, 127 };
	struct lb_vip_entry entry = {
		.hash = 1 + below(t, 3),
		.entries = one_in(t, 20) ? 0 : sizes[below(t, 4)],
		.tcp_idle = 1 + below(t, one_in(t, 2) ? 5000 : 100000),
		.udp_idle = 1 + below(t, one_in(t, 2) ? 5000 : 100000),
		.new_max = one_in(t, 4) ? 1 + below(t, 3) : 0,
	};
	uint16_t table[128];

	if (one_in(t, 6))
		entry.flags |= LB_VIP_NO_TABLE;
	if (one_in(t, 2))
		entry.flags |= LB_VIP_ECHO;
	if (one_in(t, 5))
		entry.flags |= LB_VIP_REFUSE_FRAGMENT;
	if (one_in(t, 3))
		entry.flags |= LB_VIP_SOURCES;
	if (where_of(vip)->proto == IPPROTO_UDP && one_in(t, 2))
		entry.cid_octets = 2 + below(t, one_in(t, 4) ? 15 : 2);
	if (entry.entries)
		table_make(t, vip, table, entry.entries);
	lb_suite_vip(t->suite, vip, &entry, entry.entries ? table : NULL);
}

static void key_toggle(struct lb_trial *t, uint32_t vip, bool add)
{
	const struct where *w = where_of(vip);
	const int family = family_of(vip);
	struct lb_key key = {
		.port = htons(w->port),
		.proto = w->proto,
		.family = family == 4 ? AF_INET : AF_INET6,
	};

	if (w->end) {
		frames_vip_addr(family, false, w->end, (uint8_t *)key.addr);
	} else {
		key.family = LB_FAMILY_NET;
		key.addr[0] = 1 + family % 4;
	}
	lb_suite_key(t->suite, &key, add ? vip : LB_NUMBER_NONE);
	if (w->proto != IPPROTO_TCP)
		return;
	key.port = 0;
	key.proto = family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	lb_suite_key(t->suite, &key, add && !one_in(t, 4) ? vip : LB_NUMBER_NONE);
}

static void net_toggle(struct lb_trial *t, int family, bool add)
{
	struct lb_net net = { .length = 120 + below(t, 3) * 2 };
	uint8_t addr[16];

	frames_vip_addr(family, true, 0, addr);
	scene_mapped(family, addr, net.addr);
	lb_suite_net(t->suite, &net, add ? 1 + family % 4 : 0);
}

static void source_toggle(struct lb_trial *t, bool add)
{
	const uint32_t vip = any_vip(t), bits = below(t, 9);
	struct lb_source_key key = { .length = 32 + 128 - bits, .vip = htonl(vip) };
	uint8_t addr[16];

	frames_client_addr(family_of(vip), below(t, 256) >> bits << bits, addr);
	scene_mapped(family_of(vip), addr, key.addr);
	if (add && t->suite->model.source.count > 40)
		return;
	lb_suite_source(t->suite, &key, add ? any_backend(t, vip) : 0);
}

/* Server ids are few, and of few values: the last octet is 1 to EACH, the others are 0. */
static void cid_make(struct lb_trial *t, uint32_t octets, uint8_t cid[16])
{
	memset(cid, 0, 16);
	cid[0] = below(t, 8) << 5;
	cid[octets - 1] = 1 + below(t, EACH);
}

static void cid_toggle(struct lb_trial *t, bool add)
{
	const uint32_t vip = any_vip(t);
	struct lb_cid_key key = { .vip = vip };

	if (!t->suite->model.vip[vip].cid_octets || (add && t->suite->model.cid.count > 100))
		return;
	cid_make(t, t->suite->model.vip[vip].cid_octets, (uint8_t *)key.cid);
	lb_suite_cid(t->suite, &key, add ? any_backend(t, vip) : 0);
}

/* Clients, of which some are for nobody: another address, another port. */
static void tuple_make(struct lb_trial *t, struct lb_frame *f)
{
	const int family = one_in(t, 2) ? 4 : 6;
	const bool net = one_in(t, 4);

	*f = (struct lb_frame){
		.family = family,
		.proto = one_in(t, 10) ? 47 + below(t, 3) :
			 one_in(t, 3)  ? IPPROTO_UDP :
					 IPPROTO_TCP,
		.sport = 1024 + below(t, 1000),
		.dport = one_in(t, 6) ? 443 : 80,
		.ttl = 64,
		.tos = one_in(t, 2) ? 0 : below(t, 256),
		.df = one_in(t, 2),
		.tags = one_in(t, 3) ? below(t, 3) : 0,
		.tci = { 100, 201 },
	};
	frames_client_addr(family, below(t, 256), f->saddr);
	frames_vip_addr(family, net,
			net ? below(t, 256) : 1 + below(t, one_in(t, 8) ? ENDS : ENDS - 1),
			f->daddr);
}

static void near_make(struct lb_trial *t)
{
	uint8_t addr[16];
	uint32_t i;

	for (i = 1; i < 2 * ENDS; i++) {
		frames_vip_addr(4 + i % 2 * 2, false, i / 2, addr);
		lb_suite_near(t->suite, 4 + i % 2 * 2, addr);
	}
	for (i = 0; i < 512; i++) {
		frames_vip_addr(4 + i % 2 * 2, true, i / 2, addr);
		lb_suite_near(t->suite, 4 + i % 2 * 2, addr);
	}
	if (one_in(t, 4))
		lb_suite_near_all(t->suite);
}

static void begin(struct lb_trial *t)
{
	uint32_t vip, i;

	near_make(t);
	for (vip = 1; vip <= 2 * KINDS; vip++) {
		key_toggle(t, vip, true);
		for (i = 0; i < EACH; i++)
			backend_make(t, vip, vip * EACH + i);
		vip_make(t, vip);
	}
	net_toggle(t, 4, true);
	net_toggle(t, 6, true);
	for (i = 0; i < 10; i++)
		source_toggle(t, true);
	for (i = 0; i < 60; i++)
		cid_toggle(t, true);
	for (i = 0; i < TRIAL_TUPLES; i++)
		tuple_make(t, &t->tuple[i]);
}

static void change(struct lb_trial *t)
{
	const uint32_t vip = any_vip(t);

	switch (below(t, 14)) {
	case 0:
		lb_suite_generation(t->suite, any_backend(t, vip));
		break;
	case 1:
		source_toggle(t, !one_in(t, 3));
		break;
	case 2:
		key_toggle(t, vip, !one_in(t, 8));
		break;
	case 3:
		net_toggle(t, one_in(t, 2) ? 4 : 6, !one_in(t, 4));
		break;
	case 4:
		lb_suite_ptb(t->suite, below(t, 40));
		break;
	case 5 ... 7:
		vip_make(t, vip);
		break;
	case 8 ... 9:
		tuple_make(t, &t->tuple[below(t, TRIAL_TUPLES)]);
		break;
	case 10 ... 11:
		cid_toggle(t, !one_in(t, 3));
		break;
	default:
		backend_make(t, vip, any_backend(t, vip));
	}
}

/* --- packets */

/* A short header, or a long one; the id is sometimes too short, and so is the packet. */
static void quic_make(struct lb_trial *t, struct lb_frame *f)
{
	const uint32_t octets = 2 + below(t, one_in(t, 4) ? 15 : 2);
	const bool long_header = one_in(t, 2);
	uint8_t *at = f->head + 1;

	f->head[0] = below(t, 128) | (long_header ? 0x80 : 0);
	if (long_header) {
		memcpy(at, (uint8_t[]){ 0, 0, 0, 1, one_in(t, 4) ? below(t, 256) : 20 }, 5);
		at += 5;
	}
	cid_make(t, octets, at);
	at[0] |= below(t, 32);
	f->head_bytes = at + octets - f->head;
	f->payload = one_in(t, 8) ? below(t, 30) : 22 + below(t, 40);
}

static struct lb_frame packet_of(struct lb_trial *t)
{
	struct lb_frame f = t->tuple[below(t, TRIAL_TUPLES)];

	f.flags = lb_trial_flags(t, 8);
	f.payload = one_in(t, 3) ? below(t, one_in(t, 8) ? 1600 : 60) : 0;
	if (f.proto == IPPROTO_UDP && !one_in(t, 4))
		quic_make(t, &f);
	f.padding = one_in(t, 4) ? below(t, 20) : 0;
	f.no_sum = one_in(t, 24);
	f.options = one_in(t, 16) ? below(t, one_in(t, 4) ? 10 : 4) : 0;
	if (one_in(t, 24))
		f.ttl = below(t, 4);
	if (one_in(t, 12))
		f.df = !f.df;
	if (one_in(t, 10)) {
		f.fragment = true;
		f.id = 1 + below(t, 4);
		f.more = !one_in(t, 3);
		f.offset = one_in(t, 2) ? 0 : 1 + below(t, 200);
	}
	return f;
}

static void client(struct lb_trial *t)
{
	const struct lb_frame f = packet_of(t);
	uint8_t frame[FRAMES_MAX];

	lb_trial_run(t, frame, lb_frame_make(&f, frame), 16);
}

/* ICMP to a VIP: mostly an error from a router, about what the VIP sent; sometimes an echo request. */
static void icmp(struct lb_trial *t)
{
	static const uint8_t types4[] = { 3, 3, 11, 12, 8, 8, 0, 5 };
	static const uint8_t types6[] = { 1, 2, 3, 4, 128, 128, 129, 135 };
	const uint32_t type = below(t, 8);
	struct lb_frame about = packet_of(t), quote = lb_frame_turn(&about), f = about;
	uint8_t frame[FRAMES_MAX];

	f.proto = f.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	f.type = f.family == 4 ? types4[type] : types6[type];
	f.code = one_in(t, 8);
	f.fragment = one_in(t, 20);
	if (type < 4) {
		frames_client_addr(f.family, 250, f.saddr);
		f.options = one_in(t, 8);
		f.quote = &quote;
		f.quote_bytes = one_in(t, 8) ? below(t, 100) : 28 + below(t, 500);
	}
	lb_trial_run(t, frame, lb_frame_make(&f, frame), 16);
}

/* Anything at all, to a VIP. */
static void any(struct lb_trial *t)
{
	uint8_t *frame = t->packets.frame;
	size_t at = 12;
	int family;

	packets_next(&t->packets, 15);
	frame[0] &= one_in(t, 8) ? 0xff : 0xfe;
	while (at + 4 < t->packets.len &&
	       (frames_get16(frame + at) == 0x8100 || frames_get16(frame + at) == 0x88a8))
		at += 4;
	family = frames_get16(frame + at) == 0x0800 ? 4 : 6;
	at += 2 + (family == 4 ? 16 : 24);
	if (at + 16 <= t->packets.len) {
		uint8_t addr[16];

		frames_vip_addr(family, one_in(t, 3), 1 + below(t, ENDS), addr);
		memcpy(frame + at, addr, family == 4 ? 4 : 16);
	}
	lb_suite_run(t->suite, frame, t->packets.len);
}

static void step(struct lb_trial *t)
{
	switch (below(t, 200)) {
	case 0 ... 1:
		change(t);
		break;
	case 2 ... 12:
		any(t);
		break;
	case 13 ... 30:
		icmp(t);
		break;
	case 31 ... 50:
		lb_suite_time(t->suite, one_in(t, 60) ? below(t, 50000) : below(t, 60));
		break;
	default:
		client(t);
	}
}

/* --- */

static const uint32_t met[] = { ECBPF_CODE_LB_FORWARD,	ECBPF_CODE_LB_NEW,
				ECBPF_CODE_LB_HASHED,	ECBPF_CODE_LB_LIMITED,
				ECBPF_CODE_LB_FULL,	ECBPF_CODE_LB_NO_BACKEND,
				ECBPF_CODE_LB_NO_ROUTE, ECBPF_CODE_LB_TTL,
				ECBPF_CODE_LB_TOO_LONG, ECBPF_CODE_LB_PTB,
				ECBPF_CODE_LB_FRAGMENT, ECBPF_CODE_LB_NO_FRAGMENTS,
				ECBPF_CODE_LB_ICMP,	ECBPF_CODE_LB_ECHO,
				ECBPF_CODE_LB_FRAME,	ECBPF_CODE_LB_QUIC };

int main(void)
{
	const struct lb_plan plan = {
		.seed = 0x1b1b1b,
		.begin = begin,
		.step = step,
		.met = met,
		.met_count = sizeof(met) / sizeof(met[0]),
	};

	return lb_trial_main(&plan);
}
