/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Replies of connections by NAT: what they look like when they come, and whose they are. CPUs share no
 * lock and no counter: each has source ports of its own to give to connections.
 */
#ifndef XDP_LB_BACK_BPF_H
#define XDP_LB_BACK_BPF_H

#include "libecbpf/forward.bpf.h"
#include "xdp_lb/conn.bpf.h"
#include "xdp_lb/nat.bpf.h"
#include "xdp_lb/way.bpf.h"

/* Source ports of full NAT, and the CPUs that they are divided among. */
const volatile __u32 lb_ports = LB_NAT_PORTS;
const volatile __u32 lb_cpus = 1;

/* --- the tables */

/**
 * struct back - an entry that was found
 * @conn: its head, or NULL
 * @link: in the entry
 * @mark: of the entry
 * @forward: key of its connection; IPv4 as ::ffff:ADDRESS
 */
struct back {
	struct lb_conn *conn;
	struct lb_back_link *link;
	__u64 mark;
	struct ecbpf_tuple forward;
};

static __always_inline void back_find4(const struct ecbpf_tuple *key, struct back *back)
{
	struct ecbpf_tuple4 key4;
	struct lb_back4 *entry;
	__u64 hash;
	void *bucket;
	__u32 at;

	conn_key4(key, &key4);
	hash = conn_hash4(&key4);
	at = flow_bucket(hash, lb_buckets[2]);
	bucket = bpf_map_lookup_elem(&lb_back4_map, &at);
	if (!bucket)
		return;
	entry = flow_find(bucket, sizeof(*entry), &key4, CONN_WORDS(ecbpf_tuple4), hash,
			  &back->mark);
	if (!entry)
		return;
	back->forward.saddr[2] = back->forward.daddr[2] = bpf_htonl(ECBPF_V4_PREFIX);
	back->forward.saddr[3] = entry->forward.saddr;
	back->forward.daddr[3] = entry->forward.daddr;
	back->forward.sport = entry->forward.sport;
	back->forward.dport = entry->forward.dport;
	back->forward.rest = entry->forward.rest;
	back->conn = &entry->conn;
	back->link = &entry->link;
	barrier_var(back->link); /* or it is computed where the verifier has forgotten the family */
}

static __always_inline void back_find6(const struct ecbpf_tuple *key, struct back *back)
{
	__u64 hash = conn_hash6(key);
	__u32 at = flow_bucket(hash, lb_buckets[3]);
	void *bucket = bpf_map_lookup_elem(&lb_back6_map, &at);
	struct lb_back6 *entry;

	if (!bucket)
		return;
	entry = flow_find(bucket, sizeof(*entry), key, CONN_WORDS(ecbpf_tuple), hash, &back->mark);
	if (!entry)
		return;
	back->forward = entry->forward;
	back->conn = &entry->conn;
	back->link = &entry->link;
	barrier_var(back->link);
}

/* back_find - @back: zeroed */
static __always_inline bool back_find(const struct ecbpf_tuple *key, bool v6, struct back *back)
{
	if (v6)
		back_find6(key, back);
	else
		back_find4(key, back);
	return back->conn;
}

/* back_is_of - are these the replies of that connection? */
static __always_inline bool back_is_of(const struct back *back, const struct subject *s)
{
	return flow_key_equal(&back->forward, &s->key, CONN_WORDS(ecbpf_tuple));
}

/* back_holds - is the entry's backend what it was? */
static __always_inline bool back_holds(__u64 mark)
{
	__u32 number = ECBPF_MARK_ID(mark);
	const struct lb_backend_entry *backend = bpf_map_lookup_elem(&lb_backend_map, &number);

	return backend && backend->state != LB_BACKEND_NONE &&
	       (__u16)backend->gen == ECBPF_MARK_GEN(mark);
}

/* --- what replies look like */

/* back_key - @port: of full NAT; VLAN ids are not part of it: replies may come another way */
static __always_inline void back_key(const struct subject *s, const struct lb_nat *nat, __u32 port,
				     struct ecbpf_tuple *key)
{
	__builtin_memcpy(key->saddr, nat->to, sizeof(key->saddr));
	if (nat->flags & LB_NAT_SOURCE)
		__builtin_memcpy(key->daddr, nat->from, sizeof(key->daddr));
	else
		__builtin_memcpy(key->daddr, s->key.saddr, sizeof(key->daddr));
	key->sport = nat->dport ? nat->dport : s->key.dport;
	key->dport = port ? port : s->key.sport;
	key->rest = s->proto;
}

