// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Packets a second through a director: IPVS by direct routing, the same with the bypass, and a program
 * that does nothing but turn frames round. Frames come in through a veth pair as XDP frames, and go
 * back through it to a program that counts them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>

#include "libecbpf/csum.bpf.h"
#include "tests/bench/bypass.h"
#include "tests/bench/floor.skel.h"
#include "tests/bench/inject.h"
#include "tests/bench/inject.skel.h"

#define TURNS	   7
#define PACKETS	   200000
#define FLOWS	   1000
#define WARM_UP	   (8 * FLOWS)
#define TABLE	   65536
#define BATCH	   64 /* reaches veth's ring (256) before its reader runs on the same CPU */
#define ARRIVED	   0.99
#define TRIES	   8
#define QUIET_S	   0.2
#define FIRST_PORT 5000
#define VIP	   "192.0.2.1"

/**
 * enum way - through the director
 * @BARE: a program that rewrites MAC addresses and sends the frame back
 * @PLAIN: a program that passes, and IPVS
 * @PLAIN_GRO: no program: veth takes XDP frames all the same if the interface does GRO
 * @BYPASS: root, bypass, IPVS
 * @LOST: nothing: veth refuses XDP frames there. What is measured is what the sender takes
 */
enum way { BARE, PLAIN, PLAIN_GRO, BYPASS, LOST, WAYS };

/**
 * struct line - a pair of interfaces, and what is at its ends
 * @name: of the director
 * @peer: where frames are sent and counted
 * @near: programs at the director; @far: at the peer
 * @root, @bypass: of BYPASS
 */
