/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the balancer must do with a packet, in plain C, written from docs/xdp_lb.md: tables are the same shapes
 * (xdp_lb/abi.h), nothing else is shared but lb_hash(), which other directors must agree on.
 */
#ifndef TESTS_BPF_LB_MODEL_H
#define TESTS_BPF_LB_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libecbpf/abi.h"
#include "tests/bpf/frames.h"
#include "tests/bpf/lb_rows.h"
#include "xdp_lb/abi.h"

#define MODEL_VIPS     16
#define MODEL_BACKENDS 48
#define MODEL_BUCKETS  4
#define MODEL_ENTRIES  127 /* of a table */

/**
 * struct lb_fib - what the kernel's routes say of clients, by the last byte of their address: up to 63 they
 * are neighbours by @out, of an MTU of FIB_MTU; up to 127 nobody may go there; up to 191 they are neighbours by
 * @via, which is above lb_model.port; of the others the neighbour is not known
 * @out_mac, @via_mac: of these interfaces
 */
struct lb_fib {
	uint32_t out;
	uint32_t via;
	uint8_t out_mac[6];
	uint8_t via_mac[6];
};

#define FIB_MTU	  1400
#define FIB_GROUP 64

/**
 * struct lb_model - all that the program knows
 * @hz: jiffies in a second
 * @ports: source ports of full NAT; @cpus: that they are divided among
 * @port: value of lb_port_map for fib.via
 * @in: ifindex of the interface that packets come in on
 * @ring: table of each VIP: numbers of backends
 * @code, @column: packets by reason code, and by action + 1
 */
struct lb_model {
	uint32_t hz;
	uint32_t in;
	uint64_t seed[2];
	uint32_t buckets[4];
	uint32_t cpus;
	uint32_t ports;
	struct lb_settings settings;
	struct lb_near near[LB_NEARS];
	struct lb_rows key;
	struct lb_rows net;
	struct lb_rows source;
	struct lb_rows cid;
	struct lb_rows out;
	struct lb_rows fragment;
	struct lb_vip_entry vip[MODEL_VIPS];
	uint16_t ring[MODEL_VIPS][MODEL_ENTRIES];
	struct lb_backend_entry backend[MODEL_BACKENDS];
	struct lb_bucket4 conn4[MODEL_BUCKETS];
	struct lb_bucket6 conn6[MODEL_BUCKETS];
	struct lb_back_bucket4 back4[MODEL_BUCKETS];
	struct lb_back_bucket6 back6[MODEL_BUCKETS];
	struct lb_fib fib;
	struct lb_port port;
	struct lb_vip_counts vip_counts[MODEL_VIPS];
	struct lb_counts counts[MODEL_BACKENDS];
	struct lb_rate rate[MODEL_VIPS];
	uint64_t code[ECBPF_CODES_MAX];
	uint64_t column[ECBPF_COLUMNS_MAX];
};

/**
 * struct lb_result - what becomes of a packet
 * @vip, @backend: numbers, as far as they are known
 * @port: of full NAT: source port that the backend sees
 * @fragment: what the fragment table was asked for, if @has_fragment
 * @frame, @len: as it leaves the program
 * @id_at: where the outer IPv4 header's identification is, if it is random; 0: nowhere
 * @sum_at: where the outer UDP checksum is, if it depends on an inner one that is wrong; 0: nowhere
 */
struct lb_result {
	int action;
	uint32_t code;
	uint32_t vip;
	uint32_t backend;
	__be16 port;
	bool has_fragment;
	struct lb_fragment_key fragment;
	size_t len;
	size_t id_at;
	size_t sum_at;
	uint8_t frame[FRAMES_MAX];
};

/** lb_model_begin - sizes of lists; all else is the caller's, zero to begin with */
void lb_model_begin(struct lb_model *m);

/** lb_model_run - one packet, with all that it changes */
void lb_model_run(struct lb_model *m, const uint8_t *frame, size_t len, struct lb_result *r);

#endif
