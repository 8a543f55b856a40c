// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The bypass: packets of flows that it knows, and of others; with IPVS itself: rows_ipvs.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "libecbpf/csum.bpf.h"
#include "tests/bench/bypass.h"

#include "bypass_ipvs/xdp_bypass_ipvs.skel.h"

/* Flows that there is room for: as many as entries in the floor's table. */
#define TABLE (1U << 21)

#define VLAN	 7
#define VLAN_TAG 4
#define PORT	 80
#define LOOPBACK 1 /* test runs come in there */

/* Of a million flows in a table for two a few find all eight entries of their bucket taken. */
#define HITS_MIN 0.98

#define NEVER_PPS 1000000000

/* --- frames: ACKs of a client */

/* Bijective on 24 bits. */
static __u32 scatter(__u32 flow)
{
	return flow * 0x9e3779b1U & 0xffffff;
}

static void vary4(struct iphdr *ip, __u32 net, __u32 flow)
{
	struct tcphdr *tcp = (struct tcphdr *)(ip + 1);

	ip->saddr = htonl(net | scatter(flow));
	ip->check = 0;
	ip->check = csum_fold(csum_add(0, ip, sizeof(*ip) / 2));
	tcp->source = htons(1024 + scatter(flow) % 64000);
}

static void vary_plain(void *frame, __u32 flow)
{
	vary4(frame + ETH_HLEN, 0x0a000000, flow);
}

/* of clients that nobody has seen */
static void vary_unknown(void *frame, __u32 flow)
{
	vary4(frame + ETH_HLEN, 0x0b000000, flow);
}

static void vary_vlan(void *frame, __u32 flow)
{
	vary4(frame + ETH_HLEN + VLAN_TAG, 0x0a000000, flow);
}

static void vary6(void *frame, __u32 flow)
{
	struct ipv6hdr *ip = frame + ETH_HLEN;

	ip->saddr.s6_addr32[3] = htonl(scatter(flow));
}

static void *make_eth(__u8 *frame, __u16 proto)
{
	static const __u8 macs[2 * ETH_ALEN] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

	memcpy(frame, macs, sizeof(macs));
	*(__be16 *)(frame + sizeof(macs)) = htons(proto);
	return frame + ETH_HLEN;
}

static void make_ack(struct tcphdr *tcp)
{
	tcp->source = htons(1024);
	tcp->dest = htons(PORT);
	tcp->seq = htonl(1);
	tcp->ack_seq = htonl(1);
	tcp->doff = sizeof(*tcp) / 4;
	tcp->ack = 1;
	tcp->window = htons(1024);
}

static void make_ip4(struct iphdr *ip, __u32 payload)
{
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tot_len = htons(sizeof(*ip) + sizeof(struct tcphdr) + payload);
	ip->frag_off = htons(0x4000);
	ip->ttl = 64;
	ip->protocol = IPPROTO_TCP;
	ip->saddr = htonl(0x0a000000);
	ip->daddr = htonl(0xc0000201);
	make_ack((struct tcphdr *)(ip + 1));
}

static void make_ip6(struct ipv6hdr *ip)
{
	ip->version = 6;
	ip->payload_len = htons(sizeof(struct tcphdr));
	ip->hop_limit = 64;
	ip->nexthdr = IPPROTO_TCP;
	ip->saddr.s6_addr32[0] = ip->daddr.s6_addr32[0] = htonl(0x20010db8);
	ip->daddr.s6_addr32[1] = htonl(0xffff0000);
	ip->daddr.s6_addr32[3] = htonl(1);
	make_ack((struct tcphdr *)(ip + 1));
}

/**
 * enum kind - of traffic
 * @ACK: IPv4, to be forwarded by direct routing
 * @UNKNOWN: the same, of flows that are in no table
 * @ACK6: IPv6, likewise
 * @TUNNEL: IPv4 in a VLAN, to be forwarded in the same and in an IPIP tunnel; with payload, for a
 *          padded frame would get shorter
 */
enum kind { ACK, UNKNOWN, ACK6, TUNNEL };

static const struct bench_traffic *frames_of(struct bench *b, enum kind kind, __u32 flows)
{
	struct bench_traffic t = { .flows = flows, .len = DRIVE_FRAME };
	void *ip;

	switch (kind) {
	case ACK:
	case UNKNOWN:
		t.name = kind == ACK ? "ACK" : "ACK?";
		t.at = ETH_HLEN + 10;
		t.vary = kind == ACK ? vary_plain : vary_unknown;
		make_ip4(make_eth(t.frame, ETH_P_IP), 0);
		break;
	case ACK6:
		t.name = "ACK6";
		t.len = ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct tcphdr);
		t.at = ETH_HLEN + 8;
		t.vary = vary6;
		make_ip6(make_eth(t.frame, ETH_P_IPV6));
		break;
	case TUNNEL:
		t.name = "802.1Q";
		t.at = ETH_HLEN + VLAN_TAG + 10;
		t.vary = vary_vlan;
		ip = make_eth(t.frame, ETH_P_8021Q) + VLAN_TAG;
		*(__be16 *)(t.frame + ETH_HLEN) = htons(VLAN);
		*(__be16 *)(t.frame + ETH_HLEN + 2) = htons(ETH_P_IP);
		make_ip4(ip, DRIVE_FRAME - ETH_HLEN - VLAN_TAG - 40);
		break;
	}
	if (t.vary)
		t.vary(t.frame, 0);
	return bench_traffic_find(b, t.name, flows, false) ?: bench_traffic(b, &t);
}

