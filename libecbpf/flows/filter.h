/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which flows of a table somebody wants to see: what all tools' filters have in common. */
#ifndef LIBECBPF_FLOWS_FILTER_H
#define LIBECBPF_FLOWS_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "libecbpf/cli.h"
#include "libecbpf/table.h"

/**
 * struct ecbpf_flow_filter - zeroed: all
 * @src, @dst: family 0: any
 * @sport, @dport, @proto: 0: any
 * @limit: so many at most; 0: all
 */
struct ecbpf_flow_filter {
	struct ecbpf_prefix src, dst;
	uint64_t sport, dport, limit;
	int proto;
};

/**
 * ecbpf_flow_filter_word - take NAME VALUE of the command line
 * Return: 0; -EINVAL the value; -ENOENT it is none of these names.
 */
int ecbpf_flow_filter_word(struct ecbpf_flow_filter *filter, const char *name, const char *value);

bool ecbpf_flow_filter_takes(const struct ecbpf_flow_filter *filter,
			     const struct ecbpf_tuple *tuple);

#endif
