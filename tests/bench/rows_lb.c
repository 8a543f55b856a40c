// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The balancer without a root: packets of connections that it knows, of new ones, and of others. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include "libecbpf/ecbpf.h"
#include "tests/bench/bench.h"
#include "xdp_lb/abi.h"

#include "xdp_lb/xdp_lb.skel.h"

/* As many entries as the floor's table has. */
#define TABLE (1U << 21)

#define NAT_TABLE (1U << 16)

#define LOOPBACK 1 /* test runs come in there */
#define FOREVER	 (1U << 30)
#define VIP	 1
#define BACKEND	 1
#define PORT	 53

/**
 * struct lb_row - packets of @flows connections to one backend
 * @entries: of the connection table; 8: one bucket, so that each packet is a new connection's
 * @kind: ECBPF_IPIP, GUE, DIRECT, NAT; the outer header is of the packet's version of IP
 * @full: full NAT
 * @v6: IPv6
 * @no_vip: nobody is a VIP
 */
struct lb_row {
	const char *name;
	__u32 flows;
	__u32 entries;
	__u8 kind;
	bool v6;
	bool full;
	bool no_vip;
	const char *ref;
	double ratio_max;
	double diff_max_ns;
};

static const struct lb_row lb_rows[] = {
	{ .name = "lb, 1 connection",
	  .flows = 1,
	  .entries = TABLE,
	  .kind = ECBPF_IPIP,
	  .ref = "lru floor, 1 flow",
	  .ratio_max = 2.4 },
	{ .name = "lb, 1 M connections",
	  .flows = 1000000,
	  .entries = TABLE,
	  .kind = ECBPF_IPIP,
	  .ref = "lru floor, 1 M flows",
	  .ratio_max = 0.8 },
	{ .name = "lb, IPv6, 1 connection",
	  .flows = 1,
	  .entries = TABLE,
	  .kind = ECBPF_IPIP,
	  .v6 = true,
	  .ref = "lb, 1 connection" },
	{ .name = "lb, GUE, 1 connection",
	  .flows = 1,
	  .entries = TABLE,
	  .kind = ECBPF_GUE,
	  .ref = "lb, 1 connection" },
	{ .name = "lb, direct, 1 connection",
	  .flows = 1,
	  .entries = TABLE,
	  .kind = ECBPF_DIRECT,
	  .ref = "lb, 1 connection" },
	{ .name = "lb, NAT, 1 connection",
	  .flows = 1,
	  .entries = NAT_TABLE,
	  .kind = ECBPF_NAT,
	  .ref = "lb, 1 connection" },
	{ .name = "lb, full NAT, 1 connection",
	  .flows = 1,
	  .entries = NAT_TABLE,
	  .kind = ECBPF_NAT,
	  .full = true,
	  .ref = "lb, 1 connection" },
	{ .name = "lb, first packets",
	  .flows = 1000,
	  .entries = LB_WAYS,
	  .kind = ECBPF_IPIP,
	  .ref = "lb, 1 connection" },
	{ .name = "lb, for no VIP",
	  .flows = 1,
	  .entries = LB_WAYS,
	  .no_vip = true,
	  .ref = "bare pass",
	  .diff_max_ns = 12 },
};

static struct xdp_lb *load(__u32 entries)
{
	struct xdp_lb *x = xdp_lb__open();
	struct bpf_map *map;

	if (!x)
		return NULL;
	bpf_object__for_each_map(map, x->obj)
		bpf_map__set_pin_path(map, NULL);
	x->rodata->lb_hz = ecbpf_hz();
	x->rodata->lb_seed[0] = x->rodata->lb_seed[1] = 0x0123456789abcdef;
	x->rodata->lb_buckets[0] = entries / LB_WAYS;
	x->rodata->lb_buckets[1] = entries / LB_WAYS;
	bpf_map__set_max_entries(x->maps.lb_conn4_map, entries / LB_WAYS);
	bpf_map__set_max_entries(x->maps.lb_conn6_map, entries / LB_WAYS);
	if (entries == NAT_TABLE) {
		x->rodata->lb_buckets[2] = entries / LB_WAYS;
		bpf_map__set_max_entries(x->maps.lb_back4_map, entries / LB_WAYS);
	}
	if (!xdp_lb__load(x) && !bench_alone(x->obj))
		return x;
	xdp_lb__destroy(x);
	return NULL;
}

static int put(const struct bpf_map *map, __u32 key, const void *value)
{
	return bpf_map_update_elem(bpf_map__fd(map), &key, value, BPF_ANY);
}

static void outer_make(struct ecbpf_recipe *recipe, const struct lb_row *row)
{
	static const __u8 four[20] = { 0x45, [12] = 10, 9, 0, 1, 10, 9, 1, 1 };
	static const __u8 six[40] = { 0x60, [8] = 0xfd, 9, [23] = 1, 0xfd, 9, [39] = 1 };
	const __u8 inner = row->v6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	const bool gue = row->kind == ECBPF_GUE;

	recipe->outer_bytes = row->v6 ? sizeof(six) : sizeof(four);
	memcpy(recipe->outer, row->v6 ? six : four, recipe->outer_bytes);
	recipe->outer[row->v6 ? 6 : 9] = gue ? IPPROTO_UDP : inner;
	if (row->v6)
		recipe->flags = ECBPF_OUTER_V6;
	if (!gue)
		return;
	memcpy(recipe->outer + recipe->outer_bytes, (__u8[]){ [2] = 0x17, 0xc0, [9] = inner, 0, 0 },
	       12);
	recipe->outer_bytes += 12;
}