/* back_link - where the packet came from */
static __always_inline void back_link(struct xdp_md *xdp, struct lb_back_link *link)
{
	struct pkt p = pkt_init(xdp);
	struct pkt_eth eth;
	__u32 bytes, i;
	__u8 *from;

	link->bytes = 0;
	if (pkt_eth(&p, &eth))
		return;
	__builtin_memcpy(link->l2, eth.hdr->h_source, ETH_ALEN);
	__builtin_memcpy(link->l2 + ETH_ALEN, eth.hdr->h_dest, ETH_ALEN);
	bytes = sizeof(*eth.hdr);
	p = pkt_init(xdp);
	from = pkt_pull(&p,
			ECBPF_L2_MAX); /* what is behind an Ethernet header is longer than tags */
	if (!from)
		return;
	for (i = 2 * ETH_ALEN; i < ECBPF_L2_MAX; i++)
		link->l2[i] = from[i];
	link->bytes = bytes + eth.vlans * sizeof(struct pkt_vlan_tag);
	link->ifindex = xdp->ingress_ifindex;
}

/* --- entering */

/*
 * back_worth - how bad is it to give these replies to a connection? 0: they are free, or its own already.
 * CONN_KEEP: they are another one's
 */
__noinline __u32 back_worth(const struct ecbpf_tuple *key, const struct subject *s, __u32 now)
{
	struct back back = {};

	if (!key || !s)
		return CONN_KEEP;
	if (!back_find(key, s->v6, &back) || !back_holds(back.mark) ||
	    conn_is_over(back.conn, now) || back_is_of(&back, s))
		return 0;
	/* of TCP half-open ones give way; a reply by UDP must not get to another client */
	return s->tcp ? conn_worth(back.conn, back.mark, now) : CONN_KEEP;
}

static __always_inline bool back_put4(const struct ecbpf_tuple *key, const struct subject *s,
				      const struct lb_conn *fresh, const struct lb_back_link *link)
{
	struct ecbpf_tuple4 key4, forward;
	struct lb_back4 *back;
	void *bucket;
	__u64 hash;
	__u32 at;

	conn_key4(key, &key4);
	conn_key4(&s->key, &forward);
	hash = conn_hash4(&key4);
	at = flow_bucket(hash, lb_buckets[2]);
	bucket = bpf_map_lookup_elem(&lb_back4_map, &at);
	if (!bucket)
		return false;
	back = (struct lb_back4 *)conn_claim(bucket, sizeof(*back), &key4, CONN_WORDS(ecbpf_tuple4),
					     hash, fresh->seen);
	if (!back)
		return false;
	back->key = key4;
	back->forward = forward;
	back->link = *link;
	conn_fill(&back->conn, fresh);
	flow_publish(back, ECBPF_MARK(hash >> 32, 0, 0) | fresh->mark);
	return true;
}

static __always_inline bool back_put6(const struct ecbpf_tuple *key, const struct subject *s,
				      const struct lb_conn *fresh, const struct lb_back_link *link)
{
	__u64 hash = conn_hash6(key);
	__u32 at = flow_bucket(hash, lb_buckets[3]);
	void *bucket = bpf_map_lookup_elem(&lb_back6_map, &at);
	struct lb_back6 *back;

	if (!bucket)
		return false;
	back = (struct lb_back6 *)conn_claim(bucket, sizeof(*back), key, CONN_WORDS(ecbpf_tuple),
					     hash, fresh->seen);
	if (!back)
		return false;
	back->key = *key;
	back->forward = s->key;
	back->link = *link;
	conn_fill(&back->conn, fresh);
	flow_publish(back, ECBPF_MARK(hash >> 32, 0, 0) | fresh->mark);
	return true;
}

/* back_put - false: there is no room */
__noinline int back_put(struct xdp_md *xdp, const struct ecbpf_tuple *key, const struct subject *s,
			const struct way *way, __u32 now)
{
	__u32 zero = 0, vip;
	struct lb_scratch *scratch = bpf_map_lookup_elem(&nat_scratch_map, &zero);
	const struct lb_vip_entry *entry;
	struct lb_conn *fresh;

	if (!key || !s || !way || !scratch)
		return false;
	vip = way->vip;
	entry = bpf_map_lookup_elem(&lb_vip_map, &vip);
	if (!entry)
		return false;
	fresh = &scratch->back;
	fresh->mark = ECBPF_MARK(0, way->backend, way->gen);
	fresh->seen = fresh->created = now;
	fresh->idle = (s->tcp ? entry->tcp_idle : entry->udp_idle) + LB_TEND_TICKS;
	fresh->vip = vip;
	back_link(xdp, &scratch->link);
	return s->v6 ? back_put6(key, s, fresh, &scratch->link) :
		       back_put4(key, s, fresh, &scratch->link);
}

/* back_drop - the connection could not be entered after all */
__noinline int back_drop(const struct ecbpf_tuple *key, __u32 v6)
{
	struct back back = {};

	if (key && back_find(key, v6, &back) && flow_claim(back.conn, back.mark))
		flow_publish(back.conn, 0);
	return 0;
}

/*
 * back_port - the @i-th source port that a connection by full NAT may have. Each CPU gives ports of
 * its own, so that no two give the same at the same time.
 */
