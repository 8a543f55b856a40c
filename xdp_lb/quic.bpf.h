/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which backend a packet's connection id names. */
#ifndef XDP_LB_QUIC_BPF_H
#define XDP_LB_QUIC_BPF_H

#include "xdp_lb/maps.bpf.h"
#include "xdp_lb/quic.h"

#define QUIC_AT_MAX 0x3fff /* verifiers add what is bounded alone */

/* quic_backend - number, or LB_NUMBER_NONE; @at: of the UDP header, @left: bytes of the datagram from there on */
__noinline int quic_backend(struct xdp_md *xdp, __u32 at, __u32 left, __u32 vip)
{
	const struct lb_vip_entry *entry = bpf_map_lookup_elem(&lb_vip_map, &vip);
	struct lb_cid_key key = { .vip = vip };
	struct pkt p = pkt_init(xdp);
	__u32 *number, octets;
	const void *cid;

	if (!entry || !entry->cid_octets || at > QUIC_AT_MAX || !pkt_pull(&p, at))
		return LB_NUMBER_NONE;
	cid = lb_cid_find(&p, left, &octets);
	if (!cid || octets < entry->cid_octets)
		return LB_NUMBER_NONE;
	lb_cid_key(cid, entry->cid_octets, &key);
	number = bpf_map_lookup_elem(&lb_cid_map, &key);
	return number ? *number : LB_NUMBER_NONE;
}

#endif
