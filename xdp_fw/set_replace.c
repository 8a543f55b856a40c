// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Changes of whole sets, and of the pool as a whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/set_pool.h"

/**
 * struct replace - a set in the making
 * @tag: of each member
 * @want: by index of the entry: number of its member from 1, or 0: to be removed
 */
struct replace {
	struct fw_pool *pool;
	int set;
	const struct fw_member *member;
	size_t count;
	uint32_t *tag;
	uint32_t *want;
};

static int find_tags(const struct replace *r)
{
	size_t i;
	int err;

	for (i = 0; i < r->count && !r->member[i].tag[0]; i++)
		;
	if (i < r->count)
		tag_tidy(r->pool);
	for (; i < r->count; i++) {
		err = tag_find(r->pool, r->member[i].tag, &r->tag[i]);
		if (err)
			return err;
	}
	return 0;
}

/* Takes a slot for each member that is new, which the kernel does not see yet. */
static int hold_all(const struct replace *r)
{
	size_t i;
	int err;

	for (i = 0; i < r->count; i++) {
		const struct set_key key = set_key_of(&r->member[i].prefix);
		struct slot_words *slot = slot_find(r->pool, &key, r->set);

		if (!slot) {
			struct fw_member fresh = r->member[i];

			fresh.hits = 0;
			err = slot_hold(r->pool, r->set, &fresh, r->tag[i], &slot);
			if (err)
				return err;
		}
		r->want[SLOT_INDEX(slot->place)] = i + 1;
	}
	return 0;
}

static void drop_held(const struct replace *r)
{
	uint64_t i;

	for (i = 0; i < slot_count(r->pool); i++)
		if (SLOT_FLAGS(slot_state(slot_at(r->pool, i))) & SLOT_HELD)
			slot_remove(r->pool, slot_at(r->pool, i));
}

static void publish_all(const struct replace *r, struct fw_set_change *change)
{
	uint64_t i;

	for (i = 0; i < slot_count(r->pool); i++) {
		struct slot_words *slot = slot_at(r->pool, i);
		const bool held = SLOT_FLAGS(slot->state) & SLOT_HELD;
		const struct fw_member *member;
		uint32_t want;

		if (!(held || slot_live(slot->state)) || SLOT_SET(slot->state) != r->set)
			continue;
		want = r->want[SLOT_INDEX(slot->place)];
		if (!want)
			continue;
		member = &r->member[want - 1];
		slot_update(r->pool, slot, member->expires, r->tag[want - 1]);
		if (held)
			slot_publish(slot, member->expires);
		mask_add(r->pool, slot);
		change->added += held;
		change->kept += !held;
	}
}

static void remove_others(const struct replace *r, struct fw_set_change *change)
{
	uint64_t i;

	for (i = 0; i < slot_count(r->pool); i++) {
		struct slot_words *slot = slot_at(r->pool, i);

		if (!slot_live(slot->state) || SLOT_SET(slot->state) != r->set ||
		    r->want[SLOT_INDEX(slot->place)])
			continue;
		slot_remove(r->pool, slot);
		change->removed++;
	}
}

static int replace(const struct replace *r, struct fw_set_change *change)
{
	int err = find_tags(r);

	if (!err)
		err = hold_all(r);
	if (err) {
		drop_held(r);
		return err;
	}
	publish_all(r, change);
	remove_others(r, change);
	mask_rebuild(r->pool);
	return 0;
}

int fw_set_replace(struct fw_pool *pool, int set, const struct fw_member *member, size_t count,
		   struct fw_set_change *change)
{
	struct replace r = { .pool = pool, .set = set, .member = member, .count = count };
	size_t i;
	int err = 0;

	if (!set_exists(pool, set))
		return ecbpf_fail(-ENOENT, "there is no set %d", set);
	*change = (struct fw_set_change){};
	for (i = 0; i < count && !err; i++)
		err = set_check(pool, set, &member[i].prefix);
	if (err)
		return err;
	if (count >= UINT32_MAX)
		return ecbpf_fail(-ENOSPC, "too many entries");
	r.tag = calloc(count + 1, sizeof(*r.tag));
	r.want = calloc(pool->capacity, sizeof(*r.want));
	if (r.tag && r.want)
		err = replace(&r, change);
	else
		err = ecbpf_fail(-ENOMEM, "out of memory");
	free(r.tag);
	free(r.want);
	return err;
}

/* --- a larger pool */

static int copy_slot(struct fw_pool *to, const struct fw_pool *from, const struct slot_words *slot)
{
	struct slot_words *copy;
	struct fw_member member;
	uint32_t tag;
	int err;

	slot_member(from, slot, &member);
	err = tag_find(to, member.tag, &tag);
	if (!err)
		err = slot_hold_at(to, SLOT_SET(slot->state), &member, tag, SLOT_INDEX(slot->place),
				   &copy);
	if (err)
		return err;
	slot_publish(copy, member.expires);
	mask_add(to, copy);
	return 0;
}

int fw_pool_copy(struct fw_pool *to, const struct fw_pool *from)
{
	uint64_t i;
	int err;

	if (to->capacity < from->capacity || fw_pool_used(to))
		return ecbpf_fail(-EINVAL, "a pool is copied into an empty and larger one");
	memcpy(to->info, from->info, FW_SETS_MAX * sizeof(*to->info));
	for (i = 0; i < FW_SETS_MAX; i++)
		to->info[i].entries = 0;
	for (i = 0; i < slot_count(from); i++) {
		const struct slot_words *slot = slot_at(from, i);

		if (!slot_live(slot_state(slot)))
			continue;
		err = copy_slot(to, from, slot);
		if (err)
			return err;
	}
	return 0;
}
