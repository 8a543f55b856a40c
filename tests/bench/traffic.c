// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Frames, and the drivers that put them before a program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "libecbpf/csum.bpf.h"
#include "tests/bench/bench.h"
#include "tests/bench/drive.skel.h"

#define VLAN_TAG 4
#define DPORT	 53

/* Bijective on 24 bits, so that neighbours in number are no neighbours in address. */
static __u32 scatter(__u32 flow)
{
	return flow * 0x9e3779b1U & 0xffffff;
}

static void vary_ports(struct udphdr *udp, __u32 flow)
{
	udp->source = htons(1024 + scatter(flow) % 64000);
}

static void vary_ipv4(struct iphdr *ip, __u32 flow)
{
	ip->saddr = htonl(0x0a000000 | scatter(flow));
	ip->check = 0;
	ip->check = csum_fold(csum_add(0, ip, sizeof(*ip) / 2));
	vary_ports((struct udphdr *)(ip + 1), flow);
}

static void vary_plain(void *frame, __u32 flow)
{
	vary_ipv4(frame + ETH_HLEN, flow);
}

static void vary_vlan(void *frame, __u32 flow)
{
	vary_ipv4(frame + ETH_HLEN + VLAN_TAG, flow);
}

static void vary_ipv6(void *frame, __u32 flow)
{
	struct ipv6hdr *ip = frame + ETH_HLEN;

	ip->saddr.s6_addr32[3] = htonl(scatter(flow));
}

static __u8 *make_eth(__u8 *frame, __u16 proto)
{
	static const __u8 macs[2 * ETH_ALEN] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

	memcpy(frame, macs, sizeof(macs));
	*(__be16 *)(frame + sizeof(macs)) = htons(proto);
	return frame + ETH_HLEN;
}

static void make_udp(struct udphdr *udp, __u32 len)
{
	udp->source = htons(1024);
	udp->dest = htons(DPORT);
	udp->len = htons(len);
}

static void make_ipv4(__u8 *at, __u32 len)
{
	struct iphdr *ip = (struct iphdr *)at;

	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tot_len = htons(len);
	ip->ttl = 64;
	ip->protocol = IPPROTO_UDP;
	ip->daddr = htonl(0xc0000201);
	make_udp((struct udphdr *)(ip + 1), len - sizeof(*ip));
	vary_ipv4(ip, 0);
}

static void make_ipv6(__u8 *at, __u32 len)
{
	struct ipv6hdr *ip = (struct ipv6hdr *)at;

	ip->version = 6;
	ip->payload_len = htons(len - sizeof(*ip));
	ip->hop_limit = 64;
	ip->nexthdr = IPPROTO_UDP;
	ip->saddr.s6_addr32[0] = ip->daddr.s6_addr32[0] = htonl(0x20010db8);
	ip->daddr.s6_addr32[1] = htonl(0xffff0000);
	ip->daddr.s6_addr32[3] = htonl(1);
	make_udp((struct udphdr *)(ip + 1), len - sizeof(*ip));
}

void bench_frame(const struct bench_traffic *t, __u32 flow, __u8 frame[BENCH_FRAME_MAX])
{
	memcpy(frame, t->frame, BENCH_FRAME_MAX);
	if (t->vary)
		t->vary(frame, flow);
}

/* shuffled - in memory that the caller frees; the same order every time */
static __u32 *shuffled(__u32 count)
{
	__u32 *order = malloc(count * sizeof(*order)), i, j;
	__u64 state = 1;

	for (i = 0; order && i < count; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		j = (state >> 33) % (i + 1);
		order[i] = order[j];
		order[j] = i;
	}
	return order;
}

static int fill_map(const struct bench_traffic *t)
{
	struct drive_flow *flows = malloc(t->flows * sizeof(*flows));
	__u32 *keys = malloc(t->flows * sizeof(*keys)), *order = shuffled(t->flows);
	__u8 frame[BENCH_FRAME_MAX];
	__u32 i, count = t->flows;
	int err = flows && keys && order ? 0 : -ENOMEM;

	for (i = 0; !err && i < t->flows; i++) {
		keys[i] = i;
		bench_frame(t, order[i], frame);
		memcpy(&flows[i], frame + t->at, sizeof(*flows));
	}
	if (!err)
		err = bpf_map_update_batch(t->map, keys, flows, &count, NULL);
	free(order);
	free(keys);
	free(flows);
	return err;
}

static int driver_load(struct drive *skel, const struct bench_traffic *t, int prog)
{
	__u32 zero = 0;
	int err;

	skel->rodata->setup.len = t->len;
	skel->rodata->setup.flows = t->flows;
	skel->rodata->setup.at = t->at;
	skel->rodata->setup.still = t->still;
	memcpy((void *)skel->rodata->setup.frame, t->frame, DRIVE_FRAME);
	err = bpf_map__set_max_entries(skel->maps.bench_flows, t->flows);
	if (!err)
		err = bpf_map__reuse_fd(skel->maps.bench_flows, t->map);
	if (!err)
		err = drive__load(skel);
	if (!err && prog >= 0)
		err = bpf_map_update_elem(bpf_map__fd(skel->maps.bench_target), &zero, &prog, 0);
	return err;
}

