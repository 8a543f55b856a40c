// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The balancer: a packet for a VIP goes to its connection's backend, or to the one that the hash says, as
 * the recipe of that backend tells.
 */
#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "libecbpf/exit.bpf.h"
#include "libecbpf/forward.bpf.h"
#include "libecbpf/reply.bpf.h"
#include "xdp_lb/answer.bpf.h"
#include "xdp_lb/back.bpf.h"
#include "xdp_lb/choose.bpf.h"
#include "xdp_lb/conn.bpf.h"
#include "xdp_lb/echo.bpf.h"
#include "xdp_lb/fragment.bpf.h"
#include "xdp_lb/hit.bpf.h"
#include "xdp_lb/maps.bpf.h"
#include "xdp_lb/nat.bpf.h"
#include "xdp_lb/parse.bpf.h"
#include "xdp_lb/quic.bpf.h"
#include "xdp_lb/send.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ecbpf_about ecbpf_about SEC(ECBPF_ABOUT_SECTION) = {
	.abi = ECBPF_ABI,
	.slot = ECBPF_SLOT_LB,
	.version = ECBPF_VERSION,
};

static __always_inline void way_count_nat(struct lb_vip_counts *counts, __u32 code)
{
	switch (code) {
	case ECBPF_CODE_LB_REPLY:
		counts->replies++;
		break;
	case ECBPF_CODE_LB_NAT_LIMITED:
		counts->nat_limited++;
		break;
	case ECBPF_CODE_LB_NAT_FULL:
		counts->nat_full++;
		break;
	case ECBPF_CODE_LB_NAT_PORTS:
		counts->nat_ports++;
		break;
	case ECBPF_CODE_LB_NAT_UNKNOWN:
		counts->nat_unknown++;
		break;
	}
}

/* way_count - what became of the packet, for its VIP */
__noinline int way_count(__u32 vip, __u32 code)
{
	struct lb_vip_counts *counts = bpf_map_lookup_elem(&lb_vip_stat_map, &vip);

	if (!counts)
		return 0;
	if (code == ECBPF_CODE_LB_FORWARD) { /* by far the most */
		counts->hits++;
		return 0;
	}
	switch (code) {
	case ECBPF_CODE_LB_NEW:
		counts->entered++;
		break;
	case ECBPF_CODE_LB_HASHED:
		counts->hashed++;
		break;
	case ECBPF_CODE_LB_LIMITED:
		counts->limited++;
		break;
	case ECBPF_CODE_LB_FULL:
		counts->full++;
		break;
	case ECBPF_CODE_LB_NO_BACKEND:
		counts->no_backend++;
		break;
	case ECBPF_CODE_LB_NO_ROUTE:
		counts->no_route++;
		break;
	case ECBPF_CODE_LB_TTL:
		counts->ttl++;
		break;
	case ECBPF_CODE_LB_TOO_LONG:
	case ECBPF_CODE_LB_PTB:
		counts->too_long++;
		break;
	case ECBPF_CODE_LB_FRAGMENT:
	case ECBPF_CODE_LB_NO_FRAGMENTS:
		counts->fragments++;
		break;
	case ECBPF_CODE_LB_ICMP:
		counts->icmp++;
		break;
	case ECBPF_CODE_LB_ECHO:
		counts->echo++;
		break;
	case ECBPF_CODE_LB_QUIC:
		counts->quic++;
		break;
	default:
		way_count_nat(counts, code);
	}
	return 0;
}

/* --- QUIC */

/* way_quic - to the backend that the packet's connection id names */
static __always_inline bool way_quic(struct xdp_md *xdp, const struct subject *s, struct way *way)
{
	__u32 number = quic_backend(xdp, s->l2 + s->upper, s->payload, way->vip);
	const struct lb_backend_entry *backend = bpf_map_lookup_elem(&lb_backend_map, &number);

	if (!backend || backend->state == LB_BACKEND_NONE || number == LB_NUMBER_NONE)
		return false;
	way->backend = number;
	way->gen = backend->gen;
	way->code = ECBPF_CODE_LB_QUIC;
	return true;
}

/* --- known connections */

/* is_first - the first packet that tells that there is a client? */
static __always_inline bool is_first(const struct lb_conn *conn, const struct subject *s)
{
	return !(conn->state & LB_CONN_SEEN_TWICE) && !(s->flags & PACKET_TCP_SYN);
}

/* way_known - the connection is in a table, and the entry holds */
static __always_inline bool way_known(struct xdp_md *xdp, const struct subject *s, __u32 now,
				      struct way *way)
{
	struct lb_backend_entry *backend;
	struct lb_conn *conn;
	__u64 mark = 0;

