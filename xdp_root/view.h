/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Everything that is known of an interface, gathered once and then written as text or JSON. */
#ifndef XDP_ROOT_VIEW_H
#define XDP_ROOT_VIEW_H

#include <stdint.h>

#include <json-c/json.h>

#include "libecbpf/ecbpf.h"

/**
 * struct view - one interface at one moment
 * @program: by slot; id 0: empty
 * @total: zero unless the root runs
 * @rate: what was added to @total in @rate_ns, which is 0 if rates were not measured
 */
struct view {
	char ifname[IF_NAMESIZE];
	enum ecbpf_state state;
	enum ecbpf_pin_health health;
	const char *dir;
	struct ecbpf_root_info info;
	struct ecbpf_program program[ECBPF_SLOTS];
	struct ecbpf_total total;
	struct ecbpf_total rate;
	uint64_t total_ns; /* CLOCK_MONOTONIC of @total */
	uint64_t rate_ns;
};

/* view_gather - all but rates; @view refers to @root's directory */
int view_gather(const struct ecbpf_root *root, struct view *view);

/* view_count - read the counters again; those of the view before become rates */
int view_count(const struct ecbpf_root *root, struct view *view);

void view_text(const struct view *view);
void view_text_counters(const struct view *view);
struct json_object *view_json(const struct view *view);
struct json_object *view_json_counters(const struct view *view);

#endif
