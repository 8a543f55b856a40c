// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/lb_model.h"
#include "tests/bpf/lb_output.h"
#include "tests/bpf/lb_view.h"
#include "xdp_lb/hash.h"

void lb_model_begin(struct lb_model *m)
{
	m->key.key_size = sizeof(struct lb_key);
	m->net.key_size = sizeof(struct lb_net);
	m->source.key_size = sizeof(struct lb_source_key);
	m->cid.key_size = sizeof(struct lb_cid_key);
	m->out.key_size = sizeof(__u32);
	m->fragment.key_size = sizeof(struct lb_fragment_key);
}

/* --- connections */

static uint32_t now_of(const struct lb_model *m)
{
	return m->settings.test_now;
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93;
	return x ^ x >> 32;
}

static struct ecbpf_tuple4 key4_of(const struct ecbpf_tuple *key)
{
	return (struct ecbpf_tuple4){ key->saddr[3], key->daddr[3], key->sport, key->dport,
				      key->rest };
}

/**
 * struct place - where a connection may be
 * @first: the entry that it prefers
 */
struct place {
	bool v4;
	uint64_t hash;
	uint32_t bucket;
	uint32_t first;
	const struct ecbpf_tuple *key;
};

static struct place place_of(const struct lb_model *m, const struct lb_view *v)
{
	const struct ecbpf_tuple4 key4 = key4_of(&v->key);
	const size_t words = v->family == 4 ? 2 : 5;
	struct place place = { .v4 = v->family == 4, .key = &v->key };
	uint64_t word[5], hash = m->seed[0];
	size_t i;

	if (place.v4)
		memcpy(word, &key4, sizeof(key4));
	else
		memcpy(word, &v->key, sizeof(v->key));
	for (i = 0; i < words; i++)
		hash = mix(hash ^ word[i]);
	place.hash = mix(hash ^ m->seed[1]);
	place.bucket = (uint32_t)place.hash * (uint64_t)m->buckets[!place.v4] >> 32;
	place.first = place.hash >> 32;
	return place;
}

static struct lb_conn *place_way(struct lb_model *m, const struct place *place, uint32_t i)
{
	const uint32_t way = (place->first + i) % LB_WAYS;

	return place->v4 ? &m->conn4[place->bucket].way[way].conn :
			   &m->conn6[place->bucket].way[way].conn;
}

static bool way_is(const struct lb_conn *conn, const struct place *place)
{
	const struct ecbpf_tuple4 key4 = key4_of(place->key);

	if (!conn->mark)
		return false;
	if (place->v4)
		return !memcmp(&((const struct lb_conn4 *)conn)->key, &key4, sizeof(key4));
	return !memcmp(&((const struct lb_conn6 *)conn)->key, place->key, sizeof(*place->key));
}

static struct lb_conn *conn_find(struct lb_model *m, const struct place *place)
{
	uint32_t i;

	for (i = 0; i < LB_WAYS; i++)
		if (way_is(place_way(m, place, i), place))
			return place_way(m, place, i);
	return NULL;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static bool is_over(const struct lb_model *m, const struct lb_conn *conn)
{
	uint32_t idle = conn->idle;

	if (conn->state & LB_CONN_CLOSING)
		idle = least(idle, LB_CLOSING_S * m->hz);
	if (!(conn->state & LB_CONN_SEEN_TWICE))
		idle = least(idle, LB_SINGLE_S * m->hz);
	return now_of(m) - conn->seen > idle;
}

/* Its own entry, a free one, one that is over, the single one that was idle longest. */
static struct lb_conn *room(struct lb_model *m, const struct place *place)
{
	struct lb_conn *best = conn_find(m, place), *conn;
	uint32_t i;

