/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The sampler's filter: is a packet wanted? */
#ifndef XDP_ROOT_FILTER_BPF_H
#define XDP_ROOT_FILTER_BPF_H

#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>

#include "libecbpf/abi.h"
#include "libecbpf/pkt.bpf.h"

static __always_inline bool filter_addr4(const struct ecbpf_filter *filter, __be32 addr)
{
	return (addr & filter->mask[0]) == filter->addr[0];
}

static __always_inline bool filter_addr6(const struct ecbpf_filter *filter,
					 const struct in6_addr *addr)
{
	const __be32 *word = addr->in6_u.u6_addr32;

	return (word[0] & filter->mask[0]) == filter->addr[0] &&
	       (word[1] & filter->mask[1]) == filter->addr[1] &&
	       (word[2] & filter->mask[2]) == filter->addr[2] &&
	       (word[3] & filter->mask[3]) == filter->addr[3];
}

static __always_inline bool filter_addr(const struct ecbpf_filter *filter, const struct pkt_ip *ip)
{
	/* both are asked: the verifier does not know that a packet pointer is not NULL */
	if (ip->v6)
		return filter->family == 6 && (filter_addr6(filter, &ip->v6->saddr) ||
					       filter_addr6(filter, &ip->v6->daddr));
	return ip->v4 && filter->family == 4 &&
	       (filter_addr4(filter, ip->v4->saddr) || filter_addr4(filter, ip->v4->daddr));
}

/* filter_port - TCP and UDP begin with both ports: a datagram that ends later has them */
static __always_inline bool filter_port(const struct ecbpf_filter *filter, struct pkt *p,
					const struct pkt_ip *ip)
{
	const __be16 *ports;

	if (ip->later || (ip->proto != IPPROTO_TCP && ip->proto != IPPROTO_UDP))
		return false;
	ports = ip->left < 2 * sizeof(*ports) ? NULL : pkt_pull(p, 2 * sizeof(*ports));
	return ports && (ports[0] == filter->port || ports[1] == filter->port);
}

/* filter_match - frames that are not IP match no filter */
static __always_inline bool filter_match(struct xdp_md *xdp, const struct ecbpf_filter *filter)
{
	struct pkt p = pkt_init(xdp);
	struct pkt_eth eth;
	struct pkt_ip ip;
	__u32 code;

	if (pkt_eth(&p, &eth))
		return false;
	if (eth.proto == bpf_htons(ETH_P_IP))
		code = pkt_ipv4(&p, &ip);
	else if (eth.proto == bpf_htons(ETH_P_IPV6))
		code = pkt_ipv6(&p, &ip);
	else
		return false;
	if (code && code != ECBPF_CODE_IPV6_EXT_LIMIT)
		return false;
	if ((filter->flags & ECBPF_FILTER_PROTO) && ip.proto != filter->proto)
		return false;
	if ((filter->flags & ECBPF_FILTER_ADDR) && !filter_addr(filter, &ip))
		return false;
	return !(filter->flags & ECBPF_FILTER_PORT) || filter_port(filter, &p, &ip);
}

#endif
