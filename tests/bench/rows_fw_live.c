// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The firewall beside nftables' earliest hook (netdev ingress), with frames that come through a
 * veth pair. The same rules, one after the other; the flood meets the last.
 */
#define _GNU_SOURCE /* memfd_create */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include "tests/bench/floor.skel.h"
#include "tests/bench/fw.h"
#include "tests/bench/sender.h"
#include "tests/tools/live.skel.h"
#include "xdp_fw/load.h"

#define TURNS	  7
#define TURN_S	  0.15
#define BURST_MIN 1024
#define BURST_MAX (1U << 22)
#define COUNTER	  "dropped"

/**
 * struct sink - an interface that drops the flood
 * @name: the interface; frames come out of @peer
 * @root, @slot: of the firewall; NULL: something else drops
 * @bare: a program that does nothing but drop, or NULL
 * @lost: frames do not even get there
 * @burst: how many frames are sent at a time
 */
struct sink {
	char name[IF_NAMESIZE], peer[IF_NAMESIZE];
	struct ecbpf_root *root;
	int slot;
	struct floor *bare;
	bool lost;
	struct live *live;
	__u32 burst;
};

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* --- nftables */

/* nft - with @text as its input; its output to @out */
static int nft(const char *const argv[], const char *text, int out)
{
	int in = memfd_create("nft", MFD_CLOEXEC), err = in < 0 ? -errno : 0;
	const size_t len = strlen(text);

	if (!err && (write(in, text, len) != (ssize_t)len || lseek(in, 0, SEEK_SET)))
		err = -EIO;
	err = err ? bench_fail(err, "nft: %s", strerror(-err)) : bench_filter(argv, in, out);
	if (in >= 0)
		close(in);
	return err;
}

static int nft_load(const char *ifname, unsigned int rules)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);
	unsigned int i;
	int err;

	if (!out)
		return -ENOMEM;
	fprintf(out,
		"add table netdev bench\ndelete table netdev bench\n"
		"table netdev bench {\n"
		"counter " COUNTER " { }\n"
		"chain flood {\n"
		"type filter hook ingress device %s priority 0; policy accept;\n",
		ifname);
	for (i = 1; i < rules; i++)
		fprintf(out, "ip saddr 198.18.%u.%u udp dport 53 drop\n", i / 256, i % 256);
	fprintf(out, "ip saddr 10.0.0.0 udp dport 53 counter name " COUNTER " drop\n}\n}\n");
	if (fclose(out))
		return -ENOMEM;
	err = nft(argv, text, -1);
	free(text);
	return err;
}

static int nft_dropped(__u64 *packets)
{
	static const char *const argv[] = { "nft",   "list",  "counter", "netdev",
					    "bench", COUNTER, NULL };
	char text[512] = "", *found;
	int out = memfd_create("nft", MFD_CLOEXEC);
	int err = out < 0 ? -errno : nft(argv, "", out);

	if (!err && pread(out, text, sizeof(text) - 1, 0) < 0)
		err = -errno;
	if (out >= 0)
		close(out);
	found = strstr(text, "packets ");
	if (!err && (!found || sscanf(found, "packets %llu", packets) != 1))
		err = -EPROTO;
	return err;
}

/* --- the firewall */

static int fw_attach(struct ecbpf_root *root, unsigned int rules)
{
	struct fw_ruleset set = {};
	struct fw_bench fw;
	const struct fw_load load = { .set = &set, .maps = &fw.maps };
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);
	unsigned int i;
	int err;

	if (!out)
		return -ENOMEM;
	for (i = 1; i < rules; i++)
		fprintf(out, "drop from 198.18.%u.%u udp dport 53\n", i / 256, i % 256);
	fprintf(out, "drop from 10.0.0.0 udp dport 53\n");
	if (fclose(out))
		return -ENOMEM;
	err = fw_bench_open(&fw, FW_POOL_MIN);
	if (!err)
		err = fw_parse(text, size, &set);
	if (!err)
		err = fw_load_slot(root, -1, &load, NULL);
	fw_ruleset_free(&set);
	fw_bench_close(&fw);
	free(text);
	return err < 0 ? bench_fail(err, "firewall: %s", ecbpf_error()) : err;
}

