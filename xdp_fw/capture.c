// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "libecbpf/ecbpf.h"
#include "xdp_fw/capture.h"

/* What an IPv4 header can say, and a link header with it; longer ones come with no XDP either. */
#define HEX_FRAME_MAX 65600

#define ALIGN	 2 /* of frames, behind a multiple of 4 */
#define NS_PER_S 1000000000ULL

/**
 * struct capture - @pcap: or NULL: the one frame in @buf, @len bytes, until @done
 * @buf: @size bytes; frames begin at ALIGN
 * @frames: given out
 */
struct capture {
	pcap_t *pcap;
	uint8_t *buf;
	size_t size;
	size_t len;
	bool done;
	unsigned long long frames;
};

static int no_memory(void)
{
	return ecbpf_fail(-ENOMEM, "out of memory");
}

static int buf_grow(struct capture *capture, size_t len)
{
	uint8_t *buf;

	if (len + ALIGN <= capture->size)
		return 0;
	buf = realloc(capture->buf, len + ALIGN);
	if (!buf)
		return no_memory();
	capture->buf = buf;
	capture->size = len + ALIGN;
	return 0;
}

/* --- a file */

/* file_open - pcap_close() closes the file, also standard input */
static int file_open(const char *path, pcap_t **pcap)
{
	const bool is_stdin = !strcmp(path, "-");
	char cause[PCAP_ERRBUF_SIZE] = "";
	FILE *file = is_stdin ? stdin : fopen(path, "re");

	if (!file)
		return ecbpf_fail(-errno, "%s", strerror(errno));
	*pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, cause);
	if (*pcap)
		return 0;
	if (!is_stdin)
		fclose(file);
	return ecbpf_fail(-EBADMSG, "not a capture: %s", cause);
}

static int link_check(pcap_t *pcap)
{
	const int type = pcap_datalink(pcap);
	const char *name = pcap_datalink_val_to_name(type);

	if (type == DLT_EN10MB)
		return 0;
	return ecbpf_fail(-EBADMSG, "frames of link type %s (%d); only Ethernet is judged",
			  name ? name : "unknown", type);
}

int capture_open(const char *path, struct capture **capture)
{
	struct capture *opened = calloc(1, sizeof(*opened));
	int err;

	if (!opened)
		return no_memory();
	err = file_open(path, &opened->pcap);
	if (!err)
		err = link_check(opened->pcap);
	if (!err)
		err = buf_grow(opened, 0); /* also if there is no frame */
	if (err) {
		capture_close(opened);
		return err;
	}
	*capture = opened;
	return 0;
}

static int file_next(struct capture *capture, struct capture_frame *frame)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int got = pcap_next_ex(capture->pcap, &header, &data), err;

	if (got == PCAP_ERROR_BREAK)
		return 0;
	if (got != 1)
		return ecbpf_fail(-EBADMSG, "damaged after packet %llu: %s", capture->frames,
				  pcap_geterr(capture->pcap));
	err = buf_grow(capture, header->caplen);
	if (err)
		return err;
	memcpy(capture->buf + ALIGN, data, header->caplen);
	frame->len = header->caplen;
	frame->wire_len = header->len > header->caplen ? header->len : header->caplen;
	/* in nanoseconds, as was asked for */
	frame->time_ns = header->ts.tv_sec * NS_PER_S + header->ts.tv_usec;
	return 1;
}

/* --- hexadecimal */

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

static bool is_between(char c)
{
	return c == ':' || c == ' ' || c == '\t' || c == '\n';
}

bool capture_is_hex(const char *text)
{
	while (*text && (digit_of(*text) >= 0 || is_between(*text)))
		text++;
	return !*text;
}

/* hex_read - digits make pairs: "0 80:1" is two bytes */
static int hex_read(const char *text, struct capture *capture)
{
	size_t digits = 0;

	for (; *text; text++) {
		uint8_t *byte = capture->buf + ALIGN + digits / 2;

		if (is_between(*text))
			continue;
		if (digits / 2 >= HEX_FRAME_MAX)
			return ecbpf_fail(-EINVAL, "a frame of more than %d bytes", HEX_FRAME_MAX);
		*byte = digits % 2 ? *byte << 4 | digit_of(*text) : digit_of(*text);
		digits++;
	}
	if (!digits)
		return ecbpf_fail(-EINVAL, "no frame");
	if (digits % 2)
		return ecbpf_fail(-EINVAL, "%zu hexadecimal digits: half a byte is missing",
				  digits);
	capture->len = digits / 2;
	return 0;
}

int capture_hex(const char *text, struct capture **capture)
{
	struct capture *opened = calloc(1, sizeof(*opened));
	int err;

	if (!opened)
		return no_memory();
	err = buf_grow(opened, HEX_FRAME_MAX);
	if (!err)
		err = hex_read(text, opened);
	if (err) {
		capture_close(opened);
		return err;
	}
	*capture = opened;
	return 0;
}

int capture_next(struct capture *capture, struct capture_frame *frame)
{
	int got = 1;

	memset(frame, 0, sizeof(*frame));
	if (capture->pcap) {
		got = file_next(capture, frame);
	} else if (capture->done) {
		return 0;
	} else {
		frame->len = frame->wire_len = capture->len;
		capture->done = true;
	}
	if (got != 1)
		return got;
	frame->data = capture->buf + ALIGN;
	capture->frames++;
	return 1;
}

void capture_close(struct capture *capture)
{
	if (!capture)
		return;
	if (capture->pcap)
		pcap_close(capture->pcap);
	free(capture->buf);
	free(capture);
}
