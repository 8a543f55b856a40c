/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The model's reading of a frame. */
#ifndef TESTS_BPF_LB_VIEW_H
#define TESTS_BPF_LB_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp_lb/abi.h"

/**
 * struct lb_view - headers of a packet that is for the balancer, if it is for a VIP
 * @near_vip, @near_back: it may be for a VIP; it may be a backend's reply
 * @at: first byte that was not read
 * @ip: IP header; @upper: of the upper layer
 * @left: bytes of the datagram from @at on
 * @payload: of TCP
 * @plain: no options, extension headers or fragment
 * @summed: it has a checksum that stands for all of it
 * @cid: QUIC's connection id, if it is one; @cid_octets: that it has at least; or NULL
 * @key: of the connection; of an ICMP error: that it is about
 */
struct lb_view {
	const uint8_t *frame;
	size_t len;
	bool near_vip;
	bool near_back;
	size_t at;
	unsigned int type;
	unsigned int tags;
	uint16_t vid[2];
	int family;
	size_t ip;
	size_t upper;
	size_t ip_bytes;
	size_t left;
	uint8_t proto;
	uint8_t ttl;
	uint8_t tos;
	bool df;
	bool plain;
	bool summed;
	bool fragment;
	bool later;
	uint32_t id;
	bool tcp;
	uint8_t flags;
	size_t payload;
	const uint8_t *cid;
	size_t cid_octets;
	uint8_t icmp;
	bool error;
	bool echo;
	struct ecbpf_tuple key;
};

/** lb_view_read - false: not for the balancer; @near: filters; @nat: there are backends by NAT */
bool lb_view_read(struct lb_view *v, const struct lb_near *near, bool nat, const uint8_t *frame,
		  size_t len);

#endif
