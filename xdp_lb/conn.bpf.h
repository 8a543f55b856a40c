/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The connection tables. A connection that was seen twice gives way to none that was not; one that was
 * seen once is the first to go, so a flood of new ones only replaces itself.
 */
#ifndef XDP_LB_CONN_BPF_H
#define XDP_LB_CONN_BPF_H

#include "libecbpf/flow.bpf.h"
#include "xdp_lb/maps.bpf.h"
#include "xdp_lb/parse.bpf.h"

/* Secret of the tables' hash, buckets of each (of replies in the latter half), jiffies in a second; the clock is that of the settings. */
const volatile __u64 lb_seed[2];
const volatile __u32 lb_buckets[4];
const volatile __u32 lb_hz;
const volatile bool lb_test;

static __always_inline void conn_key4(const struct ecbpf_tuple *key, struct ecbpf_tuple4 *key4)
{
	key4->saddr = key->saddr[3];
	key4->daddr = key->daddr[3];
	key4->sport = key->sport;
	key4->dport = key->dport;
	key4->rest = key->rest;
}

#define CONN_WORDS(type) (sizeof(struct type) / sizeof(__u64))

static __always_inline __u64 conn_hash4(const struct ecbpf_tuple4 *key)
{
	return flow_hash(key, CONN_WORDS(ecbpf_tuple4), lb_seed);
}

static __always_inline __u64 conn_hash6(const struct ecbpf_tuple *key)
{
	return flow_hash(key, CONN_WORDS(ecbpf_tuple), lb_seed);
}

static __always_inline void *conn_bucket4(__u64 hash)
{
	__u32 at = flow_bucket(hash, lb_buckets[0]);

	return bpf_map_lookup_elem(&lb_conn4_map, &at);
}

static __always_inline void *conn_bucket6(__u64 hash)
{
	__u32 at = flow_bucket(hash, lb_buckets[1]);

	return bpf_map_lookup_elem(&lb_conn6_map, &at);
}

static __always_inline struct lb_conn *conn_find4(const struct ecbpf_tuple *key, __u64 *mark)
{
	struct ecbpf_tuple4 key4;
	__u64 hash;
	void *bucket;

	conn_key4(key, &key4);
	hash = conn_hash4(&key4);
	bucket = conn_bucket4(hash);
	if (!bucket)
		return NULL;
	return flow_find(bucket, sizeof(struct lb_conn4), &key4, CONN_WORDS(ecbpf_tuple4), hash,
			 mark);
}

static __always_inline struct lb_conn *conn_find6(const struct ecbpf_tuple *key, __u64 *mark)
{
	__u64 hash = conn_hash6(key);
	void *bucket = conn_bucket6(hash);

	if (!bucket)
		return NULL;
	return flow_find(bucket, sizeof(struct lb_conn6), key, CONN_WORDS(ecbpf_tuple), hash, mark);
}

/* conn_is_over - has it been silent for too long? */
static __always_inline bool conn_is_over(const struct lb_conn *conn, __u32 now)
{
	__u32 idle = conn->idle;

	if (conn->state & LB_CONN_CLOSING && idle > LB_CLOSING_S * lb_hz)
		idle = LB_CLOSING_S * lb_hz;
	if (!(conn->state & LB_CONN_SEEN_TWICE) && idle > LB_SINGLE_S * lb_hz)
		idle = LB_SINGLE_S * lb_hz;
	return now - conn->seen > idle;
}

/*
 * conn_is_trusted - may this packet go where the entry says? A SYN may begin another connection with
 * the same ports where the old one is over; one that is not is for its server to refuse (RFC 5961 4).
 */
static __always_inline bool conn_is_trusted(const struct lb_conn *conn, const struct subject *s,
					    __u32 now)
{
	if (conn_is_over(conn, now))
		return false;
	return !(s->flags & PACKET_TCP_SYN) || !(conn->state & LB_CONN_CLOSING);
}

/* conn_count - another packet; after FIN or RST it is kept as long as packets come */
static __always_inline void conn_count(struct lb_conn *conn, const struct subject *s, __u32 state,
				       __u32 now)
{
	if (s->flags & (PACKET_TCP_FIN | PACKET_TCP_RST))
		state |= LB_CONN_CLOSING;
	else if (conn->state & LB_CONN_CLOSING && !s->payload)
		state |= LB_CONN_CLOSING;
	if (conn->state != state)
		conn->state = state;
	conn->seen = now;
	conn->packets++;
	conn->bytes += s->ip_bytes;
}

/* conn_touch - a client's packet; SYNs may be all there is, however many */
static __always_inline void conn_touch(struct lb_conn *conn, const struct subject *s, __u32 now)
{
	__u32 state = conn->state & (LB_CONN_QUIC | LB_CONN_SEEN_TWICE);

	if (!(s->flags & PACKET_TCP_SYN))
		state |= LB_CONN_SEEN_TWICE;
	conn_count(conn, s, state, now);
}

