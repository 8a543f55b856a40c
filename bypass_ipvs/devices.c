// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bypass_ipvs/devices.h"
#include "libecbpf/netlink/links.h"

/**
 * struct part - what an interface has to do with it
 * @role: BYPASS_*
 * @via: index of the device below that has made it inbound, or -1
 */
struct part {
	__u32 role;
	int via;
};

/** struct parts - the interfaces, and in the same order their parts */
struct parts {
	struct ecbpf_links links;
	struct part *part;
};

/** struct hook_mark - @role for the devices at the bottom, which packets cross as frames */
struct hook_mark {
	struct parts *parts;
	__u32 role;
};

static int parts_read(struct parts *parts)
{
	int err = ecbpf_links_read(&parts->links);
	size_t i;

	parts->part = err ? NULL : calloc(parts->links.count + 1, sizeof(*parts->part));
	if (!err && !parts->part)
		err = ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; !err && i < parts->links.count; i++)
		parts->part[i].via = -1;
	return err;
}

static void parts_free(struct parts *parts)
{
	ecbpf_links_free(&parts->links);
	free(parts->part);
}

static struct part *part_of(struct parts *parts, const struct ecbpf_link *link)
{
	return &parts->part[link - parts->links.link];
}

static int hook_add(const struct ecbpf_link *port, const struct ecbpf_out *out, void *arg)
{
	const struct hook_mark *mark = arg;

	(void)out;
	part_of(mark->parts, port)->role |= mark->role;
	return 0;
}

static int names_mark(struct parts *parts, const struct ecbpf_iflist *list, __u32 role, __u32 hooks)
{
	struct hook_mark mark = { parts, hooks };
	const struct ecbpf_link *link;
	size_t i;
	int err = 0;

	for (i = 0; !err && i < list->count; i++) {
		link = ecbpf_links_find(&parts->links, if_nametoindex(list->name[i]));
		if (!link)
			return ecbpf_fail(-ENODEV, "%s: no such interface", list->name[i]);
		part_of(parts, link)->role |= role;
		err = ecbpf_links_ports(&parts->links, link->ifindex, hook_add, &mark);
	}
	return err;
}

/* below - index of an inbound device that makes @link one too, or -1 */
static int below(const struct parts *parts, const struct ecbpf_link *link)
{
	size_t i;

	for (i = 0; i < parts->links.count; i++) {
		const struct ecbpf_link *lower = &parts->links.link[i];

		if ((parts->part[i].role & BYPASS_INBOUND) &&
		    (lower->master == link->ifindex ||
		     (link->kind == ECBPF_LINK_VLAN && link->lower == lower->ifindex)))
			return i;
	}
	return -1;
}

/* inbound_spread - upwards, until nothing changes */
static void inbound_spread(struct parts *parts)
{
	bool again = true;
	size_t i;

	while (again) {
		again = false;
		for (i = 0; i < parts->links.count; i++) {
			struct part *part = &parts->part[i];

			if (part->role & BYPASS_INBOUND)
				continue;
			part->via = below(parts, &parts->links.link[i]);
			if (part->via < 0)
				continue;
			part->role |= BYPASS_INBOUND;
			again = true;
		}
	}
}

/* lower_of - what frames of @link have come through, or NULL */
static const struct ecbpf_link *lower_of(struct parts *parts, const struct ecbpf_link *link)
{
	const struct ecbpf_links *links = &parts->links;
	const int via = part_of(parts, link)->via;
	size_t i;

	if (link->kind == ECBPF_LINK_VLAN)
		return ecbpf_links_find(links, link->lower);
	if (via >= 0)
		return &links->link[via];
	if (link->kind != ECBPF_LINK_BOND && link->kind != ECBPF_LINK_TEAM)
		return NULL;
	for (i = 0; i < links->count; i++)
		if (links->link[i].master == link->ifindex)
			return &links->link[i];
	return NULL;
}

/* tags_of - of frames that become packets of @link; -EOPNOTSUPP more than two */
static int tags_of(struct parts *parts, const struct ecbpf_link *link, struct bypass_device *as)
{
	int depth, tags = 0;

	for (depth = 0; link && depth < ECBPF_LINKS_DEPTH; depth++) {
		if (link->kind == ECBPF_LINK_VLAN) {
			as->inner = as->outer;
			as->outer = link->vlan;
			tags++;
		}
		link = lower_of(parts, link);
	}
	return tags > ECBPF_TAGS_MAX ? -EOPNOTSUPP : 0;
}

static bool is_named(const struct ecbpf_iflist *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (!strcmp(list->name[i], name))
			return true;
	return false;
}

static int devices_take(struct parts *parts, const struct ecbpf_iflist *inbound,
			struct devices *devices)
{
	size_t i;

	for (i = 0; i < parts->links.count; i++) {
		const struct ecbpf_link *link = &parts->links.link[i];
		const __u32 role = parts->part[i].role;
		struct device device = { .ifindex = link->ifindex, .as.role = role };

		if (!role)
			continue;
		memcpy(device.name, link->name, sizeof(device.name));
		if ((role & BYPASS_INBOUND) && tags_of(parts, link, &device.as)) {
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
	struct parts parts;
	int err = parts_read(&parts);

	*devices = (struct devices){};
	if (!err)
		err = names_mark(&parts, inbound, BYPASS_INBOUND, BYPASS_AT_XDP | BYPASS_AT_TC);
	if (!err)
		err = names_mark(&parts, outbound, BYPASS_OUTBOUND, BYPASS_AT_TC);
	if (!err) {
		inbound_spread(&parts);
		devices->device = calloc(parts.links.count + 1, sizeof(*devices->device));
		err = devices->device ? devices_take(&parts, inbound, devices) :
					ecbpf_fail(-ENOMEM, "out of memory");
	}
	parts_free(&parts);
	if (err)
		devices_free(devices);
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
