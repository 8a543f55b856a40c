/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who follows IPVS in this thread's network namespace: whoever listens on one abstract socket. */
#ifndef BYPASS_IPVS_FOLLOW_LOCK_H
#define BYPASS_IPVS_FOLLOW_LOCK_H

#include <sys/types.h>

/**
 * follow_lock - be the follower
 * Return: a descriptor: closing it, or dying, ends that; -EBUSY there is one.
 */
int follow_lock(void);

/** follow_lock_tend - let those go who have asked for the holder; to be called now and then */
void follow_lock_tend(int lock);

/**
 * follow_lock_holder - the follower's process
 * Return: 0: there is none; -ESRCH it is in another PID namespace; -EPERM it is another user's;
 * -errno.
 */
pid_t follow_lock_holder(void);

#endif
