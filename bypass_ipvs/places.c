// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bypass_ipvs/hooks.h"
#include "bypass_ipvs/places.h"
#include "libecbpf/netlink/links.h"

/* --- taking away */

static int hooks_sweep(const struct ecbpf_instance *instance)
{
	struct ecbpf_links all;
	int one, first = ecbpf_links_read(&all);
	size_t i;

	for (i = 0; i < all.count; i++) {
		one = hook_clear(instance, all.link[i].ifindex);
		if (!first)
			first = one;
	}
	ecbpf_links_free(&all);
	return first;
}

int places_sweep(const struct ecbpf_instance *instance)
{
	int err = hooks_sweep(instance), later = ecbpf_slots_evict(LOAD_XDP);

	return err ? err : later;
}

/* --- looking */

/* program_hold - a descriptor of it, so that it can come back */
static int program_hold(__u32 id, int *fd)
{
	*fd = bpf_prog_get_fd_by_id(id);
	return *fd < 0 ? ecbpf_fail(*fd, "program %u: %s", id, strerror(-*fd)) : 0;
}

/* slot_look - where the XDP program goes, given where one of ours is */
static int slot_look(struct place *place, int want)
{
	struct ecbpf_program program;
	int slot = ecbpf_slot_find(place->root, LOAD_XDP), err;

	place->slot = want >= 0 || slot < 0 ? want : slot;
	if (slot < 0)
		return slot == -ENOENT ? 0 : slot;
	if (place->slot != slot)
		return ecbpf_fail(-EEXIST, "the bypass is in slot %d: detach it first", slot);
	err = ecbpf_slot_get(place->root, slot, &program);
	return err ? err : program_hold(program.id, &place->xdp);
}

static int place_look(const struct ecbpf_instance *instance, struct place *place, int want)
{
	const struct device *device = place->device;
	struct hook hook = {};
	int err;

	err = ecbpf_root_open_running(device->name, &place->root);
	if (!err && (device->as.role & BYPASS_AT_XDP))
		err = slot_look(place, want);
	if (!err)
		err = hook_get(instance, device->ifindex, &hook);
	if (err || hook.kind == HOOK_NONE)
		return err;
	return program_hold(hook.prog_id, &place->egress);
}

int places_find(const struct ecbpf_instance *instance, const struct devices *devices, int slot,
		struct places *places)
{
	struct place *place;
	size_t i;
	int err = 0;

	*places = (struct places){ calloc(devices->count + 1, sizeof(*place)), 0, NULL };
	if (!places->place)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; !err && i < devices->count; i++) {
		if (!(devices->device[i].as.role & (BYPASS_AT_XDP | BYPASS_AT_TC)))
			continue;
		place = &places->place[places->count++];
		*place = (struct place){
			.device = &devices->device[i], .slot = -1, .xdp = -1, .egress = -1
		};
		err = place_look(instance, place, slot);
		places->failed = err ? place->device->name : NULL;
	}
	return err;
}

/* --- the programs */

static int egress_put(const struct ecbpf_instance *instance, const struct load *load,
		      struct place *place)
{
	place->egress_done = true;
	return hook_set(instance, place->device->ifindex, load_egress(load));
}

static int xdp_put(const struct live *live, struct place *place)
{
	int slot;

	if (!(place->device->as.role & BYPASS_AT_XDP))
		return 0;
	slot = load_slot(live, place->root, place->slot);
	if (slot < 0)
		return slot;
	place->slot = slot;
	place->xdp_done = true;
	return 0;
}

int places_put(const struct ecbpf_instance *instance, const struct load *load,
	       const struct live *live, struct places *places)
{
	int err = 0;
	size_t i;

	for (i = 0; !err && i < places->count; i++) {
		err = egress_put(instance, load, &places->place[i]);
		if (!err)
			err = xdp_put(live, &places->place[i]);
		places->failed = err ? places->place[i].device->name : NULL;
	}
	return err;
}

void places_undo(const struct ecbpf_instance *instance, const struct places *places)
{
	const struct place *place;
	size_t i;

	for (i = 0; i < places->count; i++) {
		place = &places->place[i];
		if (place->xdp_done && place->xdp >= 0)
			ecbpf_slot_put_back(place->root, place->slot, place->xdp);
		else if (place->xdp_done)
			ecbpf_slot_clear(place->root, place->slot, LOAD_XDP);
		if (place->egress_done && place->egress >= 0)
			hook_set(instance, place->device->ifindex, place->egress);
		else if (place->egress_done)
			hook_clear(instance, place->device->ifindex);
	}
}

static __u32 role_of(const struct devices *devices, unsigned int ifindex)
{
	size_t i;

	for (i = 0; i < devices->count; i++)
		if (devices->device[i].ifindex == ifindex)
			return devices->device[i].as.role;
	return 0;
}

int places_retire(const struct ecbpf_instance *instance, const struct devices *before,
		  const struct devices *now)
{
	struct ecbpf_root *root;
	int one, first = 0;
	size_t i;

	for (i = 0; i < before->count; i++) {
		const struct device *device = &before->device[i];
		const __u32 gone = device->as.role & ~role_of(now, device->ifindex);

		one = gone & BYPASS_AT_TC ? hook_clear(instance, device->ifindex) : 0;
		if ((gone & BYPASS_AT_XDP) && !ecbpf_root_open_running(device->name, &root)) {
			int taken = ecbpf_slot_evict(root, LOAD_XDP);

			one = taken ? taken : one;
			ecbpf_root_close(root);
		}
		if (!first)
			first = one;
	}
	return first;
}

void places_free(struct places *places)
{
	struct place *place;

	while (places->count) {
		place = &places->place[--places->count];
		ecbpf_root_close(place->root);
		if (place->xdp >= 0)
			close(place->xdp);
		if (place->egress >= 0)
			close(place->egress);
	}
	free(places->place);
	*places = (struct places){};
}
