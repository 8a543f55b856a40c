/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What was forwarded past IPVS, told by its services and destinations. */
#ifndef BYPASS_IPVS_PASSED_H
#define BYPASS_IPVS_PASSED_H

#include <stddef.h>
#include <stdint.h>

#include "bypass_ipvs/ipvs.h"
#include "bypass_ipvs/services.h"
#include "libecbpf/netlink/neighbours.h"

/** struct passed - @bytes of IP packets, as IPVS counts; a tag that they arrived with is in them */
struct passed {
	uint64_t packets;
	uint64_t bytes;
};

/**
 * struct passed_service - of one service
 * @dest: one for each of its destinations
 * @unknown: of none of them for sure: it was removed, or its MAC address is not known, or it is one
 *           of several with this address
 */
struct passed_service {
	struct passed all;
	struct passed *dest;
	struct passed unknown;
};

/** struct passed_table - one for each service of a configuration, in its order */
struct passed_table {
	struct passed_service *service;
	size_t services;
};

/**
 * passed_read - of the bypass that is attached; all zero if none is
 * @passed: passed_free() it in either case
 */
int passed_read(const struct ipvs_config *kernel, struct passed_table *passed);
void passed_free(struct passed_table *passed);

#endif