static int fw_dropped(const struct sink *s, __u64 *packets)
{
	struct ecbpf_total total;
	int err = ecbpf_stats_read(s->root, &total);

	*packets = total.row[ECBPF_ROW_SLOT(s->slot)].by[ECBPF_COLUMN_DROP].packets;
	return err;
}

/* --- the flood */

static int dropped(const struct sink *s, __u64 *packets)
{
	int err;

	if (s->root)
		err = fw_dropped(s, packets);
	else if (s->bare)
		err = bench_packets(s->bare->maps.floor_packets, packets);
	else if (s->lost)
		err = bench_packets(s->live->maps.live_sent, packets);
	else
		err = nft_dropped(packets);
	return err ? bench_fail(err, "%s: no count of packets", s->name) : 0;
}

/* burst - the CPU's time for so many: waiting for the kernel to tidy up behind them is not counted */
static int burst(const struct sink *s, const struct bench_traffic *t, __u32 count, double *seconds)
{
	double begin = cpu_s();
	int err = sender_burst(s->live, t, count);

	*seconds = cpu_s() - begin;
	return err;
}

/* calibrate - how many frames take long enough */
static int calibrate(struct sink *s, const struct bench_traffic *t)
{
	double seconds = 0;
	int err = 0;

	for (s->burst = BURST_MIN; !err && s->burst < BURST_MAX; s->burst *= 2) {
		err = burst(s, t, s->burst, &seconds);
		if (seconds >= TURN_S / 2)
			break;
	}
	return err;
}

/* flood - *mpps: millions of packets a second that were dropped */
static int flood(const struct sink *s, const struct bench_traffic *t, double *mpps)
{
	__u64 before = 0, after = 0;
	double seconds = 0;
	int err = dropped(s, &before);

	if (!err)
		err = burst(s, t, s->burst, &seconds);
	if (!err)
		err = dropped(s, &after);
	*mpps = (after - before) / seconds / 1e6;
	return err;
}

/* --- both */

static int fw_open(struct bench *b, struct sink *s, unsigned int rules)
{
	int prog = sender_root(b, &s->root, s->peer, &s->live);

	if (prog < 0)
		return prog;
	close(prog);
	snprintf(s->name, sizeof(s->name), "%s", ecbpf_root_ifname(s->root));
	s->slot = fw_attach(s->root, rules);
	return s->slot < 0 ? s->slot : 0;
}

static int pair_add(struct bench *b, struct sink *s)
{
	const char *const add[] = { "ip",   "link", "add",  s->name, "up",
				    "type", "veth", "peer", s->peer, NULL };
	const char *const up[] = { "ip", "link", "set", s->peer, "up", NULL };
	int err;

	snprintf(s->name, sizeof(s->name), "sink%d", b->ifaces);
	snprintf(s->peer, sizeof(s->peer), "peer%d", b->ifaces++);
	err = bench_command(add);
	return err ? err : bench_command(up);
}

/* nft_open - without a program on the interface veth takes XDP frames only if it does GRO */
static int nft_open(struct bench *b, struct sink *s, unsigned int rules)
{
	const char *const gro[] = { "ethtool", "-K", s->name, "gro", "on", NULL };
	int err = pair_add(b, s);

	if (!err)
		err = bench_command(gro);
	if (!err)
		err = nft_load(s->name, rules);
	return err ? err : sender_open(s->peer, &s->live);
}

static int bare_open(struct bench *b, struct sink *s)
{
	int err = pair_add(b, s);

	s->bare = err ? NULL : bench_floor();
	if (!s->bare)
		return err ? err : bench_fail(-errno, "floor: %s", strerror(errno));
	err = bpf_xdp_attach(if_nametoindex(s->name), bpf_program__fd(s->bare->progs.floor_drop), 0,
			     NULL);
	return err ? bench_fail(err, "%s: %s", s->name, strerror(-err)) :
		     sender_open(s->peer, &s->live);
}

/* lost_open - veth refuses XDP frames for an interface that neither runs a program nor does GRO */
static int lost_open(struct bench *b, struct sink *s)
{
	int err = pair_add(b, s);

	s->lost = true;
	return err ? err : sender_open(s->peer, &s->live);
}

