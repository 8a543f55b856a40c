/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Ways through a director: pairs of interfaces, what forwards at one end, and what sends frames and
 * counts them at the other.
 */
#ifndef TESTS_BENCH_DIRECTOR_H
#define TESTS_BENCH_DIRECTOR_H

#include <net/if.h>

#include "tests/bench/bypass.h"

#define DIRECTOR_FLOWS 1000

/**
 * enum way - through the director
 * @BARE: a program that rewrites MAC addresses and sends the frame back
 * @PLAIN: a program that passes, and IPVS
 * @PLAIN_GRO: no program: veth takes XDP frames all the same if the interface does GRO
 * @NFT: the same, and nftables that write another destination (DNAT)
 * @BYPASS: root, bypass, IPVS
 * @LB: root, balancer
 * @LOST: nothing: veth refuses XDP frames there. What is measured is what the sender takes
 */
enum way { BARE, PLAIN, PLAIN_GRO, NFT, BYPASS, LB, LOST, WAYS };

struct floor;
struct inject;

/**
 * struct line - a pair of interfaces, and what is at its ends
 * @name: of the director
 * @peer: where frames are sent and counted
 * @near: programs at the director; @far: at the peer
 * @root: of BYPASS and LB
 */
struct line {
	enum way way;
	char name[IF_NAMESIZE], peer[IF_NAMESIZE];
	struct floor *near, *far;
	struct inject *inject;
	struct ecbpf_root *root;
	struct bypass_bench bypass;
};

/* Functions return -errno after they have told why on stderr. */

/** director - what all lines need */
int director(void);

/** line_open - of @l->way; line_close() it, even if that fails */
int line_open(struct bench *b, struct line *l);
void line_close(struct line *l);

/**
 * line_begin, line_end - around packets
 * NFT's rules are there in between only: the kernel follows connections on all interfaces while
 * anybody's rules do.
 */
int line_begin(const struct line *l);
int line_end(const struct line *l);

#endif
