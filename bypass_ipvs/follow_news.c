// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Neighbours and interfaces that come, go and change, told by rtnetlink. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "bypass_ipvs/devices.h"
#include "bypass_ipvs/follow_loop.h"
#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"

/* --- messages */

int follow_news_open(struct follow_news *news)
{
	int err;

	*news = (struct follow_news){ .links = true };
	err = ecbpf_rtnl_listen(&news->socket, RTMGRP_NEIGH | RTMGRP_LINK);
	return err ? err : ecbpf_neighbours_read(&news->neighbours);
}

void follow_news_close(struct follow_news *news)
{
	ecbpf_netlink_close(&news->socket);
	ecbpf_neighbours_free(&news->neighbours);
	*news = (struct follow_news){};
}

static void stale_add(struct follow_news *news, const uint8_t *mac)
{
	if (news->macs == STALE_MAX)
		news->all = true;
	else
		memcpy(news->mac[news->macs++], mac, ECBPF_MAC);
}

static int message_take(const struct nlmsghdr *nlh, void *arg)
{
	struct follow_news *news = arg;
	uint8_t old[ECBPF_MAC];
	int got;

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		news->links = true;
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		got = ecbpf_neighbours_take(&news->neighbours, nlh, old);
		if (got > 0)
			stale_add(news, old);
		if (got < 0)
			news->all = true;
		break;
	}
	return MNL_CB_OK;
}

/* lost - the socket's buffer was full: nobody knows what was said */
static int lost(struct follow_news *news)
{
	struct ecbpf_neighbours now;
	int err = ecbpf_neighbours_read(&now);

	news->links = true;
	news->all = true;
	if (err)
		return err;
	ecbpf_neighbours_free(&news->neighbours);
	news->neighbours = now;
	return 0;
}

int follow_news_take(struct follow_news *news)
{
	int err = ecbpf_rtnl_news(&news->socket, message_take, news);

	if (err == -ENOBUFS)
		err = lost(news);
	return err < 0 ? err : news->all || news->macs;
}

/* --- paths */

static bool is_stale(const struct follow_news *news, const struct ecbpf_recipe *recipe)
{
	size_t i;

	for (i = 0; i < news->macs; i++)
		if (!memcmp(recipe->l2, news->mac[i], ECBPF_MAC))
			return true;
	return false;
}

void follow_news_invalidate(const struct follow_news *news, struct live *live)
{
	__u32 i;

	if (news->all)
		live_invalidate(live, -1);
	for (i = BYPASS_PATH_NONE + 1; !news->all && news->macs && i < live->settings->paths; i++)
		if (live->path[i].recipe.l2_bytes && is_stale(news, &live->path[i].recipe))
			__atomic_add_fetch(&live->path[i].gen, 1, __ATOMIC_SEQ_CST);
}

void follow_news_forget(struct follow_news *news)
{
	news->macs = 0;
	news->all = false;
}

/* --- interfaces */

#define ROLES (BYPASS_INBOUND | BYPASS_OUTBOUND)
#define AT    (BYPASS_AT_XDP | BYPASS_AT_TC)

/* gone_remove - what is left goes to the lists: the named ones, by role */
static int gone_remove(int map, const struct devices *have, struct ecbpf_iflist *inbound,
		       struct ecbpf_iflist *outbound)
{
	const struct device *device;
	int err = 0;

	for (device = have->device; !err && device < have->device + have->count; device++) {
		if (!*device->name && !(device->as.role & AT))
			bpf_map_delete_elem(map, &device->ifindex);
		if (*device->name && device->as.role & BYPASS_INBOUND)
			err = ecbpf_iflist_add(inbound, device->name);
		if (!err && *device->name && device->as.role & BYPASS_OUTBOUND)
			err = ecbpf_iflist_add(outbound, device->name);
	}
	return err;
}

static int new_add(int map, const struct devices *want)
{
	struct bypass_device as, had;
	const struct device *device;
	int err = 0;

	for (device = want->device; !err && device < want->device + want->count; device++) {
		as = device->as;
		as.role &= ROLES;
		if (!as.role || !bpf_map_lookup_elem(map, &device->ifindex, &had))
			continue;
		err = bpf_map_update_elem(map, &device->ifindex, &as, BPF_NOEXIST);
		if (err)
			ecbpf_fail(err, "device_map: %s", strerror(-err));
	}
	return err;
}

int follow_devices(const struct live *live)
{
	struct ecbpf_iflist inbound = {}, outbound = {};
	const int map = live->fd[LIVE_DEVICE];
	struct devices have = {}, want = {};
	int err = devices_read(map, &have);

	if (!err)
		err = gone_remove(map, &have, &inbound, &outbound);
	if (!err && inbound.count)
		err = devices_find(&inbound, &outbound, &want);
	if (!err)
		err = new_add(map, &want);
	devices_free(&want);
	devices_free(&have);
	ecbpf_iflist_free(&inbound);
	ecbpf_iflist_free(&outbound);
	return err;
}
