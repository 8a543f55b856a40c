/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the bypass's rows share: its maps, its program without a root, flows in its tables. */
#ifndef TESTS_BENCH_BYPASS_H
#define TESTS_BENCH_BYPASS_H

#include "bypass_ipvs/load.h"
#include "tests/bench/bench.h"

#define BYPASS_BENCH_LOADS 3
_Static_assert(BYPASS_BENCH_LOADS <= BENCH_LOADS, "loads of a row");

struct xdp_bypass_ipvs;

/**
 * struct bypass_bench - maps of a bypass, and the XDP programs that are loaded with them
 * @load: the egress program
 * @live: the maps
 */
struct bypass_bench {
	struct load load;
	struct live live;
	struct xdp_bypass_ipvs *xdp[BYPASS_BENCH_LOADS];
};

/**
 * struct bypass_frames - how IPVS sends the frames of a benchmark's traffic
 * @egress: makes of the frame of a client the one that leaves; returns its length
 * @device: as device_map has the interface that the frames came in on
 * @service: what they go to
 * @ifindex: where they come in and leave; frames of a test run: those of the loopback device
 */
struct bypass_frames {
	__u32 (*egress)(const __u8 *in, __u32 len, __u8 *out);
	struct bypass_device device;
	struct bypass_service_key service;
	__u32 ifindex;
};

/** bypass_bench_open - maps for so many flows; in any case bypass_bench_close() it */
int bypass_bench_open(struct bypass_bench *bypass, __u32 flows, __u32 flows6);
void bypass_bench_close(struct bypass_bench *bypass);

/** bypass_bench_patience - flows are entered at once, and never asked of IPVS again */
void bypass_bench_patience(struct bypass_bench *bypass);

/** bypass_bench_serve - a service, and the part of an interface */
int bypass_bench_serve(struct bypass_bench *bypass, const struct bypass_frames *frames);

/**
 * bypass_bench_learn - the egress program sees a packet of each flow
 *
 * The frames of flows that find no room in their bucket are the program's to hand on.
 */
int bypass_bench_learn(struct bypass_bench *bypass, const struct bypass_frames *frames,
		       const struct bench_traffic *t);

/** bypass_bench_alone - the XDP program without a root, several times */
int bypass_bench_alone(struct bypass_bench *bypass);

/**
 * bypass_bench_hits - packets that the programs without a root forwarded
 * @packets: that they have seen
 */
int bypass_bench_hits(const struct bypass_bench *bypass, __u64 *hits, __u64 *packets);

#endif
