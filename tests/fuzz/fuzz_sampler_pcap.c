// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * libFuzzer: whatever the bus brings, what is written of it is a capture: blocks of pcapng, or records
 * of pcap, one for each packet that was taken, that end where the next one begins. Read here by a
 * reader of its own, of draft-ietf-opsawg-pcapng.
 */
#define _GNU_SOURCE /* memfd_create */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xdp_sampler/pcap_file.h"

#define CAPTURE_MAX 65536
#define TEXTS	    3
#define TEXT_MAX    300

#define BLOCK_SECTION	0x0a0d0d0a
#define BLOCK_INTERFACE 1
#define BLOCK_PACKET	6

#define SECTION_FIXED	16 /* of each block, before its options */
#define INTERFACE_FIXED 8
#define PACKET_FIXED	20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/**
 * struct writer - one capture
 * @taken: packets that pcap_file_write() has taken
 * @last: the bytes of the last one
 */
struct writer {
	struct pcap_file file;
	uint64_t taken;
	uint8_t last[CAPTURE_MAX];
	size_t last_len;
};

static int write_one(void *arg, const struct message_view *view)
{
	struct writer *writer = arg;
	int err = pcap_file_write(&writer->file, view, view->sequence % 3);

	must(!err || err == -EBADMSG || (err == -EPROTOTYPE && writer->file.classic));
	if (err)
		return 0;
	writer->taken++;
	must(view->caplen <= sizeof(writer->last));
	writer->last_len = view->caplen;
	memcpy(writer->last, view->bytes, view->caplen);
	return 0;
}

/* view_any - without the schema: what no message could say, too */
static void view_any(struct writer *writer, const uint8_t *data, size_t size)
{
	char text[TEXTS][TEXT_MAX] = {};
	struct message_view view;
	size_t i, len;

	if (size < sizeof(view))
		return;
	memcpy(&view, data, sizeof(view));
	data += sizeof(view);
	size -= sizeof(view);
	for (i = 0; i < TEXTS; i++) {
		len = size / (TEXTS + 1) < TEXT_MAX ? size / (TEXTS + 1) : TEXT_MAX - 1;
		memcpy(text[i], data, len);
		data += len;
		size -= len;
	}
	view.hostname = text[0];
	view.interface = text[1];
	view.reason = text[2];
	view.bytes = data;
	if (view.caplen > size)
		view.caplen = size;
	write_one(writer, &view);
	write_one(writer, &view);
}

/* --- the reader */

static uint32_t word(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* options - each is padded to four bytes, the last has the code 0, and nothing is behind it */
static void options(const uint8_t *at, size_t len)
{
	uint32_t head;

	for (;;) {
		must(len >= sizeof(head));
		head = word(at);
		at += sizeof(head);
		len -= sizeof(head);
		if (!(head & 0xffff))
			break;
		must(((head >> 16) + 3U) / 4 * 4 <= len);
		len -= ((head >> 16) + 3U) / 4 * 4;
		at += ((head >> 16) + 3U) / 4 * 4;
	}
	must(!len && !(head >> 16));
}

struct found {
	size_t sections, interfaces, packets;
};

static void block(struct found *found, uint32_t type, const uint8_t *body, size_t len,
		  const struct writer *writer)
{
	size_t fixed;

	if (type == BLOCK_SECTION) {
		found->sections++;
		fixed = SECTION_FIXED;
	} else if (type == BLOCK_INTERFACE) {
		found->interfaces++;
		fixed = INTERFACE_FIXED;
	} else {
		must(type == BLOCK_PACKET && len >= PACKET_FIXED);
		must(word(body) < found->interfaces && word(body + 12) <= word(body + 16));
		fixed = PACKET_FIXED + (word(body + 12) + 3) / 4 * 4;
		must(fixed <= len);
		if (++found->packets == writer->taken)
			must(word(body + 12) == writer->last_len &&
			     !memcmp(body + PACKET_FIXED, writer->last, writer->last_len));
	}
	must(fixed <= len);
	options(body + fixed, len - fixed);
}

static void read_pcapng(const uint8_t *at, size_t len, const struct writer *writer)
{
	struct found found = {};
	uint32_t total;

	for (; len; at += total, len -= total) {
		must(len >= 12);
		total = word(at + 4);
		must(total >= 12 && total % 4 == 0 && total <= len);
		must(word(at + total - 4) == total);
		must(found.sections == (word(at) != BLOCK_SECTION));
		block(&found, word(at), at + 8, total - 12, writer);
	}
	must(found.sections == 1 && found.packets == writer->taken);
	must(found.interfaces <= writer->taken);
}

static void read_classic(const uint8_t *at, size_t len, const struct writer *writer)
{
	uint64_t packets = 0;
	uint32_t caplen;

	must(len >= 24 && word(at) == 0xa1b23c4d);
	for (at += 24, len -= 24; len; at += caplen, len -= caplen) {
		must(len >= 16 && word(at + 4) < 1000000000);
		caplen = word(at + 8);
		must(caplen <= word(at + 12));
		at += 16;
		len -= 16;
		must(caplen <= len);
		if (++packets == writer->taken)
			must(caplen == writer->last_len && !memcmp(at, writer->last, caplen));
	}
	must(packets == writer->taken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t capture[CAPTURE_MAX];
	static char path[32];
	static int memory = -1;
	struct writer writer = {};
	ssize_t len;

	if (size < 1)
		return 0;
	if (memory < 0) {
		memory = memfd_create("capture", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	}
	must(!pcap_file_open(&writer.file, path, data[0] & 1));
	if (data[0] & 2)
		view_any(&writer, data + 1, size - 1);
	else
		message_unpack(data + 1, size - 1, write_one, &writer);
	must(!pcap_file_close(&writer.file));
	len = pread(memory, capture, sizeof(capture), 0);
	must(len > 0 && (size_t)len < sizeof(capture));
	if (data[0] & 1)
		read_classic(capture, len, &writer);
	else
		read_pcapng(capture, len, &writer);
	return 0;
}