	for (i = 0; i < LB_WAYS && !best; i++)
		if (!place_way(m, place, i)->mark)
			best = place_way(m, place, i);
	for (i = 0; i < LB_WAYS && !best; i++)
		if (is_over(m, place_way(m, place, i)))
			best = place_way(m, place, i);
	if (best)
		return best;
	for (i = 0; i < LB_WAYS; i++) {
		conn = place_way(m, place, i);
		if (conn->state & LB_CONN_SEEN_TWICE)
			continue;
		if (!best || now_of(m) - conn->seen > now_of(m) - best->seen)
			best = conn;
	}
	return best;
}

static bool enter(struct lb_model *m, const struct lb_view *v, uint32_t vip, uint32_t backend)
{
	const struct place place = place_of(m, v);
	struct lb_conn *conn = room(m, &place);

	if (!conn)
		return false;
	*conn = (struct lb_conn){
		.mark = ECBPF_MARK(place.hash >> 32, backend, m->backend[backend].gen),
		.packets = 1,
		.bytes = v->ip_bytes,
		.seen = now_of(m),
		.created = now_of(m),
		.idle = v->tcp ? m->vip[vip].tcp_idle : m->vip[vip].udp_idle,
		.vip = vip,
		.state = m->vip[vip].cid_octets ? LB_CONN_QUIC : 0,
	};
	if (place.v4)
		((struct lb_conn4 *)conn)->key = key4_of(&v->key);
	else
		((struct lb_conn6 *)conn)->key = v->key;
	return true;
}

static void touch(const struct lb_model *m, struct lb_conn *conn, const struct lb_view *v)
{
	if (v->flags & (FRAMES_FIN | FRAMES_RST))
		conn->state |= LB_CONN_CLOSING;
	else if (v->payload || !v->tcp)
		conn->state &= ~LB_CONN_CLOSING;
	if (!(v->flags & FRAMES_SYN))
		conn->state |= LB_CONN_SEEN_TWICE;
	conn->seen = now_of(m);
	conn->packets++;
	conn->bytes += v->ip_bytes;
}

/* --- fragments */

static void fragment_key(const struct lb_view *v, struct lb_result *r)
{
	memcpy(r->fragment.saddr, v->key.saddr, sizeof(r->fragment.saddr));
	memcpy(r->fragment.daddr, v->key.daddr, sizeof(r->fragment.daddr));
	r->fragment.id = v->id;
	r->fragment.proto = v->family == 4 ? v->proto : 0;
	r->has_fragment = true;
}

static void fragment_keep(struct lb_model *m, const struct lb_view *v, struct lb_result *r)
{
	const uint32_t value[3] = {
		r->backend | m->backend[r->backend].gen << 16,
		r->vip,
		now_of(m),
	};

	if (!v->fragment || v->later)
		return;
	fragment_key(v, r);
	lb_rows_put(&m->fragment, &r->fragment, value);
}

static bool fragment_follow(struct lb_model *m, const struct lb_view *v, struct lb_result *r)
{
	const struct lb_backend_entry *backend;
	const uint32_t *value;

	fragment_key(v, r);
	value = lb_rows_find(&m->fragment, &r->fragment);
	if (!value || now_of(m) - value[2] > LB_FRAGMENT_S * m->hz)
		return false;
	backend = &m->backend[value[0] & 0xffff];
	if (backend->state == LB_BACKEND_NONE || (uint16_t)backend->gen != value[0] >> 16)
		return false;
	r->backend = value[0] & 0xffff;
	r->vip = value[1];
	r->code = ECBPF_CODE_LB_FORWARD;
	return true;
}

/* --- QUIC */

/* named - r->code and r->backend, if the connection id names one */
static bool named(const struct lb_model *m, const struct lb_view *v, uint32_t vip,
		  struct lb_result *r)
{
	const uint32_t octets = m->vip[vip].cid_octets;
	struct lb_cid_key key = { .vip = vip };
	uint8_t *cid = (uint8_t *)key.cid;
	const uint32_t *backend;