static int check_jit(int prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(prog, &info, &len);

	if (err)
		return err;
	return info.jited_prog_len ? 0 :
				     bench_fail(-EBUSY, "sysctl net.core.bpf_jit_enable must be 1");
}

struct drive *bench_driver(const struct bench_traffic *t, int prog)
{
	struct drive *skel = drive__open();
	int err = skel ? driver_load(skel, t, prog) : -errno;

	if (!err)
		err = check_jit(bpf_program__fd(skel->progs.bench_drive));
	if (!err)
		return skel;
	bench_fail(err, "driver of %s: %s", t->name, strerror(-err));
	drive__destroy(skel);
	return NULL;
}

static int traffic_init(struct bench_traffic *t)
{
	int err;

	t->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bench_flows", sizeof(__u32),
				sizeof(struct drive_flow), t->flows, NULL);
	err = t->map < 0 ? t->map : fill_map(t);
	if (err)
		return bench_fail(err, "%u flows of %s: %s", t->flows, t->name, strerror(-err));
	t->alone = bench_driver(t, -1);
	return t->alone ? 0 : -EINVAL;
}

const struct bench_traffic *bench_traffic(struct bench *b, const struct bench_traffic *like)
{
	struct bench_traffic *t = malloc(sizeof(*t));

	if (!t || b->traffics == BENCH_TRAFFIC_MAX) {
		free(t);
		bench_fail(0, "traffic %s: no memory, or one too many", like->name);
		return NULL;
	}
	*t = *like;
	t->alone = NULL;
	b->traffic[b->traffics++] = t;
	return traffic_init(t) ? NULL : t;
}

void bench_free(struct bench *b)
{
	size_t i;
	int load;

	for (i = 0; i < b->rows; i++) {
		for (load = 0; load < BENCH_LOADS; load++)
			drive__destroy(b->result[i].driver[load]);
		free(b->result[i].skipped);
	}
	for (i = 0; i < b->traffics; i++) {
		drive__destroy(b->traffic[i]->alone);
		if (b->traffic[i]->map >= 0)
			close(b->traffic[i]->map);
		free(b->traffic[i]);
	}
}

const struct bench_traffic *bench_traffic_find(const struct bench *b, const char *name, __u32 flows,
					       bool still)
{
	size_t i;

	for (i = 0; i < b->traffics; i++)
		if (b->traffic[i]->flows == flows && b->traffic[i]->still == still &&
		    !strcmp(b->traffic[i]->name, name))
			return b->traffic[i];
	return NULL;
}

const struct bench_traffic *bench_still(struct bench *b, const struct bench_traffic *t)
{
	struct bench_traffic still;

	if (!t)
		return NULL;
	still = *t;
	still.flows = 1;
	still.still = true;
	return bench_traffic_find(b, t->name, 1, true) ?: bench_traffic(b, &still);
}

const struct bench_traffic *bench_ipv4(struct bench *b, __u32 flows)
{
	struct bench_traffic t = { .name = "IPv4",
				   .flows = flows,
				   .len = DRIVE_FRAME,
				   .at = ETH_HLEN + 10,
				   .vary = vary_plain };

	make_ipv4(make_eth(t.frame, ETH_P_IP), t.len - ETH_HLEN);
	return bench_traffic_find(b, t.name, flows, false) ?: bench_traffic(b, &t);
}

const struct bench_traffic *bench_ipv6(struct bench *b, __u32 flows)
{
	struct bench_traffic t = { .name = "IPv6",
				   .flows = flows,
				   .len = DRIVE_FRAME,
				   .at = ETH_HLEN + 8,
				   .vary = vary_ipv6 };

	make_ipv6(make_eth(t.frame, ETH_P_IPV6), t.len - ETH_HLEN);
	return bench_traffic_find(b, t.name, flows, false) ?: bench_traffic(b, &t);
}

const struct bench_traffic *bench_vlan(struct bench *b, __u32 flows)
{
	struct bench_traffic t = { .name = "802.1Q",
				   .flows = flows,
				   .len = DRIVE_FRAME,
				   .at = ETH_HLEN + VLAN_TAG + 10,
				   .vary = vary_vlan };
	__u8 *tag = make_eth(t.frame, ETH_P_8021Q);

	*(__be16 *)tag = htons(7);
	*(__be16 *)(tag + 2) = htons(ETH_P_IP);
	make_ipv4(tag + VLAN_TAG, t.len - ETH_HLEN - VLAN_TAG);
	return bench_traffic_find(b, t.name, flows, false) ?: bench_traffic(b, &t);
}
