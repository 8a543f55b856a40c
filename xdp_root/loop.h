/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Waiting: a tick, a request to stop (SIGINT, SIGTERM), or something to read. */
#ifndef XDP_ROOT_LOOP_H
#define XDP_ROOT_LOOP_H

#include <stdint.h>

enum loop_event { LOOP_TICK, LOOP_READ, LOOP_STOP };

/**
 * struct loop - descriptors that poll() waits for; -1 where there is none
 * @read: of the caller
 */
struct loop {
	int signal;
	int timer;
	int read;
};

/* loop_open - tick every @tick_ns; from here on SIGINT and SIGTERM are events */
int loop_open(struct loop *loop, uint64_t tick_ns, int read);
/* loop_wait - an enum loop_event, or -errno */
int loop_wait(struct loop *loop);
void loop_close(struct loop *loop);

#endif
