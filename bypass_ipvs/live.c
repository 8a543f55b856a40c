// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The bypass as it runs: there is one when settings_map is pinned, which is pinned last. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bypass_ipvs/live.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/instance.h"

const char *live_map_name(enum live_map map)
{
	static const char *const names[LIVE_MAPS] = {
		[LIVE_TUPLE] = "tuple_map",
		[LIVE_TUPLE6] = "tuple6_map",
		[LIVE_PATH] = "path_map",
		[LIVE_PATH_ID] = "path_id_map",
		[LIVE_PATH_FREE] = "path_free_map",
		[LIVE_PENDING] = "pending_map",
		[LIVE_SERVICE] = "service_map",
		[LIVE_EXCLUDE] = "exclude_map",
		[LIVE_DEVICE] = "device_map",
		[LIVE_GUE] = "gue_map",
		[LIVE_OUT] = "out_map",
		[LIVE_SETTINGS] = "settings_map",
		[LIVE_VIP] = "vip_map",
		[LIVE_RESET] = "reset_map",
		[LIVE_RATE] = "rate_map",
		[LIVE_COUNT] = "count_map",
	};

	return names[map];
}

static void *memory(int fd, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

static int of_another_version(void)
{
	return ecbpf_fail(-EPROTO, "attached by another version of this tool: detach it first");
}

/* settings_check - their shape must be that which this command was built with */
static int settings_check(const struct live *live)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(live->fd[LIVE_SETTINGS], &info, &len);

	if (err)
		return ecbpf_fail(err, "settings_map: %s", strerror(-err));
	return info.value_size == sizeof(*live->settings) ? 0 : of_another_version();
}

int live_memory(struct live *live)
{
	live->settings = memory(live->fd[LIVE_SETTINGS], sizeof(*live->settings));
	if (!live->settings)
		return ecbpf_fail(-errno, "settings_map: %s", strerror(errno));
	if (live->settings->abi != BYPASS_ABI)
		return of_another_version();
	live->path = memory(live->fd[LIVE_PATH], live->settings->paths * sizeof(*live->path));
	return live->path ? 0 : ecbpf_fail(-errno, "path_map: %s", strerror(errno));
}

static int maps_open(struct live *live, const struct ecbpf_instance *instance)
{
	int i;

	/* who detaches takes the settings away first */
	for (i = 0; i < LIVE_MAPS; i++) {
		if (i == LIVE_SETTINGS)
			continue;
		live->fd[i] = ecbpf_instance_get(instance, live_map_name(i));
		if (live->fd[i] == -ENOENT && !ecbpf_instance_has(instance, "settings_map"))
			return ecbpf_fail(-ENOENT, "it was just detached");
		if (live->fd[i] == -ENOENT)
			return of_another_version();
		if (live->fd[i] < 0)
			return live->fd[i];
	}
	return live_memory(live);
}

int live_open(struct live *live, bool change)
{
	struct ecbpf_instance instance;
	int err = ecbpf_instance_find(LIVE_TOOL, &instance);

	*live = (struct live)LIVE_NONE;
	if (!err && change)
		err = ecbpf_instance_lock(&instance, false);
	live->lock = instance.lock;
	if (!err) {
		live->fd[LIVE_SETTINGS] = ecbpf_instance_get(&instance, "settings_map");
		err = live->fd[LIVE_SETTINGS] < 0 ? live->fd[LIVE_SETTINGS] : 0;
	}
	if (err == -ENOENT)
		return ecbpf_fail(err,
				  "no bypass is attached: xdp_bypass_ipvs attach --inbound IF");
	if (!err)
		err = settings_check(live);
	return err ? err : maps_open(live, &instance);
}

void live_close(struct live *live)
{
	int i;

	if (live->path)
		munmap(live->path, live->settings->paths * sizeof(*live->path));
	if (live->settings)
		munmap(live->settings, sizeof(*live->settings));
	live->path = NULL;
	live->settings = NULL;
	for (i = 0; i < LIVE_MAPS; i++) {
		if (live->fd[i] >= 0)
			close(live->fd[i]);
		live->fd[i] = -1;
	}
	if (live->lock >= 0)
		close(live->lock);
	live->lock = -1;
}

const struct bypass_params *live_params(const struct live *live)
{
	return &live->settings->params[live->settings->active & 1];
}

int live_now(__u32 *jiffies)
{
	uint64_t now;
	int err = ecbpf_jiffies(&now);

	if (!err)
		*jiffies = now;
	return err;
}

void live_invalidate(struct live *live, int service)
{
	struct bypass_path *path;
	__u32 i;

	for (i = BYPASS_PATH_NONE + 1; i < live->settings->paths; i++) {
		path = &live->path[i];
		if (service < 0 || (path->recipe.l2_bytes && path->recipe.service == service))
			__atomic_add_fetch(&path->gen, 1, __ATOMIC_SEQ_CST);
	}
}
