/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The pool of named sets: operations on its memory, which is that of the mapped maps (abi.h) or
 * plain memory in tests. Every change is visible to the kernel program at once, entry by entry:
 * an address is in a set, or it is not; entries that a change does not touch stay findable
 * throughout. One writer at a time; the caller has the lock.
 */
#ifndef XDP_FW_SET_H
#define XDP_FW_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libecbpf/cli.h"
#include "xdp_fw/abi.h"

/**
 * struct fw_pool - memory of a pool
 * @capacity: entries, a power of two; as many buckets
 * @masks: entries of @mask, a power of two, FW_MASKS_MIN .. FW_MASKS_MAX (fw_pool_masks())
 * @tags: entries of @tag; entry 0 is empty
 * @info: FW_SETS_MAX of them
 */
struct fw_pool {
	uint32_t capacity, masks, tags;
	struct fw_set_bucket *bucket;
	struct fw_set_entry *entry;
	struct fw_set_mask *mask;
	struct fw_set_tag *tag;
	struct fw_set_info *info;
	uint32_t free_from; /* private: where the search for a free entry begins */
};

#define FW_MASKS_MIN (1U << 12)
#define FW_MASKS_MAX (1U << 20)

/* Least and most entries of a pool. */
#define FW_POOL_MIN (1U << 12)
#define FW_POOL_MAX (1U << 24)

/** fw_pool_size - capacity for so many entries: the next power of two; 0: too many */
uint32_t fw_pool_size(uint64_t entries);

/** fw_pool_masks - masks that go well with a capacity */
uint32_t fw_pool_masks(uint32_t capacity);

/** fw_set_find - number of a set, -ENOENT */
int fw_set_find(const struct fw_pool *pool, const char *name);

/** fw_set_create - @flags: FW_SET_*; its number; -EEXIST, -EINVAL bad name, -ENOSPC FW_SETS_MAX */
int fw_set_create(struct fw_pool *pool, const char *name, uint32_t flags);

/** fw_set_counters - number of a set's counters in map fw_hits */
uint32_t fw_set_counters(const struct fw_pool *pool, int set);

/** fw_set_counters_next - of those that the next set will have; -ENOSPC */
int fw_set_counters_next(const struct fw_pool *pool);

/** fw_set_destroy - empties it first */
int fw_set_destroy(struct fw_pool *pool, int set);

/**
 * struct fw_member - an entry as users see it
 * @expires: absolute, in jiffies >> FW_EXPIRY_SHIFT; 0: never
 * @tag: at most 63 bytes; empty: none
 */
struct fw_member {
	struct ecbpf_prefix prefix;
	uint32_t expires;
	char tag[64];
	uint64_t hits;
};

/**
 * fw_set_add - an entry; one that is there takes the new expiry and tag, and keeps its hits
 * Return: 0 added, 1 was there; -EINVAL length 0; -ENOSPC the pool or its tags are full: grow it.
 * -E2BIG 32 sets (the slots of a chain) have this prefix already: a larger pool is no help.
 */
int fw_set_add(struct fw_pool *pool, int set, const struct fw_member *member);

/** fw_set_del - 0; -ENOENT */
int fw_set_del(struct fw_pool *pool, int set, const struct ecbpf_prefix *prefix);

/** struct fw_set_change - what fw_set_replace() did */
struct fw_set_change {
	uint64_t added, removed, kept;
};

/**
 * fw_set_replace - make the set hold just these: what stays is not touched but for expiry and tag
 *
 * Duplicates in @member count once (the last one wins). Needs room for both old and new entries.
 * Return: 0; -EINVAL, -ENOSPC, -E2BIG as fw_set_add() (before anything has changed); -ENOMEM.
 */
int fw_set_replace(struct fw_pool *pool, int set, const struct fw_member *member, size_t count,
		   struct fw_set_change *change);

/**
 * fw_set_expire - remove what has expired, of all sets, and what a killed writer had prepared
 * @now: jiffies >> FW_EXPIRY_SHIFT
 * Return: how many.
 */
size_t fw_set_expire(struct fw_pool *pool, uint32_t now);

/** fw_set_list - entries by family, then address, then length; malloc()ed array, *count of them */
int fw_set_list(const struct fw_pool *pool, int set, struct fw_member **member, size_t *count);

/** fw_set_get - one entry; -ENOENT */
int fw_set_get(const struct fw_pool *pool, int set, const struct ecbpf_prefix *prefix,
	       struct fw_member *member);

/**
 * fw_set_lookup - what the kernel program does: bit of each set that has this address
 * @family: 4 or 6
 * @now: as fw_set_expire(); hits are not counted
 */
uint64_t fw_set_lookup(const struct fw_pool *pool, int family, const uint8_t *addr, uint32_t now);

/** fw_pool_used - entries in use, of all sets */
uint32_t fw_pool_used(const struct fw_pool *pool);

/**
 * fw_pool_copy - all sets and entries, hits too, into an empty and larger pool; entries keep their
 * index, so that hits counted meanwhile can be added later
 */
int fw_pool_copy(struct fw_pool *to, const struct fw_pool *from);

/**
 * fw_set_parse - lines "PREFIX [tag "TEXT"] [timeout TIME]", # comments, empty lines
 * @now, @hz: clock for timeouts: now in jiffies >> FW_EXPIRY_SHIFT, and jiffies a second
 * @member: malloc()ed, *count of them
 * Return: 0; -EINVAL and ecbpf_error() "LINE:COLUMN: cause near "TEXT"".
 */
int fw_set_parse(const char *text, size_t len, uint32_t now, unsigned int hz,
		 struct fw_member **member, size_t *count);

/** fw_member_print - one line of that shape, without newline, malloc()ed */
char *fw_member_print(const struct fw_member *member, uint32_t now, unsigned int hz);

#endif
