/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A frame's headers, as the bypass's model reads them. */
#ifndef TESTS_BPF_BYPASS_VIEW_H
#define TESTS_BPF_BYPASS_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bypass_ipvs/abi.h"

#define VIEW_IP4 0x0800
#define VIEW_IP6 0x86dd

/**
 * struct view - headers of a frame
 * @at: first byte that was not read
 * @family: of the (innermost) IP header, whose first byte is @ip
 */
struct view {
	const uint8_t *frame;
	size_t len;
	size_t at;
	unsigned int type;
	unsigned int tags;
	uint16_t vid[2];
	size_t l2;
	int family;
	size_t ip;
	size_t ip_bytes;
	uint8_t proto;
	uint8_t ttl;
	uint8_t tos;
	bool df;
	bool tcp;
	bool summed;
	uint8_t flags;
	uint32_t seq;
	uint32_t ack;
	uint32_t payload;
	struct ecbpf_tuple key;
};

/** view_has - are there so many bytes more? */
bool view_has(const struct view *v, size_t bytes);

/** view_link - Ethernet and two tags at most; false: there is more, or less */
bool view_link(struct view *v);

/** view_ip - an IP header, which must be there */
void view_ip(struct view *v, int family);
bool view_is_fragment(const uint8_t *ip4);

/** view_ports - TCP or UDP behind it */
void view_ports(struct view *v);

/** view_client - a client's packet; 0, a reason code, or ECBPF_CODE_OTHER: nothing to say */
uint32_t view_client(struct view *v);

#endif
