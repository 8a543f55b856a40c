/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The balancer's program, and the maps that are made once for all interfaces. */
#ifndef XDP_LB_LOAD_H
#define XDP_LB_LOAD_H

#include "libecbpf/ecbpf.h"
#include "xdp_lb/live.h"

/* Name of the program. */
#define LB_LOAD_XDP "xdp_lb"

#define LB_LOAD_CONNS	  1048576
#define LB_LOAD_CONNS_MAX (1U << 28)
#define LB_LOAD_BACKS	  65536
#define LB_LOAD_PTB_PPS	  1000

/** struct lb_sizes - of the connection tables, and of those of replies by NAT; multiples of LB_WAYS */
struct lb_sizes {
	__u32 conns;
	__u32 conns6;
	__u32 backs;
	__u32 backs6;
};

struct xdp_lb;

/** lb_load_open - for new maps of these sizes; nothing is made yet; lb_load_close() it */
int lb_load_open(struct xdp_lb **load, const struct lb_sizes *sizes);

/** lb_load_bytes - memory that lb_load_make() will take for a map */
uint64_t lb_load_bytes(const struct xdp_lb *load, enum lb_live_map map);

/**
 * lb_load_make - make the maps; they hold an empty configuration
 * @live: LB_LIVE_NONE; set
 * Return: 0; -ENOMEM.
 */
int lb_load_make(struct xdp_lb *load, const struct lb_sizes *sizes, struct lb_live *live);

/** lb_load_slot - load the program and put it into its slot; returns the slot, as ecbpf_slot_load() */
int lb_load_slot(const struct lb_live *live, struct ecbpf_root *root);

void lb_load_close(struct xdp_lb *load);

#endif
