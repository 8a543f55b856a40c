/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where a packet goes, and why: what the kernel's program decides, in words. */
#ifndef XDP_LB_EXPLAIN_H
#define XDP_LB_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp_lb/abi.h"
#include "xdp_lb/config.h"

/**
 * struct lb_packet - what of a packet its way depends on
 * @key: its connection's, in the client's direction; of an ICMP error: of the packet that it quotes
 * @ip_bytes: of the IP packet
 * @proto: of @key
 * @ttl: or hop limit
 * @flags: of TCP
 * @fragment, @later: it is one; and not the first
 * @error, @echo: an ICMP error about a connection; an echo request
 * @cid: first octets of QUIC's connection id, if it is one; @cid_octets: that it has at least; 0: none
 */
struct lb_packet {
	struct ecbpf_tuple key;
	uint32_t ip_bytes;
	uint8_t proto, ttl, flags;
	bool v6;
	bool fragment, later;
	bool error, echo;
	uint8_t cid[16];
	unsigned int cid_octets;
};

/**
 * lb_packet_read - a frame
 * @why: on failure, why the balancer leaves it alone
 * Return: 0; -ENOENT nothing that it would look up.
 */
int lb_packet_read(const uint8_t *frame, size_t len, struct lb_packet *packet, const char **why);

/**
 * struct lb_known - the packet's connection in the table
 * @closing: FIN or RST came last
 * @quic: connection ids of its packets are looked at
 */
struct lb_known {
	const struct lb_vip *vip;
	const struct lb_backend *backend;
	bool closing, quic;
};

/**
 * struct lb_explained - the decision
 * @vip: NULL: it is for none
 * @hashed: @hash and @entry mean something
 * @id: the server id that the connection id has, if that chose the backend
 * @backend: NULL: it goes to none
 * @why: what chose the backend, or why there is none
 * @code: as the program reports it: ECBPF_CODE_LB_*; 0: the packet is handed on
 */
struct lb_explained {
	const struct lb_vip *vip;
	bool hashed;
	uint32_t hash, entry;
	struct lb_server_id id;
	const struct lb_backend *backend;
	const char *why;
	uint32_t code;
};

/**
 * lb_explain - @known: NULL: no table has the connection
 *
 * Left out is what no configuration tells: limits of new connections, full buckets, remembered fragments.
 * Return: 0; -ENOMEM.
 */
int lb_explain(const struct lb_config *config, const struct lb_packet *packet,
	       const struct lb_known *known, struct lb_explained *explained);

#endif
