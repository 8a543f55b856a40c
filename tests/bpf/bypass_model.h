/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What both programs of the bypass should do, in plain C: docs/bypass_ipvs.md and abi.h, a frame at a
 * time and byte by byte. One CPU at work, no races.
 */
#ifndef TESTS_BPF_BYPASS_MODEL_H
#define TESTS_BPF_BYPASS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bypass_ipvs/abi.h"
#include "libecbpf/abi.h"
#include "tests/bpf/frames.h"

#define MODEL_BUCKETS 16
#define MODEL_PATHS   64
#define MODEL_ROWS    256
#define MODEL_KEY     40
#define MODEL_CPUS    256

/** struct model_row - @value: as the map's, or the first half of it */
struct model_row {
	uint8_t key[MODEL_KEY];
	uint32_t value[2];
};

/** struct model_list - a map: few entries, in no order; @key_size is set by model_begin() */
struct model_list {
	size_t key_size;
	size_t count;
	struct model_row row[MODEL_ROWS];
};

/**
 * struct model - state of both programs
 * @cpu: that they run on
 * @device_mtu: by ifindex
 * @path_free: numbers, next one first
 * @column: of the XDP program's row
 */
struct model {
	struct bypass_settings settings;
	uint32_t hz;
	uint32_t cpus;
	uint32_t cpu;
	uint64_t seed[2];
	uint32_t buckets[2];
	uint32_t paths;
	struct bypass_bucket4 tuple[MODEL_BUCKETS];
	struct bypass_bucket6 tuple6[MODEL_BUCKETS];
	struct bypass_path path[MODEL_PATHS];
	uint32_t path_free[MODEL_PATHS];
	uint32_t path_free_count;
	bool path_used[MODEL_PATHS];
	struct model_list pending;
	struct model_list service;
	struct model_list exclude;
	struct model_list device;
	struct model_list gue;
	struct model_list out;
	struct model_list vip;
	struct model_list reset;
	struct model_list device_mtu;
	struct bypass_rate rate[MODEL_CPUS];
	struct bypass_counts counts;
	uint64_t code[ECBPF_CODES_MAX];
	uint64_t column[ECBPF_COLUMNS_MAX];
};

/**
 * struct model_xdp - what becomes of a packet at XDP
 * @by_chance: in: if chance decides whether it is dropped or handed to IPVS, it is
 * @key: of its flow, if @has_key
 * @action, @code: verdict
 * @frame, @len: as it leaves the program
 * @id_at: where the outer IPv4 header's identification is, if it is random; 0: nowhere
 * @sum_at: where the outer UDP checksum is, if it depends on an inner one that is wrong; 0: nowhere
 */
struct model_xdp {
	bool by_chance;
	bool has_key;
	struct ecbpf_tuple key;
	int action;
	uint32_t code;
	size_t len;
	size_t id_at;
	size_t sum_at;
	uint8_t frame[FRAMES_MAX];
};

/**
 * struct model_skb - a packet at TC egress
 * @ingress: where it came in; 0: it is the machine's own
 * @segments: packets that came in as this one
 * @tag: type and TCI of a tag that is not in the frame; 0: there is none
 * @key: out: of its flow, or of the flow that it answers, if @has_key
 * @service: out: what vip_map was asked for, if it is in it
 */
struct model_skb {
	uint32_t mark;
	uint32_t ingress;
	uint32_t ifindex;
	uint32_t segments;
	uint16_t tag[2];
	bool has_key;
	struct ecbpf_tuple key;
	struct bypass_service_key service;
};

/** model_begin - sizes of lists; all else is the caller's, zero to begin with */
void model_begin(struct model *m);

/** model_list_find - its value, or NULL */
uint32_t *model_list_find(struct model_list *list, const void *key);
void model_list_put(struct model_list *list, const void *key, uint32_t one, uint32_t other);
void model_list_del(struct model_list *list, const void *key);

const struct bypass_params *model_params(const struct model *m);

/** model_share - of @pps packets a second the share that is dropped, 0 to 1 */
double model_share(double pps, double target, double max);

/** model_find - the flow's entry, or NULL */
struct bypass_flow *model_find(struct model *m, const struct ecbpf_tuple *key);

void model_xdp(struct model *m, uint32_t ifindex, const uint8_t *frame, size_t len,
	       struct model_xdp *x);

/** model_egress - returns whether the packet may leave */
bool model_egress(struct model *m, const uint8_t *frame, size_t len, struct model_skb *skb);

#endif
