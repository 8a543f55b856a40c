/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Jiffies: the kernel's ticks, which packets are stamped with for less than a nanosecond. */
#ifndef XDP_FW_CLOCK_H
#define XDP_FW_CLOCK_H

#include <stdint.h>

/** fw_clock_now - the kernel's jiffies */
int fw_clock_now(uint64_t *jiffies);

/** fw_clock_hz - ticks a second */
unsigned int fw_clock_hz(void);

#endif
