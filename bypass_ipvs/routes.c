// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>

#include "bypass_ipvs/routes.h"
#include "libecbpf/ecbpf.h"

#define BUFFER_BYTES 32768 /* the kernel fills no more in one go */

/**
 * struct end - other end of a path's tunnel
 * @addr: IPv4 in the first word
 */
struct end {
	__be32 addr[4];
	uint8_t family;
	__u32 path;
};

/** struct told - what an answer says; 0: it does not */
struct told {
	uint32_t mtu;
	uint32_t ifindex;
};

/* --- questions */

static int routes_open(struct routes *routes)
{
	if (routes->socket)
		return 0;
	routes->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!routes->socket || mnl_socket_bind(routes->socket, 0, MNL_SOCKET_AUTOPID))
		return ecbpf_fail(-errno, "rtnetlink: %s", strerror(errno));
	return 0;
}

void routes_close(struct routes *routes)
{
	if (routes->socket)
		mnl_socket_close(routes->socket);
	routes->socket = NULL;
}

/* ask - one question, one answer; *told stays 0 if that is an error: there is no such route */
static int ask(struct routes *routes, struct nlmsghdr *nlh, mnl_cb_t take, struct told *told)
{
	const unsigned int port = mnl_socket_get_portid(routes->socket);
	char buffer[BUFFER_BYTES];
	ssize_t len;

	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++routes->seq;
	len = mnl_socket_sendto(routes->socket, nlh, nlh->nlmsg_len);
	if (len >= 0)
		len = mnl_socket_recvfrom(routes->socket, buffer, sizeof(buffer));
	/* EPROTO, ESRCH: an answer to something else */
	if (len < 0 || (mnl_cb_run(buffer, len, nlh->nlmsg_seq, port, take, told) < 0 &&
			(errno == EPROTO || errno == ESRCH)))
		return ecbpf_fail(-errno, "rtnetlink: %s", strerror(errno));
	return 0;
}

static int link_attr(const struct nlattr *attr, void *arg)
{
	struct told *told = arg;

	if (mnl_attr_get_type(attr) == IFLA_MTU && !mnl_attr_validate(attr, MNL_TYPE_U32))
		told->mtu = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int link_take(const struct nlmsghdr *nlh, void *arg)
{
	return nlh->nlmsg_type == RTM_NEWLINK ?
		       mnl_attr_parse(nlh, sizeof(struct ifinfomsg), link_attr, arg) :
		       MNL_CB_OK;
}

static int link_ask(struct routes *routes, struct told *link)
{
	char buffer[MNL_NLMSG_HDRLEN + 64];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info;

	nlh->nlmsg_type = RTM_GETLINK;
	info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	info->ifi_index = link->ifindex;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return ask(routes, nlh, link_take, link);
}

static int metric_attr(const struct nlattr *attr, void *arg)
{
	struct told *told = arg;

	if (mnl_attr_get_type(attr) == RTAX_MTU && !mnl_attr_validate(attr, MNL_TYPE_U32))
		told->mtu = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int route_attr(const struct nlattr *attr, void *arg)
{
	struct told *told = arg;

	if (mnl_attr_get_type(attr) == RTA_METRICS)
		return mnl_attr_parse_nested(attr, metric_attr, arg);
	if (mnl_attr_get_type(attr) == RTA_OIF && !mnl_attr_validate(attr, MNL_TYPE_U32))
		told->ifindex = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int route_take(const struct nlmsghdr *nlh, void *arg)
{
	return nlh->nlmsg_type == RTM_NEWROUTE ?
		       mnl_attr_parse(nlh, sizeof(struct rtmsg), route_attr, arg) :
		       MNL_CB_OK;
}

static int route_ask(struct routes *routes, const struct end *end, struct told *route)
{
	const size_t bytes = end->family == AF_INET ? sizeof(end->addr[0]) : sizeof(end->addr);
	char buffer[MNL_NLMSG_HDRLEN + 128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct rtmsg *rtm;

	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = end->family;
	rtm->rtm_dst_len = 8 * bytes;
	mnl_attr_put(nlh, RTA_DST, bytes, end->addr);
	return ask(routes, nlh, route_take, route);
}

/* mtu_find - most routes are of the same interface: @link is kept from one to the next */
static int mtu_find(struct routes *routes, const struct end *end, struct told *link, __u32 *mtu)
{
	struct told route = {};
	int err = route_ask(routes, end, &route);

	*mtu = route.mtu;
	if (err || route.mtu || !route.ifindex)
		return err;
	if (route.ifindex != link->ifindex) {
		*link = (struct told){ .ifindex = route.ifindex };
		err = link_ask(routes, link);
	}
	*mtu = link->mtu;
	return err;
}

/* --- paths */

static void end_of(const struct bypass_path *path, __u32 number, struct end *end)
{
	const struct ecbpf_recipe recipe = path->recipe;

	*end = (struct end){ .family = AF_INET, .path = number };
	if (recipe.flags & ECBPF_OUTER_V6) {
		end->family = AF_INET6;
		memcpy(end->addr, recipe.outer + offsetof(struct ipv6hdr, daddr), 16);
	} else {
		memcpy(end->addr, recipe.outer + offsetof(struct iphdr, daddr), 4);
	}
}

static bool is_tunnel(const struct bypass_path *path)
{
	return path->recipe.l2_bytes && path->recipe.outer_bytes;
}

static int ends_compare(const void *one, const void *other)
{
	const struct end *a = one, *b = other;

	return a->family != b->family ? a->family - b->family :
					memcmp(a->addr, b->addr, sizeof(a->addr));
}

/* ends_find - of all tunnels, the same ones side by side; NULL: out of memory */
static struct end *ends_find(const struct live *live, size_t *count)
{
	const __u32 paths = live->settings->paths;
	struct end *ends = NULL;
	size_t room = 0;
	__u32 i;

	for (i = BYPASS_PATH_NONE + 1; i < paths; i++)
		room += is_tunnel(&live->path[i]);
	*count = 0;
	ends = calloc(room + 1, sizeof(*ends));
	/* egress may make others meanwhile: they have time */
	for (i = BYPASS_PATH_NONE + 1; ends && i < paths && *count < room; i++)
		if (is_tunnel(&live->path[i]))
			end_of(&live->path[i], i, &ends[(*count)++]);
	if (ends)
		qsort(ends, *count, sizeof(*ends), ends_compare);
	return ends;
}

static void path_limit(struct bypass_path *path, __u32 route_mtu)
{
	const __u32 outer = path->recipe.outer_bytes;
	const __u32 limit = route_mtu > outer ? route_mtu - outer : 0;

	if (path->route_mtu != route_mtu)
		__atomic_store_n(&path->route_mtu, route_mtu, __ATOMIC_RELAXED);
	if (route_mtu && limit < path->mtu)
		__atomic_store_n(&path->mtu, limit, __ATOMIC_RELAXED);
}

int routes_refresh(struct routes *routes, struct live *live)
{
	struct told link = {};
	struct end *ends;
	size_t i, count;
	__u32 mtu = 0;
	int err = 0;

	ends = ends_find(live, &count);
	if (!ends)
		return ecbpf_fail(-ENOMEM, "out of memory");
	if (count)
		err = routes_open(routes);
	for (i = 0; !err && i < count; i++) {
		if (!i || ends_compare(&ends[i - 1], &ends[i]))
			err = mtu_find(routes, &ends[i], &link, &mtu);
		if (!err)
			path_limit(&live->path[ends[i].path], mtu);
	}
	free(ends);
	if (err)
		routes_close(routes);
	return err;
}
