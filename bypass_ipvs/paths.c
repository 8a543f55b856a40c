// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bypass_ipvs/flows.h"
#include "bypass_ipvs/paths.h"
#include "libecbpf/ecbpf.h"

__u32 paths_used(const struct live *live)
{
	__u32 i, used = 0;

	for (i = BYPASS_PATH_NONE + 1; i < live->settings->paths; i++)
		used += !!live->path[i].recipe.l2_bytes;
	return used;
}

static int taken_visit(void *arg, const struct ecbpf_tuple *key, const struct bypass_flow *flow)
{
	bool *taken = arg;

	(void)key;
	taken[ECBPF_MARK_ID(flow->mark)] = true;
	return 0;
}

/* path_take_name - egress makes another path of what leaves this way from here on */
static int path_take_name(const struct live *live, __u32 number)
{
	int err = bpf_map_delete_elem(live->fd[LIVE_PATH_ID], &live->path[number].recipe);

	return err && err != -ENOENT ? ecbpf_fail(err, "path_id_map: %s", strerror(-err)) : 0;
}

/* path_give_name - unless there is another one by now, which flows will move to */
static int path_give_name(const struct live *live, __u32 number)
{
	int err = bpf_map_update_elem(live->fd[LIVE_PATH_ID], &live->path[number].recipe, &number,
				      BPF_NOEXIST);

	return err && err != -EEXIST ? ecbpf_fail(err, "path_id_map: %s", strerror(-err)) : 0;
}

/* path_release - the generation tells the next owner's flows from those of this one */
static int path_release(const struct live *live, __u32 number)
{
	struct bypass_path *path = &live->path[number], *rest = &live->path[BYPASS_PATH_NONE];
	int err;

	__atomic_add_fetch(&path->gen, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&rest->packets, path->packets, __ATOMIC_RELAXED);
	__atomic_add_fetch(&rest->bytes, path->bytes, __ATOMIC_RELAXED);
	memset(&path->recipe, 0, sizeof(path->recipe));
	path->packets = 0;
	path->bytes = 0;
	path->route_mtu = 0;
	err = bpf_map_update_elem(live->fd[LIVE_PATH_FREE], NULL, &number, BPF_ANY);
	return err ? ecbpf_fail(err, "path_free_map: %s", strerror(-err)) : 0;
}

static int second_look(const struct live *live, const bool *taken, const bool *leaving)
{
	__u32 i;
	int err = 0;

	for (i = BYPASS_PATH_NONE + 1; !err && i < live->settings->paths; i++)
		if (leaving[i])
			err = taken[i] ? path_give_name(live, i) : path_release(live, i);
	return err;
}

static int first_look(const struct live *live, const bool *taken, bool *leaving)
{
	__u32 i;
	int err = 0;

	for (i = BYPASS_PATH_NONE + 1; !err && i < live->settings->paths; i++) {
		if (taken[i] || !live->path[i].recipe.l2_bytes)
			continue;
		leaving[i] = true;
		err = path_take_name(live, i);
	}
	return err;
}

int paths_collect(struct live *live, struct paths_leaving *state)
{
	bool *taken;
	int err;

	if (!state->leaving && paths_used(live) <= live->settings->paths / 4 * 3)
		return 0;
	taken = calloc(BYPASS_PATHS_MAX, sizeof(*taken));
	err = taken ? flows_each(live, taken_visit, taken) : ecbpf_fail(-ENOMEM, "out of memory");
	if (!err && state->leaving) {
		err = second_look(live, taken, state->leaving);
		paths_forget(state);
	} else if (!err) {
		state->leaving = calloc(BYPASS_PATHS_MAX, sizeof(*state->leaving));
		err = state->leaving ? first_look(live, taken, state->leaving) :
				       ecbpf_fail(-ENOMEM, "out of memory");
	}
	free(taken);
	return err;
}

void paths_forget(struct paths_leaving *state)
{
	free(state->leaving);
	state->leaving = NULL;
}
