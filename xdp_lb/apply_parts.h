/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the files of lb_apply(). */
#ifndef XDP_LB_APPLY_PARTS_H
#define XDP_LB_APPLY_PARTS_H

#include "xdp_lb/live.h"

/**
 * struct lb_change_of - from one configuration to another
 * @was, @had: what runs, and its numbers
 * @config, @numbers: what shall run
 * @repair: what is in the maps may be neither
 */
struct lb_change_of {
	struct lb_live *live;
	struct lb_config was;
	struct lb_numbers had;
	const struct lb_config *config;
	struct lb_numbers numbers;
	bool repair;
};

/**
 * lb_apply_backends - before tables name them: entries of new ones, without a way yet; connections of
 * those that go down are theirs no more
 */
int lb_apply_backends(const struct lb_change_of *change);

/** lb_apply_ways - to backends that are new or reached otherwise */
int lb_apply_ways(const struct lb_change_of *change);

/** lb_apply_backends_gone - after nothing names them any more */
void lb_apply_backends_gone(const struct lb_change_of *change);

/** lb_apply_vips_shrink - before their tables change: of two sizes, the lesser holds */
void lb_apply_vips_shrink(const struct lb_change_of *change);

/** lb_apply_vips - after their tables have changed */
int lb_apply_vips(const struct lb_change_of *change);

/** lb_apply_vips_gone - after nothing leads to them any more */
void lb_apply_vips_gone(const struct lb_change_of *change);

/** lb_vip_entry_make - the entry of a VIP */
void lb_vip_entry_make(const struct lb_vip *vip, unsigned int hz, struct lb_vip_entry *entry);

#endif