static void nat_make(struct ecbpf_recipe *recipe, const struct lb_row *row)
{
	struct lb_nat nat = { .to = { [2] = htonl(ECBPF_V4_PREFIX), htonl(0x0a090101) },
			      .from = { [2] = htonl(ECBPF_V4_PREFIX), htonl(0x0a090001) },
			      .dport = htons(8053),
			      .flags = row->full ? LB_NAT_SOURCE : 0 };

	memcpy(recipe->outer, &nat, sizeof(nat));
}

static struct lb_backend_entry backend_of(const struct lb_row *row)
{
	static const __u8 l2[ETH_HLEN] = { 2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 1 };
	const __be16 proto = htons(row->v6 ? ETH_P_IPV6 : ETH_P_IP);
	struct lb_backend_entry backend = {
		.recipe = { .ifindex = LOOPBACK,
			    .service = VIP,
			    .kind = row->kind,
			    .l2_bytes = sizeof(l2) },
		.mtu = 1440,
		.state = LB_BACKEND_UP,
	};

	memcpy(backend.recipe.l2, l2, sizeof(l2));
	memcpy(backend.recipe.l2 + 12, &proto, sizeof(proto));
	if (row->kind == ECBPF_NAT)
		nat_make(&backend.recipe, row);
	else if (row->kind != ECBPF_DIRECT)
		outer_make(&backend.recipe, row);
	return backend;
}

static struct lb_key key_of(const struct lb_row *row)
{
	struct lb_key key = { .port = htons(PORT),
			      .proto = IPPROTO_UDP,
			      .family = row->v6 ? AF_INET6 : AF_INET };

	inet_pton(key.family, row->v6 ? "2001:db8:ffff::1" : "192.0.2.1", key.addr);
	return key;
}

static int configure(struct xdp_lb *x, const struct lb_row *row)
{
	const struct lb_vip_entry vip = { .hash = LB_OF_TUPLE,
					  .entries = LB_RING_LINE,
					  .tcp_idle = FOREVER,
					  .udp_idle = FOREVER };
	const struct lb_backend_entry backend = backend_of(row);
	const struct lb_key key = key_of(row);
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_INNER_MAP);
	struct lb_ring_line line;
	struct lb_near near;
	const __u32 number = VIP, zero = 0;
	const struct lb_settings settings = { .nat = row->kind == ECBPF_NAT ? LB_NAT_ONLY :
									      LB_NAT_NONE };
	int i, ring, err;

	ring = bpf_map_create(BPF_MAP_TYPE_ARRAY, "lb_ring", sizeof(__u32), sizeof(line), 1, &opts);
	if (ring < 0)
		return ring;
	for (i = 0; i < LB_RING_LINE; i++)
		line.backend[i] = BACKEND;
	memset(&near, 0xff, sizeof(near));
	err = bpf_map_update_elem(ring, &zero, &line, BPF_ANY) ||
	      put(x->maps.lb_ring_map, VIP, &ring) || put(x->maps.lb_vip_map, VIP, &vip) ||
	      put(x->maps.lb_backend_map, BACKEND, &backend) ||
	      put(x->maps.lb_near_map, 0, &near) || put(x->maps.lb_settings_map, 0, &settings) ||
	      bpf_map_update_elem(bpf_map__fd(x->maps.lb_key_map), &key, &number, BPF_ANY);
	err = err ? -errno : 0;
	close(ring);
	return err;
}

/* enter - two packets of each connection: one that is seen once would soon be forgotten */
static int enter(const struct xdp_lb *x, const struct bench_traffic *t)
{
	__u8 frame[BENCH_FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = t->len, .repeat = 1);
	int err = 0;
	__u32 i;

	for (i = 0; !err && i < 2 * t->flows; i++) {
		bench_frame(t, i / 2, frame);
		err = bpf_prog_test_run_opts(bpf_program__fd(x->progs.xdp_lb), &opts);
	}
	return err;
}

static int lb_row(struct bench *b, const struct lb_row *want)
{
	struct bench_row row = {
		.name = want->name,
		.traffic = want->no_vip ? bench_still(b, bench_ipv4(b, 1)) :
			   want->v6	? bench_ipv6(b, want->flows) :
					  bench_ipv4(b, want->flows),
		.action = want->no_vip ? XDP_PASS : XDP_TX,
		.grows = !want->no_vip && (want->kind == ECBPF_IPIP || want->kind == ECBPF_GUE),
		.ref = want->ref,
		.ratio_max = want->ratio_max,
		.diff_max_ns = want->diff_max_ns,
	};
	struct xdp_lb *x = row.traffic ? load(want->entries) : NULL;
	int err = 0;

	if (!x)
		return bench_fail(-EINVAL, "%s: the program does not load", want->name);
	row.prog[0] = bpf_program__fd(x->progs.xdp_lb);
	if (!want->no_vip) {
		err = configure(x, want);
		if (!err && want->entries != LB_WAYS)
			err = enter(x, row.traffic);
	}
	err = err ? bench_fail(err, "%s: %s", want->name, strerror(-err)) : bench_row(b, &row);
	xdp_lb__destroy(x); /* the driver keeps what it runs */
	return err;
}

int rows_lb(struct bench *b)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < sizeof(lb_rows) / sizeof(lb_rows[0]); i++)
		err = lb_row(b, &lb_rows[i]);
	return err ? err : rows_lb_change(b);
}
