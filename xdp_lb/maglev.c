// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_lb/maglev.h"
#include "xdp_lb/siphash.h"

#define IDENTITY_BYTES 18

/**
 * struct turner - a backend that takes turns
 * @index: of the caller
 * @next: the entry it prefers now
 * @taken, @quota: entries
 * @left: remainder of its share
 */
struct turner {
	uint8_t identity[IDENTITY_BYTES];
	uint16_t index;
	uint16_t weight;
	uint32_t next, skip;
	uint32_t taken, quota;
	uint64_t left;
};

bool lb_maglev_size_valid(uint32_t size)
{
	uint32_t divisor;

	if (size < LB_TABLE_MIN || size > LB_TABLE_MAX)
		return false;
	for (divisor = 2; divisor * divisor <= size; divisor++)
		if (size % divisor == 0)
			return false;
	return true;
}

/* --- who takes turns */

static void identify(const struct lb_endpoint *endpoint, uint8_t *identity)
{
	memset(identity, 0, IDENTITY_BYTES);
	if (endpoint->family == AF_INET) {
		memset(identity + 10, 0xff, 2);
		memcpy(identity + 12, endpoint->addr, 4);
	} else {
		memcpy(identity, endpoint->addr, 16);
	}
	identity[16] = endpoint->port >> 8;
	identity[17] = endpoint->port & 0xff;
}

static void turner_init(struct turner *turner, const struct lb_maglev_backend *backend,
			size_t index, uint32_t size)
{
	const uint64_t key[2] = {};
	uint64_t hash;

	*turner = (struct turner){ .index = index, .weight = backend->weight };
	identify(&backend->endpoint, turner->identity);
	hash = siphash24(key, turner->identity, IDENTITY_BYTES);
	turner->next = (uint32_t)hash % size;
	turner->skip = 1 + (uint32_t)(hash >> 32) % (size - 1);
}

static int compare_identities(const void *a, const void *b)
{
	return memcmp(((const struct turner *)a)->identity, ((const struct turner *)b)->identity,
		      IDENTITY_BYTES);
}

/* The largest remainders first. */
static int compare_left(const void *a, const void *b)
{
	const struct turner *const *one = a, *const *other = b;

	if ((*one)->left != (*other)->left)
		return (*one)->left > (*other)->left ? -1 : 1;
	return *one < *other ? -1 : 1; /* they are in the order of identities */
}

/* share - the quotas; @order: room for as many as there are turners */
static void share(struct turner *turner, size_t count, struct turner **order, uint32_t size)
{
	uint64_t weights = 0;
	uint32_t spare = size;
	size_t i;

	for (i = 0; i < count; i++)
		weights += turner[i].weight;
	for (i = 0; i < count; i++) {
		const uint64_t product = (uint64_t)size * turner[i].weight;

		turner[i].quota = product / weights;
		turner[i].left = product % weights;
		spare -= turner[i].quota;
		order[i] = &turner[i];
	}
	qsort(order, count, sizeof(*order), compare_left);
	for (i = 0; i < spare; i++)
		order[i]->quota++;
}

/* --- turns: a binary heap of those that still have one, the next at its top */

static bool is_before(const struct turner *a, const struct turner *b)
{
	const uint64_t one = (2ULL * a->taken + 1) * b->weight;
	const uint64_t other = (2ULL * b->taken + 1) * a->weight;

	return one != other ? one < other : a < b;
}

static void sink(struct turner **heap, size_t count, size_t at)
{
	struct turner *turner = heap[at];
	size_t child;

	for (; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count && is_before(heap[child + 1], heap[child]))
			child++;
		if (is_before(turner, heap[child]))
			break;
		heap[at] = heap[child];
	}
	heap[at] = turner;
}

static void take_turn(struct turner *turner, uint16_t *table, uint32_t size)
{
	uint32_t at = turner->next;

	while (table[at] != LB_NONE) {
		at += turner->skip;
		if (at >= size)
			at -= size;
	}
	table[at] = turner->index;
	turner->next = at;
	turner->taken++;
}

static void take_turns(struct turner **heap, size_t count, uint16_t *table, uint32_t size)
{
	size_t i, live = 0;

	for (i = 0; i < count; i++)
		if (heap[i]->quota)
			heap[live++] = heap[i];
	for (i = live / 2; i--;)
		sink(heap, live, i);
	while (live) {
		take_turn(heap[0], table, size);
		if (heap[0]->taken == heap[0]->quota)
			heap[0] = heap[--live];
		if (live)
			sink(heap, live, 0);
	}
}

int lb_maglev_fill(const struct lb_maglev_backend *backend, size_t count, uint16_t *table,
		   uint32_t size)
{
	struct turner *turner, **order;
	size_t i, turners = 0;

	if (!lb_maglev_size_valid(size))
		return ecbpf_fail(-EINVAL, "a table's size is a prime from %u to %u, not %u",
				  LB_TABLE_MIN, LB_TABLE_MAX, size);
	if (count > LB_BACKENDS_MAX)
		return ecbpf_fail(-E2BIG, "more than %d backends", LB_BACKENDS_MAX);
	turner = calloc(count + 1, sizeof(*turner));
	order = calloc(count + 1, sizeof(*order));
	if (turner && order) {
		for (i = 0; i < size; i++)
			table[i] = LB_NONE;
		for (i = 0; i < count; i++)
			if (backend[i].weight)
				turner_init(&turner[turners++], &backend[i], i, size);
		qsort(turner, turners, sizeof(*turner), compare_identities);
		if (turners)
			share(turner, turners, order, size);
		take_turns(order, turners, table, size);
	}
	i = turner && order;
	free(turner);
	free(order);
	return i ? 0 : ecbpf_fail(-ENOMEM, "out of memory");
}

uint16_t *lb_vip_table(const struct lb_vip *vip)
{
	struct lb_maglev_backend *backend = calloc(vip->backends + 1, sizeof(*backend));
	uint16_t *table = calloc(vip->table_size, sizeof(*table));
	size_t i;
	int err = -ENOMEM;

	for (i = 0; backend && i < vip->backends; i++)
		backend[i] = (struct lb_maglev_backend){
			.endpoint = vip->backend[i].endpoint,
			.weight = lb_backend_weight(&vip->backend[i]),
		};
	if (backend && table)
		err = lb_maglev_fill(backend, vip->backends, table, vip->table_size);
	else
		ecbpf_fail(err, "out of memory");
	free(backend);
	if (!err)
		return table;
	free(table);
	return NULL;
}

const struct lb_backend *lb_vip_pick(const struct lb_vip *vip, const uint16_t *table, uint32_t hash,
				     const uint8_t *source)
{
	const struct lb_backend *backend = lb_source_match(vip, source);
	const uint16_t index = table[lb_table_index(hash, vip->table_size)];

	if (backend && lb_backend_weight(backend))
		return backend;
	return index == LB_NONE ? NULL : &vip->backend[index];
}
