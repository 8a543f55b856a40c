// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "bypass_ipvs/devices.h"

#define VLAN_ID_MASK 0xfff
#define DUMP_BYTES   32768

/* Devices above each other, at most: the kernel's limit is 8. */
#define DEPTH 16

enum kind { KIND_OTHER, KIND_VLAN, KIND_BOND };

/**
 * struct link - an interface, as rtnetlink tells it
 * @lower: ifindex of what a VLAN device is on; 0: not in this namespace
 * @master: ifindex of its bond, bridge or VRF; 0: none
 * @vlan: id
 * @role: BYPASS_*
 * @via: index of the device below that has made it inbound, or -1
 */
struct link {
	unsigned int ifindex;
	char name[IF_NAMESIZE];
	enum kind kind;
	unsigned int lower, master;
	__u16 vlan;
	__u32 role;
	int via;
};

struct links {
	struct link *link;
	size_t count;
	int err;
};

/* --- what there is */

static int vlan_attr(const struct nlattr *attr, void *arg)
{
	struct link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_VLAN_ID && !mnl_attr_validate(attr, MNL_TYPE_U16))
		link->vlan = mnl_attr_get_u16(attr) & VLAN_ID_MASK;
	return MNL_CB_OK;
}

static int info_attr(const struct nlattr *attr, void *arg)
{
	struct link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND) {
		const char *kind = mnl_attr_get_str(attr);

		if (!strcmp(kind, "vlan"))
			link->kind = KIND_VLAN;
		else if (!strcmp(kind, "bond") || !strcmp(kind, "team"))
			link->kind = KIND_BOND;
	}
	/* the kernel tells the kind first */
	if (mnl_attr_get_type(attr) == IFLA_INFO_DATA && link->kind == KIND_VLAN)
		mnl_attr_parse_nested(attr, vlan_attr, link);
	return MNL_CB_OK;
}

static int link_attr(const struct nlattr *attr, void *arg)
{
	struct link *link = arg;

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
	struct link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_LINK_NETNSID)
		link->lower = 0;
	return MNL_CB_OK;
}

static int link_message(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct links *links = arg;
	struct link *more;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	more = realloc(links->link, (links->count + 1) * sizeof(*more));
	if (!more) {
		links->err = -ENOMEM;
		return MNL_CB_ERROR;
	}
	links->link = more;
	more += links->count++;
	*more = (struct link){ .ifindex = info->ifi_index, .via = -1 };
	mnl_attr_parse(message, sizeof(*info), link_attr, more);
	mnl_attr_parse(message, sizeof(*info), foreign_attr, more);
	return MNL_CB_OK;
}

static int links_dump(struct mnl_socket *nl, struct links *links)
{
	char buf[DUMP_BYTES];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info;
	unsigned int seq = time(NULL);
	ssize_t bytes;
	int more = MNL_CB_OK;

	message->nlmsg_type = RTM_GETLINK;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = seq;
	info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	if (mnl_socket_sendto(nl, message, message->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		bytes = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (bytes < 0)
			return -errno;
		more = mnl_cb_run(buf, bytes, seq, mnl_socket_get_portid(nl), link_message, links);
	}
	return links->err ? links->err : more < 0 ? -errno : 0;
}

static int links_read(struct links *links)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_ROUTE);
	int err = nl ? 0 : -errno;

	*links = (struct links){};
	if (!err && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		err = -errno;
	if (!err)
		err = links_dump(nl, links);
	if (nl)
		mnl_socket_close(nl);
	return err ? ecbpf_fail(err, "asking for the interfaces: %s", strerror(-err)) : 0;
}

static struct link *link_find(const struct links *links, unsigned int ifindex)
{
	size_t i;

	for (i = 0; ifindex && i < links->count; i++)
		if (links->link[i].ifindex == ifindex)
			return &links->link[i];
	return NULL;
}

/* --- what becomes of them */

/* hooks_mark - @role for the devices at the bottom, which packets cross as frames */
static int hooks_mark(const struct links *links, struct link *link, __u32 role, int depth)
{
	struct link *lower;
	size_t i;
	int err = 0, members = 0;

	if (depth > DEPTH)
		return ecbpf_fail(-ELOOP, "%s: devices in a circle", link->name);
	if (link->kind == KIND_OTHER) {
		link->role |= role;
		return 0;
	}
	if (link->kind == KIND_VLAN) {
		lower = link_find(links, link->lower);
		if (!lower)
			return ecbpf_fail(-ENODEV,
					  "%s: the device below it is in another network "
					  "namespace",
					  link->name);
		return hooks_mark(links, lower, role, depth + 1);
	}
	for (i = 0; !err && i < links->count; i++) {
		if (links->link[i].master != link->ifindex)
			continue;
		members++;
		err = hooks_mark(links, &links->link[i], role, depth + 1);
	}
	return err || members ? err : ecbpf_fail(-ENODEV, "%s has no members", link->name);
}

static int names_mark(const struct links *links, const struct ecbpf_iflist *list, __u32 role,
		      __u32 hooks)
{
	struct link *link;
	size_t i;
	int err;

	for (i = 0; i < list->count; i++) {
		link = link_find(links, if_nametoindex(list->name[i]));
		if (!link)
			return ecbpf_fail(-ENODEV, "%s: no such interface", list->name[i]);
		link->role |= role;
		err = hooks_mark(links, link, hooks, 0);
		if (err)
			return err;
	}
	return 0;
}