#define CONN_KEEP 0xffffffff

/* conn_worth - how bad it is to lose an entry: 0 free, 1 over, else seen once, the longer ago the less */
static __always_inline __u32 conn_worth(const struct lb_conn *conn, __u64 mark, __u32 now)
{
	__u32 idle = now - conn->seen;

	if (!mark)
		return 0;
	if (mark == ECBPF_MARK_BUSY || (__s32)idle < 0)
		return CONN_KEEP;
	if (conn_is_over(conn, now))
		return 1;
	return conn->state & LB_CONN_SEEN_TWICE ? CONN_KEEP : CONN_KEEP - 1 - idle;
}

/* conn_claim - an entry for a new connection, its own if it has one; or NULL */
static __always_inline struct lb_conn *conn_claim(void *bucket, __u32 entry_bytes, const void *key,
						  __u32 words, __u64 hash, __u32 now)
{
	__u64 mark = 0, its;
	struct lb_conn *own = flow_find(bucket, entry_bytes, key, words, hash, &mark);
	struct lb_conn *best = NULL, *conn;
	__u32 worth, least = CONN_KEEP, i;

	if (own)
		return flow_claim(own, mark) ? own : NULL;
	for (i = 0; i < LB_WAYS; i++) {
		conn = flow_way(bucket, entry_bytes, hash, i);
		its = flow_mark(conn);
		worth = conn_worth(conn, its, now);
		if (worth >= least)
			continue;
		least = worth;
		best = conn;
		mark = its;
	}
	return best && flow_claim(best, mark) ? best : NULL;
}

/* conn_fill - all but the mark */
static __always_inline void conn_fill(struct lb_conn *conn, const struct lb_conn *fresh)
{
	conn->packets = fresh->packets;
	conn->bytes = fresh->bytes;
	conn->seen = fresh->seen;
	conn->created = fresh->created;
	conn->idle = fresh->idle;
	conn->vip = fresh->vip;
	conn->state = fresh->state;
	conn->port = fresh->port;
}

static __always_inline __u32 conn_now(const struct lb_settings *settings)
{
	return lb_test ? settings->test_now : bpf_jiffies64();
}

static __always_inline int conn_enter4(const struct subject *s, const struct lb_conn *fresh,
				       __u64 mark)
{
	struct ecbpf_tuple4 key;
	struct lb_conn *conn;
	__u64 hash;
	void *bucket;

	conn_key4(&s->key, &key);
	hash = conn_hash4(&key);
	bucket = conn_bucket4(hash);
	if (!bucket)
		return false;
	conn = conn_claim(bucket, sizeof(struct lb_conn4), &key, CONN_WORDS(ecbpf_tuple4), hash,
			  fresh->seen);
	if (!conn)
		return false;
	((struct lb_conn4 *)conn)->key = key;
	conn_fill(conn, fresh);
	flow_publish(conn, ECBPF_MARK(hash >> 32, 0, 0) | mark);
	return true;
}

static __always_inline int conn_enter6(const struct subject *s, const struct lb_conn *fresh,
				       __u64 mark)
{
	__u64 hash = conn_hash6(&s->key);
	void *bucket = conn_bucket6(hash);
	struct lb_conn *conn;

	if (!bucket)
		return false;
	conn = conn_claim(bucket, sizeof(struct lb_conn6), &s->key, CONN_WORDS(ecbpf_tuple), hash,
			  fresh->seen);
	if (!conn)
		return false;
	((struct lb_conn6 *)conn)->key = s->key;
	conn_fill(conn, fresh);
	flow_publish(conn, ECBPF_MARK(hash >> 32, 0, 0) | mark);
	return true;
}

/* conn_enter - @mark: number and generation of the backend; @port: of full NAT; false: there is no room */
__noinline int conn_enter(const struct subject *s, __u64 mark, __u32 vip, __u32 port)
{
	const struct lb_vip_entry *entry = bpf_map_lookup_elem(&lb_vip_map, &vip);
	__u32 zero = 0;
	const struct lb_settings *settings = bpf_map_lookup_elem(&lb_settings_map, &zero);
	struct lb_conn fresh = { .packets = 1, .vip = vip, .port = port };

	if (!s || !settings || !entry)
		return false;
	fresh.bytes = s->ip_bytes;
	fresh.seen = fresh.created = conn_now(settings);
	fresh.idle = s->tcp ? entry->tcp_idle : entry->udp_idle;
	fresh.state = entry->cid_octets ? LB_CONN_QUIC : 0;
	return s->v6 ? conn_enter6(s, &fresh, mark) : conn_enter4(s, &fresh, mark);
}

#endif
