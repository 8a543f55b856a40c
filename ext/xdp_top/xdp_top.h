/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the kernel program and its command agree on. */
#ifndef XDP_TOP_H
#define XDP_TOP_H

#include <linux/types.h>

#include <libecbpf/abi.h>

#define TOP_NAME    "xdp_top"
#define TOP_ACTIVE  "top_active"
#define TOP_SLOT    8
#define TOP_VERSION "1.0"

/*
 * What a row of the inner map counts. The first two are there before the map is put to use, so
 * that every packet has a row even when no further one can be made.
 */
enum top_kind {
	TOP_OTHER,     /* no IPv4 or IPv6 behind up to two VLAN tags */
	TOP_UNTRACKED, /* the map had no room for its source */
	TOP_FIXED,     /* how many rows are always there */
	TOP_IPV4 = 4,
	TOP_IPV6 = 6,
};

/**
 * struct top_key - key of the inner maps; the value is a struct ecbpf_counter
 * @addr: source address, IPv4 in the first word, the rest zero; zero for TOP_OTHER, TOP_UNTRACKED
 * @kind: enum top_kind: keeps 10.0.0.1 apart from an IPv6 packet that claims ::ffff:10.0.0.1
 */
struct top_key {
	__be32 addr[4];
	__u32 kind;
};
_Static_assert(sizeof(struct top_key) == 20, "no holes");

#endif