/* below - index of an inbound device that makes @link one too, or -1 */
static int below(const struct links *links, const struct link *link)
{
	size_t i;

	for (i = 0; i < links->count; i++) {
		const struct link *lower = &links->link[i];

		if ((lower->role & BYPASS_INBOUND) &&
		    (lower->master == link->ifindex ||
		     (link->kind == KIND_VLAN && link->lower == lower->ifindex)))
			return i;
	}
	return -1;
}

/* inbound_spread - upwards, until nothing changes */
static void inbound_spread(const struct links *links)
{
	bool again = true;
	size_t i;

	while (again) {
		again = false;
		for (i = 0; i < links->count; i++) {
			struct link *link = &links->link[i];

			if (link->role & BYPASS_INBOUND)
				continue;
			link->via = below(links, link);
			if (link->via < 0)
				continue;
			link->role |= BYPASS_INBOUND;
			again = true;
		}
	}
}

/* lower_of - what frames of @link have come through, or NULL */
static const struct link *lower_of(const struct links *links, const struct link *link)
{
	size_t i;

	if (link->kind == KIND_VLAN)
		return link_find(links, link->lower);
	if (link->via >= 0)
		return &links->link[link->via];
	for (i = 0; link->kind == KIND_BOND && i < links->count; i++)
		if (links->link[i].master == link->ifindex)
			return &links->link[i];
	return NULL;
}

/* tags_of - of frames that become packets of @link; -EOPNOTSUPP more than two */
static int tags_of(const struct links *links, const struct link *link, struct bypass_device *as)
{
	int depth, tags = 0;

	for (depth = 0; link && depth < DEPTH; depth++) {
		if (link->kind == KIND_VLAN) {
			as->inner = as->outer;
			as->outer = link->vlan;
			tags++;
		}
		link = lower_of(links, link);
	}
	return tags > 2 ? -EOPNOTSUPP : 0;
}

static bool is_named(const struct ecbpf_iflist *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (!strcmp(list->name[i], name))
			return true;
	return false;
}

static int devices_take(const struct links *links, const struct ecbpf_iflist *inbound,
			struct devices *devices)
{
	size_t i;

	for (i = 0; i < links->count; i++) {
		const struct link *link = &links->link[i];
		struct device device = { .ifindex = link->ifindex, .as.role = link->role };

		if (!link->role)
			continue;
		memcpy(device.name, link->name, sizeof(device.name));
		if ((link->role & BYPASS_INBOUND) && tags_of(links, link, &device.as)) {
			if (is_named(inbound, link->name))
				return ecbpf_fail(-EOPNOTSUPP, "%s: more than two VLAN tags",
						  link->name);
			continue;
		}
		if (devices->count == BYPASS_DEVICES_MAX)
			return ecbpf_fail(-E2BIG, "more than %d devices", BYPASS_DEVICES_MAX);
		devices->device[devices->count++] = device;
	}
	return 0;
}

int devices_find(const struct ecbpf_iflist *inbound, const struct ecbpf_iflist *outbound,
		 struct devices *devices)
{
	struct links links;
	int err = links_read(&links);

	*devices = (struct devices){};
	if (!err)
		err = names_mark(&links, inbound, BYPASS_INBOUND, BYPASS_AT_XDP | BYPASS_AT_TC);
	if (!err)
		err = names_mark(&links, outbound, BYPASS_OUTBOUND, BYPASS_AT_TC);
	if (!err) {
		inbound_spread(&links);
		devices->device = calloc(links.count + 1, sizeof(*devices->device));
		err = devices->device ? devices_take(&links, inbound, devices) :
					ecbpf_fail(-ENOMEM, "out of memory");
	}
	free(links.link);
	if (err)
		devices_free(devices);
	return err;
}

int devices_all(struct devices *devices)
{
	struct links links;
	int err = links_read(&links);
	size_t i;

	*devices = (struct devices){};
	if (!err) {
		devices->device = calloc(links.count + 1, sizeof(*devices->device));
		err = devices->device ? 0 : ecbpf_fail(-ENOMEM, "out of memory");
	}
	for (i = 0; !err && i < links.count; i++) {
		devices->device[i].ifindex = links.link[i].ifindex;
		memcpy(devices->device[i].name, links.link[i].name, IF_NAMESIZE);
		devices->count++;
	}
	free(links.link);
	return err;
}

static int by_ifindex(const void *a, const void *b)
{
	const struct device *left = a, *right = b;

	return (left->ifindex > right->ifindex) - (left->ifindex < right->ifindex);
}

int devices_read(int map, struct devices *devices)
{
	__u32 key, *before = NULL;
	struct device *device;

	*devices = (struct devices){ calloc(BYPASS_DEVICES_MAX, sizeof(*device)), 0 };
	if (!devices->device)
		return ecbpf_fail(-ENOMEM, "out of memory");
	while (devices->count < BYPASS_DEVICES_MAX && !bpf_map_get_next_key(map, before, &key)) {
		before = &key;
		device = &devices->device[devices->count];
		if (bpf_map_lookup_elem(map, &key, &device->as))
			continue;
		device->ifindex = key;
		if (!if_indextoname(key, device->name))
			device->name[0] = '\0';
		devices->count++;
	}
	qsort(devices->device, devices->count, sizeof(*device), by_ifindex);
	return 0;
}

void devices_free(struct devices *devices)
{
	free(devices->device);
	*devices = (struct devices){};
}
