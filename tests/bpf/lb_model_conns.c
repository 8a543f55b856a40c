// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The model's tables of connections, and of their replies. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/bpf/lb_model_parts.h"

uint32_t lb_model_now(const struct lb_model *m)
{
	return m->settings.test_now;
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93;
	return x ^ x >> 32;
}

uint64_t lb_model_hash(const struct lb_model *m, const void *key, size_t bytes)
{
	uint64_t word[5], hash = m->seed[0];
	size_t i;

	memcpy(word, key, bytes);
	for (i = 0; i < bytes / sizeof(*word); i++)
		hash = mix(hash ^ word[i]);
	return mix(hash ^ m->seed[1]);
}

struct ecbpf_tuple4 lb_model_key4(const struct ecbpf_tuple *key)
{
	return (struct ecbpf_tuple4){ key->saddr[3], key->daddr[3], key->sport, key->dport,
				      key->rest };
}

/* --- places */

static struct lb_conn *entry_at(struct lb_model *m, bool v4, bool back, uint32_t bucket,
				uint32_t way)
{
	if (back)
		return v4 ? &m->back4[bucket].way[way].conn : &m->back6[bucket].way[way].conn;
	return v4 ? &m->conn4[bucket].way[way].conn : &m->conn6[bucket].way[way].conn;
}

struct lb_place lb_place_make(struct lb_model *m, int family, const struct ecbpf_tuple *key,
			      bool back)
{
	const struct ecbpf_tuple4 key4 = lb_model_key4(key);
	struct lb_place place = { .v4 = family == 4, .key = key };
	uint32_t bucket, i;

	place.hash = place.v4 ? lb_model_hash(m, &key4, sizeof(key4)) :
				lb_model_hash(m, key, sizeof(*key));
	bucket = (uint32_t)place.hash * (uint64_t)m->buckets[2 * back + !place.v4] >> 32;
	for (i = 0; i < LB_WAYS; i++)
		place.way[i] =
			entry_at(m, place.v4, back, bucket, ((place.hash >> 32) + i) % LB_WAYS);
	return place;
}

static bool way_is(const struct lb_conn *conn, const struct lb_place *place)
{
	const uint8_t *key = (const uint8_t *)conn + ECBPF_FLOW_KEY;
	const struct ecbpf_tuple4 key4 = lb_model_key4(place->key);

	if (!conn->mark)
		return false;
	return place->v4 ? !memcmp(key, &key4, sizeof(key4)) :
			   !memcmp(key, place->key, sizeof(*place->key));
}

struct lb_conn *lb_place_find(const struct lb_place *place)
{
	uint32_t i;

	for (i = 0; i < LB_WAYS; i++)
		if (way_is(place->way[i], place))
			return place->way[i];
	return NULL;
}

void lb_place_key(const struct lb_place *place, struct lb_conn *conn)
{
	uint8_t *key = (uint8_t *)conn + ECBPF_FLOW_KEY;
	const struct ecbpf_tuple4 key4 = lb_model_key4(place->key);

	if (place->v4)
		memcpy(key, &key4, sizeof(key4));
	else
		memcpy(key, place->key, sizeof(*place->key));
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

bool lb_model_is_over(const struct lb_model *m, const struct lb_conn *conn)
{
	uint32_t idle = conn->idle;

	if (conn->state & LB_CONN_CLOSING)
		idle = least(idle, LB_CLOSING_S * m->hz);
	if (!(conn->state & LB_CONN_SEEN_TWICE))
		idle = least(idle, LB_SINGLE_S * m->hz);
	return lb_model_now(m) - conn->seen > idle;
}

struct lb_conn *lb_place_room(const struct lb_model *m, const struct lb_place *place)
{
	struct lb_conn *best = lb_place_find(place), *conn;
	uint32_t i;

	for (i = 0; i < LB_WAYS && !best; i++)
		if (!place->way[i]->mark)
			best = place->way[i];
	for (i = 0; i < LB_WAYS && !best; i++)
		if (lb_model_is_over(m, place->way[i]))
			best = place->way[i];
	if (best)
		return best;
	for (i = 0; i < LB_WAYS; i++) {
		conn = place->way[i];
		if (conn->state & LB_CONN_SEEN_TWICE)
			continue;
		if (!best || lb_model_now(m) - conn->seen > lb_model_now(m) - best->seen)
			best = conn;
	}
	return best;
}

/* --- connections */

bool lb_model_holds(const struct lb_model *m, const struct lb_conn *conn)
{
	const struct lb_backend_entry *backend = &m->backend[ECBPF_MARK_ID(conn->mark)];

	return backend->state != LB_BACKEND_NONE &&
	       (uint16_t)backend->gen == ECBPF_MARK_GEN(conn->mark);
}

bool lb_model_enter(struct lb_model *m, const struct lb_view *v, uint32_t vip, uint32_t backend,
		    __be16 port)
{
	const struct lb_place place = lb_place_make(m, v->family, &v->key, false);
	struct lb_conn *conn = lb_place_room(m, &place);

	if (!conn)
		return false;
	*conn = (struct lb_conn){
		.mark = ECBPF_MARK(place.hash >> 32, backend, m->backend[backend].gen),
		.packets = 1,
		.bytes = v->ip_bytes,
		.seen = lb_model_now(m),
		.created = lb_model_now(m),
		.idle = v->tcp ? m->vip[vip].tcp_idle : m->vip[vip].udp_idle,
		.vip = vip,
		.state = m->vip[vip].cid_octets ? LB_CONN_QUIC : 0,
		.port = port,
	};
	lb_place_key(&place, conn);
	return true;
}

void lb_model_touch(const struct lb_model *m, struct lb_conn *conn, const struct lb_view *v)
{
	if (v->flags & (FRAMES_FIN | FRAMES_RST))
		conn->state |= LB_CONN_CLOSING;
	else if (v->payload || !v->tcp)
		conn->state &= ~LB_CONN_CLOSING;
	if (!(v->flags & FRAMES_SYN))
		conn->state |= LB_CONN_SEEN_TWICE;
	conn->seen = lb_model_now(m);
	conn->packets++;
	conn->bytes += v->ip_bytes;
}
