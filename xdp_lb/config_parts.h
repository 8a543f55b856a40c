/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the files of the configuration. */
#ifndef XDP_LB_CONFIG_PARTS_H
#define XDP_LB_CONFIG_PARTS_H

#include "xdp_lb/config.h"

/* For lists: of elements or their keys. */
int lb_compare_vips(const void *a, const void *b);
int lb_compare_backends(const void *a, const void *b);
int lb_compare_sources(const void *a, const void *b);

/** lb_vip_at - the VIP to change, or NULL and a message */
struct lb_vip *lb_vip_at(struct lb_config *config, const struct lb_service *service);

/** lb_table_check - whether its table can have so many backends; -E2BIG */
int lb_table_check(const struct lb_vip *vip, size_t backends);

#endif
