// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The bypass's programs and tables, for the driver. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "tests/bench/bypass.h"

#include "bypass_ipvs/xdp_bypass_ipvs.skel.h"

/* Jiffies that do not go by during a benchmark. */
#define FOREVER (1U << 30)

#define PATHS 64

int bypass_bench_open(struct bypass_bench *bypass, __u32 flows, __u32 flows6)
{
	const struct load_sizes sizes = { flows, flows6, PATHS };
	int i, err;

	memset(bypass, 0, sizeof(*bypass));
	for (i = 0; i < LIVE_MAPS; i++)
		bypass->live.fd[i] = -1;
	bypass->live.lock = -1;
	err = load_open(&bypass->load, &sizes);
	if (!err)
		err = load_make(&bypass->load, &sizes, false, &bypass->live);
	return err ? bench_fail(err, "the bypass: %s", ecbpf_error()) : 0;
}

void bypass_bench_close(struct bypass_bench *bypass)
{
	int i;

	for (i = 0; i < BYPASS_BENCH_LOADS; i++)
		xdp_bypass_ipvs__destroy(bypass->xdp[i]);
	live_close(&bypass->live);
	load_close(&bypass->load);
}

void bypass_bench_patience(struct bypass_bench *bypass)
{
	struct bypass_params *p = &bypass->live.settings->params[bypass->live.settings->active & 1];

	p->admit = 1;
	p->inactive = p->sample = p->retry = FOREVER;
}

int bypass_bench_serve(struct bypass_bench *bypass, const struct bypass_frames *frames)
{
	const struct bypass_service service = {};
	int err = bpf_map_update_elem(bypass->live.fd[LIVE_SERVICE], &frames->service, &service,
				      BPF_ANY);

	if (!err)
		err = bpf_map_update_elem(bypass->live.fd[LIVE_DEVICE], &frames->ifindex,
					  &frames->device, BPF_ANY);
	if (!err)
		err = bpf_map_update_elem(bypass->live.fd[LIVE_OUT], &frames->ifindex,
					  &frames->ifindex, BPF_ANY);
	return err ? bench_fail(err, "the bypass's maps: %s", strerror(-err)) : 0;
}

int bypass_bench_learn(struct bypass_bench *bypass, const struct bypass_frames *frames,
		       const struct bench_traffic *t)
{
	__u8 in[BENCH_FRAME_MAX], out[BENCH_FRAME_MAX];
	struct __sk_buff skb = { .ifindex = frames->ifindex, .ingress_ifindex = frames->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = out, .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb), .repeat = 1);
	int err = bypass_bench_serve(bypass, frames);
	__u32 i;

	for (i = 0; !err && i < t->flows; i++) {
		bench_frame(t, i, in);
		opts.data_size_in = frames->egress(in, t->len, out);
		err = bpf_prog_test_run_opts(load_egress(&bypass->load), &opts);
		if (err)
			bench_fail(err, "the egress program: %s", strerror(-err));
	}
	return err;
}

static int maps_give(struct bpf_object *obj, const struct live *live)
{
	struct bpf_map *map;
	int i, err = 0;

	bpf_object__for_each_map(map, obj)
		bpf_map__set_pin_path(map, NULL);
	for (i = 0; !err && i < LIVE_MAPS; i++)
		err = bpf_map__reuse_fd(bpf_object__find_map_by_name(obj, live_map_name(i)),
					live->fd[i]);
	return err;
}

static struct xdp_bypass_ipvs *xdp_load(const struct live *live)
{
	struct xdp_bypass_ipvs *xdp = xdp_bypass_ipvs__open();
	const struct bypass_settings *settings = live->settings;

	if (!xdp)
		return NULL;
	memcpy((void *)xdp->rodata->bypass_seed, settings->seed, sizeof(settings->seed));
	xdp->rodata->bypass_buckets[0] = settings->flows / BYPASS_WAYS;
	xdp->rodata->bypass_buckets[1] = settings->flows6 / BYPASS_WAYS;
	xdp->rodata->bypass_hz = ecbpf_hz();
	if (!maps_give(xdp->obj, live) && !xdp_bypass_ipvs__load(xdp) && !bench_alone(xdp->obj))
		return xdp;
	xdp_bypass_ipvs__destroy(xdp);
	return NULL;
}

int bypass_bench_alone(struct bypass_bench *bypass)
{
	int i;

	for (i = 0; i < BYPASS_BENCH_LOADS; i++) {
		bypass->xdp[i] = xdp_load(&bypass->live);
		if (!bypass->xdp[i])
			return bench_fail(-EINVAL, "the bypass's XDP program does not load");
	}
	return 0;
}

int bypass_bench_hits(const struct bypass_bench *bypass, __u64 *hits, __u64 *packets)
{
	const int cpus = libbpf_num_possible_cpus();
	struct ecbpf_cpu *all = calloc(cpus, sizeof(*all));
	struct ecbpf_counter seen;
	__u32 zero = 0;
	int i, cpu, err = all ? 0 : -ENOMEM;

	*hits = *packets = 0;
	for (i = 0; !err && i < BYPASS_BENCH_LOADS; i++) {
		err = bpf_map_lookup_elem(bpf_map__fd(bypass->xdp[i]->maps.ecbpf_stats), &zero,
					  all);
		for (cpu = 0; !err && cpu < cpus; cpu++) {
			seen = ecbpf_row_seen(&all[cpu].row[ECBPF_ROW_SLOT(ECBPF_SLOT_BYPASS)]);
			*packets += seen.packets;
			*hits += all[cpu].code[ECBPF_CODE_BYPASS_HIT];
		}
	}
	free(all);
	return err;
}
