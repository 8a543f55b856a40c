/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How long a packet may be on its way to the other end of a tunnel: the kernel's routes tell. */
#ifndef BYPASS_IPVS_ROUTES_H
#define BYPASS_IPVS_ROUTES_H

#include <stdint.h>

#include "bypass_ipvs/live.h"

struct mnl_socket;

/** struct routes - handle; zeroed at first, routes_close() it */
struct routes {
	struct mnl_socket *socket;
	uint32_t seq;
};

/**
 * routes_refresh - bring @route_mtu of all paths through tunnels up to date
 * @live: opened to change
 *
 * It is that of the route, what routers on the way have said included, else that of the route's
 * interface; 0 where there is no route. A path whose limit is higher is limited at once; a lower
 * limit is raised by the next packet at egress.
 */
int routes_refresh(struct routes *routes, struct live *live);
void routes_close(struct routes *routes);

#endif
