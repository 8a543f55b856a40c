/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which MAC address the kernel has for an IP address: its neighbour table, and what it says later. */
#ifndef LIBECBPF_NETLINK_NEIGHBOURS_H
#define LIBECBPF_NETLINK_NEIGHBOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libecbpf/netlink/netlink.h"

#define ECBPF_MAC 6

/**
 * struct ecbpf_neighbour - one entry of the kernel's table
 * @state: NUD_*
 * @known: @mac is set, and may be used
 * @addr: IPv4 in the first four bytes
 */
struct ecbpf_neighbour {
	uint32_t ifindex;
	uint16_t state;
	uint8_t family;
	bool known;
	uint8_t addr[16];
	uint8_t mac[ECBPF_MAC];
};

/** struct ecbpf_neighbours - @count of them, by address; zeroed: none */
struct ecbpf_neighbours {
	struct ecbpf_neighbour *neighbour;
	size_t count;
};

/** ecbpf_neighbours_read - all of this thread's network namespace; ecbpf_neighbours_free() them */
int ecbpf_neighbours_read(struct ecbpf_neighbours *neighbours);
void ecbpf_neighbours_free(struct ecbpf_neighbours *neighbours);

/**
 * ecbpf_neighbours_take - RTM_NEWNEIGH or RTM_DELNEIGH
 * @old: MAC address that somebody had until now, and has no more
 * Return: 1: @old is set; 0: nothing that was known became wrong; -ENOMEM.
 */
int ecbpf_neighbours_take(struct ecbpf_neighbours *neighbours, const struct nlmsghdr *nlh,
			  uint8_t *old);

/**
 * ecbpf_neighbours_find - by address
 * @addr: 4 or 16 bytes
 * Return: NULL: the kernel has no entry.
 */
const struct ecbpf_neighbour *ecbpf_neighbours_find(const struct ecbpf_neighbours *neighbours,
						    uint32_t ifindex, uint8_t family,
						    const void *addr);

/**
 * ecbpf_neighbours_known - by address, on whatever interface, preferably on this
 * Return: NULL: nobody knows it.
 */
const struct ecbpf_neighbour *ecbpf_neighbours_known(const struct ecbpf_neighbours *neighbours,
						     uint32_t ifindex, uint8_t family,
						     const void *addr);

/**
 * ecbpf_neighbour_use - tell the kernel that somebody sends packets there: it resolves the address,
 * and looks from time to time whether that still holds
 */
int ecbpf_neighbour_use(struct ecbpf_netlink *nl, uint32_t ifindex, uint8_t family,
			const void *addr);

#endif