struct line {
	enum way way;
	char name[IF_NAMESIZE], peer[IF_NAMESIZE];
	struct floor *near, *far;
	struct inject *inject;
	struct ecbpf_root *root;
	struct bypass_bench bypass;
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* --- the director */

static int setting(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err ? bench_fail(err, "%s: %s", path, strerror(-err)) : 0;
}

/* Nothing but the benchmark's packets, and clients may be where no route leads. */
static int director(void)
{
	const char *const up[] = { "ip", "link", "set", "lo", "up", NULL };
	const char *const vip[] = { "ip", "address", "add", VIP "/32", "dev", "lo", NULL };
	int err = setting("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");

	if (!err)
		err = setting("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	if (!err)
		err = setting("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
	if (!err)
		err = setting("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
	if (!err)
		err = bench_command(up);
	return err ? err : bench_command(vip);
}

static int pair_add(struct bench *b, struct line *l)
{
	const char *const add[] = { "ip",   "link", "add",  l->name, "up",
				    "type", "veth", "peer", l->peer, NULL };
	int prog;

	if (l->way == BYPASS) {
		prog = bench_root(b, &l->root);
		if (prog < 0)
			return prog;
		close(prog);
		snprintf(l->name, sizeof(l->name), "%s", ecbpf_root_ifname(l->root));
		snprintf(l->peer, sizeof(l->peer), "peer%d", b->ifaces - 1);
		return 0;
	}
	snprintf(l->name, sizeof(l->name), "line%d", b->ifaces);
	snprintf(l->peer, sizeof(l->peer), "peer%d", b->ifaces++);
	return bench_command(add);
}

/* addresses - of both ends, and of a server behind the peer, which nobody asks */
static int addresses(const struct line *l)
{
	char net[32], server[32];
	const char *const mac[] = { "ip", "link", "set", l->name, "address", "02:00:00:00:00:01",
				    NULL };
	const char *const up[] = { "ip", "link", "set", l->peer, "up", NULL };
	const char *const add[] = { "ip", "address", "add", net, "dev", l->name, NULL };
	const char *const neighbour[] = { "ip",	    "neighbour",	 "add", server,
					  "lladdr", "02:00:00:00:00:03", "dev", l->name,
					  "nud",    "permanent",	 NULL };
	int err = bench_command(mac);

	snprintf(net, sizeof(net), "198.18.%d.1/24", l->way);
	snprintf(server, sizeof(server), "198.18.%d.2", l->way);
	if (!err)
		err = bench_command(up);
	if (!err)
		err = bench_command(add);
	return err ? err : bench_command(neighbour);
}

static int service_add(const struct line *l)
{
	char vip[32], server[32];
	const char *const service[] = { "ipvsadm", "-A", "-u", vip, "-s", "rr", NULL };
	const char *const add[] = { "ipvsadm", "-a", "-u", vip, "-r", server, "-g", NULL };
	int err;

	snprintf(vip, sizeof(vip), VIP ":%d", FIRST_PORT + l->way);
	snprintf(server, sizeof(server), "198.18.%d.2", l->way);
	err = bench_command(service);
	return err ? err : bench_command(add);
}

/* --- programs */

static int egress_attach(const struct line *l)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = if_nametoindex(l->name),
		    .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = load_egress(&l->bypass.load));
	int err = bpf_tc_hook_create(&hook);

	return err ? err : bpf_tc_attach(&hook, &opts);
}

static int bypass_attach(struct line *l)
{
	const struct bypass_frames frames = {
		.device = { .role = BYPASS_INBOUND | BYPASS_OUTBOUND },
		.service = { .port = htons(FIRST_PORT + l->way),
			     .proto = IPPROTO_UDP,
			     .family = AF_INET,
			     .addr = { inet_addr(VIP) } },
		.ifindex = if_nametoindex(l->name),
	};
	int err = bypass_bench_open(&l->bypass, TABLE, BYPASS_WAYS);

	if (!err)
		err = bypass_bench_serve(&l->bypass, &frames);
	if (!err)
		err = load_slot(&l->bypass.live, l->root, -1);
	if (err >= 0)
		err = egress_attach(l);
	return err < 0 ? bench_fail(err, "%s: %s", l->name, ecbpf_error()) : 0;
}

static int near_attach(struct line *l)
{
	const char *const gro[] = { "ethtool", "-K", l->name, "gro", "on", NULL };
	const struct bpf_program *prog;

	if (l->way == BYPASS)
		return bypass_attach(l);
	if (l->way == PLAIN_GRO)
		return bench_command(gro);
	if (l->way == LOST)
		return 0;
	prog = l->way == BARE ? l->near->progs.floor_send : l->near->progs.floor_pass;
	return bpf_xdp_attach(if_nametoindex(l->name), bpf_program__fd(prog), 0, NULL);
}

static void frame_make(const struct line *l, void *frame)
{
	static const __u8 macs[2 * ETH_ALEN] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9 };
	struct ethhdr *eth = frame;
	struct iphdr *ip = (struct iphdr *)(eth + 1);
	struct udphdr *udp = (struct udphdr *)(ip + 1);

	memset(frame, 0, INJECT_FRAME);
	memcpy(eth, macs, sizeof(macs));
	eth->h_proto = htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tot_len = htons(INJECT_FRAME - ETH_HLEN);
	ip->ttl = 64;
	ip->protocol = IPPROTO_UDP;
	ip->saddr = inet_addr("10.0.0.1");
	ip->daddr = inet_addr(VIP);
	ip->check = csum_fold(csum_add(0, ip, sizeof(*ip) / 2));
	udp->source = htons(1024);
	udp->dest = htons(FIRST_PORT + l->way);
	udp->len = htons(INJECT_FRAME - ETH_HLEN - sizeof(*ip));
}

static int inject_load(struct line *l)
{
	l->inject = inject__open();
	if (!l->inject)
		return -errno;
	frame_make(l, (void *)l->inject->rodata->setup.frame);
	l->inject->rodata->setup.ifindex = if_nametoindex(l->peer);
	l->inject->rodata->setup.flows = FLOWS;
	return inject__load(l->inject);
}

static int line_open(struct bench *b, struct line *l)
{
	int err = pair_add(b, l);

	if (!err)
		err = addresses(l);
	if (!err && l->way != BARE && l->way != LOST)
		err = service_add(l);
	if (err)
		return err;
	l->near = bench_floor();
	l->far = bench_floor();
	err = l->near && l->far ? near_attach(l) : -errno;
	if (!err)
		err = bpf_xdp_attach(if_nametoindex(l->peer),
				     bpf_program__fd(l->far->progs.floor_drop), 0, NULL);
	if (!err)
		err = inject_load(l);
	return err ? bench_fail(err, "%s: %s", l->name, strerror(-err)) : 0;
}

static void line_close(struct line *l)
{
	inject__destroy(l->inject);
	floor__destroy(l->near);
	floor__destroy(l->far);
	ecbpf_root_close(l->root);
	if (l->way == BYPASS)
		bypass_bench_close(&l->bypass);
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

/* bypassed - per cent of what came in */
static int bypassed(const struct line *l, double *share)
{
	struct ecbpf_total total;
	int err = ecbpf_stats_read(l->root, &total);

	*share = 100.0 * total.code[ECBPF_CODE_BYPASS_HIT] /
		 ecbpf_row_seen(&total.row[ECBPF_ROW_ROOT]).packets;
	return err ? bench_fail(err, "%s: %s", l->name, ecbpf_error()) : 0;
}

/* --- figures */

static const char *const way_names[WAYS] = {
	[BARE] = "director, bare XDP_TX",    [PLAIN] = "director, IPVS",
	[PLAIN_GRO] = "director, IPVS, GRO", [BYPASS] = "director, IPVS and bypass",
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

static int figures(struct bench *b, const struct line *bypass, double mpps[WAYS][TURNS])
{
	double share, sorted[TURNS];
	int way, err = bypassed(bypass, &share);

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
	return err ? err : figure(b, "director, bypassed", "%", &share, 1, 0);
}

/* turn - of each way; its flows are sampled and entered before */
static int turn(const struct line line[WAYS], double mpps[WAYS][TURNS], int i)
{
	int way, err = 0;

	for (way = 0; !err && way < WAYS; way++) {
		err = flood(&line[way], WARM_UP, &mpps[way][i]);
		if (!err)
			err = flood(&line[way], PACKETS, &mpps[way][i]);
	}
	return err;
}

static int turns(struct bench *b, struct line line[WAYS])
{
	double mpps[WAYS][TURNS];
	int i, err = turn(line, mpps, 0); /* caches, connections, neighbours */

	for (i = 0; !err && i < TURNS; i++)
		err = turn(line, mpps, i);
	return err ? err : figures(b, &line[BYPASS], mpps);
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