	conn = s->v6 ? conn_find6(&s->key, &mark) : conn_find4(&s->key, &mark);
	if (!conn)
		return false;
	way->backend = ECBPF_MARK_ID(mark);
	backend = bpf_map_lookup_elem(&lb_backend_map, &way->backend);
	if (!backend || backend->state == LB_BACKEND_NONE ||
	    (__u16)backend->gen != ECBPF_MARK_GEN(mark))
		return false;
	way->vip = conn->vip;
	way->gen = backend->gen;
	way->port = conn->port;
	if (s->error) { /* is about the connection, and no packet of it */
		way->code = ECBPF_CODE_LB_ICMP;
		return true;
	}
	if (!conn_is_trusted(conn, s, now)) {
		/* what follows a SYN must not meet what was before it */
		if (s->flags & PACKET_TCP_SYN && flow_claim(conn, mark))
			flow_publish(conn, 0);
		return false;
	}
	way->code = ECBPF_CODE_LB_FORWARD;
	if (conn->state & LB_CONN_QUIC)
		way_quic(xdp, s, way);
	if (s->fragment && !fragment_keep(s, way, now))
		return false;
	if (backend->recipe.kind == ECBPF_NAT && (is_to_tend(conn->seen, now) || is_first(conn, s)))
		way->flags = WAY_TEND;
	if (way->backend == ECBPF_MARK_ID(mark))
		conn_touch(conn, s, now);
	return true;
}

/* --- unknown ones */

/* new_limited - has this CPU entered as many of the VIP as it may in this window? */
static __always_inline bool new_limited(__u32 vip, __u32 most, __u32 now)
{
	__u32 window = now / (lb_hz * LB_WINDOW_MS / 1000 ? lb_hz * LB_WINDOW_MS / 1000 : 1);
	struct lb_rate *rate = bpf_map_lookup_elem(&lb_rate_map, &vip);

	if (!rate)
		return true;
	if (rate->window != window) {
		rate->window = window;
		rate->entered = 0;
	}
	if (rate->entered >= most)
		return true;
	rate->entered++;
	return false;
}

/*
 * is_new - does the packet begin a connection that is worth an entry? A SYN may be all there is; but by NAT
 * nothing goes without an entry.
 */
static __always_inline bool is_new(const struct subject *s, const struct lb_vip_entry *entry,
				   bool nat)
{
	if (entry->flags & LB_VIP_NO_TABLE || s->later)
		return false;
	if (s->tcp)
		return !(s->flags & (PACKET_TCP_RST | (nat ? 0 : PACKET_TCP_SYN)));
	return s->proto == IPPROTO_UDP;
}

/* way_enter_nat - the entry is made later, when there is room on the stack for it */
static __always_inline void way_enter_nat(const struct subject *s, const struct lb_vip_entry *entry,
					  struct way *way, __u32 now)
{
	if (s->error || !is_new(s, entry, true)) {
		way->code = ECBPF_CODE_LB_NAT_UNKNOWN;
	} else if (entry->new_max && new_limited(way->vip, entry->new_max, now)) {
		way->code = ECBPF_CODE_LB_NAT_LIMITED;
	} else {
		way->flags = WAY_ENTER;
		return;
	}
	way->backend = LB_NUMBER_NONE;
}

static __always_inline __u32 way_enter(const struct subject *s, const struct lb_vip_entry *entry,
				       const struct way *way, __u32 now)
{
	struct lb_counts *counts;
	__u32 number = way->backend;

	if (s->error)
		return ECBPF_CODE_LB_ICMP;
	if (!is_new(s, entry, false))
		return ECBPF_CODE_LB_HASHED;
	if (entry->new_max && new_limited(way->vip, entry->new_max, now))
		return ECBPF_CODE_LB_LIMITED;
	if (!conn_enter(s, ECBPF_MARK(0, way->backend, way->gen), way->vip, 0))
		return ECBPF_CODE_LB_FULL;
	counts = bpf_map_lookup_elem(&lb_count_map, &number);
	if (counts)
		counts->conns++;
	return ECBPF_CODE_LB_NEW;
}

/* --- a packet that no table knows */

/* way_choose - by the VIP's table: a new connection, or a packet that begins none */
static __always_inline void way_choose(const struct subject *s, const struct lb_vip_entry *entry,
				       struct way *way, __u32 now)
{
	__u32 number = choose_backend(s, way->vip);
	const struct lb_backend_entry *backend = bpf_map_lookup_elem(&lb_backend_map, &number);

	way->code = ECBPF_CODE_LB_NO_BACKEND;
	if (!backend || backend->state == LB_BACKEND_NONE || number == LB_NUMBER_NONE)
		return;
	way->backend = number;
	way->gen = backend->gen;
	if (backend->recipe.kind == ECBPF_NAT) {
		way_enter_nat(s, entry, way, now);
		return;
	}
	way->code = way_enter(s, entry, way, now);
	if (s->fragment && !s->later)
		fragment_keep(s, way, now);
}