static void sink_close(struct sink *s)
{
	live__destroy(s->live);
	floor__destroy(s->bare);
	ecbpf_root_close(s->root);
}

static int figure(struct bench *b, const char *name, const char *unit, double *values, double min)
{
	struct bench_figure f = { .unit = unit, .min = min };

	snprintf(f.name, sizeof(f.name), "%s", name);
	f.value = bench_spread(values, TURNS);
	return bench_figure(b, &f);
}

static int rule_figure(struct bench *b, const char *what, unsigned int rules, const char *unit,
		       double *values, double min)
{
	char name[BENCH_NAME_MAX];

	snprintf(name, sizeof(name), "live drop, %u rule%s, %s", rules, rules > 1 ? "s" : "", what);
	return figure(b, name, unit, values, min);
}

/**
 * struct turns - a measurement of each, TURNS times
 * @sent: millions of frames a second that are sent and get lost
 * @net: like @ratio, less the time for sending
 */
struct turns {
	double sent[TURNS], ours[TURNS], theirs[TURNS], ratio[TURNS], net[TURNS];
};

static int measure(struct turns *m, struct sink *lost, struct sink *fw, struct sink *other,
		   const struct bench_traffic *t)
{
	int i, err = calibrate(lost, t);

	if (!err)
		err = calibrate(fw, t);
	if (!err)
		err = calibrate(other, t);
	for (i = 0; !err && i < TURNS; i++) {
		err = flood(lost, t, &m->sent[i]);
		if (!err)
			err = flood(fw, t, &m->ours[i]);
		if (!err)
			err = flood(other, t, &m->theirs[i]);
		m->ratio[i] = m->ours[i] / m->theirs[i];
		m->net[i] = (1 / m->theirs[i] - 1 / m->sent[i]) / (1 / m->ours[i] - 1 / m->sent[i]);
	}
	return err;
}

static int live_rows(struct bench *b, struct sink *lost, unsigned int rules, double ratio_min)
{
	const struct bench_traffic *t = bench_ipv4(b, 1);
	struct sink fw = {}, other = {};
	char name[BENCH_NAME_MAX];
	struct turns m;
	int err = t ? fw_open(b, &fw, rules) : -EINVAL;

	snprintf(name, sizeof(name), "live drop, %u rules", rules);
	if (!err && nft_open(b, &other, rules)) {
		err = bench_skip(b, name, "no nftables at netdev ingress: see above");
		goto out;
	}
	if (!err)
		err = measure(&m, lost, &fw, &other, t);
	if (!err)
		err = rule_figure(b, "xdp_fw", rules, "Mpps", m.ours, 0);
	if (!err)
		err = rule_figure(b, "nftables", rules, "Mpps", m.theirs, 0);
	if (!err)
		err = rule_figure(b, "ratio", rules, "", m.ratio, ratio_min);
	if (!err)
		err = rule_figure(b, "less sending", rules, "", m.net, ratio_min);
out:
	sink_close(&fw);
	sink_close(&other);
	return err;
}

/* plain_row - the most that sender and veth can do, with nothing to decide */
static int plain_row(struct bench *b, struct sink *s, const char *name)
{
	const struct bench_traffic *t = bench_ipv4(b, 1);
	double mpps[TURNS];
	int i, err = t ? calibrate(s, t) : -EINVAL;

	for (i = 0; !err && i < TURNS; i++)
		err = flood(s, t, &mpps[i]);
	return err ? err : figure(b, name, "Mpps", mpps, 0);
}

int rows_fw_live(struct bench *b)
{
	struct sink lost = {}, bare = {};
	int err = lost_open(b, &lost);

	if (!err)
		err = bare_open(b, &bare);
	if (!err)
		err = plain_row(b, &lost, "live, sent only");
	if (!err)
		err = plain_row(b, &bare, "live drop, bare XDP_DROP");
	if (!err)
		err = live_rows(b, &lost, 1, 4);
	if (!err)
		err = live_rows(b, &lost, 64, 0);
	if (!err)
		err = live_rows(b, &lost, 1000, 20);
	sink_close(&lost);
	sink_close(&bare);
	return err;
}
