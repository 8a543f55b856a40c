// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "xdp_lb/list.h"

bool lb_list_find(const void *list, size_t count, size_t size, const void *key,
		  int (*compare)(const void *, const void *), size_t *at)
{
	size_t low = 0, high = count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = compare((const char *)list + middle * size, key);

		if (!order) {
			*at = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*at = low;
	return false;
}

void *lb_list_insert(void *list, size_t count, size_t size, size_t at, const void *element)
{
	char *grown = reallocarray(list, count + 1, size), *place;

	if (!grown)
		return NULL;
	place = grown + at * size;
	memmove(place + size, place, (count - at) * size);
	memcpy(place, element, size);
	return grown;
}

void lb_list_remove(void *list, size_t count, size_t size, size_t at)
{
	char *place = (char *)list + at * size;

	memmove(place, place + size, (count - at - 1) * size);
}

void *lb_list_copy(const void *list, size_t count, size_t size, bool *failed)
{
	void *copy = count ? reallocarray(NULL, count, size) : NULL;

	if (copy)
		memcpy(copy, list, count * size);
	else if (count)
		*failed = true;
	return copy;
}