/* way_new - false: for no VIP. Else way->code tells, and way->backend where to, or 0 */
__noinline int way_new(struct xdp_md *xdp, const struct subject *s, struct way *way, __u32 now)
{
	const struct lb_vip_entry *entry;
	__u32 vip;

	if (!s || !way)
		return false;
	if (s->later && fragment_find(s, way, now))
		return true;
	/* Linux 6.1 takes no key from what a pointer leads to */
	vip = choose_vip(s);
	entry = bpf_map_lookup_elem(&lb_vip_map, &vip);
	if (!entry || vip == LB_NUMBER_NONE)
		return false;
	way->vip = vip;
	way->backend = LB_NUMBER_NONE;
	way->port = way->flags = 0;
	if (s->fragment && entry->flags & LB_VIP_REFUSE_FRAGMENT) {
		way->code = ECBPF_CODE_LB_NO_FRAGMENTS;
		return true;
	}
	if (s->echo) {
		way->code = ECBPF_CODE_LB_ECHO;
		return entry->flags & LB_VIP_ECHO;
	}
	if (s->later && entry->hash == LB_OF_TUPLE) {
		way->code = ECBPF_CODE_LB_FRAGMENT;
		return true;
	}
	if (entry->cid_octets && !s->error && !s->later && way_quic(xdp, s, way)) {
		if (s->fragment)
			fragment_keep(s, way, now);
		return true;
	}
	way_choose(s, entry, way, now);
	return true;
}

/* --- on the way */

/* ptb_allowed - within this second's share? */
static __always_inline bool ptb_allowed(struct lb_settings *settings, __u32 now)
{
	__u32 second = now / (lb_hz ? lb_hz : 1), old = settings->ptb_second;

	if (old != second && __sync_val_compare_and_swap(&settings->ptb_second, old, second) == old)
		settings->ptb_used = 0;
	if (settings->ptb_used >= settings->ptb_pps)
		return false;
	return __sync_fetch_and_add(&settings->ptb_used, 1) < settings->ptb_pps;
}

/* ptb_send - Packet Too Big, where one is due; anew from the frame, which nothing has changed */
__noinline int ptb_send(struct xdp_md *xdp, __u32 mtu)
{
	struct reply_parts parts = { .mtu = mtu };
	struct pkt p = pkt_init(xdp);
	struct pkt_icmp_hdr *icmp;
	struct pkt_eth eth;
	struct pkt_ip ip;
	__u32 code, type = 0;

	parts.frame = pkt_frame_bytes(xdp);
	if (pkt_eth(&p, &eth))
		return false;
	code = eth.proto == bpf_htons(ETH_P_IP) ? pkt_ipv4(&p, &ip) : pkt_ipv6(&p, &ip);
	if (code)
		return false;
	icmp = ip.proto == IPPROTO_ICMP || ip.proto == IPPROTO_ICMPV6 ?
		       pkt_pull(&p, sizeof(*icmp)) :
		       NULL;
	if (icmp)
		type = icmp->type;
	reply_quote(&eth, &ip, type, &parts);
	return parts.len && reply_send(xdp, &parts);
}

static __always_inline void too_long(struct xdp_md *xdp, const struct subject *s, __u32 mtu,
				     struct ecbpf_verdict *v)
{
	__u32 zero = 0;
	struct lb_settings *settings = bpf_map_lookup_elem(&lb_settings_map, &zero);

	ecbpf_decide(v, XDP_DROP, ECBPF_CODE_LB_TOO_LONG);
	if (!settings || !(s->df || s->v6) || !ptb_allowed(settings, conn_now(settings)))
		return;
	if (ptb_send(xdp, mtu))
		ecbpf_decide(v, XDP_TX, ECBPF_CODE_LB_PTB);
}

/* frame_change - not inline: a packet is much to have on the stack while connections are entered */
static __noinline int frame_change(struct xdp_md *xdp, const struct subject *s,
				   const struct ecbpf_recipe *recipe, __be16 sport)
{
	struct packet packet = {};

	if (!parse_packet(xdp, s, &packet))
		return FORWARD_BROKEN;
	return forward_packet(xdp, &packet, recipe, sport);
}

