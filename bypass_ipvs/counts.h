/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Counters of the bypass, gathered once and then written as text or JSON. */
#ifndef BYPASS_IPVS_COUNTS_H
#define BYPASS_IPVS_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "bypass_ipvs/devices.h"
#include "bypass_ipvs/live.h"
#include "libecbpf/ecbpf.h"

struct json_object;

/* Reason codes of the bypass. */
#define COUNTS_CODE_FIRST ECBPF_CODE_BYPASS_HIT
#define COUNTS_CODES	  64

/**
 * struct counts_numbers - that only grow; 64-bit words throughout
 * @row: what became of packets in the slots of all inbound interfaces
 * @code: why, from COUNTS_CODE_FIRST on
 * @egress: enum bypass_counter
 */
struct counts_numbers {
	struct ecbpf_row row;
	__u64 code[COUNTS_CODES];
	__u64 egress[BYPASS_COUNTERS_MAX];
};

/**
 * struct counts - the bypass at one moment
 * @devices: that the XDP program is on
 * @total: since attach, or the last `xdp_root stats --reset` of an interface
 * @added: of these in @rate_ns
 * @flows, @flows6: entries of the tuple maps that are taken, @room, @room6: that there are
 * @paths: taken, of @paths_room
 * @time_ns: CLOCK_MONOTONIC
 * @rate_ns: over which rates were measured; 0: there are none
 * @zeroes: counts_text() tells reasons and egress counters that are 0, too
 */
struct counts {
	struct devices devices;
	struct counts_numbers total;
	struct counts_numbers added;
	uint64_t flows, flows6;
	uint64_t room, room6;
	uint32_t paths, paths_room;
	uint64_t time_ns;
	uint64_t rate_ns;
	bool zeroes;
};

/** counts_gather - of the bypass that is attached; counts_free() it, also after a failure */
int counts_gather(struct counts *counts);
void counts_free(struct counts *counts);

/** counts_rates - what was added since; a counter that was reset begins at 0 */
void counts_rates(struct counts *counts, const struct counts *before);

void counts_text(const struct counts *counts);
struct json_object *counts_json(const struct counts *counts);

#endif