/* --- and what IPVS makes of them */

static const __u8 server_macs[2 * ETH_ALEN] = { 2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 1 };

/* The padding of a client's frame is gone when IPVS sends the packet. */
static __u32 egress_direct(const __u8 *in, __u32 len, __u8 *out)
{
	const struct iphdr *ip = (const struct iphdr *)(in + ETH_HLEN);

	memcpy(out, in, len);
	memcpy(out, server_macs, sizeof(server_macs));
	return ip->version == 4 ? ETH_HLEN + ntohs(ip->tot_len) : len;
}

static __u32 egress_tunnel(const __u8 *in, __u32 len, __u8 *out)
{
	const __u32 l2 = ETH_HLEN + VLAN_TAG;
	struct iphdr *outer = (struct iphdr *)(out + l2);

	memcpy(out, in, l2);
	memcpy(out, server_macs, sizeof(server_macs));
	memcpy(outer + 1, in + l2, len - l2);
	*outer = outer[1];
	outer->protocol = IPPROTO_IPIP;
	outer->tot_len = htons(len - l2 + sizeof(*outer));
	outer->saddr = htonl(0xc0000202);
	outer->daddr = htonl(0xc6336401);
	outer->check = 0;
	outer->check = csum_fold(csum_add(0, outer, sizeof(*outer) / 2));
	return len + sizeof(*outer);
}

static struct bypass_frames egress_of(enum kind kind)
{
	struct bypass_frames frames = {
		.egress = kind == TUNNEL ? egress_tunnel : egress_direct,
		.device = { .role = BYPASS_INBOUND | BYPASS_OUTBOUND,
			    .outer = kind == TUNNEL ? VLAN : 0 },
		.service = { .port = htons(PORT),
			     .proto = IPPROTO_TCP,
			     .family = kind == ACK6 ? AF_INET6 : AF_INET },
		.ifindex = LOOPBACK,
	};

	if (kind == ACK6) {
		frames.service.addr[0] = htonl(0x20010db8);
		frames.service.addr[1] = htonl(0xffff0000);
		frames.service.addr[3] = htonl(1);
	} else {
		frames.service.addr[0] = htonl(0xc0000201);
	}
	return frames;
}

/* --- rows */

/**
 * struct hit_row - a table with flows of @kind, and their packets
 * @unknown: packets of as many others; @limited: with unknown-pps on, which nobody reaches
 * @root: behind a real root, without other members
 */
struct hit_row {
	const char *name;
	enum kind kind;
	__u32 flows;
	bool root;
	bool unknown;
	bool limited;
	const char *ref;
	double ratio_max;
};

static const struct hit_row hit_rows[] = {
	{ .name = "bypass, 1 flow", .flows = 1, .ref = "lru floor, 1 flow", .ratio_max = 1.8 },
	{ .name = "bypass, 1 k flows", .flows = 1000, .ref = "lru floor, 1 k flows" },
	{ .name = "bypass, 100 k flows", .flows = 100000, .ref = "lru floor, 100 k flows" },
	{ .name = "bypass, 1 M flows",
	  .flows = 1000000,
	  .ref = "lru floor, 1 M flows",
	  .ratio_max = 1.1 },
	{ .name = "root + bypass, 1 flow", .flows = 1, .root = true, .ref = "lru floor, 1 flow" },
	{ .name = "root + bypass, 1 k flows",
	  .flows = 1000,
	  .root = true,
	  .ref = "lru floor, 1 k flows" },
	{ .name = "root + bypass, 100 k flows",
	  .flows = 100000,
	  .root = true,
	  .ref = "lru floor, 100 k flows" },
	{ .name = "root + bypass, 1 M flows",
	  .flows = 1000000,
	  .root = true,
	  .ref = "lru floor, 1 M flows" },
	{ .name = "bypass, IPv6, 1 flow", .kind = ACK6, .flows = 1, .ref = "bypass, 1 flow" },
	{ .name = "bypass, IPv6, 1 M flows",
	  .kind = ACK6,
	  .flows = 1000000,
	  .ref = "bypass, 1 M flows" },
	{ .name = "bypass, VLAN, IPIP, 1 flow",
	  .kind = TUNNEL,
	  .flows = 1,
	  .ref = "bypass, 1 flow" },
	{ .name = "bypass, VLAN, IPIP, 1 M flows",
	  .kind = TUNNEL,
	  .flows = 1000000,
	  .ref = "bypass, 1 M flows" },
	{ .name = "bypass, unknown flow", .flows = 1, .unknown = true, .ref = "bypass, 1 flow" },
	{ .name = "bypass, 1 M unknown flows",
	  .flows = 1000000,
	  .unknown = true,
	  .ref = "bypass, 1 M flows" },
	{ .name = "bypass, unknown flow, limited",
	  .flows = 1,
	  .unknown = true,
	  .limited = true,
	  .ref = "bypass, unknown flow" },
	{ .name = "bypass, 1 M unknown, limited",
	  .flows = 1000000,
	  .unknown = true,
	  .limited = true,
	  .ref = "bypass, 1 M unknown flows" },
};

