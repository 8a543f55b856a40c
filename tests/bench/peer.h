/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Processes beside the benchmark: on all CPUs, and not longer than it. */
#ifndef TESTS_BENCH_PEER_H
#define TESTS_BENCH_PEER_H

#include <sys/types.h>

/* What a peer has said, at most. */
#define PEER_TEXT_MAX 4096

/**
 * struct peer - a process
 * @said: file of its standard output and error
 */
struct peer {
	pid_t pid;
	int said;
};

/** peer_command - start a command; ends with NULL */
int peer_command(struct peer *peer, const char *const argv[]);

/** peer_function - run @function in another process, which it does not return from */
int peer_function(struct peer *peer, void (*function)(void *arg), void *arg);

/** peer_said - wait until it has said @text; -ETIMEDOUT, -ECHILD it has ended */
int peer_said(struct peer *peer, const char *text);

/**
 * peer_stop - send a signal, and wait for its end
 * @cpu_s: the CPU time that it took; @text: what it said, or its end; both may be NULL
 * Return: its status as of wait(), or -errno.
 */
int peer_stop(struct peer *peer, int number, double *cpu_s, char text[PEER_TEXT_MAX]);

#endif
