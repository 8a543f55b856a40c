/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which way a packet leaves. */
#ifndef XDP_LB_SEND_BPF_H
#define XDP_LB_SEND_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "libecbpf/recipe.h"
#include "xdp_lb/abi.h"
#include "xdp_lb/hash.h"
#include "xdp_lb/maps.bpf.h"

/* Source ports of GUE: the range that is nobody's (RFC 6335 6), by the connection's hash. */
#define SEND_GUE_PORTS 0xc000

static __always_inline __be16 send_gue_port(const struct ecbpf_tuple *key)
{
	return bpf_htons(SEND_GUE_PORTS | (lb_hash(key, LB_OF_TUPLE) & ~SEND_GUE_PORTS & 0xffff));
}

/* send_action - by the interface that it came in on or by another; XDP_DROP: that one is not there */
static __always_inline int send_action(const struct xdp_md *xdp, const struct ecbpf_recipe *recipe)
{
	__u32 ifindex = recipe->ifindex;

	if (ifindex == xdp->ingress_ifindex)
		return XDP_TX;
	return bpf_redirect_map(&lb_out_map, ifindex, XDP_DROP) == XDP_REDIRECT ? XDP_REDIRECT :
										  XDP_DROP;
}

#endif
