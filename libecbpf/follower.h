/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Followers: background processes of a tool, one in a network namespace, that keep its maps what
 * something else is.
 *
 * One listens on an abstract socket, which nothing is left of however it ends: that is the lock, and
 * tells who holds it.
 */
#ifndef LIBECBPF_FOLLOWER_H
#define LIBECBPF_FOLLOWER_H

#include <sys/types.h>

#include "libecbpf/ecbpf.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct ecbpf_follower - which one
 * @socket: its part of the abstract name
 * @noun: what messages call it: "follower"
 * @run: the work; calls @ready(@ready_arg) once the maps are up to date for the first time; @arg is
 *       what ecbpf_follower_start() got
 */
struct ecbpf_follower {
	const char *socket;
	const char *noun;
	int (*run)(const void *arg, void (*ready)(void *ready_arg), void *ready_arg);
};

/**
 * ecbpf_follower_lock - be it
 * Return: a descriptor: closing it, or dying, ends that; -EBUSY there is one.
 */
ECBPF_API int ecbpf_follower_lock(const struct ecbpf_follower *follower);

/** ecbpf_follower_tend - let those go who have asked for the holder; to be called now and then */
ECBPF_API void ecbpf_follower_tend(int lock);

/**
 * ecbpf_follower_holder - its process
 * Return: 0: there is none; -ESRCH it is in another PID namespace; -EPERM it is another user's;
 * -errno.
 */
ECBPF_API pid_t ecbpf_follower_holder(const struct ecbpf_follower *follower);

/** ecbpf_follower_running - its process, or 0: there is none, or it is out of sight; or -errno */
ECBPF_API pid_t ecbpf_follower_running(const struct ecbpf_follower *follower);

/**
 * ecbpf_follower_start - start one in the background, in the place of one that is there
 *
 * The caller must not hold locks that it waits for. No descriptor of the caller stays open in it;
 * its directory is /.
 * Return: 0 once it is ready; else what @run returned.
 */
ECBPF_API int ecbpf_follower_start(const struct ecbpf_follower *follower, const void *arg);

/**
 * ecbpf_follower_stop - end it, if there is one, and wait until it has gone
 *
 * Return: 0, also if there was none or it is out of reach; -ETIMEDOUT; -errno.
 */
ECBPF_API int ecbpf_follower_stop(const struct ecbpf_follower *follower);

#ifdef __cplusplus
}
#endif

#endif
