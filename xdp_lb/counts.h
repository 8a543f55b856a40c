/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Counters of the balancer's VIPs and backends, gathered once and then written as text or JSON. */
#ifndef XDP_LB_COUNTS_H
#define XDP_LB_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "xdp_lb/live.h"
#include "xdp_lb/show.h"

/**
 * struct lb_counts_backend - one backend, or all of a VIP
 * @total: since it was configured; @added: of these in rate_ns
 * @established, @other: connections in the tables; @other: single, closing
 */
struct lb_counts_backend {
	struct lb_counts total, added;
	uint64_t established, other;
};

/**
 * struct lb_counts_vip - what became of a VIP's packets
 * @all: sums over its backends
 */
struct lb_counts_vip {
	struct lb_vip_counts total, added;
	struct lb_counts_backend all;
};

/**
 * struct lb_counts_all - the balancer at one moment
 * @vip: of config.vip[i]; @backend: VIP by VIP, as in struct lb_numbers
 * @time_ns: CLOCK_MONOTONIC
 * @rate_ns: over which rates were measured; 0: there are none
 * @zeroes: lb_counts_text() tells refusals that are 0, too
 */
struct lb_counts_all {
	struct lb_config config;
	struct lb_numbers numbers;
	struct lb_counts_vip *vip;
	struct lb_counts_backend *backend;
	uint64_t time_ns;
	uint64_t rate_ns;
	bool zeroes;
};

/** lb_counts_gather - of the balancer that is attached; lb_counts_free() it, also after a failure */
int lb_counts_gather(struct lb_counts_all *all);
void lb_counts_free(struct lb_counts_all *all);

/** lb_counts_misses - packets that no known connection chose a backend for */
uint64_t lb_counts_misses(const struct lb_vip_counts *counts);

/** lb_counts_rates - what was added since; a counter that was reset, or is new, begins at 0 */
void lb_counts_rates(struct lb_counts_all *all, const struct lb_counts_all *before);

/** lb_counts_source - for lb_show_text(), lb_show_json() of @all->config; @all must stay */
struct lb_show_source lb_counts_source(struct lb_counts_all *all);

/* For stats. */
void lb_counts_text(const struct lb_counts_all *all);
struct json_object *lb_counts_json(const struct lb_counts_all *all);

#endif
