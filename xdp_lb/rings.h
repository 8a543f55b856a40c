/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The Maglev tables as the kernel has them: a map each, made whole before it is put into its place. */
#ifndef XDP_LB_RINGS_H
#define XDP_LB_RINGS_H

#include "xdp_lb/live.h"

/* In the place of a descriptor: the table that is there stays; there shall be none. */
#define LB_RING_STAYS (-1)
#define LB_RING_NONE  (-2)

/** lb_ring_entries - of the table that a VIP shall have; 0: none, as nobody takes connections */
__u32 lb_ring_entries(const struct lb_vip *vip);

/** lb_ring_same - do both have the same table? Their backends' numbers are the same then, too */
bool lb_ring_same(const struct lb_vip *a, const struct lb_vip *b);

/**
 * lb_rings_prepare - the tables of a configuration that are not those of @was
 * @all: make all of them
 * @ring: descriptors by VIP, or LB_RING_*; for lb_rings_free()
 * Return: 0; -ENOMEM; -errno.
 */
int lb_rings_prepare(const struct lb_config *was, const struct lb_config *config,
		     const struct lb_numbers *numbers, bool all, int **ring);

/** lb_rings_put - each takes the place of the old one by one update; those that shall be none go */
int lb_rings_put(int fd, const struct lb_config *config, const struct lb_numbers *numbers,
		 const int *ring);

void lb_rings_free(int *ring, size_t count);

#endif
