/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a test tells members.bpf.c to be, and what that leaves behind. */
#ifndef TESTS_BPF_MEMBERS_H
#define TESTS_BPF_MEMBERS_H

#include <linux/types.h>

/* First bytes of a frame that .rewrite overwrites, and with what. */
#define MEMBER_REWRITES	    14
#define MEMBER_REWRITE_BYTE 0xee

/**
 * struct member_config - read-only data, set before load
 * @mark: what the program writes into the trail when it runs
 * @action: of its verdict; returned as it is by a program without ecbpf_exit()
 * @tail: bytes to grow (or cut) the packet by
 * @rewrite: whether to overwrite the first bytes
 */
struct member_config {
	__u64 meta;
	__u32 mark;
	__s32 action;
	__u32 code;
	__s32 tail;
	__u32 rewrite;
	__u32 pad;
};

#define MEMBER_TRAIL 32

/* struct member_trail - map test_trail: the marks of programs that ran, in order */
struct member_trail {
	__u32 count;
	__u32 mark[MEMBER_TRAIL];
};

#endif
