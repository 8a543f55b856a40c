/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef XDP_SAMPLER_CMD_TOP_H
#define XDP_SAMPLER_CMD_TOP_H

#include <stdbool.h>
#include <stdint.h>

#include "xdp_sampler/publishers.h"
#include "xdp_sampler/top.h"

/**
 * struct top_options - of the command
 * @connect, @curve_server: endpoint, and public key, of the publisher; NULL: default, no encryption
 * @interval_ns: one screen in each
 * @count: screens; 0: until SIGINT or SIGTERM
 * @lines: of each table
 */
struct top_options {
	const char *connect, *curve_server;
	uint64_t interval_ns;
	uint64_t count;
	uint64_t lines;
	bool json;
};

/**
 * struct top_screen - what is shown of an interval
 * @ranked: top_rank() was called
 * @interval_ns: how long it really was
 * @lost: packets that were lost on the bus meanwhile; no matter if not @lost_known
 * @malformed: messages
 */
struct top_screen {
	const struct top *ranked;
	uint64_t interval_ns;
	uint64_t lost, malformed;
	uint64_t lines;
	bool lost_known;
};

void top_show_text(const struct top_screen *screen);
void top_show_json(const struct top_screen *screen);

#endif
