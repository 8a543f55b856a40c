/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The monitor: a process that keeps the ways to backends what routes, neighbours and interfaces of
 * this thread's network namespace are, and asks the backends' servers whether they work. There is
 * one in a namespace; it ends by itself when the balancer is detached. Without it packets go where
 * they went.
 */
#ifndef XDP_LB_MONITOR_H
#define XDP_LB_MONITOR_H

#include <sys/types.h>

/**
 * lb_monitor_run - monitor until the balancer is detached, or SIGINT or SIGTERM comes
 * @checks: file of health checks (health.h), or NULL: the servers are not asked
 * @ready: called once the ways are up to date for the first time, or NULL
 * Return: 0; -ENOENT nothing is attached, or no such file; -EINVAL the file; -EBUSY there is a
 * monitor; else why the first look failed. Later failures are logged, and tried again.
 */
int lb_monitor_run(const char *checks, void (*ready)(void *arg), void *arg);

/**
 * lb_monitor_start - start one in the background, in the place of one that is there
 *
 * The caller must not hold the balancer's lock. No descriptor of the caller stays open in it.
 * Return: 0 once the ways are up to date; else as lb_monitor_run().
 */
int lb_monitor_start(const char *checks);

/** lb_monitor_stop - end it, if there is one, and wait until it has gone; -ETIMEDOUT, -EPERM */
int lb_monitor_stop(void);

/** lb_monitor_running - its process, or 0: there is none, or it is out of sight; or -errno */
pid_t lb_monitor_running(void);

#endif
