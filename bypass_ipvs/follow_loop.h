/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the follower's files. */
#ifndef BYPASS_IPVS_FOLLOW_LOOP_H
#define BYPASS_IPVS_FOLLOW_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bypass_ipvs/live.h"
#include "libecbpf/netlink/neighbours.h"

#define STALE_MAX 64

/**
 * struct follow_news - what the kernel says of neighbours and links, and what follows from it
 * @neighbours: as they are
 * @mac: @macs addresses that somebody has no more: paths there are asked of IPVS again
 * @all: so are all paths: more than that, or messages were lost
 * @links: an interface came, went or changed
 */
struct follow_news {
	struct ecbpf_netlink socket;
	struct ecbpf_neighbours neighbours;
	uint8_t mac[STALE_MAX][ECBPF_MAC];
	size_t macs;
	bool all;
	bool links;
};

/** follow_lock - be the follower: a descriptor that ends it when closed; -EBUSY there is one */
int follow_lock(void);

/** follow_news_open - from here on nothing is missed; follow_news_close() it in either case */
int follow_news_open(struct follow_news *news);
void follow_news_close(struct follow_news *news);

/**
 * follow_news_take - all that there is to read
 * Return: 1: some paths are stale; 0: none; -errno.
 */
int follow_news_take(struct follow_news *news);

/** follow_news_invalidate - the stale paths; to be done twice, then follow_news_forget() */
void follow_news_invalidate(const struct follow_news *news, struct live *live);
void follow_news_forget(struct follow_news *news);

/**
 * follow_devices - device_map: VLAN devices and the like above inbound interfaces that have come,
 * interfaces that have gone
 *
 * What carries a program is left to attach and detach.
 */
int follow_devices(const struct live *live);

#endif
