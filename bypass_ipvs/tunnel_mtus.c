// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netlink.h>

#include "bypass_ipvs/tunnel_mtus.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/netlink/links.h"
#include "libecbpf/netlink/routes.h"

/**
 * struct end - other end of a path's tunnel
 * @addr: IPv4 in the first word
 */
struct end {
	__be32 addr[4];
	uint8_t family;
	__u32 path;
};

/* mtu_find - most routes are of the same interface: @link is kept from one to the next */
static int mtu_find(struct ecbpf_netlink *nl, const struct end *end, struct ecbpf_link *link,
		    __u32 *mtu)
{
	struct ecbpf_route route;
	int err = ecbpf_route_find(nl, end->family, end->addr, &route);

	*mtu = route.mtu;
	if (err || route.mtu || !route.ifindex)
		return err;
	if (route.ifindex != link->ifindex)
		err = ecbpf_link_get(nl, route.ifindex, link);
	*mtu = link->mtu;
	return err;
}

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

int tunnel_mtus_refresh(struct ecbpf_netlink *nl, struct live *live)
{
	struct ecbpf_link link = {};
	struct end *ends;
	size_t i, count;
	__u32 mtu = 0;
	int err = 0;

	ends = ends_find(live, &count);
	if (!ends)
		return ecbpf_fail(-ENOMEM, "out of memory");
	if (count && !nl->socket)
		err = ecbpf_netlink_open(nl, NETLINK_ROUTE);
	for (i = 0; !err && i < count; i++) {
		if (!i || ends_compare(&ends[i - 1], &ends[i]))
			err = mtu_find(nl, &ends[i], &link, &mtu);
		if (!err)
			path_limit(&live->path[ends[i].path], mtu);
	}
	free(ends);
	if (err)
		ecbpf_netlink_close(nl);
	return err;
}
