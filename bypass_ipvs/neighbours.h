/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which MAC address the kernel has for an IP address: its neighbour table, and what it says later. */
#ifndef BYPASS_IPVS_NEIGHBOURS_H
#define BYPASS_IPVS_NEIGHBOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#define NEIGHBOUR_MAC 6

struct nlmsghdr;

/**
 * struct neighbour - one whose MAC address is known
 * @addr: IPv4 in the first word
 */
struct neighbour {
	__be32 addr[4];
	unsigned int ifindex;
	uint8_t family;
	uint8_t mac[NEIGHBOUR_MAC];
};

/** struct neighbours - @count of them in no order; zeroed: none */
struct neighbours {
	struct neighbour *neighbour;
	size_t count;
};

/**
 * neighbours_read - all of this thread's network namespace
 * @neighbours: set on success; neighbours_free() it
 */
int neighbours_read(struct neighbours *neighbours);
void neighbours_free(struct neighbours *neighbours);

/**
 * neighbours_take - RTM_NEWNEIGH or RTM_DELNEIGH
 * @old: MAC address that somebody had until now, and has no more
 * Return: 1: @old is set; 0: nothing that was known became wrong; -ENOMEM.
 */
int neighbours_take(struct neighbours *neighbours, const struct nlmsghdr *nlh, uint8_t *old);

/**
 * neighbours_find - by address
 * @ifindex: preferably there
 * Return: NULL: nobody knows it.
 */
const struct neighbour *neighbours_find(const struct neighbours *neighbours, unsigned int ifindex,
					uint8_t family, const __be32 *addr);

#endif
