// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "libecbpf/netlink/links.h"

#define VLAN_ID_MASK 0xfff

/* --- one */

static int data_attr(const struct nlattr *attr, void *arg)
{
	struct ecbpf_link *link = arg;

	if (link->kind == ECBPF_LINK_VLAN && mnl_attr_get_type(attr) == IFLA_VLAN_ID &&
	    !mnl_attr_validate(attr, MNL_TYPE_U16))
		link->vlan = mnl_attr_get_u16(attr) & VLAN_ID_MASK;
	if (link->kind == ECBPF_LINK_VLAN && mnl_attr_get_type(attr) == IFLA_VLAN_PROTOCOL &&
	    !mnl_attr_validate(attr, MNL_TYPE_U16))
		link->tpid = mnl_attr_get_u16(attr);
	if (link->kind == ECBPF_LINK_BOND && mnl_attr_get_type(attr) == IFLA_BOND_ACTIVE_SLAVE &&
	    !mnl_attr_validate(attr, MNL_TYPE_U32))
		link->member = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static enum ecbpf_link_kind kind_of(const char *name)
{
	static const struct {
		const char *name;
		enum ecbpf_link_kind kind;
	} kinds[] = {
		{ "vlan", ECBPF_LINK_VLAN },
		{ "bond", ECBPF_LINK_BOND },
		{ "team", ECBPF_LINK_TEAM },
		{ "bridge", ECBPF_LINK_BRIDGE },
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(name, kinds[i].name))
			return kinds[i].kind;
	return ECBPF_LINK_OTHER;
}

static int info_attr(const struct nlattr *attr, void *arg)
{
	struct ecbpf_link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		link->kind = kind_of(mnl_attr_get_str(attr));
	/* the kernel tells the kind first */
	if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
		mnl_attr_parse_nested(attr, data_attr, link);
	return MNL_CB_OK;
}

static int link_attr(const struct nlattr *attr, void *arg)
{
	struct ecbpf_link *link = arg;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		snprintf(link->name, sizeof(link->name), "%s", mnl_attr_get_str(attr));
		break;
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
	struct ecbpf_link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_LINK_NETNSID)
		link->lower = 0;
	return MNL_CB_OK;
}

/* link_parse - false: it is none */
static bool link_parse(const struct nlmsghdr *nlh, struct ecbpf_link *link)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*info))
		return false;
	*link = (struct ecbpf_link){ .ifindex = info->ifi_index,
				     .tpid = htons(ETH_P_8021Q),
				     .ethernet = info->ifi_type == ARPHRD_ETHER,
				     .up = info->ifi_flags & IFF_UP &&
					   info->ifi_flags & IFF_RUNNING };
	mnl_attr_parse(nlh, sizeof(*info), link_attr, link);
	mnl_attr_parse(nlh, sizeof(*info), foreign_attr, link);
	return true;
}

static int one_take(const struct nlmsghdr *nlh, void *arg)
{
	link_parse(nlh, arg);
	return MNL_CB_OK;
}

int ecbpf_link_get(struct ecbpf_netlink *nl, uint32_t ifindex, struct ecbpf_link *link)
{
	char buffer[MNL_NLMSG_HDRLEN + 64];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info;

	*link = (struct ecbpf_link){};
	nlh->nlmsg_type = RTM_GETLINK;
	info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	info->ifi_index = ifindex;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return ecbpf_netlink_ask(nl, nlh, 0, one_take, link);
}

/* --- all */

static int link_take(const struct nlmsghdr *nlh, void *arg)
{
	struct ecbpf_links *links = arg;
	struct ecbpf_link *more, link;

	if (!link_parse(nlh, &link))
		return MNL_CB_OK;
	more = realloc(links->link, (links->count + 1) * sizeof(*more));
	if (!more) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	links->link = more;
	more[links->count++] = link;
	return MNL_CB_OK;
}

static int link_compare(const void *one, const void *other)
{
	const struct ecbpf_link *a = one, *b = other;

	return (a->ifindex > b->ifindex) - (a->ifindex < b->ifindex);
}

static void clear(void *arg)
{
	ecbpf_links_free(arg);
}

int ecbpf_links_read(struct ecbpf_links *links)
{
	const struct ifinfomsg info = {};
	int err;

	*links = (struct ecbpf_links){};
	err = ecbpf_rtnl_dump(RTM_GETLINK, &info, sizeof(info), link_take, clear, links);
	if (err)
		ecbpf_links_free(links);
	if (links->count)
		qsort(links->link, links->count, sizeof(*links->link), link_compare);
	return err;
}

void ecbpf_links_free(struct ecbpf_links *links)
{
	free(links->link);
	*links = (struct ecbpf_links){};
}

const struct ecbpf_link *ecbpf_links_find(const struct ecbpf_links *links, uint32_t ifindex)
{
	const struct ecbpf_link key = { .ifindex = ifindex };

	if (!links->count)
		return NULL;
	return bsearch(&key, links->link, links->count, sizeof(key), link_compare);
}
