// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "libecbpf/instance.h"
#include "xdp_lb/load.h"
#include "xdp_lb/stored.h"

#include "xdp_lb/xdp_lb.skel.h"

#define MIB (1 << 20)

static struct bpf_map *map_of(const struct xdp_lb *load, enum lb_live_map map)
{
	return bpf_object__find_map_by_name(load->obj, lb_live_map_name(map));
}

static bool is_ours(const char *name)
{
	int i;

	for (i = 0; i < LB_LIVE_MAPS; i++)
		if (!strcmp(name, lb_live_map_name(i)))
			return true;
	return false;
}

/* --- the maps */

/* only_maps - nothing but the maps that interfaces share is made of this object */
static int only_maps(struct xdp_lb *load)
{
	struct bpf_map *map;
	int err = bpf_program__set_autoload(load->progs.xdp_lb, false);

	bpf_object__for_each_map(map, load->obj)
		if (!err && !bpf_map__is_internal(map) && !is_ours(bpf_map__name(map)))
			err = bpf_map__set_autocreate(map, false);
	return err;
}

static int opened(struct xdp_lb **load)
{
	*load = xdp_lb__open();
	return *load ? 0 : ecbpf_fail(-errno, "the program: %s", strerror(errno));
}

int lb_load_open(struct xdp_lb **load, const struct lb_sizes *sizes)
{
	int err = opened(load);

	if (err)
		return err;
	err = only_maps(*load);
	if (!err)
		err = bpf_map__set_max_entries((*load)->maps.lb_conn4_map, sizes->conns / LB_WAYS);
	if (!err)
		err = bpf_map__set_max_entries((*load)->maps.lb_conn6_map, sizes->conns6 / LB_WAYS);
	if (!err)
		err = bpf_map__set_max_entries((*load)->maps.lb_back4_map, sizes->backs / LB_WAYS);
	if (!err)
		err = bpf_map__set_max_entries((*load)->maps.lb_back6_map, sizes->backs6 / LB_WAYS);
	return err ? ecbpf_fail(err, "the maps: %s", strerror(-err)) : 0;
}

uint64_t lb_load_bytes(const struct xdp_lb *load, enum lb_live_map map)
{
	const struct bpf_map *it = map_of(load, map);

	return it ? ecbpf_map_bytes_planned(it) : 0;
}

/* maps_take - descriptors that outlive the object */
static int maps_take(const struct xdp_lb *load, struct lb_live *live)
{
	int i;

	for (i = 0; i < LB_LIVE_MAPS; i++) {
		if (i == LB_LIVE_CONFIG)
			continue;
		live->fd[i] = fcntl(bpf_map__fd(map_of(load, i)), F_DUPFD_CLOEXEC, 3);
		if (live->fd[i] < 0)
			return ecbpf_fail(-errno, "%s: %s", lb_live_map_name(i), strerror(errno));
	}
	return 0;
}

static int settings_begin(const struct lb_live *live, const struct lb_sizes *sizes)
{
	struct lb_settings settings = {
		.abi = LB_ABI,
		.conns = sizes->conns,
		.conns6 = sizes->conns6,
		.backs = sizes->backs,
		.backs6 = sizes->backs6,
		.ptb_pps = LB_LOAD_PTB_PPS,
	};
	const __u32 zero = 0;
	int err;

	if (getrandom(settings.seed, sizeof(settings.seed), 0) != sizeof(settings.seed))
		return ecbpf_fail(-EIO, "no random numbers for the hash");
	err = bpf_map_update_elem(live->fd[LB_LIVE_SETTINGS], &zero, &settings, BPF_ANY);
	return err ? ecbpf_fail(err, "lb_settings_map: %s", strerror(-err)) : 0;
}

int lb_load_make(struct xdp_lb *load, const struct lb_sizes *sizes, struct lb_live *live)
{
	uint64_t bytes = 0;
	int i, err = xdp_lb__load(load);

	for (i = 0; i < LB_LIVE_MAPS; i++)
		bytes += lb_load_bytes(load, i);
	if (err == -ENOMEM || err == -E2BIG)
		return ecbpf_fail(
			err,
			"the kernel refuses %llu MiB for the tables: give less --conns or --nat",
			(unsigned long long)bytes / MIB);
	if (err)
		return ecbpf_fail(err, "the maps: %s", strerror(-err));
	err = maps_take(load, live);
	if (!err)
		err = lb_stored_make(&live->fd[LB_LIVE_CONFIG]);
	if (!err)
		err = settings_begin(live, sizes);
	return err ? err : lb_live_memory(live);
}

/* --- the program */

static int maps_give(const struct xdp_lb *load, const struct lb_live *live)
{
	int i, err = 0;

	for (i = 0; !err && i < LB_LIVE_MAPS; i++) {
		if (i == LB_LIVE_CONFIG)
			continue;
		err = bpf_map__reuse_fd(map_of(load, i), live->fd[i]);
		if (err)
			ecbpf_fail(err, "map %s: %s", lb_live_map_name(i), strerror(-err));
	}
	return err;
}

int lb_load_slot(const struct lb_live *live, struct ecbpf_root *root)
{
	const struct lb_settings *settings = live->settings;
	const __u32 buckets[4] = { settings->conns / LB_WAYS, settings->conns6 / LB_WAYS,
				   settings->backs / LB_WAYS, settings->backs6 / LB_WAYS };
	const __u32 hz = ecbpf_hz();
	const int cpus = libbpf_num_possible_cpus();
	struct xdp_lb *load;
	int err = cpus < 0 ? ecbpf_fail(cpus, "number of CPUs: %s", strerror(-cpus)) : 0;

	if (!err)
		err = opened(&load);
	if (err)
		return err;
	err = maps_give(load, live);
	if (!err) {
		ecbpf_variable_set(load->obj, "lb_seed", settings->seed, sizeof(settings->seed));
		ecbpf_variable_set(load->obj, "lb_buckets", buckets, sizeof(buckets));
		ecbpf_variable_set(load->obj, "lb_hz", &hz, sizeof(hz));
		ecbpf_variable_set(load->obj, "lb_cpus", &cpus, sizeof(cpus));
		err = ecbpf_slot_load(root, -1, load->obj, load->progs.xdp_lb, ECBPF_TAKE_OWN);
	}
	xdp_lb__destroy(load);
	return err;
}

void lb_load_close(struct xdp_lb *load)
{
	xdp_lb__destroy(load);
}
