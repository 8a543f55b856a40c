// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "xdp_lb/links.h"
#include "xdp_lb/rtnl.h"

#define VLAN_ID_MASK 0xfff

/* Devices above each other, at most: the kernel's limit is 8. */
#define DEPTH 16

/* --- what there is */

static int data_attr(const struct nlattr *attr, void *arg)
{
	struct lb_link *link = arg;

	if (link->kind == LB_LINK_VLAN && mnl_attr_get_type(attr) == IFLA_VLAN_ID &&
	    !mnl_attr_validate(attr, MNL_TYPE_U16))
		link->vlan = mnl_attr_get_u16(attr) & VLAN_ID_MASK;
	if (link->kind == LB_LINK_VLAN && mnl_attr_get_type(attr) == IFLA_VLAN_PROTOCOL &&
	    !mnl_attr_validate(attr, MNL_TYPE_U16))
		link->tpid = mnl_attr_get_u16(attr);
	if (link->kind == LB_LINK_BOND && mnl_attr_get_type(attr) == IFLA_BOND_ACTIVE_SLAVE &&
	    !mnl_attr_validate(attr, MNL_TYPE_U32))
		link->member = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static enum lb_link_kind kind_of(const char *name)
{
	if (!strcmp(name, "vlan"))
		return LB_LINK_VLAN;
	if (!strcmp(name, "bond"))
		return LB_LINK_BOND;
	return strcmp(name, "bridge") ? LB_LINK_OTHER : LB_LINK_BRIDGE;
}

static int info_attr(const struct nlattr *attr, void *arg)
{
	struct lb_link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		link->kind = kind_of(mnl_attr_get_str(attr));
	/* the kernel tells the kind first */
	if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
		mnl_attr_parse_nested(attr, data_attr, link);
	return MNL_CB_OK;
}

static int link_attr(const struct nlattr *attr, void *arg)
{
	struct lb_link *link = arg;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_LINK:
		link->lower = mnl_attr_get_u32(attr);
		break;
	case IFLA_MASTER:
		link->master = mnl_attr_get_u32(attr);
		break;
	case IFLA_MTU:
		link->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attr) == sizeof(link->mac))
			memcpy(link->mac, mnl_attr_get_payload(attr), sizeof(link->mac));
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attr, info_attr, link);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

/* Another namespace's number means nothing here. */
static int foreign_attr(const struct nlattr *attr, void *arg)
{
	struct lb_link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_LINK_NETNSID)
		link->lower = 0;
	return MNL_CB_OK;
}

static int link_take(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
	struct lb_links *links = arg;
	struct lb_link *more;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*info))
		return MNL_CB_OK;
	more = realloc(links->link, (links->count + 1) * sizeof(*more));
	if (!more) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	links->link = more;
	more += links->count++;
	*more = (struct lb_link){ .ifindex = info->ifi_index,
				  .tpid = htons(ETH_P_8021Q),
				  .ethernet = info->ifi_type == ARPHRD_ETHER,
				  .up = info->ifi_flags & IFF_UP && info->ifi_flags & IFF_RUNNING };
	mnl_attr_parse(nlh, sizeof(*info), link_attr, more);
	mnl_attr_parse(nlh, sizeof(*info), foreign_attr, more);
	return MNL_CB_OK;
}

static int link_compare(const void *one, const void *other)
{
	const struct lb_link *a = one, *b = other;

	return (a->ifindex > b->ifindex) - (a->ifindex < b->ifindex);
}

static void clear(void *arg)
{
	lb_links_free(arg);
}

int lb_links_read(struct lb_links *links)
{
	int err;

	*links = (struct lb_links){};
	err = lb_rtnl_dump(RTM_GETLINK, sizeof(struct ifinfomsg), link_take, clear, links);
	if (err)
		lb_links_free(links);
	if (links->count)
		qsort(links->link, links->count, sizeof(*links->link), link_compare);
	return err;
}

void lb_links_free(struct lb_links *links)
{
	free(links->link);
	*links = (struct lb_links){};
}

const struct lb_link *lb_links_find(const struct lb_links *links, uint32_t ifindex)
{
	const struct lb_link key = { .ifindex = ifindex };

	if (!links->count)
		return NULL;
	return bsearch(&key, links->link, links->count, sizeof(key), link_compare);
}

/* --- the way down */

/* member_of - the one that the bond uses, else the first that has a carrier */
static const struct lb_link *member_of(const struct lb_links *links, const struct lb_link *bond)
{
	const struct lb_link *member = lb_links_find(links, bond->member);
	size_t i;

	if (bond->member && member && member->up)
		return member;
	for (i = 0; i < links->count; i++)
		if (links->link[i].master == bond->ifindex && links->link[i].up)
			return &links->link[i];
	return NULL;
}

/* tag_push - those that are found later, lower down, are further out */
static bool tag_push(struct lb_out *out, const struct lb_link *link)
{
	if (out->tags == LB_TAGS_MAX)
		return false;
	out->tag[1] = out->tag[0];
	out->tag[0].tpid = link->tpid;
	out->tag[0].tci = htons(link->vlan);
	out->tags++;
	return true;
}

const char *lb_links_out(const struct lb_links *links, uint32_t ifindex, struct lb_out *out)
{
	const struct lb_link *link = lb_links_find(links, ifindex);
	int depth;

	*out = (struct lb_out){};
	if (!link || !link->ethernet)
		return "the interface has no Ethernet frames";
	memcpy(out->mac, link->mac, sizeof(out->mac));
	out->mtu = link->mtu;
	for (depth = 0; link && depth < DEPTH; depth++) {
		if (link->kind == LB_LINK_BRIDGE)
			return "the interface is a bridge";
		if (!link->up)
			return "the interface is down";
		if (link->kind == LB_LINK_OTHER) {
			out->ifindex = link->ifindex;
			return NULL;
		}
		if (link->kind == LB_LINK_VLAN && !tag_push(out, link))
			return "more than two VLAN tags";
		link = link->kind == LB_LINK_VLAN ? lb_links_find(links, link->lower) :
						    member_of(links, link);
	}
	return "nothing that has a carrier is below the interface";
}
