// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/lb_model.h"
#include "tests/bpf/lb_model_parts.h"
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
		lb_model_now(m),
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
	if (!value || lb_model_now(m) - value[2] > LB_FRAGMENT_S * m->hz)
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

/* tends - is it time to keep the entry of replies, or the first time that there is a client? */
static bool tends(const struct lb_model *m, const struct lb_conn *conn, const struct lb_view *v)
{
	if (conn->seen / LB_TEND_TICKS != lb_model_now(m) / LB_TEND_TICKS)
		return true;
	return !(conn->state & LB_CONN_SEEN_TWICE) && !(v->flags & FRAMES_SYN);
}

/* known - r->code, if its connection tells where it goes */
static bool known(struct lb_model *m, const struct lb_view *v, struct lb_result *r)
{
	const struct lb_place place = lb_place_make(m, v->family, &v->key, false);
	struct lb_conn *conn = lb_place_find(&place);
	bool tend;

	if (!conn || !lb_model_holds(m, conn))
		return false;
	if (!v->error && (lb_model_is_over(m, conn) ||
			  (v->flags & FRAMES_SYN && conn->state & LB_CONN_CLOSING))) {
		if (v->flags & FRAMES_SYN)
			conn->mark = 0;
		return false;
	}
	if (v->fragment && m->vip[conn->vip].flags & LB_VIP_REFUSE_FRAGMENT)
		return false;
	r->backend = ECBPF_MARK_ID(conn->mark);
	r->vip = conn->vip;
	r->port = conn->port;
	r->code = v->error ? ECBPF_CODE_LB_ICMP : ECBPF_CODE_LB_FORWARD;
	if (v->error)
		return true;
	if (conn->state & LB_CONN_QUIC)
		named(m, v, conn->vip, r);
	fragment_keep(m, v, r);
	tend = lb_model_is_nat(m, r->backend) && tends(m, conn, v);
	if (r->backend == ECBPF_MARK_ID(conn->mark))
		lb_model_touch(m, conn, v);
	return !tend || lb_model_nat_tend(m, v, r);
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
		       window = lb_model_now(m) / (ticks ? ticks : 1);
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

/* begin_nat - refused, unless it is entered */
static void begin_nat(struct lb_model *m, const struct lb_view *v, struct lb_result *r)
{
	const bool begins = v->tcp ? !(v->flags & FRAMES_RST) : v->proto == IPPROTO_UDP;

	if (v->error || m->vip[r->vip].flags & LB_VIP_NO_TABLE || v->later || !begins)
		r->code = ECBPF_CODE_LB_NAT_UNKNOWN;
	else if (is_limited(m, r->vip))
		r->code = ECBPF_CODE_LB_NAT_LIMITED;
	else
		lb_model_nat_enter(m, v, r);
	if (r->code != ECBPF_CODE_LB_NEW)
		r->backend = LB_NUMBER_NONE;
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
	if (!lb_model_enter(m, v, r->vip, r->backend, 0))
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
		if (lb_model_is_nat(m, backend)) {
			begin_nat(m, v, r);
			return;
		}
		r->code = begin(m, v, r);
		fragment_keep(m, v, r);
	}
}

/* --- on the way */

static bool ptb_may(struct lb_model *m)
{
	const uint32_t second = lb_model_now(m) / m->hz;

	if (m->settings.ptb_second != second) {
		m->settings.ptb_second = second;
		m->settings.ptb_used = 0;
	}
	if (m->settings.ptb_used >= m->settings.ptb_pps)
		return false;
	m->settings.ptb_used++;
	return true;
}

/* deliver - @reply: @backend is the way to the client */
static void deliver(struct lb_model *m, const struct lb_view *v,
		    const struct lb_backend_entry *backend, bool reply, struct lb_result *r)
{
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
		   !lb_output_send(v, &backend->recipe, r)) {
		r->code = ECBPF_CODE_LB_FRAME;
	} else {
		r->code = code;
		r->action = leaves == m->in ? XDP_TX : XDP_REDIRECT;
		*(reply ? &m->counts[r->backend].reply_packets : &m->counts[r->backend].packets) +=
			1;
		*(reply ? &m->counts[r->backend].reply_bytes : &m->counts[r->backend].bytes) +=
			v->ip_bytes;
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
		[ECBPF_CODE_LB_REPLY - 192] = &counts->replies,
		[ECBPF_CODE_LB_NAT_LIMITED - 192] = &counts->nat_limited,
		[ECBPF_CODE_LB_NAT_FULL - 192] = &counts->nat_full,
		[ECBPF_CODE_LB_NAT_PORTS - 192] = &counts->nat_ports,
		[ECBPF_CODE_LB_NAT_UNKNOWN - 192] = &counts->nat_unknown,
		[ECBPF_CODE_LB_QUIC - 192] = &counts->quic,
	};

	return (uint64_t *)by[code - 192];
}

static void balance(struct lb_model *m, const struct lb_view *v, struct lb_result *r)
{
	struct lb_backend_entry out;
	uint64_t *counter;
	bool reply = false;

	if (v->near_vip && (v->later || v->echo || !known(m, v, r))) {
		r->backend = LB_NUMBER_NONE;
		r->code = r->port = 0;
		unknown(m, v, r);
	}
	if (!r->code && v->near_back)
		reply = lb_model_reply(m, v, r, &out);
	if (r->backend != LB_NUMBER_NONE) {
		deliver(m, v, reply ? &out : &m->backend[r->backend], reply, r);
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
	if (lb_view_read(&v, m->near, m->settings.nat, frame, len))
		balance(m, &v, r);
	m->code[r->code] += !!r->code;
	m->column[r->action + 1]++;
}
