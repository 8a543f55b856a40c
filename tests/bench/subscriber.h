/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A subscriber that counts samples and looks at their sequence, and at nothing else. */
#ifndef TESTS_BENCH_SUBSCRIBER_H
#define TESTS_BENCH_SUBSCRIBER_H

#include <stdint.h>

/**
 * struct subscriber - shared with the process that subscribes
 * @samples: that were received
 * @first, @next: sequence of the first one, and the one behind the last
 * @disorder: messages that did not begin where they may, or were none
 * @last_ns: CLOCK_MONOTONIC when the last message came
 */
struct subscriber {
	const char *endpoint;
	uint64_t samples;
	uint64_t first, next;
	uint64_t disorder;
	uint64_t last_ns;
};

/** subscriber_run - for ever; for peer_function() */
void subscriber_run(void *arg);

#endif
