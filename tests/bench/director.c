// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
#include "tests/bench/director.h"
#include "tests/bench/floor.skel.h"
#include "tests/bench/inject.h"
#include "tests/bench/inject.skel.h"

#define TABLE	   65536
#define FIRST_PORT 5000
#define VIP	   "192.0.2.1"

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
int director(void)
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
		err = setting("/proc/sys/net/ipv4/conf/all/send_redirects", "0");
	if (!err)
		err = setting("/proc/sys/net/ipv4/conf/default/send_redirects", "0");
	if (!err)
		err = bench_command(up);
	return err ? err : bench_command(vip);
}

static int pair_add(struct bench *b, struct line *l)
{
	const char *const add[] = { "ip",   "link", "add",  l->name, "up",
				    "type", "veth", "peer", l->peer, NULL };
	int prog;

	if (l->way == BYPASS || l->way == LB) {
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

/* --- nftables */

static int forwarding(const struct line *l)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/forwarding", l->name);
	return setting(path, "1");
}

int line_begin(const struct line *l)
{
	char rules[256];
	const char *const nft[] = { "nft", rules, NULL };

	if (l->way != NFT)
		return 0;
	snprintf(rules, sizeof(rules),
		 "add table ip bench; "
		 "add chain ip bench in { type nat hook prerouting priority dstnat; }; "
		 "add rule ip bench in iifname %s udp dport %d dnat to 198.18.%d.2",
		 l->name, FIRST_PORT + l->way, l->way);
	return bench_command(nft);
}

int line_end(const struct line *l)
{
	static const char *const nft[] = { "nft", "delete table ip bench", NULL };

	return l->way == NFT ? bench_command(nft) : 0;
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

/* lb_attach - as an operator does it: connections are few, and the way is known at once */
static int lb_attach(const struct line *l)
{
	char tool[PATH_MAX], service[32], backend[32];
	const char *const attach[] = { tool,	"attach", "--no-monitor", "--conns", "65536",
				       l->name, NULL };
	const char *const vip[] = { tool, "vip", "add", service, "--mode", "direct", NULL };
	const char *const add[] = { tool, "backend", "add", service, backend, NULL };
	int err;

	snprintf(tool, sizeof(tool), "%s/bin/xdp_lb", getenv("B") ?: "build");
	snprintf(service, sizeof(service), "udp:" VIP ":%d", FIRST_PORT + l->way);
	snprintf(backend, sizeof(backend), "198.18.%d.2", l->way);
	err = bench_filter(attach, -1, STDERR_FILENO); /* it tells sizes */
	if (!err)
		err = bench_command(vip);
	return err ? err : bench_command(add);
}

static int near_attach(struct line *l)
{
	const char *const gro[] = { "ethtool", "-K", l->name, "gro", "on", NULL };
	const struct bpf_program *prog;

	if (l->way == BYPASS)
		return bypass_attach(l);
	if (l->way == LB)
		return lb_attach(l);
	if (l->way == NFT && forwarding(l))
		return -EINVAL;
	if (l->way == PLAIN_GRO || l->way == NFT)
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
	l->inject->rodata->setup.flows = DIRECTOR_FLOWS;
	return inject__load(l->inject);
}

/* is_ipvs - does IPVS have a service for it? */
static bool is_ipvs(const struct line *l)
{
	return l->way == PLAIN || l->way == PLAIN_GRO || l->way == BYPASS;
}

int line_open(struct bench *b, struct line *l)
{
	int err = pair_add(b, l);

	if (!err)
		err = addresses(l);
	if (!err && is_ipvs(l))
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

void line_close(struct line *l)
{
	inject__destroy(l->inject);
	floor__destroy(l->near);
	floor__destroy(l->far);
	ecbpf_root_close(l->root);
	if (l->way == BYPASS)
		bypass_bench_close(&l->bypass);
}
