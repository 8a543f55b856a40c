// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "tests/bpf/lb_rows.h"

uint32_t *lb_rows_find(const struct lb_rows *list, const void *key)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (!memcmp(list->row[i].key, key, list->key_size))
			return (uint32_t *)list->row[i].value;
	return NULL;
}

void lb_rows_put(struct lb_rows *list, const void *key, const uint32_t value[3])
{
	uint32_t *old = lb_rows_find(list, key);

	if (!old) {
		assert_in_range(list->count, 0, ROWS_MAX - 1);
		memcpy(list->row[list->count].key, key, list->key_size);
		old = list->row[list->count++].value;
	}
	memcpy(old, value, sizeof(list->row->value));
}

void lb_rows_del(struct lb_rows *list, const void *key)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (!memcmp(list->row[i].key, key, list->key_size)) {
			list->row[i] = list->row[--list->count];
			return;
		}
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
	const uint32_t rest = bits % 8;

	if (memcmp(a, b, bits / 8))
		return false;
	return !rest || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

uint32_t lb_rows_longest(const struct lb_rows *list, const void *addr)
{
	uint32_t best = 0, found = 0, length;
	size_t i;

	for (i = 0; i < list->count; i++) {
		memcpy(&length, list->row[i].key, sizeof(length));
		if (length < best || !bits_equal(list->row[i].key + 4, addr, length))
			continue;
		best = length;
		found = list->row[i].value[0];
	}
	return found;
}
