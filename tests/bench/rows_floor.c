// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What everything else stands beside: bare programs, and one lookup in a table of flows. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include "tests/bench/bench.h"
#include "tests/bench/floor.h"
#include "tests/bench/floor.skel.h"

static const struct {
	const char *name;
	__u32 flows;
} lru_rows[] = {
	{ "lru floor, 1 flow", 1 },
	{ "lru floor, 1 k flows", 1000 },
	{ "lru floor, 100 k flows", 100000 },
	{ "lru floor, 1 M flows", 1000000 },
};

static struct floor_key key_of(const struct bench_traffic *t, __u32 flow)
{
	__u8 frame[BENCH_FRAME_MAX];
	const struct iphdr *ip = (const struct iphdr *)(frame + ETH_HLEN);
	const struct udphdr *udp = (const struct udphdr *)(ip + 1);
	struct floor_key key = { .proto = IPPROTO_UDP };

	bench_frame(t, flow, frame);
	key.saddr = ip->saddr;
	key.daddr = ip->daddr;
	key.sport = udp->source;
	key.dport = udp->dest;
	return key;
}

static int lru_fill(const struct bench_traffic *t, int map)
{
	struct floor_key *keys = calloc(t->flows, sizeof(*keys));
	struct floor_value *values = calloc(t->flows, sizeof(*values));
	__u32 i, count = t->flows;
	int err = keys && values ? 0 : -ENOMEM;

	for (i = 0; !err && i < t->flows; i++) {
		keys[i] = key_of(t, i);
		memset(&values[i], 2, sizeof(*values));
	}
	if (!err)
		err = bpf_map_update_batch(map, keys, values, &count, NULL);
	free(values);
	free(keys);
	return err;
}

static int lru_row(struct bench *b, const char *name, __u32 flows)
{
	struct bench_row row = { .name = name, .action = XDP_TX };
	struct floor *skel = floor__open_and_load();
	int err;

	if (!skel)
		return bench_fail(-errno, "floor: %s", strerror(errno));
	row.traffic = bench_ipv4(b, flows);
	row.prog[0] = bpf_program__fd(skel->progs.floor_lru);
	err = row.traffic ? lru_fill(row.traffic, bpf_map__fd(skel->maps.floor_flows)) : -EINVAL;
	if (!err)
		err = bench_row(b, &row);
	floor__destroy(skel); /* the driver keeps what it runs */
	return err;
}

static int bare_rows(struct bench *b, struct floor *const skel[BENCH_LOADS])
{
	struct bench_row pass = { .name = "bare pass", .action = XDP_PASS };
	struct bench_row count = { .name = "bare counting pass", .action = XDP_PASS };
	struct bench_row grow = { .name = "prepend and cut 20 bytes", .action = XDP_TX };
	int err, i;

	for (i = 0; i < BENCH_LOADS; i++) {
		pass.prog[i] = bpf_program__fd(skel[i]->progs.floor_pass);
		count.prog[i] = bpf_program__fd(skel[i]->progs.floor_count);
		grow.prog[i] = bpf_program__fd(skel[i]->progs.floor_grow);
	}
	pass.traffic = count.traffic = bench_still(b, bench_ipv4(b, 1));
	if (!pass.traffic)
		return -EINVAL;
	count.ref = pass.name;
	err = bench_row(b, &pass);
	if (!err)
		err = bench_row(b, &count);
	if (!err)
		err = bench_row(b, &grow);
	/* one half is the program's, the other the driver's; both are one call of one helper */
	b->undo_ns = bench_ns(b, grow.name) / 2;
	return err;
}

/* bare_load - without the big map, which the bare programs do not use */
static struct floor *bare_load(__u32 hop, int hops)
{
	struct floor *skel = floor__open();

	if (!skel)
		return NULL;
	skel->rodata->hop = hop;
	bpf_program__set_autoload(skel->progs.floor_lru, false);
	bpf_map__set_autocreate(skel->maps.floor_flows, false);
	if (hops < 0 || !bpf_map__reuse_fd(skel->maps.floor_hops, hops))
		if (!floor__load(skel))
			return skel;
	floor__destroy(skel);
	return NULL;
}

struct floor *bench_floor(void)
{
	return bare_load(0, -1);
}

int bench_packets(const struct bpf_map *map, __u64 *packets)
{
	const int cpus = libbpf_num_possible_cpus();
	__u64 *values = calloc(cpus, sizeof(*values));
	__u32 zero = 0;
	int err = values ? bpf_map_lookup_elem(bpf_map__fd(map), &zero, values) : -ENOMEM;

	if (!err)
		ecbpf_percpu_sum(values, 1, cpus, packets);
	free(values);
	return err;
}

/* hop_add - one more program behind the others of this array */
static int hop_add(int hops, __u32 slot)
{
	struct floor *skel = bare_load(slot + 1, hops);
	int prog, err;

	if (!skel)
		return -errno;
	prog = bpf_program__fd(skel->progs.floor_hop);
	err = bpf_map_update_elem(hops, &slot, &prog, BPF_ANY);
	floor__destroy(skel);
	return err;
}

/*
 * hops_row - a chain as long as the suite's, of nothing but the kernel's tail calls. No reference
 * for other rows: the kernel empties the array once it is closed.
 */
static int hops_row(struct bench *b, const char *name, __u32 count)
{
	struct bench_row row = { .name = name, .action = XDP_PASS, .ref = "bare pass" };
	struct floor *first[BENCH_LOADS] = {};
	int i, err = 0;
	__u32 slot;

	row.traffic = bench_still(b, bench_ipv4(b, 1));
	for (i = 0; !err && i < BENCH_LOADS; i++) {
		first[i] = bare_load(0, -1);
		err = first[i] ? 0 : -errno;
		for (slot = 0; !err && slot < count; slot++)
			err = hop_add(bpf_map__fd(first[i]->maps.floor_hops), slot);
		if (!err)
			row.prog[i] = bpf_program__fd(first[i]->progs.floor_hop);
	}
	err = err ? bench_fail(err, "%s: %s", name, strerror(-err)) : bench_row(b, &row);
	for (i = 0; i < BENCH_LOADS; i++)
		floor__destroy(first[i]);
	return err;
}

static int rows_bare(struct bench *b)
{
	struct floor *skel[BENCH_LOADS] = {};
	int i, err = 0;

	for (i = 0; !err && i < BENCH_LOADS; i++) {
		skel[i] = bench_floor();
		if (!skel[i])
			err = bench_fail(-errno, "floor: %s", strerror(errno));
	}
	if (!err)
		err = bare_rows(b, skel);
	for (i = 0; i < BENCH_LOADS; i++)
		floor__destroy(skel[i]);
	return err;
}

int rows_floor(struct bench *b)
{
	int err = rows_bare(b);
	size_t i;

	if (!err)
		err = hops_row(b, "5 bare tail calls", 5);
	if (!err)
		err = hops_row(b, "10 bare tail calls", FLOOR_HOPS);
	for (i = 0; !err && i < sizeof(lru_rows) / sizeof(*lru_rows); i++)
		err = lru_row(b, lru_rows[i].name, lru_rows[i].flows);
	return err;
}
