/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Takes a frame through every pull of pkt.bpf.h. For kernel programs and the host. */
#ifndef TESTS_FUZZ_SUBJECT_H
#define TESTS_FUZZ_SUBJECT_H

#include "libecbpf/pkt.bpf.h"
#include "tests/fuzz/facts.h"

static __always_inline void subject_link(struct pkt *p, void *data, struct pkt_eth *eth,
					 struct facts_link *link)
{
	link->code = pkt_eth(p, eth);
	if (link->code)
		return;
	link->end = p->pos - data;
	link->proto = bpf_ntohs(eth->proto);
	link->vlans = eth->vlans;
	if (eth->vlans > 0)
		link->tci[0] = bpf_ntohs(eth->tci[0]);
	if (eth->vlans > 1)
		link->tci[1] = bpf_ntohs(eth->tci[1]);
	link->offset = (void *)eth->hdr - data;
}

static __always_inline void subject_net(struct pkt *p, void *data, struct pkt_ip *ip,
					struct facts_net *net)
{
	if (net->code && net->code != ECBPF_CODE_IPV6_EXT_LIMIT)
		return;
	if (ip->v4) {
		net->version = 4;
		net->offset = (void *)ip->v4 - data;
	} else {
		net->version = 6;
		net->offset = (void *)ip->v6 - data;
	}
	net->end = p->pos - data;
	net->left = ip->left;
	net->proto = ip->proto;
	net->exts = ip->exts;
	net->fragment = ip->fragment;
	net->later = ip->later;
}

static __always_inline void subject_tcp(struct pkt *p, void *data, struct pkt_ip *ip,
					struct facts_upper *upper)
{
	struct tcphdr *tcp;

	upper->code = pkt_tcp(p, ip, &tcp);
	if (upper->code)
		return;
	upper->offset = (void *)tcp - data;
	upper->field[0] = bpf_ntohs(tcp->source);
	upper->field[1] = bpf_ntohs(tcp->dest);
}

static __always_inline void subject_udp(struct pkt *p, void *data, struct pkt_ip *ip,
					struct facts_upper *upper)
{
	struct udphdr *udp;

	upper->code = pkt_udp(p, ip, &udp);
	if (upper->code)
		return;
	upper->offset = (void *)udp - data;
	upper->field[0] = bpf_ntohs(udp->source);
	upper->field[1] = bpf_ntohs(udp->dest);
}

static __always_inline void subject_icmp(struct pkt *p, void *data, struct pkt_ip *ip,
					 struct facts_upper *upper)
{
	struct pkt_icmp_hdr *icmp;

	upper->code = pkt_icmp(p, ip, &icmp);
	if (upper->code)
		return;
	upper->offset = (void *)icmp - data;
	upper->field[0] = icmp->type;
	upper->field[1] = icmp->code;
}

static __always_inline void subject_upper(struct pkt *p, void *data, struct pkt_ip *ip,
					  struct facts_upper *upper)
{
	if (ip->proto == IPPROTO_TCP)
		subject_tcp(p, data, ip, upper);
	else if (ip->proto == IPPROTO_UDP)
		subject_udp(p, data, ip, upper);
	else if (ip->proto == (ip->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		subject_icmp(p, data, ip, upper);
	else
		return;
	if (upper->code)
		return;
	upper->proto = ip->proto;
	upper->end = p->pos - data;
	upper->left = ip->left;
}

/* subject_parse - @facts must be all zero */
static __always_inline void subject_parse(struct pkt p, struct facts *facts)
{
	void *data = p.pos;
	struct pkt_eth eth;
	struct pkt_ip ip;

	subject_link(&p, data, &eth, &facts->link);
	if (facts->link.code)
		return;
	if (eth.proto == bpf_htons(ETH_P_IP))
		facts->net.code = pkt_ipv4(&p, &ip);
	else if (eth.proto == bpf_htons(ETH_P_IPV6))
		facts->net.code = pkt_ipv6(&p, &ip);
	else
		return;
	subject_net(&p, data, &ip, &facts->net);
	if (!facts->net.code && !ip.later)
		subject_upper(&p, data, &ip, &facts->upper);
}

#endif
