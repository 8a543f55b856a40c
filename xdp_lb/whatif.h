/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What another configuration would move, before it is made. */
#ifndef XDP_LB_WHATIF_H
#define XDP_LB_WHATIF_H

#include "xdp_lb/config.h"

enum lb_whatif_change { LB_WHATIF_STAYS = 1, LB_WHATIF_ADDED, LB_WHATIF_REMOVED };

/**
 * struct lb_whatif_vip - of a VIP in either configuration; numbers are entries of its table
 * @entries: in all, of the new table; of a VIP that is removed, of the old one
 * @moved: have an owner now and would have another, or none
 * @orphaned: of those: the owner would not take new flows any more
 * @unavoidable: the fewest that could move for each backend to have its new number of them:
 *               @orphaned, and what others have to give away
 * @surplus: @moved less @unavoidable
 *
 * Of tables of different sizes, the owners of the least hash of each new entry are compared.
 */
struct lb_whatif_vip {
	struct lb_service service;
	enum lb_whatif_change change;
	uint32_t entries, moved, orphaned, unavoidable, surplus;
};

/** struct lb_whatif - @vips of them, in the order of keys */
struct lb_whatif {
	size_t vips;
	struct lb_whatif_vip *vip;
};

/** lb_whatif - @what: for lb_whatif_free(), filled in on success only; -ENOMEM */
int lb_whatif(const struct lb_config *before, const struct lb_config *after,
	      struct lb_whatif *what);

void lb_whatif_free(struct lb_whatif *what);

/**
 * struct lb_flow - of the connection table
 * @service: its VIP
 * @hash: as it chose the table's entry
 * @source: the client's address
 * @backend: that has it now
 */
struct lb_flow {
	struct lb_service service;
	uint32_t hash;
	uint8_t source[16];
	struct lb_endpoint backend;
};

/** struct lb_whatif_flows - @lost: the VIP would be gone, or no backend take the flow */
struct lb_whatif_flows {
	uint64_t stay, move, lost;
};

/**
 * lb_whatif_flows - what becomes of these flows
 * @kept: with the connection table as it is; a VIP without one is as under @hashed
 * @hashed: by the hash alone, as on a director that does not know these flows
 * Return: 0; -ENOMEM. The sums are written on success only.
 */
int lb_whatif_flows(const struct lb_config *after, const struct lb_flow *flow, size_t count,
		    struct lb_whatif_flows *kept, struct lb_whatif_flows *hashed);

#endif
