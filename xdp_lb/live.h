/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The balancer of this thread's network namespace, as it runs: its maps, and the configuration that they
 * were made of. There is one in each namespace; its maps are pinned in BASE/:xdp_lb (libecbpf/instance.h).
 */
#ifndef XDP_LB_LIVE_H
#define XDP_LB_LIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "xdp_lb/abi.h"
#include "xdp_lb/config.h"

/* Maps by name, as in abi.h; LB_LIVE_CONFIG is the configuration's text. */
enum lb_live_map {
	LB_LIVE_NEAR,
	LB_LIVE_KEY,
	LB_LIVE_NET,
	LB_LIVE_VIP,
	LB_LIVE_RING,
	LB_LIVE_SOURCE,
	LB_LIVE_CID,
	LB_LIVE_BACKEND,
	LB_LIVE_CONN4,
	LB_LIVE_CONN6,
	LB_LIVE_BACK4,
	LB_LIVE_BACK6,
	LB_LIVE_FRAGMENT,
	LB_LIVE_OUT,
	LB_LIVE_PORT,
	LB_LIVE_SETTINGS,
	LB_LIVE_VIP_COUNT,
	LB_LIVE_COUNT,
	LB_LIVE_RATE,
	LB_LIVE_CONFIG,
	LB_LIVE_MAPS,
};

#define LB_LIVE_TOOL "xdp_lb"

/** lb_live_map_name - "lb_near_map" and so on */
const char *lb_live_map_name(enum lb_live_map map);

/**
 * struct lb_live - handle
 * @fd: descriptors of the maps
 * @settings, @vip, @backend: those maps, mapped: all entries
 * @lock: descriptor of the lock, or -1
 */
struct lb_live {
	int fd[LB_LIVE_MAPS];
	struct lb_settings *settings;
	struct lb_vip_entry *vip;
	struct lb_backend_entry *backend;
	int lock;
};

/* Nothing is open. */
#define LB_LIVE_NONE                                                \
	{                                                           \
		.fd = { [0 ... LB_LIVE_MAPS - 1] = -1 }, .lock = -1 \
	}

/**
 * lb_live_open - the balancer that is attached
 * @change: take its lock, waiting for other commands
 * Return: 0; -ENOENT nothing is attached; -EPROTO attached by another version; -EPERM. lb_live_close()
 * it in either case.
 */
int lb_live_open(struct lb_live *live, bool change);
void lb_live_close(struct lb_live *live);

/** lb_live_memory - map what is mapped, once the descriptors are there; lb_live_open() has done so */
int lb_live_memory(struct lb_live *live);

/* --- the configuration that runs: numbers.c */

/**
 * struct lb_numbers - which numbers VIPs and backends of a configuration have in the maps
 * @vip: of config->vip[i]
 * @backend: of the backends, VIP by VIP in the order of the configuration
 * @next_vip, @next_backend: where the search for a free one begins
 *
 * A VIP or backend keeps its number as long as it is configured. A number that was given back is given
 * out again as late as possible, and with another generation.
 */
struct lb_numbers {
	__u32 *vip;
	__u32 *backend;
	__u32 next_vip, next_backend;
};

/** lb_live_config - read what runs; lb_config_free() and lb_numbers_free() them */
int lb_live_config(const struct lb_live *live, struct lb_config *config,
		   struct lb_numbers *numbers);
void lb_numbers_free(struct lb_numbers *numbers);

/**
 * lb_numbers_assign - numbers for another configuration
 * @had: numbers of @was; @numbers: for lb_numbers_free()
 * Return: 0; -ENOMEM.
 */
int lb_numbers_assign(const struct lb_config *was, const struct lb_numbers *had,
		      const struct lb_config *config, struct lb_numbers *numbers);

/** lb_numbers_backend - of backend @b of VIP @v */
__u32 lb_numbers_backend(const struct lb_config *config, const struct lb_numbers *numbers, size_t v,
			 size_t b);

/* --- change: apply.c */

/**
 * lb_apply - make another configuration run
 * @live: opened to change
 *
 * Everything is prepared and checked first. Then: new backends, new tables (each by one update), VIPs,
 * keys; last, what is gone. Packets meet the old or the new table of a VIP; connections stay where they
 * are unless their backend is gone or down. The text of the configuration is written last, so that a
 * killed command is repaired by the next lb_apply(), which brings the maps in line.
 * Return: 0; -ENOMEM, -ENOSPC: nothing was changed.
 */
int lb_apply(struct lb_live *live, const struct lb_config *config);

/* --- the ways to backends: ways.c */

/**
 * lb_ways_refresh - find out anew, from the kernel's routes and neighbours, how packets get to each backend,
 * and write recipe, mtu and state of those that changed
 * @changed: how many did; or NULL
 * @unresolved: how many backends have no way; the kernel is asked to resolve their neighbours; or NULL
 *
 * Called by lb_apply() for what is new, and by the monitor all the time.
 */
int lb_ways_refresh(struct lb_live *live, const struct lb_config *config,
		    const struct lb_numbers *numbers, size_t *changed, size_t *unresolved);

#endif
