/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Both programs of the bypass with their maps, and the model beside them: whatever is done is done to
 * both, and after each packet all that they know must be the same. What differs fails the test.
 */
#ifndef TESTS_BPF_BYPASS_SUITE_H
#define TESTS_BPF_BYPASS_SUITE_H

#include "bypass_ipvs/live.h"
#include "libecbpf/abi.h"
#include "tests/bpf/bypass_model.h"

struct bypass_egress;
struct xdp_bypass_ipvs;

#define SUITE_HZ 1000

/* Ingress devices that the kernel need not have: of a VLAN, of two. */
#define SUITE_VLAN  2001
#define SUITE_QINQ  2002
#define SUITE_OTHER 2003 /* not an inbound one */

/**
 * struct bypass_suite - handle
 * @in: ifindex of the interface where clients' packets come in; in device_map
 * @out: of one that packets may be redirected to, whose MTU is SUITE_OUT_MTU
 * @lost: of one that they may not
 * @tuple, @tuple6, @path, @settings, @counts, @stats: the programs' maps, in memory
 * @packets: that were run
 */
struct bypass_suite {
	struct bypass_egress *egress;
	struct xdp_bypass_ipvs *xdp;
	int map[LIVE_MAPS];
	int tag_prog;
	int tag_slot;
	uint32_t in;
	uint32_t out;
	uint32_t lost;
	struct bypass_bucket4 *tuple;
	struct bypass_bucket6 *tuple6;
	struct bypass_path *path;
	struct bypass_settings *settings;
	struct bypass_counts *counts;
	struct ecbpf_cpu *stats;
	uint64_t packets;
	struct model model;
};

#define SUITE_IN_MTU  1500
#define SUITE_OUT_MTU 1450

/* To server 77 of struct frames_way, by @out. */
#define SUITE_ROUTE_MTU	 1300
#define SUITE_ROUTE6_MTU 1320

/** struct suite_sizes - buckets of the tables, 1 to MODEL_BUCKETS; paths, to MODEL_PATHS */
struct suite_sizes {
	uint32_t buckets;
	uint32_t buckets6;
	uint32_t paths;
};

/**
 * suite_begin - a network namespace, interfaces, maps, programs; NULL and printed why without the
 * privilege
 *
 * The namespace is this process's from here on.
 */
struct bypass_suite *suite_begin(const struct suite_sizes *sizes);
void suite_end(struct bypass_suite *suite);

/** suite_reset - everything as suite_begin() left it, but for what was counted */
void suite_reset(struct bypass_suite *suite);

/* --- what is set up: kernel and model */

void suite_time(struct bypass_suite *suite, uint32_t ticks);
void suite_params(struct bypass_suite *suite, const struct bypass_params *params);
struct bypass_params suite_params_now(const struct bypass_suite *suite);
void suite_service(struct bypass_suite *suite, const struct bypass_service_key *key, int number);
void suite_exclude(struct bypass_suite *suite, const struct bypass_prefix *prefix, bool add);
void suite_gue(struct bypass_suite *suite, uint16_t port, bool add);
void suite_generations(struct bypass_suite *suite);

/** suite_window - packets that @cpu has met in a window of unknown flows */
void suite_window(struct bypass_suite *suite, uint32_t cpu, const struct bypass_rate *rate);

/** suite_rate - of this CPU, from the kernel */
struct bypass_rate suite_rate(const struct bypass_suite *suite);

/** suite_path_forget - the command has removed it: no flow has it */
void suite_path_forget(struct bypass_suite *suite, uint32_t id);

/* --- packets */

/** suite_xdp - a client's packet; what became of it in the kernel, which is what the model says */
struct model_xdp suite_xdp(struct bypass_suite *suite, uint32_t ifindex, const uint8_t *frame,
			   size_t len);

/** suite_egress - a packet that leaves; false: it is dropped */
bool suite_egress(struct bypass_suite *suite, struct model_skb *skb, const uint8_t *frame,
		  size_t len);

/** suite_show - a frame, on standard error */
void suite_show(const char *what, const uint8_t *frame, size_t len);

#endif
