/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The balancer's program with its maps, and the model beside it: whatever is done is done to both, and after
 * each packet all that they know must be the same. What differs fails the test.
 */
#ifndef TESTS_BPF_LB_SUITE_H
#define TESTS_BPF_LB_SUITE_H

#include "tests/bpf/lb_model.h"

struct xdp_lb;

#define SUITE_HZ   1000
#define SUITE_CPUS 3

/* Source ports of a CPU: so few that they come to an end. */
#define SUITE_PORTS 11

/**
 * struct lb_suite - handle
 * @in, @out: interfaces that packets come in on, and may be redirected to
 * @lost: one that they may not
 * @via: one that is above another, as lb_port_map has it
 * @near, @vip, ... @stats: the program's maps, in memory
 * @ring_fd: inner map of each VIP's table, or 0
 * @packets: that were run
 */
struct lb_suite {
	struct xdp_lb *skel;
	uint32_t in;
	uint32_t out;
	uint32_t lost;
	uint32_t via;
	struct lb_near *near;
	struct lb_vip_entry *vip;
	struct lb_backend_entry *backend;
	struct lb_bucket4 *conn4;
	struct lb_bucket6 *conn6;
	struct lb_back_bucket4 *back4;
	struct lb_back_bucket6 *back6;
	struct lb_settings *settings;
	struct lb_vip_counts *vip_counts;
	struct lb_counts *counts;
	struct lb_rate *rate;
	struct ecbpf_cpu *stats;
	int ring_fd[MODEL_VIPS];
	uint64_t packets;
	struct lb_model model;
};

/**
 * struct lb_way - how packets get to a backend; the family of its packets is @family
 * @full, @port: of ECBPF_NAT: full NAT; the backend's port, or 0
 */
struct lb_way {
	int family;
	uint32_t ifindex;
	unsigned int tags;
	uint16_t tci[2];
	uint8_t kind;
	int outer;
	uint8_t server;
	bool df;
	bool csum;
	bool full;
	uint16_t port;
};

/**
 * lb_suite_begin - network namespace, interfaces, program; NULL and printed why without the privilege
 * @buckets, @buckets6: of the connection tables, 1 .. MODEL_BUCKETS
 *
 * The namespace is this process's from here on.
 */
struct lb_suite *lb_suite_begin(uint32_t buckets, uint32_t buckets6);
void lb_suite_end(struct lb_suite *s);

/** lb_suite_routes - interfaces of this process's network namespace, and what struct lb_fib says */
void lb_suite_routes(struct lb_suite *s);

/** lb_suite_reset - as after lb_suite_begin(), but for statistics */
void lb_suite_reset(struct lb_suite *s);

/** lb_suite_time - so many jiffies pass */
void lb_suite_time(struct lb_suite *s, uint32_t ticks);

/** lb_suite_near - @addr may be a VIP; lb_suite_near_all - and so may any other */
void lb_suite_near(struct lb_suite *s, int family, const uint8_t *addr);
void lb_suite_near_all(struct lb_suite *s);

/** lb_suite_near_back - @addr is a backend by NAT; lb_suite_nat - LB_NAT_* */
void lb_suite_near_back(struct lb_suite *s, int family, const uint8_t *addr);
void lb_suite_nat(struct lb_suite *s, __u32 nat);

/** lb_suite_port - of packets for @via */
void lb_suite_port(struct lb_suite *s, const struct lb_port *port);

/** lb_suite_nat_addr - of a backend by NAT: 10.9.1.@server, fd09::@server; 0: the balancer's own */
void lb_suite_nat_addr(int family, uint8_t server, uint8_t *addr);

/** lb_suite_key, ... - enter; @number 0: delete */
void lb_suite_key(struct lb_suite *s, const struct lb_key *key, uint32_t number);
void lb_suite_net(struct lb_suite *s, const struct lb_net *net, uint32_t number);
void lb_suite_source(struct lb_suite *s, const struct lb_source_key *key, uint32_t backend);
void lb_suite_cid(struct lb_suite *s, const struct lb_cid_key *key, uint32_t backend);

/** lb_suite_vip - with a table of @entry->entries numbers of backends; NULL: as it was */
void lb_suite_vip(struct lb_suite *s, uint32_t number, const struct lb_vip_entry *entry,
		  const uint16_t *table);

/** lb_suite_backend - @way NULL: the recipe stays; recipe.service is @vip */
void lb_suite_backend(struct lb_suite *s, uint32_t number, uint32_t vip, const struct lb_way *way,
		      uint32_t mtu, uint32_t state);

/** lb_suite_generation - what it was given to before is not its any more */
void lb_suite_generation(struct lb_suite *s, uint32_t backend);

void lb_suite_ptb(struct lb_suite *s, uint32_t pps);

/** lb_suite_run - one packet, through both; what the program made of it */
struct lb_result lb_suite_run(struct lb_suite *s, const uint8_t *frame, size_t len);

#endif
