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

/* What is said of QUIC, of the VIP or backend of this name; -EINVAL. */
int lb_quic_check(const struct lb_vip *vip, const char *name);
int lb_server_id_check(const struct lb_vip *vip, const struct lb_backend *backend,
		       const char *name);

/** lb_server_id_unique - no other backend has the one that @backend has; -EEXIST */
int lb_server_id_unique(const struct lb_vip *vip, const struct lb_backend *backend);

/** lb_server_ids_unique - no two have the same; -EEXIST, -ENOMEM */
int lb_server_ids_unique(const struct lb_vip *vip);

#endif
