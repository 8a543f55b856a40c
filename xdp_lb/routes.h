/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where the kernel would send a packet of its own. */
#ifndef XDP_LB_ROUTES_H
#define XDP_LB_ROUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "xdp_lb/rtnl.h"

/**
 * struct lb_route - to one address
 * @ifindex: 0: there is none, or not to another host
 * @mtu: what the route says or routers on the way have said; 0: nothing
 * @family: of @hop
 * @gateway: @hop is a router; else the address itself
 * @sourced: @source is set
 * @hop, @source: IPv4 in the first four bytes
 */
struct lb_route {
	uint32_t ifindex;
	uint32_t mtu;
	uint8_t family;
	bool gateway;
	bool sourced;
	uint8_t hop[16];
	uint8_t source[16];
};

/** lb_route_find - 0, also where there is no route; -errno of rtnetlink */
int lb_route_find(struct lb_rtnl *rtnl, uint8_t family, const uint8_t *addr,
		  struct lb_route *route);

#endif
