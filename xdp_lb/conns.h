/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Connections in the tables, as the kernel's program would take them at this moment. */
#ifndef XDP_LB_CONNS_H
#define XDP_LB_CONNS_H

#include <stdbool.h>
#include <stddef.h>

#include "libecbpf/table.h"
#include "xdp_lb/live.h"

/** enum lb_conns_state - SINGLE: one packet, it may be all there is; CLOSING: FIN or RST came last */
enum lb_conns_state { LB_CONNS_OVER, LB_CONNS_SINGLE, LB_CONNS_ESTABLISHED, LB_CONNS_CLOSING };

/**
 * struct lb_conns - both tables, and what tells whether an entry holds
 * @v4, @v6: of struct lb_conn4, struct lb_conn6
 * @backend: LB_BACKEND_NUMBERS entries
 * @now: jiffies; @hz: of them in a second
 */
struct lb_conns {
	struct ecbpf_table v4, v6;
	const struct lb_backend_entry *backend;
	__u32 now;
	unsigned int hz;
};

/** lb_conns_open - map the tables; nothing is copied. lb_conns_close() it in either case */
int lb_conns_open(const struct lb_live *live, struct lb_conns *conns);
void lb_conns_close(struct lb_conns *conns);

/**
 * lb_conns_state - LB_CONNS_OVER: silent for too long, or its backend is gone: the next packet begins anew
 */
enum lb_conns_state lb_conns_state(const struct lb_conns *conns, const struct lb_conn *conn);
const char *lb_conns_state_name(enum lb_conns_state state);

/**
 * lb_conns_scan - all connections that are not over, IPv4 first
 * @visit: called with copies that are whole; keys of IPv4 as ::ffff:ADDRESS. What it returns ends
 *	   the scan unless it is 0
 */
int lb_conns_scan(const struct lb_conns *conns,
		  int (*visit)(void *arg, const struct ecbpf_tuple *tuple,
			       const struct lb_conn *conn),
		  void *arg);

/** lb_conns_find - of this key; false: there is none that is not over */
bool lb_conns_find(const struct lb_conns *conns, const struct ecbpf_tuple *key,
		   struct lb_conn *conn);

#endif
