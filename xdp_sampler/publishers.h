/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What was lost on the bus, by the gaps in each publisher's sequence. */
#ifndef XDP_SAMPLER_PUBLISHERS_H
#define XDP_SAMPLER_PUBLISHERS_H

#include <stddef.h>
#include <stdint.h>

/* So many are followed; what further ones lose is not known. */
#define PUBLISHERS_MAX 1024

struct publisher;

/**
 * struct publishers - zeroes at first, publishers_free() at last
 * @lost: of all, up to now
 */
struct publishers {
	struct publisher *list;
	size_t count;
	uint64_t lost;
};

/**
 * publishers_gap - how many packets of this publisher were lost before this one
 * @source: number of the endpoint: a publisher is a host behind an endpoint
 *
 * A sequence that falls back is a publisher that was started again: nothing is known to be lost.
 */
uint64_t publishers_gap(struct publishers *publishers, size_t source, const char *hostname,
			uint64_t sequence);

void publishers_free(struct publishers *publishers);

#endif
