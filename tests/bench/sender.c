// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bench/sender.h"
#include "tests/tools/live.skel.h"

#define BATCH 64 /* reaches veth's ring (256) before its reader runs on the same CPU */

int sender_open(const char *ifname, struct live **live)
{
	int err;

	*live = live__open();
	if (!*live)
		return -errno;
	(*live)->rodata->live_ifindex = if_nametoindex(ifname);
	err = live__load(*live);
	return err ? bench_fail(err, "%s: live frames: %s", ifname, strerror(-err)) : 0;
}

int sender_burst(const struct live *live, const struct bench_traffic *t, __u32 count)
{
	struct xdp_md ctx = { .data_end = t->len };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = t->frame, .data_size_in = t->len,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = count,
		    .batch_size = BATCH, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	int err = bpf_prog_test_run_opts(bpf_program__fd(live->progs.live_send), &opts);

	return err ? bench_fail(err, "live frames: %s", strerror(-err)) : 0;
}

int sender_root(struct bench *b, struct ecbpf_root **root, char peer[IF_NAMESIZE],
		struct live **live)
{
	const char *const up[] = { "ip", "link", "set", peer, "up", NULL };
	int prog = bench_root(b, root), err;

	if (prog < 0)
		return prog;
	snprintf(peer, IF_NAMESIZE, "peer%d", b->ifaces - 1);
	err = bench_command(up);
	if (!err)
		err = sender_open(peer, live);
	if (!err)
		return prog;
	close(prog);
	return err;
}
