/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* An interface whose samples are read: while it has a root, and again when it has one again. */
#ifndef XDP_SAMPLER_CLIENT_SOURCE_H
#define XDP_SAMPLER_CLIENT_SOURCE_H

#include <net/if.h>

#include "xdp_sampler/client_export.h"
#include "xdp_sampler/config.h"

struct perf_buffer;

/**
 * struct source - an interface
 * @samples, @stats, @claim: descriptors; -1 where there is none
 * @map_id: of the map @samples: another one is another root's
 * @base: what had become of samples before the client read them
 * @sampled: since then, as it was read last
 * @past: sums of roots that are gone
 * @budget_ns, @budget_generated: when the budget was looked at last, and what there was then
 * @perf_lost: samples that were lost according to the ring itself: a check of @full
 */
struct source {
	char name[IF_NAMESIZE];
	struct exporter *exporter;
	struct outlet outlet;
	struct perf_buffer *buffer;
	int samples, stats, claim;
	uint32_t map_id;
	struct sampler_config config;
	struct ecbpf_sampled base, sampled;
	struct account past;
	uint64_t budget_ns, budget_generated;
	uint64_t perf_lost;
};

/** source_init - nothing is open */
void source_init(struct source *source, const char *name, struct exporter *exporter);

/**
 * source_open - read its samples from now on
 * @pages: of a ring; a power of two
 * Return: 0; -ENOENT no root; -ENODEV no such interface; -EBUSY another client reads them; -errno.
 */
int source_open(struct source *source, size_t pages);

bool source_is_open(const struct source *source);

/** source_fd - readable when there is much to read; what is little, source_read() reads any time */
int source_fd(const struct source *source);

/** source_read - all samples that are there now */
void source_read(struct source *source);

/** source_tick - keep to the budget, and @sampled up to date */
void source_tick(struct source *source);

/** source_is_stale - its root is gone, or another one is there */
bool source_is_stale(const struct source *source);

/**
 * source_close - take what is in the rings, until all that was generated is accounted for
 * Return: 0, also if it is not open; -ETIMEDOUT something is missing; it is closed all the same.
 */
int source_close(struct source *source);

/** source_account - of all roots that this interface has had */
struct account source_account(const struct source *source);

#endif
