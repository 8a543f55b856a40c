// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "libecbpf/netlink/routes.h"

static size_t address_bytes(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static int metric_attr(const struct nlattr *attr, void *arg)
{
	struct ecbpf_route *route = arg;

	if (mnl_attr_get_type(attr) == RTAX_MTU && !mnl_attr_validate(attr, MNL_TYPE_U32))
		route->mtu = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

/* via_take - a router of the other version of IP */
static void via_take(const struct nlattr *attr, struct ecbpf_route *route)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);
	const size_t len = mnl_attr_get_payload_len(attr);

	if (len < sizeof(*via) || len - sizeof(*via) != address_bytes(via->rtvia_family))
		return;
	route->family = via->rtvia_family;
	memset(route->hop, 0, sizeof(route->hop));
	memcpy(route->hop, via->rtvia_addr, address_bytes(via->rtvia_family));
	route->gateway = true;
}

static int route_attr(const struct nlattr *attr, void *arg)
{
	const size_t len = mnl_attr_get_payload_len(attr);
	const void *value = mnl_attr_get_payload(attr);
	struct ecbpf_route *route = arg;

	switch (mnl_attr_get_type(attr)) {
	case RTA_METRICS:
		return mnl_attr_parse_nested(attr, metric_attr, route);
	case RTA_OIF:
		if (!mnl_attr_validate(attr, MNL_TYPE_U32))
			route->ifindex = mnl_attr_get_u32(attr);
		break;
	case RTA_VIA:
		via_take(attr, route);
		break;
	case RTA_GATEWAY:
		if (len == address_bytes(route->family)) {
			memcpy(route->hop, value, len);
			route->gateway = true;
		}
		break;
	case RTA_PREFSRC:
		if (len <= sizeof(route->source)) {
			memcpy(route->source, value, len);
			route->sourced = true;
		}
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int route_take(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) ||
	    rtm->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	return mnl_attr_parse(nlh, sizeof(*rtm), route_attr, arg);
}

int ecbpf_route_find(struct ecbpf_netlink *nl, uint8_t family, const void *addr,
		     struct ecbpf_route *route)
{
	char buffer[MNL_NLMSG_HDRLEN + 128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct rtmsg *rtm;

	*route = (struct ecbpf_route){ .family = family };
	memcpy(route->hop, addr, address_bytes(family));
	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = family;
	rtm->rtm_dst_len = 8 * address_bytes(family);
	mnl_attr_put(nlh, RTA_DST, address_bytes(family), addr);
	return ecbpf_netlink_ask(nl, nlh, 0, route_take, route);
}
