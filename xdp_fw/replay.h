/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Frames through the real kernel program, without an interface: BPF_PROG_TEST_RUN. Its clock is
 * the frames' own, so that limits see the rates that were captured.
 */
#ifndef XDP_FW_REPLAY_H
#define XDP_FW_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "xdp_fw/document.h"

struct replay;

/**
 * struct replay_verdict - what became of a frame
 * @action: XDP_ABORTED ..; at the end of the chain, where nobody had an opinion, XDP_PASS
 * @code: reason code
 * @meta: number of the rule, protection or hygiene switch; 0: none
 */
struct replay_verdict {
	int action;
	uint32_t code;
	uint64_t meta;
};

/**
 * struct replay_time - of REPLAY_TIMES runs
 *
 * Each is timed alone: two readings of the clock, some tens of nanoseconds, are in it.
 */
struct replay_time {
	uint32_t min_ns, average_ns, max_ns;
};

#define REPLAY_TIMES 1000

/**
 * replay_open - load the rules, and the sets that the document has
 * Return: 0 and *replay, for replay_close(); -EPERM; -ENOENT a set that the document has not;
 * -E2BIG, -ENOMEM; else why the program did not load.
 */
int replay_open(const struct fw_document *doc, struct replay **replay);

/**
 * replay_run - one frame, once
 * @time_ns: of the frame; time does not go back: an earlier one than the last counts as that
 *
 * The kernel runs no frame shorter than an Ethernet header: that is aborted as the root does it.
 * Return: 0; -EMSGSIZE longer than what a page has room for, as in a driver; else why it did not run.
 */
int replay_run(struct replay *replay, const void *frame, size_t len, uint64_t time_ns,
	       struct replay_verdict *verdict);

/**
 * replay_measure - how long the last frame takes; counters and buckets of replay_run() stay as they are
 */
int replay_measure(struct replay *replay, const void *frame, size_t len, struct replay_time *time);

/** replay_close - NULL is fine */
void replay_close(struct replay *replay);

#endif
