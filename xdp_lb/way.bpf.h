/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where a packet goes, as far as that is known. */
#ifndef XDP_LB_WAY_BPF_H
#define XDP_LB_WAY_BPF_H

#include <linux/types.h>

/* struct way.flags */
#define WAY_ENTER (1U << 0) /* a connection by NAT that is to be entered */
#define WAY_TEND  (1U << 1) /* its replies' entry is to be kept */
#define WAY_REPLY (1U << 2) /* from the backend: nat_scratch_map tells where to */

/**
 * struct way - where a packet goes
 * @vip: number
 * @backend: number
 * @gen: of the backend
 * @code: how that was found, or why it goes nowhere
 * @port: of full NAT: source port that the backend sees; 0: none
 * @flags: WAY_*
 */
struct way {
	__u32 vip;
	__u32 backend;
	__u32 gen;
	__u32 code;
	__u32 port;
	__u32 flags;
};

#endif
