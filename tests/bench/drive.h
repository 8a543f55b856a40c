/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the driver program and bench.c. */
#ifndef TESTS_BENCH_DRIVE_H
#define TESTS_BENCH_DRIVE_H

#include <linux/types.h>

/* What the driver restores before each run; a program under test writes nothing behind it. */
#define DRIVE_FRAME 64

/**
 * struct drive_flow - the bytes of a frame that tell one flow from another
 *
 * For IPv4: header checksum, addresses, ports, and the two bytes that follow.
 */
struct drive_flow {
	__u8 bytes[16];
};

/**
 * struct drive_setup - read-only data of a driver
 * @len: of the frame; the driver takes back what the program before prepended
 * @flows: entries of the map
 * @at: offset of struct drive_flow in the frame
 * @still: restore nothing
 * @frame: its first bytes
 */
struct drive_setup {
	__u32 len;
	__u32 flows;
	__u32 at;
	__u32 still;
	__u8 frame[DRIVE_FRAME];
};

#endif
