/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Interfaces that programs of the bypass are on, or go to: putting them there, taking them away. */
#ifndef BYPASS_IPVS_PLACES_H
#define BYPASS_IPVS_PLACES_H

#include <stdbool.h>

#include "bypass_ipvs/devices.h"
#include "bypass_ipvs/live.h"
#include "bypass_ipvs/load.h"
#include "libecbpf/instance.h"

/**
 * struct place - an interface, and what was there
 * @root: running
 * @slot: that the XDP program is in, or goes to; -1: the default
 * @xdp, @egress: programs of ours that were there, or -1
 * @xdp_done, @egress_done: these are new
 */
struct place {
	const struct device *device;
	struct ecbpf_root *root;
	int slot;
	int xdp, egress;
	bool xdp_done, egress_done;
};

/**
 * struct places - @count of them; zeroed: none
 * @failed: name of the interface that the last failure is about, or NULL
 */
struct places {
	struct place *place;
	size_t count;
	const char *failed;
};

/**
 * places_find - see whether programs can go there
 * @devices: used until places_free()
 * @slot: that is wanted; -1: where the program is, or the default
 * Return: 0; -ENOENT no root is attached; -EEXIST the program is in another slot.
 */
int places_find(const struct ecbpf_instance *instance, const struct devices *devices, int slot,
		struct places *places);

/** places_put - the programs go there; after a failure places_undo() */
int places_put(const struct ecbpf_instance *instance, const struct load *load,
	       const struct live *live, struct places *places);

/** places_undo - what ran before runs again */
void places_undo(const struct ecbpf_instance *instance, const struct places *places);

/** places_retire - take programs from devices that had a part and have none any more */
int places_retire(const struct ecbpf_instance *instance, const struct devices *before,
		  const struct devices *now);

/** places_sweep - take all programs of ours from all interfaces of this network namespace */
int places_sweep(const struct ecbpf_instance *instance);

void places_free(struct places *places);

#endif
