/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Interfaces: which devices the programs go to, and which ones the kernel says packets came in on.
 *
 * A VLAN device has its programs on the device below it, a bond or team on its members. Packets
 * that come in on an inbound device may be said to have come in on a VLAN device, bond, bridge or
 * VRF above it; all that there are become inbound with it.
 */
#ifndef BYPASS_IPVS_DEVICES_H
#define BYPASS_IPVS_DEVICES_H

#include <stddef.h>

#include <net/if.h>

#include "bypass_ipvs/abi.h"
#include "libecbpf/cli.h"

/**
 * struct device - one that has a part
 * @as: as device_map has it
 */
struct device {
	unsigned int ifindex;
	char name[IF_NAMESIZE];
	struct bypass_device as;
};

/** struct devices - @count of them, by ifindex; devices_free() them */
struct devices {
	struct device *device;
	size_t count;
};

/**
 * devices_find - what these names stand for in this thread's network namespace
 * Return: 0; -ENODEV no such interface, a bond without members, a VLAN device whose lower device is
 * in another namespace; -EOPNOTSUPP more than two VLAN tags; -E2BIG more than device_map holds.
 */
int devices_find(const struct ecbpf_iflist *inbound, const struct ecbpf_iflist *outbound,
		 struct devices *devices);

/** devices_read - those that device_map has; a removed one has no name */
int devices_read(int map, struct devices *devices);

void devices_free(struct devices *devices);

#endif
