/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Is an address in a prefix? Bit by bit, to compare with what is faster. */
#ifndef TESTS_FUZZ_COVERS_H
#define TESTS_FUZZ_COVERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "libecbpf/cli.h"

static inline bool covers(const struct ecbpf_prefix *prefix, int family, const uint8_t *addr)
{
	unsigned int i;

	if (prefix->family != (family == 4 ? AF_INET : AF_INET6))
		return false;
	for (i = 0; i < prefix->length; i++)
		if ((prefix->addr[i / 8] ^ addr[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

#endif
