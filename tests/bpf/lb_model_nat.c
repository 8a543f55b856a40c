// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The model of NAT: connections that are entered with what their replies look like, and the replies. */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/lb_model_parts.h"

static const struct lb_nat *nat_of(const struct lb_model *m, uint32_t backend)
{
	return (const struct lb_nat *)m->backend[backend].recipe.outer;
}

bool lb_model_is_nat(const struct lb_model *m, uint32_t backend)
{
	return m->backend[backend].recipe.kind == ECBPF_NAT;
}

/* --- entries of replies */

static struct ecbpf_tuple back_key(const struct lb_view *v, const struct lb_nat *nat, __be16 port)
{
	struct ecbpf_tuple key = {
		.sport = nat->dport ? nat->dport : v->key.dport,
		.dport = port ? port : v->key.sport,
		.rest = v->proto,
	};

	memcpy(key.saddr, nat->to, 16);
	memcpy(key.daddr, nat->flags & LB_NAT_SOURCE ? nat->from : v->key.saddr, 16);
	return key;
}

static struct lb_back_link *link_of(struct lb_conn *conn, bool v4)
{
	return v4 ? &((struct lb_back4 *)conn)->link : &((struct lb_back6 *)conn)->link;
}

/* forward_of - IPv4 as ::ffff:ADDRESS */
static struct ecbpf_tuple forward_of(const struct lb_conn *conn, bool v4)
{
	const struct ecbpf_tuple4 *key = &((const struct lb_back4 *)conn)->forward;

	if (!v4)
		return ((const struct lb_back6 *)conn)->forward;
	return (struct ecbpf_tuple){
		.saddr = { 0, 0, htonl(ECBPF_V4_PREFIX), key->saddr },
		.daddr = { 0, 0, htonl(ECBPF_V4_PREFIX), key->daddr },
		.sport = key->sport,
		.dport = key->dport,
		.rest = key->rest,
	};
}

static bool is_of(const struct lb_conn *conn, const struct lb_view *v)
{
	const struct ecbpf_tuple forward = forward_of(conn, v->family == 4);

	return !memcmp(&forward, &v->key, sizeof(forward));
}

/* link_learn - of a frame that is long enough for two tags */
static void link_learn(const struct lb_model *m, const struct lb_view *v, struct lb_back_link *link)
{
	memcpy(link->l2, v->frame + 6, 6);
	memcpy(link->l2 + 6, v->frame, 6);
	memcpy(link->l2 + 12, v->frame + 12, 10);
	link->bytes = v->ip;
	link->ifindex = m->in;
}

/* --- entering */

enum { FREE, HALF_OPEN, TAKEN };

/* taken - may a connection have these replies? @idle: of a half-open one that has them */
static int taken(struct lb_model *m, const struct lb_view *v, const struct ecbpf_tuple *key,
		 uint32_t *idle)
{
	const struct lb_place place = lb_place_make(m, v->family, key, true);
	const struct lb_conn *conn = lb_place_find(&place);

	if (!conn || !lb_model_holds(m, conn) || lb_model_is_over(m, conn) || is_of(conn, v))
		return FREE;
	*idle = lb_model_now(m) - conn->seen;
	return v->tcp && !(conn->state & LB_CONN_SEEN_TWICE) ? HALF_OPEN : TAKEN;
}

static bool back_put(struct lb_model *m, const struct lb_view *v, const struct ecbpf_tuple *key,
		     const struct lb_result *r)
{
	const struct lb_place place = lb_place_make(m, v->family, key, true);
	const struct lb_vip_entry *vip = &m->vip[r->vip];
	struct lb_conn *conn = lb_place_room(m, &place);

	if (!conn)
		return false;
	*conn = (struct lb_conn){
		.mark = ECBPF_MARK(place.hash >> 32, r->backend, m->backend[r->backend].gen),
		.seen = lb_model_now(m),
		.created = lb_model_now(m),
		.idle = (v->tcp ? vip->tcp_idle : vip->udp_idle) + LB_TEND_TICKS,
		.vip = r->vip,
	};
	lb_place_key(&place, conn);
	if (place.v4)
		((struct lb_back4 *)conn)->forward = lb_model_key4(&v->key);
	else
		((struct lb_back6 *)conn)->forward = v->key;
	link_learn(m, v, link_of(conn, place.v4));
	return true;
}

