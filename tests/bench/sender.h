/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Frames that come out of an interface, as fast as the kernel makes them. */
#ifndef TESTS_BENCH_SENDER_H
#define TESTS_BENCH_SENDER_H

#include <net/if.h>

#include "tests/bench/bench.h"

struct live;

/** sender_open - of an interface; live__destroy() it */
int sender_open(const char *ifname, struct live **live);

/** sender_burst - so many frames of flow 0 */
int sender_burst(const struct live *live, const struct bench_traffic *t, __u32 count);

/**
 * sender_root - a root on a new interface, and the sender at its other end
 * @peer: the sender's
 * Return: the root's program, or -errno.
 */
int sender_root(struct bench *b, struct ecbpf_root **root, char peer[IF_NAMESIZE],
		struct live **live);

#endif
