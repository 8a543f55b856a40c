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
	row.prog = bpf_program__fd(skel->progs.floor_lru);
	err = row.traffic ? lru_fill(row.traffic, bpf_map__fd(skel->maps.floor_flows)) : -EINVAL;
	if (!err)
		err = bench_row(b, &row);
	floor__destroy(skel); /* the driver keeps what it runs */
	return err;
}

static int bare_rows(struct bench *b, const struct floor *skel)
{
	struct bench_row pass = { .name = "bare pass", .action = XDP_PASS };
	struct bench_row count = { .name = "bare counting pass", .action = XDP_PASS };
	struct bench_row grow = { .name = "prepend and cut 20 bytes", .action = XDP_TX };
	int err;

	pass.prog = bpf_program__fd(skel->progs.floor_pass);
	count.prog = bpf_program__fd(skel->progs.floor_count);
	grow.prog = bpf_program__fd(skel->progs.floor_grow);
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

int rows_floor(struct bench *b)
{
	struct floor *skel = floor__open_and_load();
	size_t i;
	int err;

	if (!skel)
		return bench_fail(-errno, "floor: %s", strerror(errno));
	err = bare_rows(b, skel);
	floor__destroy(skel);
	for (i = 0; !err && i < sizeof(lru_rows) / sizeof(*lru_rows); i++)
		err = lru_row(b, lru_rows[i].name, lru_rows[i].flows);
	return err;
}
