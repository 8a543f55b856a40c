/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where the kernel would send a packet of its own. */
#ifndef LIBECBPF_NETLINK_ROUTES_H
#define LIBECBPF_NETLINK_ROUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "libecbpf/netlink/netlink.h"

/**
 * struct ecbpf_route - to one address
 * @ifindex: 0: there is none, or not to another host
 * @mtu: what the route says or routers on the way have said; 0: nothing
 * @family: of @hop
 * @gateway: @hop is a router; else the address itself
 * @sourced: @source is set
 * @hop, @source: IPv4 in the first four bytes
 */
struct ecbpf_route {
	uint32_t ifindex;
	uint32_t mtu;
	uint8_t family;
	bool gateway;
	bool sourced;
	uint8_t hop[16];
	uint8_t source[16];
};

/**
 * ecbpf_route_find - of AF_INET or AF_INET6
 * @addr: 4 or 16 bytes
 * Return: 0, also where there is no route; -errno of rtnetlink.
 */
int ecbpf_route_find(struct ecbpf_netlink *nl, uint8_t family, const void *addr,
		     struct ecbpf_route *route);

#endif
