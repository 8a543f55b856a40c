/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The follower: a process that keeps the bypass's maps what IPVS, the neighbours and the VLAN
 * devices of this thread's network namespace are. There is one in a namespace; it ends by itself
 * when the bypass is detached.
 */
#ifndef BYPASS_IPVS_FOLLOW_H
#define BYPASS_IPVS_FOLLOW_H

#include <stdint.h>
#include <sys/types.h>

#define FOLLOW_INTERVAL_NS 250000000ULL

/**
 * follow_run - follow until the bypass is detached, or SIGINT or SIGTERM comes
 * @interval_ns: IPVS is asked so often
 * @ready: called once the maps are up to date for the first time, or NULL
 * Return: 0; -ENOENT nothing is attached; -EBUSY there is a follower; else why the first comparison
 * failed. Later failures are logged, and tried again.
 */
int follow_run(uint64_t interval_ns, void (*ready)(void *arg), void *arg);

/**
 * follow_start - start a follower in the background, in the place of one that is there
 *
 * The caller must not hold the bypass's lock. No descriptor of the caller stays open in it.
 * Return: 0 once the maps are up to date; else as follow_run().
 */
int follow_start(void);

/**
 * follow_stop_wait - end the follower, if there is one, and wait until it has gone
 *
 * Return: 0, also if there was none; -ETIMEDOUT; -EPERM.
 */
int follow_stop_wait(void);

/** follow_running - its process, or 0: there is none, or it is out of sight; or -errno */
pid_t follow_running(void);

#endif
