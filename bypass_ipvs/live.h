/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The bypass of this thread's network namespace, as it runs: its maps, its interfaces. IPVS belongs
 * to a namespace, so there is one bypass in each; its maps are pinned in BASE/:bypass_ipvs, or
 * BASE/:bypass_ipvs:COOKIE outside the initial namespace.
 */
#ifndef BYPASS_IPVS_LIVE_H
#define BYPASS_IPVS_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "bypass_ipvs/abi.h"

/* Maps by name, as in abi.h. */
enum live_map {
	LIVE_TUPLE,
	LIVE_TUPLE6,
	LIVE_PATH,
	LIVE_PATH_ID,
	LIVE_PATH_FREE,
	LIVE_PENDING,
	LIVE_SERVICE,
	LIVE_EXCLUDE,
	LIVE_DEVICE,
	LIVE_GUE,
	LIVE_OUT,
	LIVE_SETTINGS,
	LIVE_VIP,
	LIVE_RESET,
	LIVE_RATE,
	LIVE_COUNT,
	LIVE_MAPS,
};

#define LIVE_TOOL "bypass_ipvs"

/** live_map_name - "tuple_map" and so on */
const char *live_map_name(enum live_map map);

/**
 * struct live - handle
 * @fd: descriptors of the maps
 * @settings: settings_map, mapped; written under the lock only, but for @followed
 * @path: path_map, mapped: settings->paths entries; @gen, @mtu and @route_mtu are written, and all
 *        of one that nobody takes; the rest is read
 * @lock: descriptor of the lock, or -1
 */
struct live {
	int fd[LIVE_MAPS];
	struct bypass_settings *settings;
	struct bypass_path *path;
	int lock;
};

/* Nothing is open. */
#define LIVE_NONE                                                \
	{                                                        \
		.fd = { [0 ... LIVE_MAPS - 1] = -1 }, .lock = -1 \
	}

/**
 * live_open - the bypass that is attached
 * @change: take its lock, waiting for other commands
 * Return: 0; -ENOENT nothing is attached; -EPROTO attached by another version; -EPERM. live_close()
 * it in either case.
 */
int live_open(struct live *live, bool change);
void live_close(struct live *live);

/** live_memory - map what is mapped, once the descriptors are there; live_open() has done so */
int live_memory(struct live *live);

/** live_params - the parameters that count now */
const struct bypass_params *live_params(const struct live *live);

/** live_now - the kernel's jiffies, lower 32 bits */
int live_now(__u32 *jiffies);

/** live_invalidate - all decisions are asked of IPVS again: of one service, or of all (-1) */
void live_invalidate(struct live *live, int service);

#endif