static void limit(struct bypass_bench *bypass)
{
	struct bypass_params *p = &bypass->live.settings->params[bypass->live.settings->active & 1];

	p->unknown_pps = p->unknown_max_pps = NEVER_PPS;
}

/* slot_prog - a root with the bypass in its slot; the root's program */
static int slot_prog(struct bench *b, const struct bypass_bench *bypass)
{
	struct ecbpf_root *root;
	int prog = bench_root(b, &root), slot;

	if (prog < 0)
		return prog;
	slot = load_slot(&bypass->live, root, -1);
	ecbpf_root_close(root);
	if (slot >= 0)
		return prog;
	close(prog);
	return bench_fail(slot, "the bypass in a slot: %s", ecbpf_error());
}

static int root_row(struct bench *b, const struct bypass_bench *bypass, struct bench_row *row)
{
	int i, err = 0;

	for (i = 0; !err && i < BYPASS_BENCH_LOADS; i++) {
		row->prog[i] = slot_prog(b, bypass);
		if (row->prog[i] < 0)
			err = row->prog[i];
	}
	if (!err)
		err = bench_row(b, row);
	while (i-- > 0)
		if (row->prog[i] >= 0)
			close(row->prog[i]);
	return err;
}

/* check_hits - the row is of what it says */
static int check_hits(const struct bypass_bench *bypass, const struct hit_row *r)
{
	__u64 hits, packets;
	double share;
	int err = bypass_bench_hits(bypass, &hits, &packets);

	if (err)
		return bench_fail(err, "%s: no counters", r->name);
	share = (double)hits / packets;
	if (r->unknown ? !hits : share >= (r->flows == 1000000 ? HITS_MIN : 1))
		return 0;
	return bench_fail(-EPROTO, "%s: %.4f of the packets are forwarded", r->name, share);
}

static int alone_row(struct bench *b, struct bypass_bench *bypass, const struct hit_row *r,
		     struct bench_row *row)
{
	int i, err = bypass_bench_alone(bypass);

	for (i = 0; !err && i < BYPASS_BENCH_LOADS; i++)
		row->prog[i] = bpf_program__fd(bypass->xdp[i]->progs.xdp_bypass_ipvs);
	if (!err)
		err = bench_row(b, row);
	return err ? err : check_hits(bypass, r);
}

static int hit_row(struct bench *b, const struct hit_row *r)
{
	const struct bench_traffic *known = frames_of(b, r->kind, r->flows);
	const struct bypass_frames frames = egress_of(r->kind);
	struct bench_row row = { .name = r->name,
				 .grows = r->kind == TUNNEL,
				 .ref = r->ref,
				 .ratio_max = r->ratio_max,
				 .action = r->unknown ? XDP_PASS : XDP_TX };
	struct bypass_bench bypass;
	int err = bypass_bench_open(&bypass, TABLE, r->kind == ACK6 ? TABLE : BYPASS_WAYS);

	if (!err && r->flows == 1000000)
		row.action = BENCH_ANY_ACTION;
	row.traffic = r->unknown ? frames_of(b, UNKNOWN, r->flows) : known;
	if (!err && (!known || !row.traffic))
		err = -EINVAL;
	if (!err) {
		bypass_bench_patience(&bypass);
		err = bypass_bench_learn(&bypass, &frames, known);
	}
	if (!err && r->limited)
		limit(&bypass);
	if (!err)
		err = r->root ? root_row(b, &bypass, &row) : alone_row(b, &bypass, r, &row);
	bypass_bench_close(&bypass);
	return err;
}

/* --- memory */

static int memory_figure(struct bench *b, const struct bypass_bench *bypass, enum live_map map,
			 const char *name)
{
	struct bench_figure f = { .unit = "bytes" };
	double bytes = 0;
	int err = bench_memlock(bypass->live.fd[map], &bytes);

	bytes /= TABLE;
	snprintf(f.name, sizeof(f.name), "%s", name);
	f.value = bench_spread(&bytes, 1);
	return err ? err : bench_figure(b, &f);
}

static int memory_figures(struct bench *b)
{
	struct bypass_bench bypass;
	int err = bypass_bench_open(&bypass, TABLE, TABLE);

	if (!err)
		err = memory_figure(b, &bypass, LIVE_TUPLE, "bypass, memory of a flow");
	if (!err)
		err = memory_figure(b, &bypass, LIVE_TUPLE6, "bypass, memory of a flow, IPv6");
	bypass_bench_close(&bypass);
	return err;
}

int rows_bypass(struct bench *b)
{
	int err = 0;
	size_t i;

	for (i = 0; !err && i < sizeof(hit_rows) / sizeof(*hit_rows); i++)
		err = hit_row(b, &hit_rows[i]);
	return err ? err : memory_figures(b);
}
