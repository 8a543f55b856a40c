/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a hash map or trie holds, or shall hold: keys with a number each, in the order of keys. */
#ifndef XDP_LB_ENTRIES_H
#define XDP_LB_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

/**
 * struct lb_entries - begin with @key_size, the rest zero; lb_entries_free() it
 * @failed: there was no memory for all
 */
struct lb_entries {
	size_t key_size;
	size_t count, room;
	unsigned char *at;
	bool failed;
};

/** lb_entries_add - of equal keys, the one that was added first counts */
void lb_entries_add(struct lb_entries *entries, const void *key, __u32 value);

/** lb_entries_settle - sort, and drop what does not count; before all below */
void lb_entries_settle(struct lb_entries *entries);

/** lb_entries_key, lb_entries_value - of entry @i */
const void *lb_entries_key(const struct lb_entries *entries, size_t i);
__u32 lb_entries_value(const struct lb_entries *entries, size_t i);

/** lb_entries_find - NULL: not there */
const __u32 *lb_entries_find(const struct lb_entries *entries, const void *key);

/** lb_entries_union - how many keys two of them have together */
size_t lb_entries_union(const struct lb_entries *a, const struct lb_entries *b);

/** lb_entries_read - all that a map holds; settled */
int lb_entries_read(struct lb_entries *entries, int fd);

/** lb_entries_put - enter into a map what of @now is not in @was */
int lb_entries_put(int fd, const struct lb_entries *was, const struct lb_entries *now);

/** lb_entries_remove - take keys out of a map that are not in @now any more */
int lb_entries_remove(int fd, const struct lb_entries *was, const struct lb_entries *now);

void lb_entries_free(struct lb_entries *entries);

#endif
