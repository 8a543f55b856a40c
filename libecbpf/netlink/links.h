/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Interfaces above each other: what a packet for one of them is as a frame, and where it leaves. */
#ifndef LIBECBPF_NETLINK_LINKS_H
#define LIBECBPF_NETLINK_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <net/if.h>

#include <linux/types.h>

#include "libecbpf/netlink/netlink.h"

#define ECBPF_TAGS_MAX 2

/* Devices above each other, at most: the kernel's limit is 8. */
#define ECBPF_LINKS_DEPTH 16

/** enum ecbpf_link_kind - which port of a team is in use, nobody tells: the team does the sending */
enum ecbpf_link_kind {
	ECBPF_LINK_OTHER,
	ECBPF_LINK_VLAN,
	ECBPF_LINK_BOND,
	ECBPF_LINK_TEAM,
	ECBPF_LINK_BRIDGE,
};

/**
 * struct ecbpf_link - an interface
 * @lower: of a VLAN device: the device below; 0: not in this namespace
 * @master: its bond, bridge or VRF; 0: none
 * @member: of a bond: the member that it uses; 0: it does not say
 * @tpid, @vlan: of a VLAN device
 * @ethernet: @mac is set
 * @up: it has a carrier
 */
struct ecbpf_link {
	uint32_t ifindex;
	uint32_t lower;
	uint32_t master;
	uint32_t member;
	uint32_t mtu;
	enum ecbpf_link_kind kind;
	__be16 tpid;
	uint16_t vlan;
	bool ethernet;
	bool up;
	uint8_t mac[6];
	char name[IF_NAMESIZE];
};

/** struct ecbpf_links - @count of them, by ifindex; zeroed: none */
struct ecbpf_links {
	struct ecbpf_link *link;
	size_t count;
};

/**
 * struct ecbpf_out - how a packet for an interface leaves
 * @ifindex: at the bottom
 * @mtu: of the interface itself
 * @mac: of the interface itself
 * @tags: VLAN tags, @tag[0] the outermost; more than ECBPF_TAGS_MAX: the inner ones are not in @tag
 */
struct ecbpf_out {
	uint32_t ifindex;
	uint32_t mtu;
	uint8_t mac[6];
	unsigned int tags;
	struct {
		__be16 tpid;
		__be16 tci;
	} tag[ECBPF_TAGS_MAX];
};

/** ecbpf_links_read - all of this thread's network namespace; ecbpf_links_free() them */
int ecbpf_links_read(struct ecbpf_links *links);
void ecbpf_links_free(struct ecbpf_links *links);

/** ecbpf_links_find - or NULL */
const struct ecbpf_link *ecbpf_links_find(const struct ecbpf_links *links, uint32_t ifindex);

/** ecbpf_link_get - one of them, as it is now; 0 also where there is none: *link is all zero */
int ecbpf_link_get(struct ecbpf_netlink *nl, uint32_t ifindex, struct ecbpf_link *link);

/** ecbpf_links_out - NULL, or why no frame can be sent there; of a bond it is the member in use */
const char *ecbpf_links_out(const struct ecbpf_links *links, uint32_t ifindex,
			    struct ecbpf_out *out);

/**
 * ecbpf_links_ports - the devices at the bottom that packets of an interface cross as frames
 * @each: called for each, a bond's or team's members all, with or without carrier; what it returns,
 *        if that is not 0, ends it
 *
 * Return: 0; what @each returned; -ENODEV no such interface, a bond without members, a VLAN device
 * whose lower device is in another namespace; -ELOOP devices in a circle.
 */
int ecbpf_links_ports(const struct ecbpf_links *links, uint32_t ifindex,
		      int (*each)(const struct ecbpf_link *port, const struct ecbpf_out *out,
				  void *arg),
		      void *arg);

#endif
