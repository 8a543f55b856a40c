/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets that a balancer meets, built byte by byte: segments, fragments, options, extension headers, and ICMP
 * messages that quote another one.
 */
#ifndef TESTS_BPF_LB_FRAMES_H
#define TESTS_BPF_LB_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bpf/frames.h"

/**
 * struct lb_frame - a packet; numbers in host byte order
 * @family: 4 or 6
 * @proto: TCP, UDP, ICMP and ICMPv6 are known; others have @payload only
 * @saddr, @daddr: IPv4 in the first four bytes
 * @type, @code: of ICMP
 * @ttl, @tos, @df, @payload, @padding, @tags, @tci: as in struct frames_client
 * @no_sum: UDP without checksum
 * @partial: the checksum is left to a card: only its pseudo header is summed up
 * @options: IPv4: words of options; IPv6: headers of destination options
 * @fragment: with a fragment header, or IPv4's fields
 * @offset: of 8 bytes: not 0: no upper header
 * @more: there are more
 * @id: of fragments
 * @fill: what the rest of the payload depends on; 0: on the source port
 * @head: what the payload begins with, @head_bytes of it
 * @quote: what an ICMP error quotes, @quote_bytes of it; or NULL
 */
struct lb_frame {
	int family;
	uint8_t proto;
	uint8_t saddr[16];
	uint8_t daddr[16];
	uint16_t sport;
	uint16_t dport;
	uint8_t flags;
	uint8_t type;
	uint8_t code;
	uint8_t ttl;
	uint8_t tos;
	bool df;
	bool no_sum;
	bool partial;
	uint16_t payload;
	uint16_t padding;
	unsigned int options;
	bool fragment;
	uint16_t offset;
	bool more;
	uint32_t id;
	unsigned int tags;
	uint16_t tci[2];
	uint8_t fill;
	uint8_t head[40];
	uint16_t head_bytes;
	const struct lb_frame *quote;
	uint16_t quote_bytes;
};

/** lb_frame_make - the frame as it arrives, FRAMES_MAX bytes at most; its length */
size_t lb_frame_make(const struct lb_frame *frame, uint8_t *at);

/** lb_frame_turn - of the same connection, from the server to the client */
struct lb_frame lb_frame_turn(const struct lb_frame *frame);

#endif
