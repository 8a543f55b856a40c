// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include <arpa/inet.h>

#include "bypass_ipvs/table.h"
#include "libecbpf/ecbpf.h"

int table_open(const struct live *live, bool write, struct table *table)
{
	int err;

	memset(table, 0, sizeof(*table));
	err = ecbpf_table_map(live->fd[LIVE_TUPLE], live_map_name(LIVE_TUPLE),
			      sizeof(struct bypass_flow4), write, &table->v4);
	return err ? err :
		     ecbpf_table_map(live->fd[LIVE_TUPLE6], live_map_name(LIVE_TUPLE6),
				     sizeof(struct bypass_flow6), write, &table->v6);
}

void table_close(struct table *table)
{
	ecbpf_table_unmap(&table->v4);
	ecbpf_table_unmap(&table->v6);
}

static bool copy4(const struct bypass_flow4 *entry, struct bypass_flow *flow,
		  struct bypass_key *key)
{
	struct bypass_flow4 copy;

	if (!ecbpf_table_copy(entry, &copy, sizeof(copy)))
		return false;
	*flow = copy.flow;
	*key = (struct bypass_key){
		.saddr = { 0, 0, htonl(ECBPF_V4_PREFIX), copy.key.saddr },
		.daddr = { 0, 0, htonl(ECBPF_V4_PREFIX), copy.key.daddr },
		.sport = copy.key.sport,
		.dport = copy.key.dport,
		.rest = copy.key.rest,
	};
	return true;
}

static bool copy6(const struct bypass_flow6 *entry, struct bypass_flow *flow,
		  struct bypass_key *key)
{
	struct bypass_flow6 copy;

	if (!ecbpf_table_copy(entry, &copy, sizeof(copy)))
		return false;
	*flow = copy.flow;
	*key = copy.key;
	return true;
}

int table_scan(const struct table *table,
	       int (*visit)(void *arg, const struct bypass_key *key,
			    const struct bypass_flow *flow),
	       void *arg)
{
	struct bypass_flow flow;
	struct bypass_key key;
	size_t i;
	int err = 0;

	for (i = 0; !err && i < table->v4.entries; i++)
		if (copy4(ecbpf_table_entry(&table->v4, i), &flow, &key))
			err = visit(arg, &key, &flow);
	for (i = 0; !err && i < table->v6.entries; i++)
		if (copy6(ecbpf_table_entry(&table->v6, i), &flow, &key))
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
	struct bypass_flow flow;
	struct bypass_key key;
	uint64_t removed = 0;
	size_t i;

	for (i = 0; i < table->v4.entries; i++) {
		struct bypass_flow4 *entry = ecbpf_table_entry(&table->v4, i);

		if (copy4(entry, &flow, &key) && match(arg, &key, &flow))
			removed += remove_entry(&entry->flow.mark, &flow, path, paths);
	}
	for (i = 0; i < table->v6.entries; i++) {
		struct bypass_flow6 *entry = ecbpf_table_entry(&table->v6, i);

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
