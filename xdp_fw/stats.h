/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Counters of a firewall, gathered once and then written as text or JSON. */
#ifndef XDP_FW_STATS_H
#define XDP_FW_STATS_H

#include <json-c/json.h>

#include "xdp_fw/live.h"

/**
 * struct fw_stats_rule - of an entry of the plan, or of a set
 * @hits: of all CPUs; @last: the latest
 * @packets, @bytes: added in fw_stats.rate_ns
 */
struct fw_stats_rule {
	struct fw_hits hits;
	uint64_t packets, bytes;
};

/**
 * struct fw_stats - a firewall at one moment
 * @now: jiffies
 * @rule: of each entry of @live's plan
 * @fallback: of the default, if it drops; else nobody counts
 * @set: of each set
 * @set_hits: of the entries of each set, if it counts
 * @time_ns: CLOCK_MONOTONIC
 * @rate_ns: over which rates were measured; 0: there are none
 */
struct fw_stats {
	const char *ifname;
	struct fw_live live;
	uint64_t now;
	struct fw_stats_rule *rule;
	struct fw_stats_rule fallback;
	struct fw_counts counts;
	struct fw_stats_rule set[FW_SETS_MAX];
	uint64_t set_hits[FW_SETS_MAX];
	uint64_t time_ns;
	uint64_t rate_ns;
};

/** fw_stats_gather - of the program that judges now; @ifname is borrowed; fw_stats_free() it */
int fw_stats_gather(const char *ifname, struct fw_stats **stats);
void fw_stats_free(struct fw_stats *stats);

/** fw_stats_rates - what was added since; rules may be others now */
int fw_stats_rates(struct fw_stats *stats, const struct fw_stats *before);

void fw_stats_text(const struct fw_stats *stats);
struct json_object *fw_stats_json(const struct fw_stats *stats);

#endif
