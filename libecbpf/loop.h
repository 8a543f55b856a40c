/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Time, and waiting: a tick, a request to stop (SIGINT, SIGTERM), or something to read. */
#ifndef LIBECBPF_LOOP_H
#define LIBECBPF_LOOP_H

#include <stdint.h>

#include "libecbpf/ecbpf.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum ecbpf_loop_event - what a wait ended with
 * @ECBPF_LOOP_TICK: it is time; ticks that were missed count as one
 * @ECBPF_LOOP_READ: there is something to read
 * @ECBPF_LOOP_STOP: SIGINT or SIGTERM has come; so it is from then on
 */
enum ecbpf_loop_event { ECBPF_LOOP_TICK, ECBPF_LOOP_READ, ECBPF_LOOP_STOP };

/**
 * struct ecbpf_loop - descriptors that poll() waits for; -1 where there is none
 * @read: of the caller
 */
struct ecbpf_loop {
	int signal;
	int timer;
	int read;
};

/**
 * ecbpf_loop_open - tick every @tick_ns (1 and up); from here on SIGINT and SIGTERM are events
 * @read: descriptor to wait for too, or -1; still owned by the caller
 *
 * The signals stay blocked when the loop is closed.
 * Return: 0, or -errno; then there is nothing to close.
 */
ECBPF_API int ecbpf_loop_open(struct ecbpf_loop *loop, uint64_t tick_ns, int read);

/** ecbpf_loop_wait - an enum ecbpf_loop_event, or -errno */
ECBPF_API int ecbpf_loop_wait(struct ecbpf_loop *loop);

ECBPF_API void ecbpf_loop_close(struct ecbpf_loop *loop);

/**
 * ecbpf_loop_times - call @each now and at every tick, for commands that watch
 * @times: how often in all; 0: until SIGINT or SIGTERM
 * Return: 0; what @each returned, if that is not 0, which ends it; -errno.
 */
ECBPF_API int ecbpf_loop_times(uint64_t tick_ns, uint64_t times, int (*each)(void *arg), void *arg);

/** ecbpf_monotonic_ns - CLOCK_MONOTONIC */
ECBPF_API uint64_t ecbpf_monotonic_ns(void);

/** ecbpf_per_second - of so many in @ns, rounded; 0 if @ns is */
ECBPF_API uint64_t ecbpf_per_second(uint64_t count, uint64_t ns);

#ifdef __cplusplus
}
#endif

#endif
