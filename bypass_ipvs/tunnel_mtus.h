/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How long a packet may be on its way to the other end of a tunnel: the kernel's routes tell. */
#ifndef BYPASS_IPVS_TUNNEL_MTUS_H
#define BYPASS_IPVS_TUNNEL_MTUS_H

#include "bypass_ipvs/live.h"
#include "libecbpf/netlink/netlink.h"

/**
 * tunnel_mtus_refresh - bring @route_mtu of all paths through tunnels up to date
 * @nl: opened when it is needed, closed by a failure
 * @live: opened to change
 *
 * It is that of the route, what routers on the way have said included, else that of the route's
 * interface; 0 where there is no route. A path whose limit is higher is limited at once; a lower
 * limit is raised by the next packet at egress.
 */
int tunnel_mtus_refresh(struct ecbpf_netlink *nl, struct live *live);

#endif
