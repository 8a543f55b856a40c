/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The memory-mapped struct ecbpf_control of a root. */
#ifndef XDP_ROOT_CONTROL_H
#define XDP_ROOT_CONTROL_H

#include <stdint.h>

#include "libecbpf/ecbpf.h"

/*
 * A share that is on stays on this long after its command has died, so that a packet path is
 * never left watched for good. Commands renew it every second.
 */
#define CONTROL_LEASE_NS 3000000000ULL
#define CONTROL_TICK_NS	 1000000000ULL

/* control_map - NULL after ecbpf_fail(); control_unmap() takes NULL too */
volatile struct ecbpf_control *control_map(const struct ecbpf_root *root);
void control_unmap(volatile struct ecbpf_control *control);

#endif
