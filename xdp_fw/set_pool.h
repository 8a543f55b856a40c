/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Below set.h: slots, masks and tags of the pool.
 *
 * A prefix's slot is in its home bucket or, while the buckets up to there are full, in one behind.
 * So a bucket that slots behind it were pushed over must stay full: a slot removed from it leaves a
 * tombstone until the last of these is gone.
 */
#ifndef XDP_FW_SET_POOL_H
#define XDP_FW_SET_POOL_H

#include "xdp_fw/set.h"
#include "xdp_fw/set_slot.h"

/* With FW_SLOT_GONE: taken for fw_set_replace(), but not yet there for the kernel. */
#define SLOT_HELD 8

/**
 * struct set_key - a prefix, as it is looked up
 * @hi, @lo: the address as numbers; IPv4 in @lo
 */
struct set_key {
	uint64_t hi, lo, hash;
	uint32_t key;
	uint8_t length;
	bool ipv6;
};

/** set_key4, set_key6 - the prefix of this length that the address has */
struct set_key set_key4(uint32_t addr, unsigned int length);
struct set_key set_key6(uint64_t hi, uint64_t lo, unsigned int length);

struct set_key set_key_of(const struct ecbpf_prefix *prefix);

/** set_key_at - of a slot that is not free and no tombstone */
struct set_key set_key_at(const struct fw_pool *pool, const struct slot_words *slot);

/** slot_at - slot @number of the pool, 0 .. slot_count() - 1 */
struct slot_words *slot_at(const struct fw_pool *pool, uint64_t number);
uint64_t slot_count(const struct fw_pool *pool);

/** slot_live - it is an entry, and the kernel's */
bool slot_live(uint64_t state);

/** slot_state - as the writer has left it */
uint64_t slot_state(const struct slot_words *slot);

/**
 * slot_next - the next slot of a prefix, held ones too, or NULL; @set -1: in any
 * @many: slots of the chain that have been looked at; 0 at first
 */
struct slot_words *slot_next(const struct fw_pool *pool, const struct set_key *key, int set,
			     unsigned int *many);

/** slot_find - of a prefix in a set, held ones too, or NULL; @set -1: in any */
struct slot_words *slot_find(const struct fw_pool *pool, const struct set_key *key, int set);

/**
 * slot_hold - take a slot and an entry for a prefix that the set does not have
 * Return: 0; -ENOSPC; -E2BIG as many sets have this prefix as its chain can hold.
 */
int slot_hold(struct fw_pool *pool, int set, const struct fw_member *member, uint32_t tag,
	      struct slot_words **held);

/** slot_hold_at - with this free entry */
int slot_hold_at(struct fw_pool *pool, int set, const struct fw_member *member, uint32_t tag,
		 uint32_t index, struct slot_words **held);

/** slot_publish - a held slot; masks are the caller's */
void slot_publish(struct slot_words *slot, uint32_t expires);

/**
 * slot_update - what may change of one that is there; masks are the caller's
 * Return: whether it has begun or ceased to expire: masks have bits for what it was.
 */
bool slot_update(struct fw_pool *pool, struct slot_words *slot, uint32_t expires, uint32_t tag);

/** slot_remove - and its entry; masks are the caller's */
void slot_remove(struct fw_pool *pool, struct slot_words *slot);

/** slot_member - what it holds */
void slot_member(const struct fw_pool *pool, const struct slot_words *slot,
		 struct fw_member *member);

bool set_exists(const struct fw_pool *pool, int set);

/** set_check - 0; -ENOENT no such set; -EINVAL no prefix that a set can hold */
int set_check(const struct fw_pool *pool, int set, const struct ecbpf_prefix *prefix);

/** mask_add - a live slot */
void mask_add(struct fw_pool *pool, const struct slot_words *slot);

/** mask_drop - the prefix is gone from one set, or something else than it was */
void mask_drop(struct fw_pool *pool, const struct set_key *key);

/** mask_rebuild - any are gone. Without memory for it some keep bits that only cost time */
void mask_rebuild(struct fw_pool *pool);

/** tag_find - index of a text, put there if it is new; 0 for none; -ENOSPC */
int tag_find(struct fw_pool *pool, const char *text, uint32_t *tag);

/** tag_tidy - give back the texts that no entry has */
void tag_tidy(struct fw_pool *pool);

#endif
