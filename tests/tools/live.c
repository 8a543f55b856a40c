// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * live IFNAME HEX [COUNT]: send COUNT copies of a frame out of an interface as XDP frames, or,
 * without COUNT, until standard input ends; print how many. At the speed of the kernel, by
 * BPF_F_TEST_XDP_LIVE_FRAMES.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include "libecbpf/cli.h"
#include "tests/tools/live.skel.h"

#define FRAME_MAX 1500
/* Frames of one batch reach veth's ring (256) before its reader runs on the same CPU. */
#define BATCH 64
#define BURST 4096

static size_t frame_parse(const char *hex, unsigned char *frame)
{
	size_t size;

	for (size = 0; size < FRAME_MAX && sscanf(hex + 2 * size, "%2hhx", &frame[size]) == 1;
	     size++)
		;
	return size;
}

static int burst(struct live *live, unsigned char *frame, size_t size, uint64_t count)
{
	struct xdp_md ctx = { .data_end = size };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = size, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = count, .batch_size = BATCH,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	return bpf_prog_test_run_opts(bpf_program__fd(live->progs.live_send), &opts);
}

static uint64_t sent(const struct live *live)
{
	int cpus = libbpf_num_possible_cpus();
	__u64 *values = calloc(cpus, sizeof(*values)), sum = 0;
	__u32 zero = 0;

	if (values && !bpf_map_lookup_elem(bpf_map__fd(live->maps.live_sent), &zero, values))
		ecbpf_percpu_sum(values, 1, cpus, &sum);
	free(values);
	return sum;
}

static int stdin_ended(void)
{
	struct pollfd in = { STDIN_FILENO, POLLIN, 0 };

	return poll(&in, 1, 0) > 0;
}

static int run(struct live *live, unsigned char *frame, size_t size, uint64_t count)
{
	uint64_t left = count;
	int err;

	while (count ? left : !stdin_ended()) {
		uint64_t now = count && left < BURST ? left : BURST;

		err = burst(live, frame, size, now);
		if (err)
			return err;
		left -= now;
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned char frame[FRAME_MAX] = { 0 };
	uint64_t count = 0;
	struct live *live;
	cpu_set_t cpu;
	int err;

	if (argc < 3 || (argc > 3 && ecbpf_parse_number(argv[3], 1, UINT32_MAX, &count)))
		return 2;
	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		return 1;
	live = live__open();
	if (!live)
		return 1;
	live->rodata->live_ifindex = if_nametoindex(argv[1]);
	err = live__load(live);
	if (!err)
		err = run(live, frame, frame_parse(argv[2], frame), count);
	if (err)
		fprintf(stderr, "live: %s\n", strerror(-err));
	else
		printf("%llu\n", (unsigned long long)sent(live));
	live__destroy(live);
	return err ? 1 : 0;
}
