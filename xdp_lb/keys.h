/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What lb_key_map, lb_net_map, lb_source_map, lb_cid_map and lb_near_map hold for a configuration. */
#ifndef XDP_LB_KEYS_H
#define XDP_LB_KEYS_H

#include "xdp_lb/entries.h"
#include "xdp_lb/live.h"

/** struct lb_keys - settled; begin with LB_KEYS_EMPTY */
struct lb_keys {
	struct lb_entries key, net, source, cid;
};

#define LB_KEYS_EMPTY                                                                         \
	{                                                                                     \
		.key.key_size = sizeof(struct lb_key), .net.key_size = sizeof(struct lb_net), \
		.source.key_size = sizeof(struct lb_source_key),                              \
		.cid.key_size = sizeof(struct lb_cid_key),                                    \
	}

/**
 * lb_keys_make - of a configuration
 * @nets: numbers of nets as they are; a net that is new has one that none of them has
 * Return: 0; -ENOMEM; -ENOSPC more than a map takes.
 */
int lb_keys_make(const struct lb_config *config, const struct lb_numbers *numbers,
		 const struct lb_entries *nets, struct lb_keys *keys);

/** lb_near_fill - bits of all destinations that a configuration has */
void lb_near_fill(const struct lb_config *config, struct lb_near *near);

/** lb_near_fill_back - bits of all backends by NAT; LB_NAT_* */
__u32 lb_near_fill_back(const struct lb_config *config, struct lb_near *near);

void lb_keys_free(struct lb_keys *keys);

#endif
