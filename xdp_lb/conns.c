// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <string.h>

#include "xdp_lb/conns.h"

int lb_conns_open(const struct lb_live *live, struct lb_conns *conns)
{
	uint64_t now = 0;
	int err;

	memset(conns, 0, sizeof(*conns));
	err = ecbpf_jiffies(&now);
	if (!err)
		err = ecbpf_table_map(live->fd[LB_LIVE_CONN4], lb_live_map_name(LB_LIVE_CONN4),
				      sizeof(struct lb_conn4), false, &conns->v4);
	if (!err)
		err = ecbpf_table_map(live->fd[LB_LIVE_CONN6], lb_live_map_name(LB_LIVE_CONN6),
				      sizeof(struct lb_conn6), false, &conns->v6);
	conns->backend = live->backend;
	conns->now = now;
	conns->hz = ecbpf_hz();
	return err;
}

void lb_conns_close(struct lb_conns *conns)
{
	ecbpf_table_unmap(&conns->v4);
	ecbpf_table_unmap(&conns->v6);
}

/* holds - is the backend still the one that the entry means? */
static bool holds(const struct lb_conns *conns, const struct lb_conn *conn)
{
	const struct lb_backend_entry *backend = &conns->backend[ECBPF_MARK_ID(conn->mark)];

	return backend->state != LB_BACKEND_NONE &&
	       (__u16)backend->gen == ECBPF_MARK_GEN(conn->mark);
}

/* idle_max - as the kernel's program has it: conn.bpf.h */
static __u32 idle_max(const struct lb_conns *conns, const struct lb_conn *conn)
{
	__u32 idle = conn->idle;

	if (conn->state & LB_CONN_CLOSING && idle > LB_CLOSING_S * conns->hz)
		idle = LB_CLOSING_S * conns->hz;
	if (!(conn->state & LB_CONN_SEEN_TWICE) && idle > LB_SINGLE_S * conns->hz)
		idle = LB_SINGLE_S * conns->hz;
	return idle;
}

enum lb_conns_state lb_conns_state(const struct lb_conns *conns, const struct lb_conn *conn)
{
	if (!holds(conns, conn) ||
	    ecbpf_ticks_since(conns->now, conn->seen) > idle_max(conns, conn))
		return LB_CONNS_OVER;
	if (conn->state & LB_CONN_CLOSING)
		return LB_CONNS_CLOSING;
	return conn->state & LB_CONN_SEEN_TWICE ? LB_CONNS_ESTABLISHED : LB_CONNS_SINGLE;
}

const char *lb_conns_state_name(enum lb_conns_state state)
{
	static const char *const names[] = {
		[LB_CONNS_OVER] = "over",
		[LB_CONNS_SINGLE] = "single",
		[LB_CONNS_ESTABLISHED] = "established",
		[LB_CONNS_CLOSING] = "closing",
	};

	return names[state];
}

static int scan(const struct lb_conns *conns, const struct ecbpf_table *table,
		int (*visit)(void *arg, const struct ecbpf_tuple *tuple,
			     const struct lb_conn *conn),
		void *arg)
{
	struct lb_conn6 copy; /* the larger of the two */
	struct ecbpf_tuple tuple;
	size_t i;
	int err = 0;

	for (i = 0; !err && i < table->entries; i++)
		if (ecbpf_table_get(table, i, &copy, &tuple) &&
		    lb_conns_state(conns, &copy.conn) != LB_CONNS_OVER)
			err = visit(arg, &tuple, &copy.conn);
	return err;
}

int lb_conns_scan(const struct lb_conns *conns,
		  int (*visit)(void *arg, const struct ecbpf_tuple *tuple,
			       const struct lb_conn *conn),
		  void *arg)
{
	int err = scan(conns, &conns->v4, visit, arg);

	return err ? err : scan(conns, &conns->v6, visit, arg);
}

/** struct search - @key: wanted; @conn: gets it */
struct search {
	const struct ecbpf_tuple *key;
	struct lb_conn *conn;
};

static int same_key(void *arg, const struct ecbpf_tuple *tuple, const struct lb_conn *conn)
{
	const struct search *search = arg;

	if (memcmp(tuple, search->key, sizeof(*tuple)))
		return 0;
	*search->conn = *conn;
	return 1;
}

bool lb_conns_find(const struct lb_conns *conns, const struct ecbpf_tuple *key,
		   struct lb_conn *conn)
{
	struct search search = { .key = key, .conn = conn };

	return lb_conns_scan(conns, same_key, &search) == 1;
}
