// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include "bypass_ipvs/flows.h"
#include "libecbpf/ecbpf.h"

/* flows_open - nothing is copied; flows_close() it in either case */
static int flows_open(const struct live *live, struct flows *flows)
{
	int err;

	memset(flows, 0, sizeof(*flows));
	err = ecbpf_table_map(live->fd[LIVE_TUPLE], live_map_name(LIVE_TUPLE),
			      sizeof(struct bypass_flow4), false, &flows->v4);
	return err ? err :
		     ecbpf_table_map(live->fd[LIVE_TUPLE6], live_map_name(LIVE_TUPLE6),
				     sizeof(struct bypass_flow6), false, &flows->v6);
}

static void flows_close(struct flows *flows)
{
	ecbpf_table_unmap(&flows->v4);
	ecbpf_table_unmap(&flows->v6);
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

int flows_scan(const struct flows *flows,
	       int (*visit)(void *arg, const struct ecbpf_tuple *tuple,
			    const struct bypass_flow *flow),
	       void *arg)
{
	int err = scan(&flows->v4, visit, arg);

	return err ? err : scan(&flows->v6, visit, arg);
}

int flows_each(const struct live *live,
	       int (*visit)(void *arg, const struct ecbpf_tuple *tuple,
			    const struct bypass_flow *flow),
	       void *arg)
{
	struct flows flows;
	int err = flows_open(live, &flows);

	if (!err)
		err = flows_scan(&flows, visit, arg);
	flows_close(&flows);
	return err;
}
