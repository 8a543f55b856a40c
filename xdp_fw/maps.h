/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Maps that outlive a generation without being pinned: each generation's program holds them, the
 * next one takes them over, or gets larger ones.
 */
#ifndef XDP_FW_MAPS_H
#define XDP_FW_MAPS_H

#include "xdp_fw/set.h"

/** enum fw_map - SLOTS .. NAMES are the pool of sets, SOURCES the buckets of per-source limits */
enum fw_map {
	FW_MAP_SLOTS,
	FW_MAP_ENTRIES,
	FW_MAP_MASKS,
	FW_MAP_TAGS,
	FW_MAP_NAMES,
	FW_MAP_SOURCES,
	FW_MAPS,
};

/** struct fw_maps - descriptors (-1: none) and number of entries of each */
struct fw_maps {
	int fd[FW_MAPS];
	uint32_t entries[FW_MAPS];
};

/* Default sizes. */
#define FW_MAPS_SET_ENTRIES 65536
#define FW_MAPS_TAGS	    1024
#define FW_MAPS_SOURCES	    262144

/** fw_map_name - name of the map in the kernel */
const char *fw_map_name(enum fw_map map);

/** fw_map_create - an array that user space can map */
int fw_map_create(const char *name, uint32_t value_size, uint32_t entries);

/** fw_maps_none - no descriptors: the state that fw_maps_close() leaves */
void fw_maps_none(struct fw_maps *maps);

/**
 * fw_maps_create - new and empty; those that have a descriptor already are left
 * @set_entries: a power of two (fw_pool_size())
 * @sources: rounded up to a power of two
 */
int fw_maps_create(struct fw_maps *maps, uint32_t set_entries, uint32_t tags, uint64_t sources);

/** fw_maps_of - those that the program with this id uses */
int fw_maps_of(uint32_t prog_id, struct fw_maps *maps);

void fw_maps_close(struct fw_maps *maps);

/** fw_maps_bytes - memory that they take */
uint64_t fw_maps_bytes(const struct fw_maps *maps);

/** fw_pool_map - the pool of these maps, in memory; fw_pool_unmap() it */
int fw_pool_map(const struct fw_maps *maps, struct fw_pool *pool);
void fw_pool_unmap(struct fw_pool *pool);

#endif