static __always_inline __u32 back_port(__u64 hash, __u32 i)
{
	const __u32 cpus = lb_cpus ? lb_cpus : 1, each = lb_ports / cpus;
	const __u32 at = ((__u32)hash + i * ((__u32)(hash >> 32) | 1)) % (each ? each : 1);

	return LB_NAT_FIRST + bpf_get_smp_processor_id() % cpus + at * cpus;
}

/* back_try - @i-th port; 0, or a reason code */
static __always_inline __u32 back_try(struct xdp_md *xdp, const struct subject *s,
				      const struct lb_nat *nat, __u64 hash, __u32 i,
				      struct ecbpf_tuple *key, struct way *way, __u32 now)
{
	way->port = nat->flags & LB_NAT_SOURCE ? bpf_htons(back_port(hash, i)) : 0;
	back_key(s, nat, way->port, key);
	return back_put(xdp, key, s, way, now) ? 0 : ECBPF_CODE_LB_NAT_FULL;
}

/* back_enter - an entry for the replies; way->port of full NAT; a reason code, or 0 */
static __always_inline __u32 back_enter(struct xdp_md *xdp, const struct subject *s,
					const struct lb_nat *nat, struct ecbpf_tuple *key,
					struct way *way, __u32 now)
{
	const bool full = nat->flags & LB_NAT_SOURCE;
	const __u64 hash = conn_hash6(&s->key);
	__u32 code = ECBPF_CODE_LB_NAT_PORTS, least = CONN_KEEP, best = 0, worth, i;

	for (i = 0; i < LB_NAT_PROBES; i++) {
		back_key(s, nat, full ? bpf_htons(back_port(hash, i)) : 0, key);
		worth = back_worth(key, s, now);
		if (!worth) {
			code = back_try(xdp, s, nat, hash, i, key, way, now);
			if (!code)
				return 0;
		} else if (worth < least) {
			least = worth;
			best = i;
		}
		if (!full)
			break;
	}
	if (!full || least == CONN_KEEP)
		return code;
	return back_try(xdp, s, nat, hash, best, key, way, now);
}

/* nat_enter - a connection by NAT; way->code: or why there is none, and then no way->backend */
__noinline int nat_enter(struct xdp_md *xdp, const struct subject *s, struct way *way, __u32 now)
{
	const struct lb_backend_entry *backend;
	struct ecbpf_tuple key;
	struct lb_counts *counts;
	__u32 number;

	if (!s || !way)
		return 0;
	number = way->backend;
	backend = bpf_map_lookup_elem(&lb_backend_map, &number);
	counts = bpf_map_lookup_elem(&lb_count_map, &number);
	if (!backend || !counts)
		return 0;
	way->code =
		back_enter(xdp, s, (const struct lb_nat *)backend->recipe.outer, &key, way, now);
	if (!way->code) {
		if (conn_enter(s, ECBPF_MARK(0, number, way->gen), way->vip, way->port)) {
			counts->conns++;
			way->code = ECBPF_CODE_LB_NEW;
			return 0;
		}
		back_drop(&key, s->v6);
		way->code = ECBPF_CODE_LB_NAT_FULL;
	}
	way->backend = LB_NUMBER_NONE;
	return 0;
}

/* --- one direction keeps the other's entry */

/* is_to_tend - is a packet now the first for some time? */
static __always_inline bool is_to_tend(__u32 seen, __u32 now)
{
	return (seen ^ now) & ~(LB_TEND_TICKS - 1);
}

/* nat_tend - a client's packet keeps the entry of its replies; false: that is lost */
__noinline int nat_tend(struct xdp_md *xdp, const struct subject *s, const struct way *way,
			__u32 now)
{
	const struct lb_backend_entry *backend;
	struct ecbpf_tuple key;
	struct back back = {};
	__u32 number;

	if (!s || !way)
		return false;
	number = way->backend;
	backend = bpf_map_lookup_elem(&lb_backend_map, &number);
	if (!backend)
		return false;
	back_key(s, (const struct lb_nat *)backend->recipe.outer, way->port, &key);
	if (!back_find(&key, s->v6, &back) ||
	    (__u32)back.mark != (__u32)ECBPF_MARK(0, number, way->gen) || !back_is_of(&back, s))
		return false;
	back.conn->seen = now;
	if (!(s->flags & PACKET_TCP_SYN))
		back.conn->state |= LB_CONN_SEEN_TWICE;
	back_link(xdp, back.link);
	return true;
}

/* back_tend - a reply keeps the entry of its connection */
static __always_inline void back_tend(const struct back *back, bool v6, __u32 now)
{
	struct lb_conn *conn;
	__u64 mark = 0;

	conn = v6 ? conn_find6(&back->forward, &mark) : conn_find4(&back->forward, &mark);
	if (conn && (__u32)mark == (__u32)back->mark)
		conn->seen = now;
}

#endif
