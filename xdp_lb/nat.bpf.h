/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Addresses and ports of a packet become others, with all the checksums that they are in. Checksums are
 * updated (RFC 1624), not verified; only where a sender has left its checksum to a card that was none
 * is the segment summed up.
 */
#ifndef XDP_LB_NAT_BPF_H
#define XDP_LB_NAT_BPF_H

#include "libecbpf/csum.bpf.h"
#include "xdp_lb/parse.bpf.h"

/* No more IP header than this, with options or extension headers. */
#define NAT_UPPER_MAX 2048

/* What bpf_csum_diff() takes at a time; a frame of one page has no more parts. */
#define NAT_SUM_PART  512
#define NAT_SUM_PARTS 18

/**
 * struct lb_scratch - value of nat_scratch_map
 * @out: of a reply: how it gets to its client, as if that were a backend
 * @fib: the question to the kernel
 * @sum: of a segment, what is summed up
 * @back, @link: of a connection that is being entered: its replies' entry
 */
struct lb_scratch {
	struct lb_backend_entry out;
	struct bpf_fib_lookup fib;
	struct lb_conn back;
	struct lb_back_link link;
	__u32 sum[NAT_SUM_PART / 4 + 1];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_scratch);
} nat_scratch_map SEC(".maps");

/* nat_sum - of @len bytes at @at of the frame, in 16 bits; negative: they are not there, or too many */
__noinline int nat_sum(struct xdp_md *xdp, __u32 at, __u32 len)
{
	__u32 zero = 0, part, i;
	struct lb_scratch *scratch = bpf_map_lookup_elem(&nat_scratch_map, &zero);
	__s64 sum = 0;

	if (!scratch)
		return -1;
	for (i = 0; i < NAT_SUM_PARTS; i++) {
		part = len < NAT_SUM_PART ? len : NAT_SUM_PART;
		/* verifiers must see both bounds: clang would compare what it computes from a copy */
		part--;
		if (part >= NAT_SUM_PART)
			break;
		barrier_var(part);
		part++;
		scratch->sum[part / 4] = 0;
		if (bpf_xdp_load_bytes(xdp, at, scratch->sum, part))
			return -1;
		sum = bpf_csum_diff(NULL, 0, scratch->sum, (part + 3) & ~3U, sum);
		at += part;
		len -= part;
	}
	return len ? -1 : (__u16)~csum_fold((__u32)sum);
}

/**
 * struct nat_at - a packet whose addresses have been changed
 * @p: at the upper header
 * @old, @new: sums of the addresses
 */
struct nat_at {
	struct pkt p;
	__u64 old;
	__u64 new;
};

static __always_inline bool nat_addrs4(const struct lb_nat *nat, struct nat_at *at)
{
	struct iphdr *ip = pkt_pull(&at->p, sizeof(*ip));

	if (!ip)
		return false;
	at->old = csum_add(0, &ip->saddr, 4);
	if (nat->flags & LB_NAT_SOURCE)
		ip->saddr = nat->from[3];
	ip->daddr = nat->to[3];
	at->new = csum_add(0, &ip->saddr, 4);
	ip->check = csum_replace(ip->check, (__u16)csum_fold(at->old) + at->new);
	return true;
}

static __always_inline bool nat_addrs6(const struct lb_nat *nat, struct nat_at *at)
{
	struct ipv6hdr *ip = pkt_pull(&at->p, sizeof(*ip));

	if (!ip)
		return false;
	at->old = csum_add(0, &ip->saddr, 16);
	if (nat->flags & LB_NAT_SOURCE)
		__builtin_memcpy(&ip->saddr, nat->from, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, nat->to, sizeof(ip->daddr));
	at->new = csum_add(0, &ip->saddr, 16);
	return true;
}

/* nat_addrs - false: nothing was changed */
static __always_inline bool nat_addrs(struct xdp_md *xdp, const struct subject *s,
				      const struct lb_nat *nat, struct nat_at *at)
{
	__u32 l2 = s->l2, rest = s->upper - (s->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));

	at->p = pkt_init(xdp);
	barrier_var(l2);
	barrier_var(rest);
	if (l2 > ECBPF_L2_MAX || rest > NAT_UPPER_MAX || !pkt_pull(&at->p, l2))
		return false;
	if (s->v6 ? !nat_addrs6(nat, at) : !nat_addrs4(nat, at))
		return false;
	return pkt_pull(&at->p, rest);
}

/** struct nat_ports - of a segment, and what they become */
struct nat_ports {
	__be16 sport;
	__be16 dport;
};

/* nat_ports - @port: of full NAT */
static __always_inline void nat_ports(const struct lb_nat *nat, __u32 port,
				      const struct nat_ports *old, struct nat_ports *new)
{
	new->sport = port ? port : nat->sport ? nat->sport : old->sport;
	new->dport = nat->dport ? nat->dport : old->dport;
}

/* nat_check - a checksum that has become 0 is sent as its complement, if 0 means that there is none */
static __always_inline __u16 nat_check(__u16 check, bool tcp)
{
	return !check && !tcp ? 0xffff : check;
}

/* nat_skip - from behind the ports to the checksum */
static __always_inline bool nat_skip(struct pkt *p, bool tcp)
{
	return pkt_pull(p, (tcp ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check)) -
				   sizeof(struct nat_ports));
}

/*
 * nat_segment - a packet of a connection becomes one of another; false: it is in pieces now
 * @port: of full NAT: source port
 *
 * What a card was to sum up has the sum of its pseudo header in place of a checksum, and so has one
 * right checksum in 65,535: that is summed up, too, to the same end.
 */
