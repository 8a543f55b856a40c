/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What backends by NAT answer: whose it is, and how it gets to the client. */
#ifndef XDP_LB_ANSWER_BPF_H
#define XDP_LB_ANSWER_BPF_H

#include "xdp_lb/back.bpf.h"

/* reply_touch - closing is as in conn_touch(); that there is a client, only its own packets tell */
static __always_inline void reply_touch(struct lb_conn *conn, const struct subject *s, __u32 now)
{
	conn_count(conn, s, conn->state & LB_CONN_SEEN_TWICE, now);
}

/* reply_nat - the packet becomes one from the VIP to the client */
static __always_inline void reply_nat(const struct ecbpf_tuple *forward, struct lb_nat *nat)
{
	__builtin_memcpy(nat->from, forward->daddr, sizeof(nat->from));
	__builtin_memcpy(nat->to, forward->saddr, sizeof(nat->to));
	nat->sport = forward->dport;
	nat->dport = forward->sport;
	nat->flags = LB_NAT_SOURCE;
}

static __always_inline int reply_ask(struct xdp_md *xdp, const struct subject *s,
				     const struct lb_nat *nat, struct bpf_fib_lookup *fib)
{
	__builtin_memset(fib, 0, sizeof(*fib));
	fib->family = s->v6 ? AF_INET6 : AF_INET;
	fib->l4_protocol = s->proto;
	fib->sport = nat->sport;
	fib->dport = nat->dport;
	fib->tot_len = s->ip_bytes;
	fib->ifindex = xdp->ingress_ifindex;
	if (s->v6) {
		__builtin_memcpy(fib->ipv6_src, nat->from, sizeof(fib->ipv6_src));
		__builtin_memcpy(fib->ipv6_dst, nat->to, sizeof(fib->ipv6_dst));
	} else {
		fib->ipv4_src = nat->from[3];
		fib->ipv4_dst = nat->to[3];
	}
	return bpf_fib_lookup(xdp, fib, sizeof(*fib), 0);
}

/* reply_l2 - as the kernel would send it; false: by nothing that has frames */
static __always_inline bool reply_l2(const struct bpf_fib_lookup *fib, bool v6,
				     struct ecbpf_recipe *recipe)
{
	__u32 ifindex = fib->ifindex, at = 2 * ETH_ALEN;
	const struct lb_port *port = bpf_map_lookup_elem(&lb_port_map, &ifindex);
	struct forward_half *l2 = (struct forward_half *)recipe->l2;

	__builtin_memcpy(recipe->l2, fib->dmac, ETH_ALEN);
	__builtin_memcpy(recipe->l2 + ETH_ALEN, fib->smac, ETH_ALEN);
	if (port && port->tags) {
		l2[at / 2].value = port->tag[0].tpid;
		l2[at / 2 + 1].value = port->tag[0].tci;
		at += sizeof(struct pkt_vlan_tag);
		if (port->tags > 1) {
			l2[at / 2].value = port->tag[1].tpid;
			l2[at / 2 + 1].value = port->tag[1].tci;
			at += sizeof(struct pkt_vlan_tag);
		}
	}
	l2[at / 2].value = v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	recipe->l2_bytes = at + 2;
	recipe->ifindex = port ? port->ifindex : ifindex;
	return recipe->ifindex;
}

/* reply_back - the way that the client's packets came */
static __always_inline bool reply_back(const struct lb_back_link *link, struct ecbpf_recipe *recipe)
{
	recipe->ifindex = link->ifindex;
	recipe->l2_bytes = link->bytes;
	__builtin_memcpy(recipe->l2, link->l2, sizeof(recipe->l2));
	return link->bytes >= sizeof(struct ethhdr);
}

/* reply_way - by the kernel's routes, which may also say that there is none */
static __always_inline void reply_way(struct xdp_md *xdp, const struct subject *s,
				      const struct lb_back_link *link, struct lb_scratch *scratch)
{
	struct lb_backend_entry *out = &scratch->out;
	const int told = reply_ask(xdp, s, (const struct lb_nat *)out->recipe.outer, &scratch->fib);
	bool known;

	out->mtu = PKT_LEN_MAX;
	switch (told) {
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		out->mtu = scratch->fib.mtu_result;
		known = true;
		break;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
		known = false;
		break;
	case BPF_FIB_LKUP_RET_SUCCESS:
		known = reply_l2(&scratch->fib, s->v6, &out->recipe) ||
			reply_back(link, &out->recipe);
		break;
	default: /* no neighbour; or the machine is no router, or the client is on its own */
		known = reply_back(link, &out->recipe);
	}
	out->state = known ? LB_BACKEND_UP : LB_BACKEND_NO_ROUTE;
}

/* reply_find - whose reply is it? false: nobody's */
__noinline int reply_find(struct xdp_md *xdp, const struct subject *s, struct way *way, __u32 now)
{
	__u32 zero = 0;
	struct lb_scratch *scratch = bpf_map_lookup_elem(&nat_scratch_map, &zero);
	struct ecbpf_tuple key;
	struct back back = {};

	if (!s || !way || !scratch || s->later)
		return false;
	key = s->key;
	key.rest = s->proto;
	if (!back_find(&key, s->v6, &back) || !back_holds(back.mark) ||
	    conn_is_over(back.conn, now))
		return false;
	way->vip = back.conn->vip;
	way->backend = LB_NUMBER_NONE;
	way->code = ECBPF_CODE_LB_NO_FRAGMENTS;
	way->port = 0;
	way->flags = WAY_REPLY;
	if (s->fragment)
		return true;
	way->backend = ECBPF_MARK_ID(back.mark);
	way->code = s->error ? ECBPF_CODE_LB_ICMP : ECBPF_CODE_LB_REPLY;
	if (!s->error) {
		if (is_to_tend(back.conn->seen, now))
			back_tend(&back, s->v6, now);
		reply_touch(back.conn, s, now);
	}
	scratch->out.recipe.kind = ECBPF_NAT;
	reply_nat(&back.forward, (struct lb_nat *)scratch->out.recipe.outer);
	reply_way(xdp, s, back.link, scratch);
	return true;
}

#endif
