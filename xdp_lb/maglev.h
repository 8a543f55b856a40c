/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The Maglev table of a VIP (Eisenbud et al., NSDI 2016, 3.4), with weights. Whoever follows this
 * description gets the same table, so that directors agree without talking:
 *
 * 1. A backend's identity is 18 bytes: its address, 16 bytes, IPv4 as ::ffff:a.b.c.d, then its
 *    port, big-endian. Backends are taken in the order of these bytes; those of weight 0 are not.
 * 2. H is SipHash-2-4 of the identity under a key of 16 zero bytes, as a 64-bit number. Of M
 *    entries, the backend prefers, in this order, (offset + n * skip) mod M, n = 0, 1, ..., where
 *    offset is the lower half of H mod M and skip is 1 + the upper half of H mod (M - 1).
 * 3. Its quota is M * weight / (sum of weights) rounded down. The entries that are left over go, one
 *    each, to the backends with the largest remainders of this division; of equal ones, the first.
 * 4. Backends take turns; the k-th turn of one (k = 0, 1, ... quota - 1) is at the time
 *    (2 * k + 1) / weight, at equal times the first in order has it first. In a turn it takes the
 *    first entry in its order of preference that is not taken.
 *
 * So the number of entries of every backend differs from its exact share by less than one: by less
 * than 1 % for each whose share is 100 entries or more; with equal weights, if M >= 100 * backends.
 * A backend whose share is below one entry may have none.
 */
#ifndef XDP_LB_MAGLEV_H
#define XDP_LB_MAGLEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp_lb/config.h"

#define LB_NONE UINT16_MAX /* an entry of a table without backends */

/** lb_maglev_size_valid - a prime, LB_TABLE_MIN .. LB_TABLE_MAX */
bool lb_maglev_size_valid(uint32_t size);

/** struct lb_maglev_backend - weight 0: no entries */
struct lb_maglev_backend {
	struct lb_endpoint endpoint;
	uint16_t weight;
};

/**
 * lb_maglev_fill - the table of these backends, in whatever order they are
 * @backend: no endpoint twice; at most LB_BACKENDS_MAX
 * @table: of @size entries: indexes into @backend, or LB_NONE in all
 * Return: 0; -EINVAL @size; -E2BIG @count; -ENOMEM.
 */
int lb_maglev_fill(const struct lb_maglev_backend *backend, size_t count, uint16_t *table,
		   uint32_t size);

/** lb_vip_table - of a VIP: malloc()ed, indexes into its backends; NULL with a message */
uint16_t *lb_vip_table(const struct lb_vip *vip);

/**
 * lb_vip_pick - the backend of a new flow, or NULL: none takes any
 * @table: of lb_vip_table()
 * @source: address of the VIP's family
 */
const struct lb_backend *lb_vip_pick(const struct lb_vip *vip, const uint16_t *table, uint32_t hash,
				     const uint8_t *source);

/** lb_table_index - the entry of a flow's hash */
static inline uint32_t lb_table_index(uint32_t hash, uint32_t size)
{
	return (uint64_t)hash * size >> 32;
}

/** lb_table_hash - the least hash whose entry is @index */
static inline uint32_t lb_table_hash(uint32_t index, uint32_t size)
{
	return (((uint64_t)index << 32) + size - 1) / size;
}

#endif
