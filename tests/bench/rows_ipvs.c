// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Packets a second through a director: IPVS by direct routing, the same with the bypass, nftables, the
 * balancer, and a program that does nothing but turn frames round. Frames come in through a veth pair as
 * XDP frames, and go back through it to a program that counts them.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bench/director.h"
#include "tests/bench/floor.skel.h"
#include "tests/bench/inject.h"
#include "tests/bench/inject.skel.h"

#define TURNS	7
#define PACKETS 200000
#define WARM_UP (8 * DIRECTOR_FLOWS)
#define BATCH	64 /* reaches veth's ring (256) before its reader runs on the same CPU */
#define ARRIVED 0.99
#define TRIES	8
#define QUIET_S 0.2

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* --- packets */

static int send_frames(const struct line *l, __u32 count)
{
	__u8 frame[INJECT_FRAME] = {};
	struct xdp_md ctx = { .data_end = sizeof(frame) };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = count,
		    .batch_size = BATCH, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	return bpf_prog_test_run_opts(bpf_program__fd(l->inject->progs.inject_send), &opts);
}

/* arrive - until all have, or nothing more does; *until is when the last one did */
static int arrive(const struct line *l, __u64 expected, __u64 *packets, double *until)
{
	const struct bpf_map *map = l->far->maps.floor_packets;
	__u64 last = 0;
	int err;

	do {
		err = bench_packets(map, packets);
		if (*packets != last)
			*until = now_s();
		last = *packets;
		sched_yield();
	} while (!err && *packets < expected && now_s() - *until < QUIET_S);
	return err;
}

/* flood_once - *mpps: millions of packets a second that came back; *share: of those that were sent */
static int flood_once(const struct line *l, __u32 count, double *mpps, double *share)
{
	__u64 before = 0, after = 0;
	double begin, end;
	int err = bench_packets(l->far->maps.floor_packets, &before);

	begin = end = now_s();
	if (!err)
		err = send_frames(l, count);
	if (!err && l->way == LOST) {
		end = now_s();
		after = before + count;
	} else if (!err) {
		err = arrive(l, before + count, &after, &end);
	}
	*mpps = (after - before) / (end - begin) / 1e6;
	*share = (double)(after - before) / count;
	return err ? bench_fail(err, "%s: %s", l->name, strerror(-err)) : 0;
}

/* flood - a measurement with lost frames is of veth's ring: it is made again */
static int flood(const struct line *l, __u32 count, double *mpps)
{
	double share = 0;
	int i, err = 0;

	for (i = 0; !err && i < TRIES && share < ARRIVED; i++)
		err = flood_once(l, count, mpps, &share);
	if (err || share >= ARRIVED)
		return err;
	return bench_fail(-EIO, "%s: of %u packets %.1f %% came back", l->name, count, 100 * share);
}

/* forwarded - per cent of what came in, for this reason */
static int forwarded(const struct line *l, enum ecbpf_code code, double *share)
{
	struct ecbpf_total total;
	int err = ecbpf_stats_read(l->root, &total);

	*share = 100.0 * total.code[code] / ecbpf_row_seen(&total.row[ECBPF_ROW_ROOT]).packets;
	return err ? bench_fail(err, "%s: %s", l->name, ecbpf_error()) : 0;
}

/* --- figures */

static const char *const way_names[WAYS] = {
	[BARE] = "director, bare XDP_TX",	[PLAIN] = "director, IPVS",
	[PLAIN_GRO] = "director, IPVS, GRO",	[NFT] = "director, nftables DNAT",
	[BYPASS] = "director, IPVS and bypass", [LB] = "director, xdp_lb",
	[LOST] = "director, sent only",
};

static int figure(struct bench *b, const char *name, const char *unit, double *values, int count,
		  double min)
{
	struct bench_figure f = { .unit = unit, .min = min };

	snprintf(f.name, sizeof(f.name), "%s", name);
	f.value = bench_spread(values, count);
	return bench_figure(b, &f);
}

/* The ratio depends on the kernel: on 6.1 both veth and IPVS take longer for a packet than on 6.12. */
static double target(void)
{
	struct utsname name;

	uname(&name);
	if (!strncmp(name.release, "6.1.", 4))
		return 10;
	return !strncmp(name.release, "6.12.", 5) ? 5 : 0;
}

static int ratio_figure(struct bench *b, const char *name, double mpps[WAYS][TURNS], enum way way,
			enum way to, double min)
{
	double ratio[TURNS];
	int i;

	for (i = 0; i < TURNS; i++)
		ratio[i] = mpps[way][i] / mpps[to][i];
	return figure(b, name, "", ratio, TURNS, min);
}

static int shares(struct bench *b, const struct line line[WAYS])
{
	double share;
	int err = forwarded(&line[BYPASS], ECBPF_CODE_BYPASS_HIT, &share);

	if (!err)
		err = figure(b, "director, bypassed", "%", &share, 1, 0);
	if (!err)
		err = forwarded(&line[LB], ECBPF_CODE_LB_FORWARD, &share);
	return err ? err : figure(b, "director, known to xdp_lb", "%", &share, 1, 0);
}

static int figures(struct bench *b, const struct line line[WAYS], double mpps[WAYS][TURNS])
{
	double sorted[TURNS];
	int way, err = 0;

	for (way = 0; !err && way < WAYS; way++) {
		memcpy(sorted, mpps[way], sizeof(sorted));
		err = figure(b, way_names[way], "Mpps", sorted, TURNS, 0);
	}
	if (!err)
		err = ratio_figure(b, "director, bare XDP_TX to IPVS", mpps, BARE, PLAIN, 0);
	if (!err)
		err = ratio_figure(b, "director, bypass to IPVS", mpps, BYPASS, PLAIN, target());
	if (!err)
		err = ratio_figure(b, "director, bypass to IPVS, GRO", mpps, BYPASS, PLAIN_GRO, 0);
	if (!err)
		err = ratio_figure(b, "director, xdp_lb to IPVS", mpps, LB, PLAIN, 0);
	if (!err)
		err = ratio_figure(b, "director, xdp_lb to nftables", mpps, LB, NFT, 0);
	return err ? err : shares(b, line);
}

/* turn - of each way; its flows are sampled and entered before */
static int turn(const struct line line[WAYS], double mpps[WAYS][TURNS], int i)
{
	int way, err = 0;

	for (way = 0; !err && way < WAYS; way++) {
		err = line_begin(&line[way]);
		if (!err)
			err = flood(&line[way], WARM_UP, &mpps[way][i]);
		if (!err)
			err = flood(&line[way], PACKETS, &mpps[way][i]);
		if (!err)
			err = line_end(&line[way]);
	}
	return err;
}

static int turns(struct bench *b, struct line line[WAYS])
{
	double mpps[WAYS][TURNS];
	int i, err = turn(line, mpps, 0); /* caches, connections, neighbours */

	for (i = 0; !err && i < TURNS; i++)
		err = turn(line, mpps, i);
	return err ? err : figures(b, line, mpps);
}

int rows_ipvs(struct bench *b)
{
	struct line line[WAYS] = {};
	int way, err;

	if (access("/proc/net/ip_vs", F_OK))
		return bench_skip(b, "ipvs", "this kernel has no IPVS, or it is not loaded");
	err = director();
	for (way = 0; !err && way < WAYS; way++) {
		line[way].way = way;
		err = line_open(b, &line[way]);
	}
	if (!err)
		err = turns(b, line);
	while (way-- > 0)
		line_close(&line[way]);
	return err;
}
