/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A frame as selectors see it: for explaining, and for telling which rules may match. */
#ifndef XDP_FW_PACKET_H
#define XDP_FW_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "xdp_fw/plan.h"

/* Of fw_packet_read(): not judged. */
#define FW_PACKET_FOREIGN (-1)

/**
 * fw_packet_read - what the kernel program finds out about a frame, with the same header pulls
 * @frame: 2 bytes behind a multiple of 4, so that headers lie aligned, as in a driver's buffer
 * @packet: filled in if 0 is returned; else only @length is
 * Return: 0; why the root aborts it: a reason code of the link or network layer (ECBPF_CODE_*);
 * FW_PACKET_FOREIGN: neither IPv4 nor IPv6.
 */
int fw_packet_read(const uint8_t *frame, size_t len, struct fw_packet *packet);

#endif
