// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <byteswap.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/ecbpf.h"
#include "xdp_lb/frames.h"

#define FRAME_MAX 65600 /* what an IPv4 header can say, and a link header */

/* The file: draft-ietf-opsawg-pcap; times in microseconds or nanoseconds. */
#define PCAP_US	      0xa1b2c3d4
#define PCAP_NS	      0xa1b23c4d
#define PCAP_ETHERNET 1
#define PCAPNG	      0x0a0d0d0a

struct pcap_file {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, sigfigs, snaplen, link;
};

struct pcap_record {
	uint32_t seconds, fraction, captured, length;
};

/**
 * struct lb_frames - @file: or NULL: the one frame in @data, of @len bytes, until @done
 * @swapped: the capture was made with the other order of bytes
 */
struct lb_frames {
	FILE *file;
	bool swapped;
	bool done;
	size_t len;
	unsigned long long count;
	uint8_t data[FRAME_MAX];
};

static int frames_new(struct lb_frames **frames)
{
	*frames = calloc(1, sizeof(**frames));
	return *frames ? 0 : ecbpf_fail(-ENOMEM, "out of memory");
}

/* --- hexadecimal digits */

static bool is_between(char c)
{
	return c && strchr(": \t\n", c);
}

static int digit_of(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	if (!at)
		return -1;
	return at - digits < 16 ? at - digits : at - digits - 6;
}

bool lb_frames_is_hex(const char *text)
{
	for (; *text; text++)
		if (digit_of(*text) < 0 && !is_between(*text))
			return false;
	return true;
}

static int hex_read(const char *text, struct lb_frames *frames)
{
	size_t digits = 0;

	for (; *text; text++) {
		uint8_t *byte = &frames->data[digits / 2];

		if (is_between(*text))
			continue;
		if (digits / 2 == FRAME_MAX)
			return ecbpf_fail(-EINVAL, "a frame of more than %d bytes", FRAME_MAX);
		*byte = *byte << 4 | digit_of(*text);
		digits++;
	}
	if (!digits || digits % 2)
		return ecbpf_fail(-EINVAL, "%zu hexadecimal digits make no frame", digits);
	frames->len = digits / 2;
	return 0;
}

int lb_frames_hex(const char *text, struct lb_frames **frames)
{
	struct lb_frames *made;
	int err = frames_new(&made);

	if (err)
		return err;
	err = hex_read(text, made);
	if (err)
		lb_frames_close(made);
	else
		*frames = made;
	return err;
}

/* --- a file */

static uint32_t number(const struct lb_frames *frames, uint32_t value)
{
	return frames->swapped ? bswap_32(value) : value;
}

static int head_check(struct lb_frames *frames)
{
	struct pcap_file head;
	uint32_t link;

	if (fread(&head, sizeof(head), 1, frames->file) != 1)
		return ecbpf_fail(-EBADMSG, "not a capture: too short");
	if (head.magic == PCAPNG)
		return ecbpf_fail(-EBADMSG, "a pcapng file: make it pcap with tcpdump -r -w");
	frames->swapped = head.magic == bswap_32(PCAP_US) || head.magic == bswap_32(PCAP_NS);
	if (!frames->swapped && head.magic != PCAP_US && head.magic != PCAP_NS)
		return ecbpf_fail(-EBADMSG, "neither hexadecimal digits nor a capture");
	link = number(frames, head.link) & 0xffff;
	return link == PCAP_ETHERNET ? 0 :
				       ecbpf_fail(-EBADMSG, "link type %u is not Ethernet", link);
}

int lb_frames_file(const char *path, struct lb_frames **frames)
{
	struct lb_frames *made;
	int err = frames_new(&made);

	if (err)
		return err;
	made->file = !strcmp(path, "-") ? stdin : fopen(path, "re");
	err = made->file ? head_check(made) : ecbpf_fail(-errno, "%s", strerror(errno));
	if (err)
		lb_frames_close(made);
	else
		*frames = made;
	return err;
}

static int file_next(struct lb_frames *frames)
{
	struct pcap_record record;
	const size_t got = fread(&record, 1, sizeof(record), frames->file);

	if (!got && feof(frames->file))
		return 0;
	frames->len = number(frames, record.captured);
	if (got != sizeof(record) || frames->len > FRAME_MAX ||
	    fread(frames->data, 1, frames->len, frames->file) != frames->len)
		return ecbpf_fail(-EBADMSG, "damaged after packet %llu", frames->count);
	frames->count++;
	return 1;
}

int lb_frames_next(struct lb_frames *frames, const uint8_t **data, size_t *len)
{
	int got = !frames->done;

	frames->done = !frames->file;
	if (frames->file)
		got = file_next(frames);
	*data = frames->data;
	*len = frames->len;
	return got;
}

void lb_frames_close(struct lb_frames *frames)
{
	if (frames && frames->file && frames->file != stdin)
		fclose(frames->file);
	free(frames);
}