/* port_of - the ports of one CPU are a row; a connection's begin anywhere, with steps of their own */
static __be16 port_of(const struct lb_model *m, const struct lb_view *v, uint32_t i)
{
	const uint64_t hash = lb_model_hash(m, &v->key, sizeof(v->key));
	const uint32_t begin = hash, step = (uint32_t)(hash >> 32) | 1;
	const uint32_t row = sched_getcpu() % m->cpus, each = m->ports / m->cpus;

	return htons(LB_NAT_FIRST + row + (begin + i * step) % each * m->cpus);
}

static bool try_port(struct lb_model *m, const struct lb_view *v, __be16 port, struct lb_result *r)
{
	const struct ecbpf_tuple key = back_key(v, nat_of(m, r->backend), port);

	r->port = port;
	return back_put(m, v, &key, r);
}

/* enter_back - a port that is free, else that of the connection that has been half-open longest */
static uint32_t enter_back(struct lb_model *m, const struct lb_view *v, struct lb_result *r)
{
	const struct lb_nat *nat = nat_of(m, r->backend);
	const bool full = nat->flags & LB_NAT_SOURCE;
	uint32_t code = ECBPF_CODE_LB_NAT_PORTS, longest = 0, i;
	__be16 oldest = 0;

	for (i = 0; i < (full ? LB_NAT_PROBES : 1); i++) {
		const __be16 port = full ? port_of(m, v, i) : 0;
		const struct ecbpf_tuple key = back_key(v, nat, port);
		uint32_t idle = 0;
		const int is = taken(m, v, &key, &idle);

		if (is == HALF_OPEN && (!oldest || idle > longest)) {
			longest = idle;
			oldest = port;
		}
		if (is != FREE)
			continue;
		if (try_port(m, v, port, r))
			return ECBPF_CODE_LB_NEW;
		code = ECBPF_CODE_LB_NAT_FULL;
	}
	if (!full || !oldest)
		return code;
	return try_port(m, v, oldest, r) ? ECBPF_CODE_LB_NEW : ECBPF_CODE_LB_NAT_FULL;
}

void lb_model_nat_enter(struct lb_model *m, const struct lb_view *v, struct lb_result *r)
{
	struct ecbpf_tuple key;
	struct lb_place place;

	r->code = enter_back(m, v, r);
	if (r->code != ECBPF_CODE_LB_NEW)
		return;
	if (lb_model_enter(m, v, r->vip, r->backend, r->port)) {
		m->counts[r->backend].conns++;
		return;
	}
	key = back_key(v, nat_of(m, r->backend), r->port);
	place = lb_place_make(m, v->family, &key, true);
	lb_place_find(&place)->mark = 0;
	r->code = ECBPF_CODE_LB_NAT_FULL;
}

bool lb_model_nat_tend(struct lb_model *m, const struct lb_view *v, const struct lb_result *r)
{
	const struct ecbpf_tuple key = back_key(v, nat_of(m, r->backend), r->port);
	const struct lb_place place = lb_place_make(m, v->family, &key, true);
	struct lb_conn *conn = lb_place_find(&place);

	if (!conn || ECBPF_MARK_ID(conn->mark) != r->backend || !lb_model_holds(m, conn) ||
	    !is_of(conn, v))
		return false;
	conn->seen = lb_model_now(m);
	if (!(v->flags & FRAMES_SYN))
		conn->state |= LB_CONN_SEEN_TWICE;
	link_learn(m, v, link_of(conn, place.v4));
	return true;
}

/* --- replies */

static void touch_forward(struct lb_model *m, const struct lb_conn *back, bool v4)
{
	const struct ecbpf_tuple key = forward_of(back, v4);
	const struct lb_place place = lb_place_make(m, v4 ? 4 : 6, &key, false);
	struct lb_conn *conn = lb_place_find(&place);

	if (conn && (uint32_t)conn->mark == (uint32_t)back->mark)
		conn->seen = lb_model_now(m);
}

static void touch_back(const struct lb_model *m, struct lb_conn *conn, const struct lb_view *v)
{
	const uint32_t twice = conn->state & LB_CONN_SEEN_TWICE;

	lb_model_touch(m, conn, v);
	conn->state = (conn->state & ~LB_CONN_SEEN_TWICE) | twice;
}

