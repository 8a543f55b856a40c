/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The configuration that runs, kept in the kernel: lb_config_map is an array of one map, whose value is the
 * configuration's text with the numbers of its VIPs and backends. It is replaced whole, by one
 * update, and has the size that it needs.
 */
#ifndef XDP_LB_STORED_H
#define XDP_LB_STORED_H

#include "xdp_lb/live.h"

/** lb_stored_make - lb_config_map, with nothing in it */
int lb_stored_make(int *fd);

/** lb_stored_read - what runs; nothing stored is an empty configuration; as lb_live_config() */
int lb_stored_read(int fd, struct lb_config *config, struct lb_numbers *numbers);

/** lb_stored_prepare - a map with this configuration, for lb_stored_replace(); a descriptor */
int lb_stored_prepare(const struct lb_config *config, const struct lb_numbers *numbers);

/** lb_stored_replace - from now on @prepared is what runs; it stays the caller's */
int lb_stored_replace(int fd, int prepared);

#endif
