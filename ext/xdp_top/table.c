// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libecbpf/ecbpf.h>

#include "table.h"

int table_init(struct table *table, size_t limit, size_t batch)
{
	table->limit = limit;
	table->room = limit + batch;
	table->source = calloc(table->room, sizeof(*table->source));
	return table->source ? 0 : ecbpf_fail(-ENOMEM, "out of memory");
}

void table_free(struct table *table)
{
	free(table->source);
}

void table_begin(struct table *table)
{
	size_t i;

	for (i = 0; i < table->count; i++)
		table->source[i].fresh = (struct ecbpf_counter){};
}

static void counter_add(struct ecbpf_counter *to, const struct ecbpf_counter *what)
{
	to->packets += what->packets;
	to->bytes += what->bytes;
}

int table_add(struct table *table, const struct top_key *key, struct ecbpf_counter counted)
{
	if (key->kind < TOP_FIXED) {
		counter_add(&table->fixed[key->kind], &counted);
		return 0;
	}
	if (table->count == table->room)
		return ecbpf_fail(-ENOSPC, "more sources than the inner map has room for");
	table->source[table->count++] = (struct source){ *key, counted, counted };
	return 0;
}

static int compare_key(const void *a, const void *b)
{
	const struct source *left = a, *right = b;

	return memcmp(&left->key, &right->key, sizeof(left->key));
}

static int descending(uint64_t left, uint64_t right)
{
	return (left < right) - (left > right);
}

static int compare_packets(const void *a, const void *b)
{
	const struct source *left = a, *right = b;

	return descending(left->total.packets, right->total.packets)	 ?:
		       descending(left->total.bytes, right->total.bytes) ?:
									   compare_key(a, b);
}

static int compare_bytes(const void *a, const void *b)
{
	const struct source *left = a, *right = b;

	return descending(left->total.bytes, right->total.bytes)	     ?:
		       descending(left->total.packets, right->total.packets) ?:
									       compare_key(a, b);
}

/* A source that was known before the interval has two rows. */
static void table_merge(struct table *table)
{
	struct source *out = table->source;
	size_t i;

	if (!table->count)
		return;
	qsort(table->source, table->count, sizeof(*table->source), compare_key);
	for (i = 1; i < table->count; i++) {
		const struct source *in = &table->source[i];

		if (compare_key(out, in)) {
			*++out = *in;
			continue;
		}
		counter_add(&out->total, &in->total);
		counter_add(&out->fresh, &in->fresh);
	}
	table->count = out - table->source + 1;
}

void table_settle(struct table *table)
{
	table_merge(table);
	qsort(table->source, table->count, sizeof(*table->source),
	      table->by_bytes ? compare_bytes : compare_packets);
	for (; table->count > table->limit; table->count--) {
		counter_add(&table->evicted, &table->source[table->count - 1].total);
		table->evictions++;
	}
}

struct ecbpf_counter table_sum(const struct table *table, size_t first)
{
	struct ecbpf_counter sum = {};
	size_t i;

	for (i = first; i < table->count; i++)
		counter_add(&sum, &table->source[i].total);
	return sum;
}