/* frame_send - @port: of full NAT */
static __always_inline int frame_send(struct xdp_md *xdp, const struct subject *s,
				      const struct lb_backend_entry *backend, __u32 port)
{
	const struct lb_nat *nat = (const struct lb_nat *)backend->recipe.outer;
	int action = send_action(xdp, &backend->recipe);
	__be16 sport = 0;

	if (action == XDP_DROP)
		return XDP_DROP;
	if (backend->recipe.kind == ECBPF_NAT &&
	    !(s->error ? nat_quote(xdp, s, nat, port) : nat_segment(xdp, s, nat, port)))
		return XDP_DROP;
	if (backend->recipe.kind == ECBPF_GUE)
		sport = send_gue_port(&s->key);
	if (frame_change(xdp, s, &backend->recipe, sport) != FORWARD_DONE)
		return XDP_DROP;
	return action;
}

/* out_of - how packets get there; of a reply, what reply_find() found */
static __always_inline const struct lb_backend_entry *out_of(const struct way *way)
{
	__u32 zero = 0, number = way->backend;
	struct lb_scratch *scratch;

	if (!(way->flags & WAY_REPLY))
		return bpf_map_lookup_elem(&lb_backend_map, &number);
	scratch = bpf_map_lookup_elem(&nat_scratch_map, &zero);
	return scratch ? &scratch->out : NULL;
}

static __always_inline void count(const struct way *way, const struct subject *s)
{
	__u32 number = way->backend;
	struct lb_counts *counts = bpf_map_lookup_elem(&lb_count_map, &number);

	if (counts && way->flags & WAY_REPLY) {
		counts->reply_packets++;
		counts->reply_bytes += s->ip_bytes;
	} else if (counts) {
		counts->packets++;
		counts->bytes += s->ip_bytes;
	}
}

/* deliver - the packet goes to way->backend, or comes from there */
static __always_inline void deliver(struct xdp_md *xdp, const struct subject *s,
				    const struct way *way, struct ecbpf_verdict *v)
{
	const struct lb_backend_entry *backend = out_of(way);

	v->meta = way->backend;
	if (!backend || backend->state != LB_BACKEND_UP) {
		ecbpf_decide(v, XDP_DROP, ECBPF_CODE_LB_NO_ROUTE);
		return;
	}
	if (s->ttl <= 1) {
		ecbpf_decide(v, XDP_DROP, ECBPF_CODE_LB_TTL);
		return;
	}
	if (s->ip_bytes > backend->mtu) {
		too_long(xdp, s, backend->mtu, v);
		return;
	}
	v->action = frame_send(xdp, s, backend, way->port);
	v->code = v->action == XDP_DROP ? ECBPF_CODE_LB_FRAME : way->code;
	if (v->action != XDP_DROP)
		count(way, s);
}

/* way_find - of a packet for a VIP; false: it is for none */
static __always_inline bool way_find(struct xdp_md *xdp, const struct subject *s, struct way *way,
				     __u32 now)
{
	bool known = !s->later && !s->echo && way_known(xdp, s, now, way);

	if (known && way->flags & WAY_TEND)
		known = nat_tend(xdp, s, way, now);
	if (!known && !way_new(xdp, s, way, now))
		return false;
	if (way->flags & WAY_ENTER)
		nat_enter(xdp, s, way, now);
	return true;
}

static __always_inline void balance(struct xdp_md *xdp, struct ecbpf_verdict *v)
{
	__u32 zero = 0, now, near;
	const struct lb_settings *settings = bpf_map_lookup_elem(&lb_settings_map, &zero);
	struct pkt p = pkt_init(xdp);
	struct pkt_eth eth;
	struct subject s = {};
	struct way way = {};

	if (!settings || pkt_eth(&p, &eth) || eth.hdr->h_dest[0] & 1)
		return;
	near = parse_near(settings, &p, eth.proto);
	if (!near)
		return;
	now = conn_now(settings);
	if (near & PARSE_FOR_VIP && !(near & PARSE_BY_NAT) && hit(xdp, eth.proto, now, v))
		return;
	if (!parse_all(xdp, &s))
		return;
	if (!(near & PARSE_FOR_VIP && way_find(xdp, &s, &way, now)) &&
	    !(near & PARSE_REPLY && reply_find(xdp, &s, &way, now)))
		return;
	if (way.backend != LB_NUMBER_NONE)
		deliver(xdp, &s, &way, v);
	else if (way.code == ECBPF_CODE_LB_ECHO && echo_make(xdp))
		ecbpf_decide(v, XDP_TX, way.code);
	else if (way.code != ECBPF_CODE_LB_ECHO)
		ecbpf_decide(v, XDP_DROP, way.code);
	if (v->code)
		way_count(way.vip, v->code);
}

SEC("xdp")
int xdp_lb(struct xdp_md *xdp)
{
	struct ecbpf_verdict v = { .action = ECBPF_NEXT };

	balance(xdp, &v);
	return ecbpf_exit(xdp, &v);
}
