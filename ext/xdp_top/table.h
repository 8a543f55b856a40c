/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sources seen so far: no more than a limit of them, the smallest being evicted and counted. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp_top.h"

/**
 * struct source - one row
 * @total: since the watch began, or since the source came back after an eviction
 * @fresh: of that, in the last interval
 */
struct source {
	struct top_key key;
	struct ecbpf_counter total;
	struct ecbpf_counter fresh;
};

/**
 * struct table - everything that was counted, in one place or another
 * @source: @count of them, the largest first after table_settle()
 * @room: rows that @source has room for
 * @limit: rows that table_settle() leaves
 * @by_bytes: what "large" means
 * @fixed: TOP_OTHER, TOP_UNTRACKED
 * @evicted: packets and bytes of evicted sources
 * @evictions: a source that was evicted twice counts twice
 */
struct table {
	struct source *source;
	size_t count;
	size_t room;
	size_t limit;
	bool by_bytes;
	struct ecbpf_counter fixed[TOP_FIXED];
	struct ecbpf_counter evicted;
	uint64_t evictions;
};

/* table_init - for @limit sources and @batch new ones an interval; -ENOMEM */
int table_init(struct table *table, size_t limit, size_t batch);
void table_free(struct table *table);

/* table_begin - a new interval */
void table_begin(struct table *table);
/* table_add - what one row of an inner map counted in this interval; -ENOSPC */
int table_add(struct table *table, const struct top_key *key, struct ecbpf_counter counted);
/* table_settle - at the interval's end: merge, sort, evict */
void table_settle(struct table *table);

/* table_sum - the sources from number @first on */
struct ecbpf_counter table_sum(const struct table *table, size_t first);

#endif
