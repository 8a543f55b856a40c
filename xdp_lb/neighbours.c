// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "xdp_lb/neighbours.h"

#define NUD_USABLE (NUD_PERMANENT | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

static int neighbour_attr(const struct nlattr *attr, void *arg)
{
	const size_t len = mnl_attr_get_payload_len(attr);
	struct lb_neighbour *neighbour = arg;

	if (mnl_attr_get_type(attr) == NDA_DST && len <= sizeof(neighbour->addr))
		memcpy(neighbour->addr, mnl_attr_get_payload(attr), len);
	if (mnl_attr_get_type(attr) == NDA_LLADDR && len == LB_MAC) {
		memcpy(neighbour->mac, mnl_attr_get_payload(attr), len);
		neighbour->known = neighbour->state & NUD_USABLE;
	}
	return MNL_CB_OK;
}

/* room - for one more: full whenever the count is 0 or a power of two */
static struct lb_neighbour *room(struct lb_neighbours *neighbours)
{
	const size_t count = neighbours->count;
	struct lb_neighbour *grown = neighbours->neighbour;

	if (!(count & (count - 1))) {
		grown = realloc(grown, 2 * (count ? count : 1) * sizeof(*grown));
		if (!grown)
			return NULL;
		neighbours->neighbour = grown;
	}
	return &grown[neighbours->count++];
}

static int neighbour_take(const struct nlmsghdr *nlh, void *arg)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);
	struct lb_neighbour *neighbour;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(nlh) < sizeof(*nd) ||
	    (nd->ndm_family != AF_INET && nd->ndm_family != AF_INET6))
		return MNL_CB_OK;
	neighbour = room(arg);
	if (!neighbour) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	*neighbour = (struct lb_neighbour){ .ifindex = nd->ndm_ifindex,
					    .state = nd->ndm_state,
					    .family = nd->ndm_family };
	return mnl_attr_parse(nlh, sizeof(*nd), neighbour_attr, neighbour);
}

static int neighbour_compare(const void *one, const void *other)
{
	const struct lb_neighbour *a = one, *b = other;

	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	if (a->family != b->family)
		return a->family - b->family;
	return memcmp(a->addr, b->addr, sizeof(a->addr));
}

static void clear(void *arg)
{
	lb_neighbours_free(arg);
}

int lb_neighbours_read(struct lb_neighbours *neighbours)
{
	int err;

	*neighbours = (struct lb_neighbours){};
	err = lb_rtnl_dump(RTM_GETNEIGH, sizeof(struct ndmsg), neighbour_take, clear, neighbours);
	if (err)
		lb_neighbours_free(neighbours);
	if (neighbours->count)
		qsort(neighbours->neighbour, neighbours->count, sizeof(*neighbours->neighbour),
		      neighbour_compare);
	return err;
}

void lb_neighbours_free(struct lb_neighbours *neighbours)
{
	free(neighbours->neighbour);
	*neighbours = (struct lb_neighbours){};
}

static size_t address_bytes(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

const struct lb_neighbour *lb_neighbours_find(const struct lb_neighbours *neighbours,
					      uint32_t ifindex, uint8_t family, const uint8_t *addr)
{
	struct lb_neighbour key = { .ifindex = ifindex, .family = family };

	memcpy(key.addr, addr, address_bytes(family));
	if (!neighbours->count)
		return NULL;
	return bsearch(&key, neighbours->neighbour, neighbours->count, sizeof(key),
		       neighbour_compare);
}

int lb_neighbour_use(struct lb_rtnl *rtnl, uint32_t ifindex, uint8_t family, const uint8_t *addr)
{
	char buffer[MNL_NLMSG_HDRLEN + 128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ndmsg *nd;

	nlh->nlmsg_type = RTM_NEWNEIGH;
	nd = mnl_nlmsg_put_extra_header(nlh, sizeof(*nd));
	nd->ndm_family = family;
	nd->ndm_ifindex = ifindex;
	nd->ndm_flags = NTF_USE;
	mnl_attr_put(nlh, NDA_DST, address_bytes(family), addr);
	return lb_rtnl_ask(rtnl, nlh, NLM_F_CREATE | NLM_F_ACK, NULL, NULL);
}
