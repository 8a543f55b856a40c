/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A share of packets that is traced or timed stays so this long after its command has died, so that a
 * packet path is never left watched for good. Commands renew it at each tick.
 */
#ifndef XDP_ROOT_LEASE_H
#define XDP_ROOT_LEASE_H

#define LEASE_NS      3000000000ULL
#define LEASE_TICK_NS 1000000000ULL

#endif
