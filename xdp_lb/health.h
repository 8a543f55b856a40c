/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Health checks at work: who is asked when, and what becomes of the answers. */
#ifndef XDP_LB_HEALTH_H
#define XDP_LB_HEALTH_H

#include "xdp_lb/config.h"

struct lb_health;

/**
 * lb_health_open - checks of a file (checks.h)
 * @path: or NULL: none; then nothing is asked and nothing changed
 */
int lb_health_open(struct lb_health **health, const char *path);
void lb_health_close(struct lb_health *health);

/** lb_health_fd - can be read when lb_health_read() has something to do */
int lb_health_fd(const struct lb_health *health);

/**
 * lb_health_follow - the configuration that runs
 *
 * Backends that are new are as the configuration says, until checks say otherwise. A backend that
 * was down, and is not checked any more, becomes active.
 */
int lb_health_follow(struct lb_health *health, const struct lb_config *config);

/** lb_health_read - take answers */
void lb_health_read(struct lb_health *health);

/**
 * lb_health_tick - begin checks that are due, end those that take too long, write what changed
 * @now: CLOCK_MONOTONIC
 *
 * Return: 0; why nothing could be written: it is tried again.
 */
int lb_health_tick(struct lb_health *health, uint64_t now);

#endif