__noinline int nat_segment(struct xdp_md *xdp, const struct subject *s, const struct lb_nat *nat,
			   __u32 port)
{
	struct nat_ports old, new, *ports;
	struct csum_word *check;
	struct nat_at at;
	__u64 length;
	bool tcp;
	int sum;

	if (!s || !nat)
		return false;
	tcp = s->proto == IPPROTO_TCP;
	if (!nat_addrs(xdp, s, nat, &at))
		return false;
	ports = pkt_pull(&at.p, sizeof(*ports));
	if (!ports || !nat_skip(&at.p, tcp))
		return false;
	check = pkt_pull(&at.p, sizeof(*check));
	if (!check)
		return false;
	old = *ports;
	nat_ports(nat, port, &old, &new);
	*ports = new;
	if (!tcp && !check->value)
		return true;
	length = bpf_htons(s->ip_bytes - s->upper) + bpf_htons(s->proto);
	if (check->value != (__u16)~csum_fold(at.old + length)) {
		check->value =
			nat_check(csum_replace(check->value, (__u16)csum_fold(at.old) + at.new +
								     csum_diff(&old, &new, 2)),
				  tcp);
		return true;
	}
	check->value = 0;
	sum = nat_sum(xdp, s->l2 + s->upper, s->ip_bytes - s->upper);
	if (sum < 0)
		return false;
	check->value = nat_check(csum_fold(at.new + length + sum), tcp);
	return true;
}

/* nat_quote_addrs - of the packet that an ICMP error is about, which went the other way; what that adds */
static __always_inline int nat_quote_addrs(struct pkt *p, const struct subject *s,
					   const struct lb_nat *nat, __u64 *addrs, __u64 *all)
{
	__u64 old, new;
	struct ipv6hdr *ip6;
	struct iphdr *ip;
	__u16 check;
	__u32 len;

	if (s->v6) {
		ip6 = pkt_pull(p, sizeof(*ip6));
		if (!ip6)
			return -1;
		old = csum_add(0, &ip6->saddr, 16);
		__builtin_memcpy(&ip6->saddr, nat->to, sizeof(ip6->saddr));
		if (nat->flags & LB_NAT_SOURCE)
			__builtin_memcpy(&ip6->daddr, nat->from, sizeof(ip6->daddr));
		new = csum_add(0, &ip6->saddr, 16);
		*all = *addrs = (__u16)csum_fold(old) + new;
		return sizeof(*ip6);
	}
	ip = pkt_pull(p, sizeof(*ip));
	if (!ip)
		return -1;
	len = ip->ihl * 4 - sizeof(*ip);
	old = csum_add(0, &ip->saddr, 4);
	ip->saddr = nat->to[3];
	if (nat->flags & LB_NAT_SOURCE)
		ip->daddr = nat->from[3];
	new = csum_add(0, &ip->saddr, 4);
	*addrs = (__u16)csum_fold(old) + new;
	check = ip->check;
	ip->check = csum_replace(check, *addrs);
	*all = *addrs + (__u16)~check + ip->check;
	if (len > 40 || !pkt_pull(p, len))
		return -1;
	return sizeof(*ip) + len;
}

/* nat_quote_check - the quoted segment's own checksum, if the quote has so much; what that adds */
static __always_inline __u64 nat_quote_check(struct pkt *p, bool tcp, __u32 left, __u64 diff)
{
	const __u32 at = tcp ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check);
	struct csum_word *check;
	__u16 was;

	if (left < at + sizeof(*check) || !nat_skip(p, tcp))
		return 0;
	check = pkt_pull(p, sizeof(*check));
	if (!check || (!tcp && !check->value))
		return 0;
	was = check->value;
	check->value = nat_check(csum_replace(was, diff), tcp);
	return (__u16)~was + check->value;
}

/*
 * nat_quote - an ICMP error about a connection becomes one about the other; false: it is in pieces now
 * @port: of full NAT: source port of the connection's packets
 */
__noinline int nat_quote(struct xdp_md *xdp, const struct subject *s, const struct lb_nat *nat,
			 __u32 port)
{
	struct nat_ports turned, new, old, *ports;
	struct pkt_icmp_hdr *icmp;
	__u64 addrs, all;
	struct nat_at at;
	__u32 left;
	int header;

	if (!s || !nat || !nat_addrs(xdp, s, nat, &at))
		return false;
	icmp = pkt_pull(&at.p, sizeof(*icmp));
	if (!icmp)
		return false;
	header = nat_quote_addrs(&at.p, s, nat, &addrs, &all);
	left = s->ip_bytes - s->upper - sizeof(*icmp);
	if (header < 0 || left < header + sizeof(*ports))
		return false;
	left -= header;
	ports = pkt_pull(&at.p, sizeof(*ports));
	if (!ports)
		return false;
	old = *ports;
	turned = (struct nat_ports){ old.dport, old.sport };
	nat_ports(nat, port, &turned, &new);
	ports->sport = new.dport;
	ports->dport = new.sport;
	addrs += csum_diff(&turned, &new, 2);
	all += csum_diff(&turned, &new, 2);
	all += nat_quote_check(&at.p, s->proto == IPPROTO_TCP, left, addrs);
	if (s->v6)
		all += (__u16)csum_fold(at.old) + at.new;
	icmp->check = csum_replace(icmp->check, all);
	return true;
}

#endif