static void l2_learned(const struct lb_back_link *link, struct ecbpf_recipe *recipe)
{
	recipe->ifindex = link->ifindex;
	recipe->l2_bytes = link->bytes;
	memcpy(recipe->l2, link->l2, sizeof(recipe->l2));
}

/* l2_told - to a client that is a neighbour */
static void l2_told(const struct lb_model *m, const struct lb_view *v, uint8_t end,
		    struct ecbpf_recipe *recipe)
{
	const bool via = end >= 2 * FIB_GROUP;
	const struct lb_port port = via ? m->port : (struct lb_port){};
	uint8_t *at = recipe->l2 + 12;
	uint32_t i;

	memcpy(recipe->l2, (uint8_t[]){ 2, 0xc, 0, 0, v->family, end }, 6);
	memcpy(recipe->l2 + 6, via ? m->fib.via_mac : m->fib.out_mac, 6);
	for (i = 0; i < port.tags; i++, at += 4)
		memcpy(at, &port.tag[i], 4);
	frames_put16(at, v->family == 4 ? 0x0800 : 0x86dd);
	recipe->l2_bytes = at + 2 - recipe->l2;
	recipe->ifindex = via ? port.ifindex : m->fib.out;
}

static bool is_routed(const struct lb_view *v, const __be32 *addr, uint8_t *end)
{
	static const uint8_t net4[] = { 198, 51, 100 };
	static const uint8_t net6[15] = { 0x20, 1, 0xd, 0xb8, 9 };
	const uint8_t *bytes = (const uint8_t *)(v->family == 4 ? addr + 3 : addr);
	const size_t len = v->family == 4 ? sizeof(net4) : sizeof(net6);

	*end = bytes[len];
	return !memcmp(bytes, v->family == 4 ? net4 : net6, len);
}

/* way_out - as the kernel's routes say, else as the client's packets came */
static void way_out(const struct lb_model *m, const struct lb_view *v, const __be32 *client,
		    const struct lb_back_link *link, struct lb_backend_entry *out)
{
	uint8_t end;
	const bool routed = is_routed(v, client, &end);
	const uint32_t mtu = end < FIB_GROUP ? FIB_MTU : 1500;

	out->state = LB_BACKEND_UP;
	out->mtu = 0xffff;
	if (routed && end / FIB_GROUP == 1)
		out->state = LB_BACKEND_NO_ROUTE;
	else if (routed && v->ip_bytes > mtu)
		out->mtu = mtu;
	else if (routed && (end < FIB_GROUP || (end / FIB_GROUP == 2 && m->port.ifindex)))
		l2_told(m, v, end, &out->recipe);
	else
		l2_learned(link, &out->recipe);
}

bool lb_model_reply(struct lb_model *m, const struct lb_view *v, struct lb_result *r,
		    struct lb_backend_entry *out)
{
	struct ecbpf_tuple key = v->key, forward;
	struct lb_place place;
	struct lb_conn *conn;
	struct lb_nat nat = { .flags = LB_NAT_SOURCE };

	key.rest = v->proto;
	place = lb_place_make(m, v->family, &key, true);
	conn = v->later ? NULL : lb_place_find(&place);
	if (!conn || !lb_model_holds(m, conn) || lb_model_is_over(m, conn))
		return false;
	r->vip = conn->vip;
	r->port = 0;
	r->code = ECBPF_CODE_LB_NO_FRAGMENTS;
	if (v->fragment)
		return true;
	r->backend = ECBPF_MARK_ID(conn->mark);
	r->code = v->error ? ECBPF_CODE_LB_ICMP : ECBPF_CODE_LB_REPLY;
	if (!v->error) {
		if (conn->seen / LB_TEND_TICKS != lb_model_now(m) / LB_TEND_TICKS)
			touch_forward(m, conn, place.v4);
		touch_back(m, conn, v);
	}
	forward = forward_of(conn, place.v4);
	memcpy(nat.from, forward.daddr, 16);
	memcpy(nat.to, forward.saddr, 16);
	nat.sport = forward.dport;
	nat.dport = forward.sport;
	*out = (struct lb_backend_entry){ .recipe.kind = ECBPF_NAT };
	memcpy(out->recipe.outer, &nat, sizeof(nat));
	way_out(m, v, forward.saddr, link_of(conn, place.v4), out);
	return true;
}
