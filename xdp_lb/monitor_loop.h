/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the monitor's files. */
#ifndef XDP_LB_MONITOR_LOOP_H
#define XDP_LB_MONITOR_LOOP_H

#include <linux/rtnetlink.h>

/* What ways follow from: routes, neighbours, interfaces. */
#define LB_NEWS (RTMGRP_NEIGH | RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)

/** lb_monitor_lock - be the monitor: a descriptor that ends it when closed; -EBUSY there is one */
int lb_monitor_lock(void);

#endif
