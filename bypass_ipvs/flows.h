/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The flows of both tuple maps, read in place while the kernel's programs change them. */
#ifndef BYPASS_IPVS_FLOWS_H
#define BYPASS_IPVS_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bypass_ipvs/live.h"
#include "libecbpf/table.h"

/** struct flows - tuple_map and tuple6_map, mapped: of struct bypass_flow4 and bypass_flow6 */
struct flows {
	struct ecbpf_table v4;
	struct ecbpf_table v6;
};

/**
 * flows_scan - all of them, IPv4 first
 * @visit: called with copies that are whole: no other flow took the entry meanwhile. What it
 *         returns ends the scan unless it is 0
 */
int flows_scan(const struct flows *flows,
	       int (*visit)(void *arg, const struct ecbpf_tuple *tuple,
			    const struct bypass_flow *flow),
	       void *arg);

/** flows_each - map, scan, unmap */
int flows_each(const struct live *live,
	       int (*visit)(void *arg, const struct ecbpf_tuple *tuple,
			    const struct bypass_flow *flow),
	       void *arg);

#endif
