/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What replies of connections by NAT look like, and how many there were: the tables of them, read once. */
#ifndef XDP_LB_BACKS_H
#define XDP_LB_BACKS_H

#include <stddef.h>

#include "xdp_lb/live.h"

/**
 * struct lb_back - replies of a connection
 * @forward: its key; @reply: that of a reply; both with IPv4 as ::ffff:ADDRESS
 * @conn: counts, times and backend
 */
struct lb_back {
	struct ecbpf_tuple forward, reply;
	struct lb_conn conn;
};

/** struct lb_backs - @count of them, in no order that means anything; zeroed: none */
struct lb_backs {
	struct lb_back *back;
	size_t count;
};

/** lb_backs_read - all that there are, whether they hold or not; lb_backs_free() them in either case */
int lb_backs_read(const struct lb_live *live, struct lb_backs *backs);
void lb_backs_free(struct lb_backs *backs);

/** lb_backs_of - of this connection, or NULL */
const struct lb_back *lb_backs_of(const struct lb_backs *backs, const struct ecbpf_tuple *forward,
				  const struct lb_conn *conn);

/** lb_backs_find - whose reply this is, or NULL; VLAN ids do not matter */
const struct lb_back *lb_backs_find(const struct lb_backs *backs, const struct ecbpf_tuple *reply);

#endif
