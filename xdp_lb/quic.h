/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connection ids of QUIC that name a backend, as draft-ietf-quic-load-balancers lays them out when nothing is
 * encrypted: three bits that say by which configuration, five that do not matter, the server id, and whatever the
 * server likes. Of the packet nothing is looked at but what all versions have in common (RFC 8999 5). The kernel's
 * program and the commands share this file.
 */
#ifndef XDP_LB_QUIC_H
#define XDP_LB_QUIC_H

#include "libecbpf/pkt.bpf.h"
#include "xdp_lb/abi.h"

#define LB_QUIC_LONG   0x80 /* of the first octet: a long header */
#define LB_QUIC_LENGTH 5    /* then behind it: version, length of the connection id, and that */

/* Octets from the connection id on that a packet must have; one that can be decrypted has more. */
#define LB_CID_OCTETS 16

/**
 * lb_cid_find - the destination connection id of a UDP datagram
 * @p: at its header; @left: bytes of the datagram from there on, as IP has it
 * @octets: that it has; a short header does not tell
 * Return: LB_CID_OCTETS octets, or NULL: it is too short to be one of QUIC.
 */
static __always_inline const void *lb_cid_find(struct pkt *p, __u32 left, __u32 *octets)
{
	const struct udphdr *udp = pkt_pull(p, sizeof(*udp));
	const __u8 *quic = pkt_pull(p, 1);
	const void *cid;

	if (!udp || !quic)
		return NULL;
	if (left > bpf_ntohs(udp->len))
		left = bpf_ntohs(udp->len);
	*octets = LB_CID_OCTETS;
	if (*quic & LB_QUIC_LONG) {
		quic = pkt_pull(p, LB_QUIC_LENGTH);
		if (!quic)
			return NULL;
		*octets = quic[LB_QUIC_LENGTH - 1];
		left = left > LB_QUIC_LENGTH ? left - LB_QUIC_LENGTH : 0;
	}
	cid = pkt_pull(p, LB_CID_OCTETS);
	return left >= sizeof(*udp) + 1 + LB_CID_OCTETS ? cid : NULL;
}

struct lb_cid_word {
	__u64 value;
} __attribute__((__may_alias__));

/* lb_cid_key - of LB_CID_OCTETS octets, what counts: three bits, and 1 .. 15 of a server id; little endian */
static __always_inline void lb_cid_key(const void *cid, __u32 octets, struct lb_cid_key *key)
{
	const struct lb_cid_word *word = cid;
	const __u32 first = octets < 8 ? octets : 8;

	key->cid[0] = word[0].value & ~0ULL >> (64 - 8 * first) & ~0x1fULL;
	key->cid[1] = octets > 8 ? word[1].value & ~0ULL >> (128 - 8 * octets) : 0;
}

#endif
