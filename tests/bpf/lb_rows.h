/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A map of few entries, for the model of the balancer. */
#ifndef TESTS_BPF_LB_ROWS_H
#define TESTS_BPF_LB_ROWS_H

#include <stddef.h>
#include <stdint.h>

#define ROWS_MAX 2048

/** struct lb_rows - in no order */
struct lb_rows {
	size_t key_size;
	size_t count;
	struct {
		uint8_t key[40];
		uint32_t value[3];
	} row[ROWS_MAX];
};

/** lb_rows_find - its value, or NULL */
uint32_t *lb_rows_find(const struct lb_rows *list, const void *key);
void lb_rows_put(struct lb_rows *list, const void *key, const uint32_t value[3]);
void lb_rows_del(struct lb_rows *list, const void *key);

/** lb_rows_longest - the value of the longest prefix that @addr is in, or 0; keys begin with their length */
uint32_t lb_rows_longest(const struct lb_rows *list, const void *addr);

#endif
