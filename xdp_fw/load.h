/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A new generation: the ruleset compiled into maps of its own, a program that is bound to them,
 * and one update of the slot that makes it the one that judges.
 */
#ifndef XDP_FW_LOAD_H
#define XDP_FW_LOAD_H

#include "xdp_fw/live.h"

struct xdp_fw;

/**
 * struct fw_load - what to load
 * @set: the rules
 * @maps: sets and buckets for it; sets that rules name must be there
 * @before: generation whose counters and buckets are kept for rules that stay: those with the same
 *          name, or with the same text if they have none; or NULL
 * @trial_s: seconds until it must be confirmed; 0: it need not
 * @replay: the clock is map fw_clock
 */
struct fw_load {
	const struct fw_ruleset *set;
	const struct fw_maps *maps;
	const struct fw_live *before;
	unsigned int trial_s;
	bool replay;
};

/**
 * struct fw_loaded - what came of it
 * @maps_bytes: memory of the generation's own maps
 */
struct fw_loaded {
	size_t rules, terms;
	uint64_t maps_bytes;
};

/** fw_load_check - compile and throw away: -E2BIG, -ENOENT, as fw_compile() */
int fw_load_check(const struct fw_ruleset *set, struct fw_pool *pool);

/**
 * fw_load_slot - into a slot of a root; a failure changes nothing
 * @slot: -1: the default
 * @loaded: or NULL
 * Return: the slot, or -errno.
 */
int fw_load_slot(struct ecbpf_root *root, int slot, const struct fw_load *load,
		 struct fw_loaded *loaded);

/** fw_load_alone - without a root, for BPF_PROG_TEST_RUN; xdp_fw__destroy() it */
int fw_load_alone(const struct fw_load *load, struct xdp_fw **fw);

#endif
