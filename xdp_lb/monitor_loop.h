/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the monitor's files. */
#ifndef XDP_LB_MONITOR_LOOP_H
#define XDP_LB_MONITOR_LOOP_H

#include <stdbool.h>

struct mnl_socket;

/** lb_monitor_lock - be the monitor: a descriptor that ends it when closed; -EBUSY there is one */
int lb_monitor_lock(void);

/** lb_news_open - what rtnetlink says of routes, neighbours and interfaces from now on */
int lb_news_open(struct mnl_socket **socket);

/** lb_news_take - read all that there is; true: something may have changed */
bool lb_news_take(struct mnl_socket *socket);

#endif
