/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A configuration and its numbers, for people in the shape of `ipvsadm -Ln`, and for programs. */
#ifndef XDP_LB_SHOW_H
#define XDP_LB_SHOW_H

#include <json-c/json.h>

#include "xdp_lb/config.h"

/**
 * struct lb_show_counts - of a VIP or a backend
 * @active, @inactive: flows in the connection table: established; opening or closing
 * @conns, @packets, @bytes: since the counters' zero: new flows, and what was forwarded
 */
struct lb_show_counts {
	uint64_t active, inactive;
	uint64_t conns, packets, bytes;
};

/**
 * struct lb_show_source - where the numbers come from
 * @counts: @backend NULL: of the VIP itself; returns 0 or -errno with a message. NULL: all are 0
 * @data: for @counts
 */
struct lb_show_source {
	int (*counts)(void *data, const struct lb_vip *vip, const struct lb_backend *backend,
		      struct lb_show_counts *counts);
	void *data;
};

/**
 * enum lb_show_columns - CONNECTIONS: Forward, Weight, ActiveConn, InActConn, and the state
 * unless it is active; STATS: Conns, InPkts, InBytes
 */
enum lb_show_columns { LB_SHOW_CONNECTIONS, LB_SHOW_STATS };

/**
 * lb_show_text - lines for people, malloc()ed
 * @text: set on success only
 * Return: 0; -ENOMEM; what @source->counts returned.
 */
int lb_show_text(const struct lb_config *config, const struct lb_show_source *source,
		 enum lb_show_columns columns, char **text);

/** lb_show_json - as the document, with "counts" in each VIP and backend; for json_object_put() */
int lb_show_json(const struct lb_config *config, const struct lb_show_source *source,
		 struct json_object **json);

#endif
