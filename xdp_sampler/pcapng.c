// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "xdp_sampler/pcapng.h"

#define BLOCK_SECTION	0x0a0d0d0a
#define BLOCK_INTERFACE 1
#define BLOCK_PACKET	6

#define SECTION_MAGIC 0x1a2b3c4d

/* Options: of any block, of the section, of an interface, of a packet. */
#define OPTION_END	      0
#define OPTION_COMMENT	      1
#define OPTION_HARDWARE	      2
#define OPTION_OS	      3
#define OPTION_APPLICATION    4
#define OPTION_IF_NAME	      2
#define OPTION_IF_DESCRIPTION 3
#define OPTION_IF_TSRESOL     9
#define OPTION_FLAGS	      2
#define OPTION_DROPCOUNT      4
#define OPTION_QUEUE	      6
#define OPTION_VERDICT	      7

#define FLAGS_INBOUND 1
#define TSRESOL_NS    9
#define VERDICT_XDP   2

static void put(struct pcapng *to, const void *bytes, size_t len)
{
	const size_t need = to->used + len;
	uint8_t *grown;

	if (need > to->room && !to->failed) {
		grown = realloc(to->bytes, 2 * need);
		if (grown) {
			to->bytes = grown;
			to->room = 2 * need;
		}
	}
	if (need > to->room)
		to->failed = true;
	if (to->failed || !len)
		return;
	memcpy(to->bytes + to->used, bytes, len);
	to->used = need;
}

static void put16(struct pcapng *to, uint16_t value)
{
	put(to, &value, sizeof(value));
}

static void put32(struct pcapng *to, uint32_t value)
{
	put(to, &value, sizeof(value));
}

/* Everything in a block begins at a multiple of four bytes. */
static void put_padded(struct pcapng *to, const void *bytes, size_t len)
{
	static const uint8_t zeroes[3];

	put(to, bytes, len);
	put(to, zeroes, -len & 3);
}

static void option(struct pcapng *to, uint16_t code, const void *value, size_t len)
{
	put16(to, code);
	put16(to, len);
	put_padded(to, value, len);
}

static void option_text(struct pcapng *to, uint16_t code, const char *text)
{
	if (text && *text)
		option(to, code, text, strlen(text));
}

static void block_begin(struct pcapng *to, uint32_t type)
{
	to->block = to->used;
	put32(to, type);
	put32(to, 0);
}

/* A block has its length at both ends. */
static void block_end(struct pcapng *to)
{
	uint32_t len;

	option(to, OPTION_END, NULL, 0);
	len = to->used - to->block + sizeof(len);
	put32(to, len);
	if (!to->failed)
		memcpy(to->bytes + to->block + sizeof(uint32_t), &len, sizeof(len));
}

void pcapng_section(struct pcapng *to, const char *hardware, const char *os,
		    const char *application)
{
	const uint64_t unknown = UINT64_MAX;

	block_begin(to, BLOCK_SECTION);
	put32(to, SECTION_MAGIC);
	put16(to, 1);
	put16(to, 0);
	put(to, &unknown, sizeof(unknown));
	option_text(to, OPTION_HARDWARE, hardware);
	option_text(to, OPTION_OS, os);
	option_text(to, OPTION_APPLICATION, application);
	block_end(to);
}

void pcapng_interface(struct pcapng *to, uint16_t link, const char *name, const char *description)
{
	const uint8_t resolution = TSRESOL_NS;

	block_begin(to, BLOCK_INTERFACE);
	put16(to, link);
	put16(to, 0);
	put32(to, PCAPNG_SNAP_MAX);
	option_text(to, OPTION_IF_NAME, name);
	option_text(to, OPTION_IF_DESCRIPTION, description);
	option(to, OPTION_IF_TSRESOL, &resolution, sizeof(resolution));
	block_end(to);
}

void pcapng_packet(struct pcapng *to, const struct pcapng_packet *packet)
{
	const uint32_t flags = FLAGS_INBOUND;
	uint8_t verdict[1 + sizeof(packet->xdp_action)] = { VERDICT_XDP };

	memcpy(verdict + 1, &packet->xdp_action, sizeof(packet->xdp_action));
	block_begin(to, BLOCK_PACKET);
	put32(to, packet->interface);
	put32(to, packet->time_ns >> 32);
	put32(to, packet->time_ns);
	put32(to, packet->caplen);
	put32(to, packet->len);
	put_padded(to, packet->bytes, packet->caplen);
	option_text(to, OPTION_COMMENT, packet->comment);
	option(to, OPTION_FLAGS, &flags, sizeof(flags));
	if (packet->lost)
		option(to, OPTION_DROPCOUNT, &packet->lost, sizeof(packet->lost));
	option(to, OPTION_QUEUE, &packet->queue, sizeof(packet->queue));
	option(to, OPTION_VERDICT, verdict, sizeof(verdict));
	block_end(to);
}

void pcapng_free(struct pcapng *to)
{
	free(to->bytes);
	memset(to, 0, sizeof(*to));
}
