/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What became of all samples, as text and as JSON. */
#ifndef XDP_SAMPLER_CLIENT_STATS_H
#define XDP_SAMPLER_CLIENT_STATS_H

#include "xdp_sampler/client_source.h"

/**
 * client_stats_print - on standard output
 * @final: nothing more will come: generated is the sum of all others
 */
void client_stats_print(const struct source *source, size_t count, const struct exporter *exporter,
			bool final, bool json);

#endif
