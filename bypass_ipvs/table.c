// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

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

static int scan(const struct ecbpf_table *table,
		int (*visit)(void *arg, const struct ecbpf_tuple *tuple,
			     const struct bypass_flow *flow),
		void *arg)
{
	struct bypass_flow6 copy; /* the larger of the two */
	struct ecbpf_tuple tuple;
	size_t i;
	int err = 0;

	for (i = 0; !err && i < table->entries; i++)
		if (ecbpf_table_get(table, i, &copy, &tuple))
			err = visit(arg, &tuple, &copy.flow);
	return err;
}

int table_scan(const struct table *table,
	       int (*visit)(void *arg, const struct ecbpf_tuple *tuple,
			    const struct bypass_flow *flow),
	       void *arg)
{
	int err = scan(&table->v4, visit, arg);

	return err ? err : scan(&table->v6, visit, arg);
}

int table_each(const struct live *live,
	       int (*visit)(void *arg, const struct ecbpf_tuple *tuple,
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

static uint64_t remove_from(const struct ecbpf_table *table, struct bypass_path *path, size_t paths,
			    bool (*match)(void *arg, const struct ecbpf_tuple *tuple,
					  const struct bypass_flow *flow),
			    void *arg)
{
	struct bypass_flow6 copy; /* the larger of the two */
	struct ecbpf_tuple tuple;
	uint64_t removed = 0;
	size_t i;

	for (i = 0; i < table->entries; i++) {
		struct bypass_flow *flow = ecbpf_table_entry(table, i);

		if (ecbpf_table_get(table, i, &copy, &tuple) && match(arg, &tuple, &copy.flow))
			removed += remove_entry(&flow->mark, &copy.flow, path, paths);
	}
	return removed;
}

uint64_t table_remove(const struct table *table, struct bypass_path *path, size_t paths,
		      bool (*match)(void *arg, const struct ecbpf_tuple *tuple,
				    const struct bypass_flow *flow),
		      void *arg)
{
	return remove_from(&table->v4, path, paths, match, arg) +
	       remove_from(&table->v6, path, paths, match, arg);
}

int table_forget(const struct live *live,
		 bool (*match)(void *arg, const struct ecbpf_tuple *tuple,
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
