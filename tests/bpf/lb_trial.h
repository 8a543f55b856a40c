/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Random packets to a balancer whose configuration changes. */
#ifndef TESTS_BPF_LB_TRIAL_H
#define TESTS_BPF_LB_TRIAL_H

#include "tests/bpf/lb_frames.h"
#include "tests/bpf/lb_suite.h"
#include "tests/fuzz/packets.h"

#define TRIAL_TUPLES 64

/** struct lb_trial - one run; @tuple: clients' connections */
struct lb_trial {
	struct packets packets;
	struct lb_suite *suite;
	struct lb_frame tuple[TRIAL_TUPLES];
};

/**
 * struct lb_plan - what is tried
 * @begin: makes a configuration; all was forgotten
 * @step: a packet, a change, or time that passes
 * @met: @met_count reason codes that no run may miss, or it has tested nothing
 */
struct lb_plan {
	uint64_t seed;
	void (*begin)(struct lb_trial *t);
	void (*step)(struct lb_trial *t);
	const uint32_t *met;
	size_t met_count;
};

/** lb_trial_main - tests of small tables and of larger ones; what main() returns */
int lb_trial_main(const struct lb_plan *plan);

/** lb_trial_run - one packet; one of @many is damaged before */
void lb_trial_run(struct lb_trial *t, uint8_t *frame, size_t len, uint32_t many);

/** lb_trial_flags - of a segment: the next of a connection; one of @many begins or ends one */
uint8_t lb_trial_flags(struct lb_trial *t, uint32_t many);

static inline uint32_t below(struct lb_trial *t, uint32_t count)
{
	return packets_random(&t->packets, count);
}

static inline bool one_in(struct lb_trial *t, uint32_t many)
{
	return !below(t, many);
}

/* VIPs are IPv4 and IPv6 in turn. */
static inline int family_of(uint32_t vip)
{
	return vip % 2 ? 4 : 6;
}

#endif
