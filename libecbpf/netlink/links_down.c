// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The way down from an interface to the wire. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/netlink/links.h"

static void out_begin(const struct ecbpf_link *link, struct ecbpf_out *out)
{
	*out = (struct ecbpf_out){ .mtu = link->mtu };
	memcpy(out->mac, link->mac, sizeof(out->mac));
}

/* tag_push - those that are found later, lower down, are further out */
static void tag_push(struct ecbpf_out *out, const struct ecbpf_link *link)
{
	out->tag[1] = out->tag[0];
	out->tag[0].tpid = link->tpid;
	out->tag[0].tci = htons(link->vlan);
	out->tags++;
}

/* --- the port in use */

/* member_of - the one that the bond uses, else the first that has a carrier */
static const struct ecbpf_link *member_of(const struct ecbpf_links *links,
					  const struct ecbpf_link *bond)
{
	const struct ecbpf_link *member = ecbpf_links_find(links, bond->member);
	size_t i;

	if (bond->member && member && member->up)
		return member;
	for (i = 0; i < links->count; i++)
		if (links->link[i].master == bond->ifindex && links->link[i].up)
			return &links->link[i];
	return NULL;
}

const char *ecbpf_links_out(const struct ecbpf_links *links, uint32_t ifindex,
			    struct ecbpf_out *out)
{
	const struct ecbpf_link *link = ecbpf_links_find(links, ifindex);
	int depth;

	*out = (struct ecbpf_out){};
	if (!link || !link->ethernet)
		return "the interface has no Ethernet frames";
	out_begin(link, out);
	for (depth = 0; link && depth < ECBPF_LINKS_DEPTH; depth++) {
		if (link->kind == ECBPF_LINK_BRIDGE)
			return "the interface is a bridge";
		if (!link->up)
			return "the interface is down";
		if (link->kind != ECBPF_LINK_VLAN && link->kind != ECBPF_LINK_BOND) {
			out->ifindex = link->ifindex;
			return NULL;
		}
		if (link->kind == ECBPF_LINK_VLAN)
			tag_push(out, link);
		if (out->tags > ECBPF_TAGS_MAX)
			return "more than two VLAN tags";
		link = link->kind == ECBPF_LINK_VLAN ? ecbpf_links_find(links, link->lower) :
						       member_of(links, link);
	}
	return "nothing that has a carrier is below the interface";
}

/* --- all ports */

/**
 * struct walk - down, to all ports
 * @out: as far as the way has been gone
 */
struct walk {
	const struct ecbpf_links *links;
	struct ecbpf_out out;
	int (*each)(const struct ecbpf_link *port, const struct ecbpf_out *out, void *arg);
	void *arg;
};

static int walk_down(struct walk *walk, const struct ecbpf_link *link, int depth);

static int walk_lower(struct walk *walk, const struct ecbpf_link *link, int depth)
{
	const struct ecbpf_link *lower = ecbpf_links_find(walk->links, link->lower);

	if (!lower)
		return ecbpf_fail(-ENODEV,
				  "%s: the device below it is in another network namespace",
				  link->name);
	tag_push(&walk->out, link);
	return walk_down(walk, lower, depth);
}

static int walk_members(struct walk *walk, const struct ecbpf_link *bond, int depth)
{
	const struct ecbpf_links *links = walk->links;
	const struct ecbpf_out out = walk->out;
	int err = 0, members = 0;
	size_t i;

	for (i = 0; !err && i < links->count; i++) {
		if (links->link[i].master != bond->ifindex)
			continue;
		members++;
		walk->out = out;
		err = walk_down(walk, &links->link[i], depth);
	}
	return err || members ? err : ecbpf_fail(-ENODEV, "%s has no members", bond->name);
}

static int walk_down(struct walk *walk, const struct ecbpf_link *link, int depth)
{
	if (depth > ECBPF_LINKS_DEPTH)
		return ecbpf_fail(-ELOOP, "%s: devices in a circle", link->name);
	if (link->kind == ECBPF_LINK_VLAN)
		return walk_lower(walk, link, depth + 1);
	if (link->kind == ECBPF_LINK_BOND || link->kind == ECBPF_LINK_TEAM)
		return walk_members(walk, link, depth + 1);
	walk->out.ifindex = link->ifindex;
	return walk->each(link, &walk->out, walk->arg);
}

int ecbpf_links_ports(const struct ecbpf_links *links, uint32_t ifindex,
		      int (*each)(const struct ecbpf_link *port, const struct ecbpf_out *out,
				  void *arg),
		      void *arg)
{
	const struct ecbpf_link *link = ecbpf_links_find(links, ifindex);
	struct walk walk = { .links = links, .each = each, .arg = arg };

	if (!link)
		return ecbpf_fail(-ENODEV, "no such interface");
	out_begin(link, &walk.out);
	return walk_down(&walk, link, 0);
}
