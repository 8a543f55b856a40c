// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "libecbpf/ecbpf.h"
#include "xdp_lb/entries.h"

/* A record: the key, the value, and as what it was added. Keys are whole words, of 64 bytes at most. */
#define KEY_MAX 64

static size_t record_size(const struct lb_entries *entries)
{
	return entries->key_size + 2 * sizeof(__u32);
}

static unsigned char *record(const struct lb_entries *entries, size_t i)
{
	return entries->at + i * record_size(entries);
}

static bool grow(struct lb_entries *entries)
{
	const size_t room = entries->room ? entries->room * 2 : 64;
	void *grown = reallocarray(entries->at, room, record_size(entries));

	if (!grown) {
		entries->failed = true;
		return false;
	}
	entries->at = grown;
	entries->room = room;
	return true;
}

void lb_entries_add(struct lb_entries *entries, const void *key, __u32 value)
{
	const __u32 tail[2] = { value, entries->count };
	unsigned char *to;

	if (entries->count == entries->room && !grow(entries))
		return;
	to = record(entries, entries->count++);
	memcpy(to, key, entries->key_size);
	memcpy(to + entries->key_size, tail, sizeof(tail));
}

static int compare_keys(const void *a, const void *b, void *key_size)
{
	return memcmp(a, b, *(const size_t *)key_size);
}

static int compare_records(const void *a, const void *b, void *key_size)
{
	const size_t size = *(const size_t *)key_size;
	const int order = memcmp(a, b, size);
	__u32 one[2], other[2];

	if (order)
		return order;
	memcpy(one, (const char *)a + size, sizeof(one));
	memcpy(other, (const char *)b + size, sizeof(other));
	return one[1] < other[1] ? -1 : one[1] > other[1];
}

void lb_entries_settle(struct lb_entries *entries)
{
	size_t i, kept = 0;

	if (entries->count)
		qsort_r(entries->at, entries->count, record_size(entries), compare_records,
			&entries->key_size);
	for (i = 0; i < entries->count; i++) {
		if (kept &&
		    !memcmp(record(entries, kept - 1), record(entries, i), entries->key_size))
			continue;
		if (kept != i)
			memcpy(record(entries, kept), record(entries, i), record_size(entries));
		kept++;
	}
	entries->count = kept;
}

const void *lb_entries_key(const struct lb_entries *entries, size_t i)
{
	return record(entries, i);
}

__u32 lb_entries_value(const struct lb_entries *entries, size_t i)
{
	__u32 value;

	memcpy(&value, record(entries, i) + entries->key_size, sizeof(value));
	return value;
}

const __u32 *lb_entries_find(const struct lb_entries *entries, const void *key)
{
	size_t low = 0, high = entries->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = memcmp(record(entries, middle), key, entries->key_size);

		if (!order)
			return (const __u32 *)(record(entries, middle) + entries->key_size);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* --- two of them */

/* step - compare where both are; past the end of one comes only the other */
static int step(const struct lb_entries *a, size_t i, const struct lb_entries *b, size_t j)
{
	size_t size = a->key_size;

	if (i == a->count)
		return 1;
	if (j == b->count)
		return -1;
	return compare_keys(record(a, i), record(b, j), &size);
}

size_t lb_entries_union(const struct lb_entries *a, const struct lb_entries *b)
{
	size_t i = 0, j = 0, count = 0;

	while (i < a->count || j < b->count) {
		const int order = step(a, i, b, j);

		i += order <= 0;
		j += order >= 0;
		count++;
	}
	return count;
}

int lb_entries_put(int fd, const struct lb_entries *was, const struct lb_entries *now)
{
	size_t i = 0, j = 0;
	int err = 0;

	while (!err && j < now->count) {
		const int order = step(was, i, now, j);
		const __u32 value = lb_entries_value(now, j);

		if (order > 0 || (!order && lb_entries_value(was, i) != value))
			err = bpf_map_update_elem(fd, record(now, j), &value, BPF_ANY);
		i += order <= 0;
		j += order >= 0;
	}
	return err;
}

int lb_entries_remove(int fd, const struct lb_entries *was, const struct lb_entries *now)
{
	size_t i = 0, j = 0;
	int err = 0;

	while (!err && i < was->count) {
		const int order = step(was, i, now, j);

		if (order < 0)
			err = bpf_map_delete_elem(fd, record(was, i));
		if (err == -ENOENT)
			err = 0;
		i += order <= 0;
		j += order >= 0;
	}
	return err;
}

int lb_entries_read(struct lb_entries *entries, int fd)
{
	unsigned char key[KEY_MAX];
	__u32 value;
	int err = bpf_map_get_next_key(fd, NULL, key);

	while (!err) {
		if (!bpf_map_lookup_elem(fd, key, &value))
			lb_entries_add(entries, key, value);
		err = bpf_map_get_next_key(fd, key, key);
	}
	lb_entries_settle(entries);
	if (err != -ENOENT)
		return err;
	return entries->failed ? -ENOMEM : 0;
}

void lb_entries_free(struct lb_entries *entries)
{
	free(entries->at);
	*entries = (struct lb_entries){ .key_size = entries->key_size };
}
