/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What nearly all packets are, ahead of everything else: TCP behind its SYN, or UDP, without tags, options,
 * extension headers and fragments, of a connection that is known, to a backend that can have them as they
 * are. What is declined here has changed nothing; way_find() and deliver() would have done the same to what
 * is not. Where all backends are by NAT, nobody comes here.
 */
#ifndef XDP_LB_HIT_BPF_H
#define XDP_LB_HIT_BPF_H

#include "libecbpf/exit.bpf.h"
#include "libecbpf/forward.bpf.h"
#include "xdp_lb/conn.bpf.h"
#include "xdp_lb/maps.bpf.h"
#include "xdp_lb/parse.bpf.h"
#include "xdp_lb/send.bpf.h"

/* --- the packet */

static __always_inline bool hit_ip4(struct pkt *p, struct pkt_ip *ip)
{
	return !pkt_ipv4(p, ip) && !ip->exts && !ip->fragment;
}

static __always_inline bool hit_ip6(struct pkt *p, struct pkt_ip *ip)
{
	struct ipv6hdr *hdr = pkt_pull(p, sizeof(*hdr));

	if (!hdr || hdr->version != 6)
		return false;
	*ip = (struct pkt_ip){
		.v6 = hdr,
		.left = bpf_ntohs(hdr->payload_len),
		.proto = hdr->nexthdr,
	};
	return ip->left <= pkt_left(p);
}

/* hit_parse - false: it is of another kind */
static __always_inline bool hit_parse(struct pkt *p, bool v6, struct subject *s,
				      struct packet *packet)
{
	struct pkt_ip ip;

	packet->eth = pkt_pull(p, sizeof(*packet->eth));
	if (!packet->eth || packet->eth->h_proto != bpf_htons(v6 ? ETH_P_IPV6 : ETH_P_IP))
		return false;
	if (!(v6 ? hit_ip6(p, &ip) : hit_ip4(p, &ip)))
		return false;
	if (ip.proto != IPPROTO_TCP && ip.proto != IPPROTO_UDP)
		return false;
	packet->ip4 = ip.v4;
	packet->ip6 = ip.v6;
	s->l2 = sizeof(*packet->eth);
	parse_header(s, &ip);
	parse_addrs(&s->key, &ip);
	s->key.rest = ECBPF_REST(s->proto, 0, 0);
	if (!parse_ports(p, s) || s->flags & PACKET_TCP_SYN)
		return false;
	parse_fill(s, packet);
	return true;
}

/* --- where it goes */

/* hit_backend - of the connection; NULL: it is gone, or the packet is not simply forwarded */
static __always_inline const struct lb_backend_entry *
hit_backend(const struct lb_conn *conn, const struct subject *s, __u64 mark, __u32 now)
{
	__u32 number = ECBPF_MARK_ID(mark);
	const struct lb_backend_entry *backend = bpf_map_lookup_elem(&lb_backend_map, &number);

	if (!backend || backend->state != LB_BACKEND_UP ||
	    (__u16)backend->gen != ECBPF_MARK_GEN(mark))
		return NULL;
	if (backend->recipe.kind == ECBPF_NAT || s->ttl <= 1 || s->ip_bytes > backend->mtu)
		return NULL;
	return conn->state & LB_CONN_QUIC || conn_is_over(conn, now) ? NULL : backend;
}

/* hit_send - an XDP action */
static __always_inline int hit_send(struct xdp_md *xdp, const struct subject *s,
				    const struct packet *packet, const struct ecbpf_recipe *recipe)
{
	const int action = send_action(xdp, recipe);
	__be16 sport = 0;

	if (action == XDP_DROP)
		return XDP_DROP;
	if (recipe->kind == ECBPF_GUE)
		sport = send_gue_port(&s->key);
	if (forward_is_plain(packet, recipe)) {
		forward_plain(packet, recipe);
		return action;
	}
	return forward_reshape(xdp, recipe, sport, packet) == FORWARD_DONE ? action : XDP_DROP;
}

static __always_inline void hit_count(__u32 vip, __u32 backend, __u32 ip_bytes)
{
	struct lb_vip_counts *of_vip = bpf_map_lookup_elem(&lb_vip_stat_map, &vip);
	struct lb_counts *counts = bpf_map_lookup_elem(&lb_count_map, &backend);

	if (of_vip)
		of_vip->hits++;
	if (counts) {
		counts->packets++;
		counts->bytes += ip_bytes;
	}
}

/* What hit4() and hit6() return: the backend's number, which is not 0, and an action. */
#define HIT(backend, action) ((__u64)(backend) << 32 | (action))

static __always_inline __u64 hit_forward(struct xdp_md *xdp, __u32 now, bool v6)
{
	const struct lb_backend_entry *backend;
	struct pkt p = pkt_init(xdp);
	struct packet packet = {};
	struct subject s = {};
	struct lb_conn *conn;
	__u64 mark = 0;
	int action;

	if (!hit_parse(&p, v6, &s, &packet))
		return 0;
	conn = v6 ? conn_find6(&s.key, &mark) : conn_find4(&s.key, &mark);
	backend = conn ? hit_backend(conn, &s, mark, now) : NULL;
	if (!backend)
		return 0;
	conn_touch(conn, &s, now);
	action = hit_send(xdp, &s, &packet, &backend->recipe);
	if (action != XDP_DROP)
		hit_count(conn->vip, ECBPF_MARK_ID(mark), s.ip_bytes);
	return HIT(ECBPF_MARK_ID(mark), action);
}

/* Not inline: there is no room on one stack for these packets and all others. */
static __noinline __u64 hit4(struct xdp_md *xdp, __u32 now)
{
	return hit_forward(xdp, now, false);
}

static __noinline __u64 hit6(struct xdp_md *xdp, __u32 now)
{
	return hit_forward(xdp, now, true);
}

/* hit - @proto: behind all tags; false: the packet is for way_find() */
static __always_inline bool hit(struct xdp_md *xdp, __be16 proto, __u32 now,
				struct ecbpf_verdict *v)
{
	const __u64 done = proto == bpf_htons(ETH_P_IP) ? hit4(xdp, now) : hit6(xdp, now);
	const __u32 action = done;

	if (!done)
		return false;
	v->meta = done >> 32;
	return ecbpf_decide(v, action,
			    action == XDP_DROP ? ECBPF_CODE_LB_FRAME : ECBPF_CODE_LB_FORWARD);
}

#endif
