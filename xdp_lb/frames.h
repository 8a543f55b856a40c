/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Frames that a command is given: hexadecimal digits, or a capture file. */
#ifndef XDP_LB_FRAMES_H
#define XDP_LB_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lb_frames;

/** lb_frames_is_hex - nothing but digits and what may be between them: colons and spaces */
bool lb_frames_is_hex(const char *text);

/**
 * lb_frames_hex, lb_frames_file - of one frame; of a capture: pcap, Ethernet; "-": standard input
 * Return: 0, and lb_frames_close() it; -EINVAL not pairs of digits; -EBADMSG no such capture; -ENOMEM.
 */
int lb_frames_hex(const char *text, struct lb_frames **frames);
int lb_frames_file(const char *path, struct lb_frames **frames);

/** lb_frames_next - 1: *data, valid until the next call; 0: that was all; -EBADMSG damaged */
int lb_frames_next(struct lb_frames *frames, const uint8_t **data, size_t *len);

/** lb_frames_close - NULL is fine */
void lb_frames_close(struct lb_frames *frames);

#endif
