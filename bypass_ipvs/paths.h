/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Paths that nobody takes any more, given back before egress runs out of numbers.
 *
 * That takes two looks at the tables: at the first, a path that no flow has loses its name in
 * path_id_map, so that egress finds it no more; at the second, when packets that had found it are
 * long gone, its number becomes free, unless a flow has it after all.
 */
#ifndef BYPASS_IPVS_PATHS_H
#define BYPASS_IPVS_PATHS_H

#include <stdbool.h>

#include "bypass_ipvs/live.h"

/**
 * struct paths_leaving - between two looks; zeroed at first, paths_forget() it
 * @leaving: by number: the path has lost its name; NULL: none has
 */
struct paths_leaving {
	bool *leaving;
};

/** paths_used - how many have a recipe */
__u32 paths_used(const struct live *live);

/**
 * paths_collect - take the next look, if more than three quarters are used or one is leaving
 * @live: opened to change
 *
 * Counts of a path that goes are added to those of path 0.
 */
int paths_collect(struct live *live, struct paths_leaving *state);
void paths_forget(struct paths_leaving *state);

#endif
