// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include "bypass_ipvs/table.h"
#include "libecbpf/ecbpf.h"

/* table_open - nothing is copied; table_close() it in either case */
static int table_open(const struct live *live, struct table *table)
{
	int err;

	memset(table, 0, sizeof(*table));
	err = ecbpf_table_map(live->fd[LIVE_TUPLE], live_map_name(LIVE_TUPLE),
			      sizeof(struct bypass_flow4), false, &table->v4);
	return err ? err :
		     ecbpf_table_map(live->fd[LIVE_TUPLE6], live_map_name(LIVE_TUPLE6),
				     sizeof(struct bypass_flow6), false, &table->v6);
}

static void table_close(struct table *table)
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
	int err = table_open(live, &table);

	if (!err)
		err = table_scan(&table, visit, arg);
	table_close(&table);
	return err;
}
