// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The balancer as it runs: there is one when lb_settings_map is pinned, which is pinned last. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "libecbpf/instance.h"
#include "xdp_lb/live.h"

const char *lb_live_map_name(enum lb_live_map map)
{
	static const char *const names[LB_LIVE_MAPS] = {
		[LB_LIVE_NEAR] = "lb_near_map",
		[LB_LIVE_KEY] = "lb_key_map",
		[LB_LIVE_NET] = "lb_net_map",
		[LB_LIVE_VIP] = "lb_vip_map",
		[LB_LIVE_RING] = "lb_ring_map",
		[LB_LIVE_SOURCE] = "lb_source_map",
		[LB_LIVE_CID] = "lb_cid_map",
		[LB_LIVE_BACKEND] = "lb_backend_map",
		[LB_LIVE_CONN4] = "lb_conn4_map",
		[LB_LIVE_CONN6] = "lb_conn6_map",
		[LB_LIVE_BACK4] = "lb_back4_map",
		[LB_LIVE_BACK6] = "lb_back6_map",
		[LB_LIVE_FRAGMENT] = "lb_fragment_map",
		[LB_LIVE_OUT] = "lb_out_map",
		[LB_LIVE_PORT] = "lb_port_map",
		[LB_LIVE_SETTINGS] = "lb_settings_map",
		[LB_LIVE_VIP_COUNT] = "lb_vip_stat_map",
		[LB_LIVE_COUNT] = "lb_count_map",
		[LB_LIVE_RATE] = "lb_rate_map",
		[LB_LIVE_CONFIG] = "lb_config_map",
	};

	return names[map];
}

#define VIPS_BYTES     (LB_VIP_NUMBERS * sizeof(struct lb_vip_entry))
#define BACKENDS_BYTES (LB_BACKEND_NUMBERS * sizeof(struct lb_backend_entry))

static int memory(const struct lb_live *live, enum lb_live_map map, size_t bytes, void **at)
{
	void *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, live->fd[map], 0);

	if (mapped == MAP_FAILED)
		return ecbpf_fail(-errno, "%s: %s", lb_live_map_name(map), strerror(errno));
	*at = mapped;
	return 0;
}

static int of_another_version(void)
{
	return ecbpf_fail(-EPROTO, "attached by another version of this tool: detach it first");
}

/* settings_check - their shape must be that which this command was built with */
static int settings_check(const struct lb_live *live)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(live->fd[LB_LIVE_SETTINGS], &info, &len);

	if (err)
		return ecbpf_fail(err, "lb_settings_map: %s", strerror(-err));
	return info.value_size == sizeof(*live->settings) ? 0 : of_another_version();
}

int lb_live_memory(struct lb_live *live)
{
	int err = memory(live, LB_LIVE_SETTINGS, sizeof(*live->settings), (void **)&live->settings);

	if (err)
		return err;
	if (live->settings->abi != LB_ABI)
		return of_another_version();
	err = memory(live, LB_LIVE_VIP, VIPS_BYTES, (void **)&live->vip);
	if (!err)
		err = memory(live, LB_LIVE_BACKEND, BACKENDS_BYTES, (void **)&live->backend);
	return err;
}

static int maps_open(struct lb_live *live, const struct ecbpf_instance *instance)
{
	int i;

	/* who detaches takes the settings away first */
	for (i = 0; i < LB_LIVE_MAPS; i++) {
		if (i == LB_LIVE_SETTINGS)
			continue;
		live->fd[i] = ecbpf_instance_get(instance, lb_live_map_name(i));
		if (live->fd[i] == -ENOENT && !ecbpf_instance_has(instance, "lb_settings_map"))
			return ecbpf_fail(-ENOENT, "it was just detached");
		if (live->fd[i] == -ENOENT)
			return of_another_version();
		if (live->fd[i] < 0)
			return live->fd[i];
	}
	return lb_live_memory(live);
}

int lb_live_open(struct lb_live *live, bool change)
{
	struct ecbpf_instance instance;
	int err = ecbpf_instance_find(LB_LIVE_TOOL, &instance);

	*live = (struct lb_live)LB_LIVE_NONE;
	if (!err && change)
		err = ecbpf_instance_lock(&instance, false);
	live->lock = instance.lock;
	if (!err) {
		live->fd[LB_LIVE_SETTINGS] = ecbpf_instance_get(&instance, "lb_settings_map");
		err = live->fd[LB_LIVE_SETTINGS] < 0 ? live->fd[LB_LIVE_SETTINGS] : 0;
	}
	if (err == -ENOENT)
		return ecbpf_fail(err, "no balancer is attached: xdp_lb attach IF");
	if (!err)
		err = settings_check(live);
	return err ? err : maps_open(live, &instance);
}

void lb_live_close(struct lb_live *live)
{
	int i;

	if (live->backend)
		munmap(live->backend, BACKENDS_BYTES);
	if (live->vip)
		munmap(live->vip, VIPS_BYTES);
	if (live->settings)
		munmap(live->settings, sizeof(*live->settings));
	for (i = 0; i < LB_LIVE_MAPS; i++)
		if (live->fd[i] >= 0)
			close(live->fd[i]);
	if (live->lock >= 0)
		close(live->lock);
	*live = (struct lb_live)LB_LIVE_NONE;
}
