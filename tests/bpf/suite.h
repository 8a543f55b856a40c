/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The built root and members of tests/bpf/members.bpf.c, run on single frames. Maps are shared
 * by descriptor, nothing is pinned or attached. What fails here fails the test.
 */
#ifndef TESTS_BPF_SUITE_H
#define TESTS_BPF_SUITE_H

#include <stddef.h>
#include <stdint.h>

#include "libecbpf/abi.h"
#include "tests/bpf/members.h"

struct members;
struct xdp_root;

#define SUITE_LOADED_MAX 24

/* Longest frame: BPF_PROG_TEST_RUN has one page, less head- and tailroom. */
#define SUITE_FRAME_MAX 3072

/* Shortest. */
#define SUITE_FRAME_MIN 14

/**
 * struct suite - a root and what is loaded beside it
 * @root: NULL without the privilege
 * @control, @sampling: the root's maps of these names, in memory
 * @trail: which programs ran; the test clears it
 * @want: what the counters must be: suite_expect() adds, suite_check() compares
 * @cpu: that everything runs on
 */
struct suite {
	struct xdp_root *root;
	volatile struct ecbpf_control *control;
	volatile struct ecbpf_sampling *sampling;
	struct members *loaded[SUITE_LOADED_MAX];
	int count;
	int trail_fd;
	struct member_trail *trail;
	struct ecbpf_total want;
	int cpu;
};

/** suite_open, suite_close - setup and teardown of a test or a group */
int suite_open(void **state);
int suite_close(void **state);

/** suite_get - skips the test, and says why, without the privilege to load programs */
struct suite *suite_get(void **state);

/** suite_pin_cpu - stay on the CPU that this thread is on; returns which */
int suite_pin_cpu(void);

/** suite_ip - run "ip COMMAND" in this thread's network namespace */
void suite_ip(const char *command);

/** suite_member - load a member into a slot; returns its descriptor */
int suite_member(struct suite *suite, int slot, const struct member_config *config);

/** suite_foreign - load a program that does not use ecbpf_exit(); returns its descriptor */
int suite_foreign(struct suite *suite, const struct member_config *config);

/** suite_put - @fd -1: empty the slot */
void suite_put(struct suite *suite, int slot, int fd);

/** suite_hook - put a program into the capture hook */
void suite_hook(struct suite *suite, int action, int fd);

/** suite_run - one frame through the root; returns the action */
int suite_run(struct suite *suite, const void *frame, size_t len);

/** suite_run_out - and what became of it: @out has SUITE_FRAME_MAX bytes; *len is in and out */
int suite_run_out(struct suite *suite, const void *frame, size_t *len, void *out);

/** suite_repeat - the same frame so many times, in one call */
void suite_repeat(struct suite *suite, const void *frame, size_t len, unsigned int times);

/** suite_test_run - one frame through a program */
int suite_test_run(int fd, const void *frame, size_t len);

/** suite_expect - one packet of this length must have been counted here */
void suite_expect(struct suite *suite, unsigned int row, unsigned int column, size_t bytes);

/** suite_check - all rows and codes of this CPU, and that the others have none */
void suite_check(struct suite *suite);

/** suite_sampled - this CPU's counters of the sampler; the others have none */
struct ecbpf_sampled suite_sampled(struct suite *suite);

/** suite_now - this CPU's packet in flight */
struct ecbpf_packet suite_now(struct suite *suite);

/** suite_expect_trail - these programs ran, in this order; a mark of 0 ends the list */
void suite_expect_trail(struct suite *suite, const __u32 *marks);

#endif
