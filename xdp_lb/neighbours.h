/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which MAC address the kernel has for an IP address. */
#ifndef XDP_LB_NEIGHBOURS_H
#define XDP_LB_NEIGHBOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp_lb/rtnl.h"

#define LB_MAC 6

/**
 * struct lb_neighbour - one entry of the kernel's table
 * @state: NUD_*
 * @known: @mac is set, and may be used
 * @addr: IPv4 in the first four bytes
 */
struct lb_neighbour {
	uint32_t ifindex;
	uint16_t state;
	uint8_t family;
	bool known;
	uint8_t addr[16];
	uint8_t mac[LB_MAC];
};

/** struct lb_neighbours - @count of them, sorted; zeroed: none */
struct lb_neighbours {
	struct lb_neighbour *neighbour;
	size_t count;
};

/** lb_neighbours_read - all of this thread's network namespace; lb_neighbours_free() them */
int lb_neighbours_read(struct lb_neighbours *neighbours);
void lb_neighbours_free(struct lb_neighbours *neighbours);

/** lb_neighbours_find - or NULL: the kernel has no entry */
const struct lb_neighbour *lb_neighbours_find(const struct lb_neighbours *neighbours,
					      uint32_t ifindex, uint8_t family,
					      const uint8_t *addr);

/**
 * lb_neighbour_use - tell the kernel that somebody sends packets there: it resolves the address,
 * and looks from time to time whether that still holds
 */
int lb_neighbour_use(struct lb_rtnl *rtnl, uint32_t ifindex, uint8_t family, const uint8_t *addr);

#endif
