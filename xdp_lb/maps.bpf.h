/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The maps, which the programs on all interfaces share. Sizes said at attach are set before load. */
#ifndef XDP_LB_MAPS_BPF_H
#define XDP_LB_MAPS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "xdp_lb/abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, LB_NEARS);
	__type(key, __u32);
	__type(value, struct lb_near);
} lb_near_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LB_KEYS_MAX);
	__type(key, struct lb_key);
	__type(value, __u32);
} lb_key_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LB_NETS_MAX);
	__type(key, struct lb_net);
	__type(value, __u32);
} lb_net_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, LB_VIP_NUMBERS);
	__type(key, __u32);
	__type(value, struct lb_vip_entry);
} lb_vip_map SEC(".maps");

/* A table has as many lines as it needs; the kernel is told of one. */
struct lb_ring {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct lb_ring_line));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, LB_VIP_NUMBERS);
	__type(key, __u32);
	__array(values, struct lb_ring);
} lb_ring_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LB_SOURCES_MAX);
	__type(key, struct lb_source_key);
	__type(value, __u32);
} lb_source_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LB_BACKEND_NUMBERS);
	__type(key, struct lb_cid_key);
	__type(value, __u32);
} lb_cid_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, LB_BACKEND_NUMBERS);
	__type(key, __u32);
	__type(value, struct lb_backend_entry);
} lb_backend_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_bucket4);
} lb_conn4_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_bucket6);
} lb_conn6_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_back_bucket4);
} lb_back4_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_back_bucket6);
} lb_back6_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LB_FRAGMENTS_MAX);
	__type(key, struct lb_fragment_key);
	__type(value, struct lb_fragment);
} lb_fragment_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} lb_out_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LB_PORTS_MAX);
	__type(key, __u32);
	__type(value, struct lb_port);
} lb_port_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_settings);
} lb_settings_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_VIP_NUMBERS);
	__type(key, __u32);
	__type(value, struct lb_vip_counts);
} lb_vip_stat_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_BACKEND_NUMBERS);
	__type(key, __u32);
	__type(value, struct lb_counts);
} lb_count_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_VIP_NUMBERS);
	__type(key, __u32);
	__type(value, struct lb_rate);
} lb_rate_map SEC(".maps");

#endif
