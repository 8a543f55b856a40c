/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the sampler's rows share: how packets are sampled, and what became of the samples. */
#ifndef TESTS_BENCH_SAMPLER_H
#define TESTS_BENCH_SAMPLER_H

#include "tests/bench/bench.h"

/** sampler_set - sampling of a root, on from now on */
int sampler_set(const struct ecbpf_root *root, const struct ecbpf_sampling *sampling);

/** sampler_read - the sum over all CPUs, since the root was attached */
int sampler_read(const struct ecbpf_root *root, struct ecbpf_sampled *sampled);

/** rows_sampler_bus - what reaches a subscriber in another process, and other tools beside it */
int rows_sampler_bus(struct bench *b);

#endif
