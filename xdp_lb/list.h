/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Arrays in the order of a key, which is the first member of each element. */
#ifndef XDP_LB_LIST_H
#define XDP_LB_LIST_H

#include <stdbool.h>
#include <stddef.h>

/** lb_list_find - @at: where it is, or where it would have to go */
bool lb_list_find(const void *list, size_t count, size_t size, const void *key,
		  int (*compare)(const void *, const void *), size_t *at);

/** lb_list_insert - a copy of @element at @at; returns the grown list; NULL: no memory, unchanged */
void *lb_list_insert(void *list, size_t count, size_t size, size_t at, const void *element);

/** lb_list_remove - the element at @at; the memory stays */
void lb_list_remove(void *list, size_t count, size_t size, size_t at);

/** lb_list_copy - NULL, and *@failed is set: no memory; an empty list is NULL */
void *lb_list_copy(const void *list, size_t count, size_t size, bool *failed);

#endif
