// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include "bypass_ipvs/table.h"
#include "libecbpf/ecbpf.h"

/* An entry that changes hands more often than this while it is read is passed over. */
#define COPY_TRIES 4

/* map_buckets - map all of a tuple map */
static int map_buckets(int fd, const char *name, size_t bucket_bytes, bool write, void **at,
		       size_t *buckets)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(fd, &info, &len);
	void *mapped;

	if (err)
		return ecbpf_fail(err, "%s: %s", name, strerror(-err));
	if (info.value_size != bucket_bytes)
		return ecbpf_fail(-EPROTO, "%s is another version's: use that version's tool",
				  name);
	mapped = mmap(NULL, info.max_entries * bucket_bytes, PROT_READ | (write ? PROT_WRITE : 0),
		      MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		return ecbpf_fail(-errno, "mapping %s: %s", name, strerror(errno));
	*at = mapped;
	*buckets = info.max_entries;
	return 0;
}

int table_open(const struct live *live, bool write, struct table *table)
{
	void *v4 = NULL, *v6 = NULL;
	int err;

	memset(table, 0, sizeof(*table));
	err = map_buckets(live->fd[LIVE_TUPLE], live_map_name(LIVE_TUPLE), sizeof(*table->v4),
			  write, &v4, &table->buckets);
	if (!err)
		err = map_buckets(live->fd[LIVE_TUPLE6], live_map_name(LIVE_TUPLE6),
				  sizeof(*table->v6), write, &v6, &table->buckets6);
	table->v4 = v4;
	table->v6 = v6;
	return err;
}

void table_close(struct table *table)
{
	if (table->v4)
		munmap(table->v4, table->buckets * sizeof(*table->v4));
	if (table->v6)
		munmap(table->v6, table->buckets6 * sizeof(*table->v6));
	memset(table, 0, sizeof(*table));
}

/*
 * copy_entry - flow and key of an entry, if they belong together and it is neither free nor busy
 * @entry: struct bypass_flow4 or struct bypass_flow6; the flow first, a key of @key_bytes behind
 */
static bool copy_entry(const void *entry, struct bypass_flow *flow, void *key, size_t key_bytes)
{
	const __u64 *mark = entry;
	__u64 before, after = __atomic_load_n(mark, __ATOMIC_ACQUIRE);
	int tries = COPY_TRIES;

	do {
		before = after;
		if (ECBPF_MARK_ID(before) == BYPASS_PATH_NONE)
			return false;
		memcpy(flow, entry, sizeof(*flow));
		memcpy(key, (const char *)entry + sizeof(*flow), key_bytes);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = __atomic_load_n(mark, __ATOMIC_RELAXED);
	} while (before != after && --tries);
	flow->mark = before;
	return before == after;
}

static bool copy4(const struct bypass_flow4 *entry, struct bypass_flow *flow,
		  struct bypass_key *key)
{
	struct bypass_key4 short_key;

	if (!copy_entry(entry, flow, &short_key, sizeof(short_key)))
		return false;
	*key = (struct bypass_key){
		.saddr = { 0, 0, htonl(ECBPF_V4_PREFIX), short_key.saddr },
		.daddr = { 0, 0, htonl(ECBPF_V4_PREFIX), short_key.daddr },
		.sport = short_key.sport,
		.dport = short_key.dport,
		.rest = short_key.rest,
	};
	return true;
}

static bool copy6(const struct bypass_flow6 *entry, struct bypass_flow *flow,
		  struct bypass_key *key)
{
	return copy_entry(entry, flow, key, sizeof(*key));
}

int table_scan(const struct table *table,
	       int (*visit)(void *arg, const struct bypass_key *key,
			    const struct bypass_flow *flow),
	       void *arg)
{
	const size_t entries = table->buckets * BYPASS_WAYS;
	const size_t entries6 = table->buckets6 * BYPASS_WAYS;
	struct bypass_flow flow;
	struct bypass_key key;
	size_t i;
	int err = 0;

	for (i = 0; !err && i < entries; i++)
		if (copy4(&table->v4[i / BYPASS_WAYS].way[i % BYPASS_WAYS], &flow, &key))
			err = visit(arg, &key, &flow);
	for (i = 0; !err && i < entries6; i++)
		if (copy6(&table->v6[i / BYPASS_WAYS].way[i % BYPASS_WAYS], &flow, &key))
			err = visit(arg, &key, &flow);
	return err;
}

int table_each(const struct live *live,
	       int (*visit)(void *arg, const struct bypass_key *key,
			    const struct bypass_flow *flow),
	       void *arg)
{
	struct table table;
	int err = table_open(live, false, &table);

	if (!err)
		err = table_scan(&table, visit, arg);
	table_close(&table);
	return err;
}

/* remove_entry - free it if it is still the flow that was copied; its counts go to the path */
static bool remove_entry(__u64 *mark, const struct bypass_flow *flow, struct bypass_path *path,
			 size_t paths)
{
	const __u32 number = ECBPF_MARK_ID(flow->mark);
	__u64 expected = flow->mark;

	if (!__atomic_compare_exchange_n(mark, &expected, 0, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	if (number < paths) {
		__atomic_fetch_add(&path[number].packets, flow->packets, __ATOMIC_RELAXED);
		__atomic_fetch_add(&path[number].bytes, flow->bytes, __ATOMIC_RELAXED);
	}
	return true;
}

uint64_t table_remove(const struct table *table, struct bypass_path *path, size_t paths,
		      bool (*match)(void *arg, const struct bypass_key *key,
				    const struct bypass_flow *flow),
		      void *arg)
{
	const size_t entries = table->buckets * BYPASS_WAYS;
	const size_t entries6 = table->buckets6 * BYPASS_WAYS;
	struct bypass_flow flow;
	struct bypass_key key;
	uint64_t removed = 0;
	size_t i;

	for (i = 0; i < entries; i++) {
		struct bypass_flow4 *entry = &table->v4[i / BYPASS_WAYS].way[i % BYPASS_WAYS];

		if (copy4(entry, &flow, &key) && match(arg, &key, &flow))
			removed += remove_entry(&entry->flow.mark, &flow, path, paths);
	}
	for (i = 0; i < entries6; i++) {
		struct bypass_flow6 *entry = &table->v6[i / BYPASS_WAYS].way[i % BYPASS_WAYS];

		if (copy6(entry, &flow, &key) && match(arg, &key, &flow))
			removed += remove_entry(&entry->flow.mark, &flow, path, paths);
	}
	return removed;
}

int table_forget(const struct live *live,
		 bool (*match)(void *arg, const struct bypass_key *key,
			       const struct bypass_flow *flow),
		 void *arg, uint64_t *forgotten)
{
	struct table table;
	int err = table_open(live, true, &table);
	uint64_t removed = 0;

	if (!err)
		removed = table_remove(&table, live->path, live->settings->paths, match, arg);
	table_close(&table);
	if (forgotten)
		*forgotten = removed;
	return err;
}

bool table_key_is_v4(const struct bypass_key *key)
{
	return !key->saddr[0] && !key->saddr[1] && key->saddr[2] == htonl(ECBPF_V4_PREFIX);
}
