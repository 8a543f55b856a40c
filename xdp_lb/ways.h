/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The way to one backend: what is known of it, and the recipe that follows. */
#ifndef XDP_LB_WAYS_H
#define XDP_LB_WAYS_H

#include "libecbpf/netlink/links.h"
#include "libecbpf/netlink/routes.h"
#include "libecbpf/recipe.h"
#include "xdp_lb/config.h"

/**
 * struct lb_hop - how packets leave for one address
 * @route, @out: how the kernel sends its own there
 * @mac: of the next hop
 * @cause: why there is no way, or NULL
 */
struct lb_hop {
	struct ecbpf_route route;
	struct ecbpf_out out;
	uint8_t mac[6];
	const char *cause;
};

/**
 * struct lb_way - where packets go
 * @mtu: longest packet that gets there, without outer headers
 */
struct lb_way {
	struct ecbpf_recipe recipe;
	__u32 mtu;
};

/**
 * lb_way_make - a backend's way
 * @family: of the VIP: AF_INET or AF_INET6
 * @service: the VIP's number
 * @to: the backend; @hop is the way to its address
 * Return: NULL, or why there is none; then *way is all zero.
 */
const char *lb_way_make(uint8_t family, __u16 service, const struct lb_forward *forward,
			const struct lb_endpoint *to, const struct lb_hop *hop, struct lb_way *way);

#endif
