/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who sends most, to whom, and what becomes of it: estimates from samples. */
#ifndef XDP_SAMPLER_TOP_H
#define XDP_SAMPLER_TOP_H

#include <stddef.h>
#include <stdint.h>

#include "xdp_sampler/message.h"
#include "xdp_sampler/verdict.h"

/* Entries of a table: whoever makes up addresses must not fill the memory. */
#define TOP_ENTRIES_MAX 65536

enum top_table {
	TOP_SOURCES,
	TOP_DESTINATIONS,
	TOP_SOURCE_PORTS,
	TOP_DESTINATION_PORTS,
	TOP_REASONS,
	TOP_TABLES,
};

/**
 * struct top_sum - @samples, and for how many packets and bytes they stand
 */
struct top_sum {
	uint64_t samples;
	uint64_t packets;
	uint64_t bytes;
};

/**
 * struct top_key - what an entry is about; what its table does not need is 0
 * @addr: network byte order, IPv4 in the first four bytes
 * @number: a port, in host byte order; the code of a reason
 * @slot: of a reason, as in struct message_view
 * @family: AF_INET or AF_INET6
 * @kind: the protocol of a port; the action of a reason
 */
struct top_key {
	uint8_t addr[16];
	uint32_t number;
	int16_t slot;
	uint8_t family;
	uint8_t kind;
};
_Static_assert(sizeof(struct top_key) == 24, "no holes: keys are compared as bytes");

struct top_entry {
	struct top_key key;
	struct top_sum sum;
	char reason[VERDICT_REASON_MAX];
};

/**
 * struct top_list - one table
 * @entry: by hash in @room places while there are samples to come; sorted after top_rank()
 * @rest: of what came when there was no more room
 */
struct top_list {
	struct top_entry *entry;
	size_t count, room;
	struct top_sum rest;
};

/**
 * struct top - all tables; top_init() at first, top_free() at last
 * @all: samples
 */
struct top {
	struct top_list list[TOP_TABLES];
	struct top_sum all;
	uint64_t seed;
};

/** top_init - @seed: unknown to those who send the packets */
void top_init(struct top *top, uint64_t seed);

/** top_add - one sample; -ENOMEM */
int top_add(struct top *top, const struct message_view *view);

/** top_rank - most packets first, in all tables; until top_reset() nothing can be added */
void top_rank(struct top *top);

/** top_reset - no samples */
void top_reset(struct top *top);

void top_free(struct top *top);

#endif