	if (!octets || !v->cid || v->cid_octets < octets)
		return false;
	memcpy(cid, v->cid, octets);
	cid[0] &= 7 << 5;
	backend = lb_rows_find(&m->cid, &key);
	if (!backend || m->backend[*backend].state == LB_BACKEND_NONE)
		return false;
	r->backend = *backend;
	r->vip = vip;
	r->code = ECBPF_CODE_LB_QUIC;
	return true;
}

/* --- where a packet goes */

/* known - r->code, if its connection tells where it goes */
static bool known(struct lb_model *m, const struct lb_view *v, struct lb_result *r)
{
	const struct place place = place_of(m, v);
	struct lb_conn *conn = conn_find(m, &place);
	const struct lb_backend_entry *backend;

	if (!conn)
		return false;
	backend = &m->backend[ECBPF_MARK_ID(conn->mark)];
	if (backend->state == LB_BACKEND_NONE ||
	    (uint16_t)backend->gen != ECBPF_MARK_GEN(conn->mark))
		return false;
	if (!v->error &&
	    (is_over(m, conn) || (v->flags & FRAMES_SYN && conn->state & LB_CONN_CLOSING))) {
		if (v->flags & FRAMES_SYN)
			conn->mark = 0;
		return false;
	}
	if (v->fragment && m->vip[conn->vip].flags & LB_VIP_REFUSE_FRAGMENT)
		return false;
	r->backend = ECBPF_MARK_ID(conn->mark);
	r->vip = conn->vip;
	r->code = v->error ? ECBPF_CODE_LB_ICMP : ECBPF_CODE_LB_FORWARD;
	if (v->error)
		return true;
	if (conn->state & LB_CONN_QUIC)
		named(m, v, conn->vip, r);
	fragment_keep(m, v, r);
	if (r->backend == ECBPF_MARK_ID(conn->mark))
		touch(m, conn, v);
	return true;
}

static uint32_t vip_by(struct lb_model *m, struct lb_key key, const struct lb_view *v)
{
	const struct {
		__be16 port;
		uint8_t proto;
	} ask[] = { { v->key.dport, v->proto }, { 0, v->proto }, { 0, 0 } };
	const uint32_t *found = NULL;
	size_t i;

	for (i = 0; i < 3 && !found; i++) {
		key.port = ask[i].port;
		key.proto = ask[i].proto;
		found = lb_rows_find(&m->key, &key);
	}
	return found ? *found : LB_NUMBER_NONE;
}

static uint32_t vip_of(struct lb_model *m, const struct lb_view *v)
{
	struct lb_key key = { .family = v->family == 4 ? AF_INET : AF_INET6 };
	uint32_t vip, net;

	if (v->family == 4)
		key.addr[0] = v->key.daddr[3];
	else
		memcpy(key.addr, v->key.daddr, sizeof(key.addr));
	vip = vip_by(m, key, v);
	if (vip != LB_NUMBER_NONE)
		return vip;
	net = lb_rows_longest(&m->net, v->key.daddr);
	if (!net)
		return LB_NUMBER_NONE;
	key = (struct lb_key){ .addr = { net }, .family = LB_FAMILY_NET };
	return vip_by(m, key, v);
}

static uint32_t backend_of(const struct lb_model *m, const struct lb_view *v, uint32_t vip)
{
	const struct lb_vip_entry *entry = &m->vip[vip];
	__be32 from[5] = { htonl(vip) };
	uint32_t backend = LB_NUMBER_NONE;

	memcpy(from + 1, v->key.saddr, 16);
	if (entry->flags & LB_VIP_SOURCES)
		backend = lb_rows_longest(&m->source, from);
	if (backend == LB_NUMBER_NONE && entry->entries)
		backend =
			m->ring[vip][(uint64_t)lb_hash(&v->key, entry->hash) * entry->entries >> 32];
	return backend;
}

/* --- new connections */

static bool is_limited(struct lb_model *m, uint32_t vip)
{
	const uint32_t ticks = m->hz * LB_WINDOW_MS / 1000,
		       window = now_of(m) / (ticks ? ticks : 1);
	struct lb_rate *rate = &m->rate[vip];

	if (!m->vip[vip].new_max)
		return false;
	if (rate->window != window)
		*rate = (struct lb_rate){ .window = window };
	if (rate->entered >= m->vip[vip].new_max)
		return true;
	rate->entered++;
	return false;
}

static uint32_t begin(struct lb_model *m, const struct lb_view *v, struct lb_result *r)
{
	const bool begins = v->tcp ? !(v->flags & (FRAMES_SYN | FRAMES_RST)) :
				     v->proto == IPPROTO_UDP;

	if (v->error)
		return ECBPF_CODE_LB_ICMP;
	if (m->vip[r->vip].flags & LB_VIP_NO_TABLE || v->later || !begins)
		return ECBPF_CODE_LB_HASHED;
	if (is_limited(m, r->vip))
		return ECBPF_CODE_LB_LIMITED;
	if (!enter(m, v, r->vip, r->backend))
		return ECBPF_CODE_LB_FULL;
	m->counts[r->backend].conns++;
	return ECBPF_CODE_LB_NEW;
}

/* unknown - r->code: 0: for no VIP */
static void unknown(struct lb_model *m, const struct lb_view *v, struct lb_result *r)
{
	const struct lb_vip_entry *entry;
	uint32_t backend;

	if (v->later && fragment_follow(m, v, r))
		return;
	r->vip = vip_of(m, v);
	if (r->vip == LB_NUMBER_NONE)
		return;
	entry = &m->vip[r->vip];
	if (v->fragment && entry->flags & LB_VIP_REFUSE_FRAGMENT) {
		r->code = ECBPF_CODE_LB_NO_FRAGMENTS;
	} else if (v->echo) {
		r->code = entry->flags & LB_VIP_ECHO ? ECBPF_CODE_LB_ECHO : 0;
	} else if (v->later && entry->hash == LB_OF_TUPLE) {
		r->code = ECBPF_CODE_LB_FRAGMENT;
	} else if (!v->error && named(m, v, r->vip, r)) {
		fragment_keep(m, v, r);
	} else {
		backend = backend_of(m, v, r->vip);
		r->code = ECBPF_CODE_LB_NO_BACKEND;
		if (backend == LB_NUMBER_NONE || m->backend[backend].state == LB_BACKEND_NONE)
			return;
		r->backend = backend;
		r->code = begin(m, v, r);
		fragment_keep(m, v, r);
	}
}

/* --- on the way */

static bool ptb_may(struct lb_model *m)
{
	const uint32_t second = now_of(m) / m->hz;

	if (m->settings.ptb_second != second) {
		m->settings.ptb_second = second;
		m->settings.ptb_used = 0;
	}
	if (m->settings.ptb_used >= m->settings.ptb_pps)
		return false;
	m->settings.ptb_used++;
	return true;
}

static void deliver(struct lb_model *m, const struct lb_view *v, struct lb_result *r)
{
	const struct lb_backend_entry *backend = &m->backend[r->backend];
	const uint32_t leaves = backend->recipe.ifindex, code = r->code;

	r->action = XDP_DROP;
	if (backend->state != LB_BACKEND_UP) {
		r->code = ECBPF_CODE_LB_NO_ROUTE;
	} else if (v->ttl <= 1) {
		r->code = ECBPF_CODE_LB_TTL;
	} else if (v->ip_bytes > backend->mtu) {
		r->code = ECBPF_CODE_LB_TOO_LONG;
		if ((v->df || v->family == 6) && ptb_may(m) && lb_output_ptb(v, backend->mtu, r)) {
			r->code = ECBPF_CODE_LB_PTB;
			r->action = XDP_TX;
		}
	} else if ((leaves != m->in && !lb_rows_find(&m->out, &leaves)) ||
		   !lb_output_forward(v, &backend->recipe, r)) {
		r->code = ECBPF_CODE_LB_FRAME;
	} else {
		r->code = code;
		r->action = leaves == m->in ? XDP_TX : XDP_REDIRECT;
		m->counts[r->backend].packets++;
		m->counts[r->backend].bytes += v->ip_bytes;
	}
}

static uint64_t *counter_of(struct lb_vip_counts *counts, uint32_t code)
{
	__u64 *const by[] = {
		[ECBPF_CODE_LB_FORWARD - 192] = &counts->hits,
		[ECBPF_CODE_LB_NEW - 192] = &counts->entered,
		[ECBPF_CODE_LB_HASHED - 192] = &counts->hashed,
		[ECBPF_CODE_LB_LIMITED - 192] = &counts->limited,
		[ECBPF_CODE_LB_FULL - 192] = &counts->full,
		[ECBPF_CODE_LB_NO_BACKEND - 192] = &counts->no_backend,
		[ECBPF_CODE_LB_NO_ROUTE - 192] = &counts->no_route,
		[ECBPF_CODE_LB_TTL - 192] = &counts->ttl,
		[ECBPF_CODE_LB_TOO_LONG - 192] = &counts->too_long,
		[ECBPF_CODE_LB_PTB - 192] = &counts->too_long,
		[ECBPF_CODE_LB_FRAGMENT - 192] = &counts->fragments,
		[ECBPF_CODE_LB_NO_FRAGMENTS - 192] = &counts->fragments,
		[ECBPF_CODE_LB_ICMP - 192] = &counts->icmp,
		[ECBPF_CODE_LB_ECHO - 192] = &counts->echo,
		[ECBPF_CODE_LB_FRAME - 192] = NULL,
		[ECBPF_CODE_LB_QUIC - 192] = &counts->quic,
	};

	return (uint64_t *)by[code - 192];
}

static void balance(struct lb_model *m, const struct lb_view *v, struct lb_result *r)
{
	uint64_t *counter;

	if (v->later || v->echo || !known(m, v, r))
		unknown(m, v, r);
	if (r->backend != LB_NUMBER_NONE) {
		deliver(m, v, r);
	} else if (r->code == ECBPF_CODE_LB_ECHO) {
		if (lb_output_echo(v, r))
			r->action = XDP_TX;
		else
			r->code = 0;
	} else if (r->code) {
		r->action = XDP_DROP;
	}
	counter = r->code ? counter_of(&m->vip_counts[r->vip], r->code) : NULL;
	if (counter)
		++*counter;
}

void lb_model_run(struct lb_model *m, const uint8_t *frame, size_t len, struct lb_result *r)
{
	struct lb_view v;

	*r = (struct lb_result){ .action = ECBPF_NEXT, .len = len };
	memcpy(r->frame, frame, len);
	if (lb_view_read(&v, &m->near, frame, len))
		balance(m, &v, r);
	m->code[r->code] += !!r->code;
	m->column[r->action + 1]++;
}
