/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The bypass's programs, and the maps that are made once for all of them. */
#ifndef BYPASS_IPVS_LOAD_H
#define BYPASS_IPVS_LOAD_H

#include "bypass_ipvs/live.h"
#include "libecbpf/ecbpf.h"

/* Name of the program in the slot. */
#define LOAD_XDP "xdp_bypass_ipvs"

#define LOAD_FLOWS 1048576
#define LOAD_PATHS 4096

struct bypass_egress;

/** struct load_sizes - of the tables; flows are multiples of BYPASS_WAYS */
struct load_sizes {
	__u32 flows;
	__u32 flows6;
	__u32 paths;
};

/** struct load - the egress program, which the maps come with; zeroed: nothing */
struct load {
	struct bypass_egress *egress;
};

/** load_open - for new maps of these sizes; nothing is loaded yet */
int load_open(struct load *load, const struct load_sizes *sizes);

/** load_bytes - memory that load_make() will take for a map */
uint64_t load_bytes(const struct load *load, enum live_map map);

/**
 * load_make - load the egress program and make the maps
 * @live: zeroed, descriptors -1; set: maps with contents to begin with
 * @monitor: parameter to begin with
 * Return: 0; -ENOMEM; else why the program did not load.
 */
int load_make(struct load *load, const struct load_sizes *sizes, bool monitor, struct live *live);

/** load_again - load the egress program, with maps that there are */
int load_again(struct load *load, const struct live *live);

/** load_egress - descriptor of the egress program; the load's own */
int load_egress(const struct load *load);

/**
 * load_slot - load an XDP program and put it into a slot, as ecbpf_slot_load()
 * @slot: -1: the default
 */
int load_slot(const struct live *live, struct ecbpf_root *root, int slot);

void load_close(struct load *load);

#endif
