// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * live IFNAME HEX [COUNT [SOURCES [PPS]]]: send COUNT copies of a frame out of an interface as XDP
 * frames, or, without COUNT or with 0, until standard input ends; print how many. At the speed of
 * the kernel, by BPF_F_TEST_XDP_LIVE_FRAMES, or at most PPS a second. With SOURCES, a power of two,
 * the source of an IPv4 frame is the first of so many, which take turns.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include "libecbpf/cli.h"
#include "libecbpf/loop.h"
#include "tests/tools/live.skel.h"

#define FRAME_MAX 1500
/* Frames of one batch reach veth's ring (256) before its reader runs on the same CPU. */
#define BATCH	64
#define BURST	4096
#define TICK_NS 2000000

/**
 * struct plan - what to send
 * @count: 0: until standard input ends
 * @sources: a power of two
 * @pps: 0: as fast as it goes
 */
struct plan {
	uint64_t count, sources, pps;
};

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

/* due - how many frames may go now, of a rate that began at @start; waits until there are some */
static uint64_t due(uint64_t start, uint64_t pps, uint64_t gone)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	uint64_t now;

	for (;;) {
		now = (ecbpf_monotonic_ns() - start) / 1000 * pps / 1000000;
		if (now > gone)
			return now - gone < BURST ? now - gone : BURST;
		nanosleep(&tick, NULL);
	}
}

static int run(struct live *live, unsigned char *frame, size_t size, const struct plan *plan)
{
	const uint64_t start = ecbpf_monotonic_ns();
	uint64_t gone = 0, now;
	int err;

	while (plan->count ? gone < plan->count : !stdin_ended()) {
		now = plan->pps ? due(start, plan->pps, gone) : BURST;
		if (plan->count && now > plan->count - gone)
			now = plan->count - gone;
		err = burst(live, frame, size, now);
		if (err)
			return err;
		gone += now;
	}
	return 0;
}

static int plan_parse(int argc, char **argv, struct plan *plan)
{
	if (argc < 3 || argc > 6)
		return -EINVAL;
	if (argc > 3 && ecbpf_parse_number(argv[3], 0, UINT32_MAX, &plan->count))
		return -EINVAL;
	if (argc > 4 && (ecbpf_parse_number(argv[4], 1, 1U << 31, &plan->sources) ||
			 plan->sources & (plan->sources - 1)))
		return -EINVAL;
	if (argc > 5 && ecbpf_parse_number(argv[5], 1, 100000000, &plan->pps))
		return -EINVAL;
	return 0;
}

/* source_of - of an IPv4 frame, as a number */
static uint32_t source_of(const unsigned char *frame)
{
	struct iphdr ip;

	memcpy(&ip, frame + sizeof(struct ethhdr), sizeof(ip));
	return ntohl(ip.saddr);
}

int main(int argc, char **argv)
{
	unsigned char frame[FRAME_MAX] = { 0 };
	struct plan plan = { .sources = 1 };
	struct live *live;
	cpu_set_t cpu;
	size_t size;
	int err;

	if (plan_parse(argc, argv, &plan))
		return 2;
	size = frame_parse(argv[2], frame);
	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		return 1;
	live = live__open();
	if (!live)
		return 1;
	live->rodata->live_ifindex = if_nametoindex(argv[1]);
	live->rodata->live_sources = plan.sources;
	live->rodata->live_first = source_of(frame);
	memcpy((void *)live->rodata->live_head, frame, sizeof(live->rodata->live_head));
	err = live__load(live);
	if (!err)
		err = run(live, frame, size, &plan);
	if (err)
		fprintf(stderr, "live: %s\n", strerror(-err));
	else
		printf("%llu\n", (unsigned long long)sent(live));
	live__destroy(live);
	return err ? 1 : 0;
}
