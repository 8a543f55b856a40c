/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Frames to judge: from a capture file, or one that is given in hexadecimal. */
#ifndef XDP_FW_CAPTURE_H
#define XDP_FW_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture;

/**
 * struct capture_frame - one frame
 * @data: what was captured, @len bytes; begins 2 bytes behind a multiple of 4 (fw_packet_read())
 * @wire_len: its length when it was captured; more than @len if the capture is cut
 * @time_ns: since the epoch; 0 of one in hexadecimal
 */
struct capture_frame {
	const uint8_t *data;
	size_t len;
	size_t wire_len;
	uint64_t time_ns;
};

/**
 * capture_open - pcap or pcapng, Ethernet; "-": standard input
 * Return: 0 and *capture, for capture_close(); -ENOENT and others of open(2); -EBADMSG not such a
 * file; -ENOMEM.
 */
int capture_open(const char *path, struct capture **capture);

/** capture_is_hex - nothing but hexadecimal digits, blanks and colons */
bool capture_is_hex(const char *text);

/** capture_hex - of one frame; -EINVAL half a byte, no frame or too long a one; -ENOMEM */
int capture_hex(const char *text, struct capture **capture);

/**
 * capture_next - the next frame, valid until the next call
 * Return: 1; 0 at the end; -EBADMSG the file is damaged or cut; -ENOMEM.
 */
int capture_next(struct capture *capture, struct capture_frame *frame);

/** capture_close - NULL is fine */
void capture_close(struct capture *capture);

#endif
