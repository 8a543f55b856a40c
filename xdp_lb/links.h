/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Interfaces above each other: what a packet for one of them is as a frame, and where it leaves. */
#ifndef XDP_LB_LINKS_H
#define XDP_LB_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#define LB_TAGS_MAX 2

enum lb_link_kind { LB_LINK_OTHER, LB_LINK_VLAN, LB_LINK_BOND, LB_LINK_BRIDGE };

/**
 * struct lb_link - an interface
 * @lower: of a VLAN device: the device below; 0: not in this namespace
 * @master: its bond, bridge or VRF; 0: none
 * @member: of a bond: the member that it uses; 0: it does not say
 * @tpid, @vlan: of a VLAN device
 * @ethernet: @mac is set
 * @up: it has a carrier
 */
struct lb_link {
	uint32_t ifindex;
	uint32_t lower;
	uint32_t master;
	uint32_t member;
	uint32_t mtu;
	enum lb_link_kind kind;
	__be16 tpid;
	uint16_t vlan;
	bool ethernet;
	bool up;
	uint8_t mac[6];
};

/** struct lb_links - @count of them, by ifindex; zeroed: none */
struct lb_links {
	struct lb_link *link;
	size_t count;
};

/**
 * struct lb_out - how a packet for an interface leaves
 * @ifindex: at the bottom
 * @mtu: of the interface itself
 * @mac: of the interface itself
 * @tags: VLAN tags, @tag[0] the outermost
 */
struct lb_out {
	uint32_t ifindex;
	uint32_t mtu;
	uint8_t mac[6];
	unsigned int tags;
	struct {
		__be16 tpid;
		__be16 tci;
	} tag[LB_TAGS_MAX];
};

/** lb_links_read - all of this thread's network namespace; lb_links_free() them */
int lb_links_read(struct lb_links *links);
void lb_links_free(struct lb_links *links);

const struct lb_link *lb_links_find(const struct lb_links *links, uint32_t ifindex);

/** lb_links_out - NULL, or why no frame can be sent there */
const char *lb_links_out(const struct lb_links *links, uint32_t ifindex, struct lb_out *out);

#endif
