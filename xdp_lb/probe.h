/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One check of one backend while it runs: begun, woken by its descriptor, ended. */
#ifndef XDP_LB_PROBE_H
#define XDP_LB_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "xdp_lb/checks.h"

struct lb_http;

/** enum lb_probe_result - WAITING: there is none yet */
enum lb_probe_result { LB_PROBE_WAITING, LB_PROBE_GOOD, LB_PROBE_BAD };

/**
 * struct lb_probe - of one backend
 * @check, @service, @endpoint: what is asked, and for whom
 * @port: that is asked
 * @verdict: up to now
 * @due_ns: CLOCK_MONOTONIC: when it begins, or, if @running, is given up
 * @next_ns: when the next one begins
 * @changed: @verdict is not written yet
 * @fd: of its socket, or of the script's process, or -1
 * @pid: of the script
 * @easy, @list: of HTTP
 * @result: what HTTP has come to
 */
struct lb_probe {
	const struct lb_check *check;
	struct lb_service service;
	struct lb_endpoint endpoint;
	uint16_t port;
	struct lb_verdict verdict;
	uint64_t due_ns, next_ns;
	bool running, changed;
	int fd;
	pid_t pid;
	void *easy, *list;
	enum lb_probe_result result;
};

/**
 * lb_probe_begin - @epoll: gets the probe's descriptor, with the probe as its data
 * Return: LB_PROBE_WAITING, or what has come of it already.
 */
enum lb_probe_result lb_probe_begin(struct lb_probe *probe, int epoll, struct lb_http *http);

/** lb_probe_wake - its descriptor has something to say */
enum lb_probe_result lb_probe_wake(struct lb_probe *probe);

/** lb_probe_end - let go of what it holds, whatever has come of it */
void lb_probe_end(struct lb_probe *probe, struct lb_http *http);

/* --- HTTP: probe_http.c */

/** lb_http_open - for all probes; lb_http_close() it after they have ended */
int lb_http_open(struct lb_http **http);
void lb_http_close(struct lb_http *http);

/** lb_http_fd - can be read when lb_http_run() has something to do */
int lb_http_fd(const struct lb_http *http);

/** lb_http_begin, lb_http_end - one GET; its result goes to probe->result */
bool lb_http_begin(struct lb_http *http, struct lb_probe *probe);
void lb_http_end(struct lb_http *http, struct lb_probe *probe);

/** lb_http_run - take what has come; @now: CLOCK_MONOTONIC: its timers, too */
void lb_http_run(struct lb_http *http, uint64_t now);

#endif
