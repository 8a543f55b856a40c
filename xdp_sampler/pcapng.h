/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), one behind the other in memory, in this host's
 * byte order, which the section tells.
 */
#ifndef XDP_SAMPLER_PCAPNG_H
#define XDP_SAMPLER_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest packet that readers take: libpcap and Wireshark call a file with longer ones broken. */
#define PCAPNG_SNAP_MAX 262144

/**
 * struct pcapng - blocks that were made; zeroes at first, pcapng_free() at last
 * @bytes: @used of them; whoever has written them sets @used to 0
 * @failed: memory ran out, and a block is not whole; so it is from then on
 */
struct pcapng {
	uint8_t *bytes;
	size_t used, room;
	size_t block;
	bool failed;
};

/**
 * struct pcapng_packet - an Enhanced Packet Block, of a packet that came in
 * @interface: number of its pcapng_interface(), from 0 on
 * @time_ns: since 1970, UTC
 * @len, @caplen: bytes of the packet; of these in @bytes, PCAPNG_SNAP_MAX at most
 * @comment: or NULL
 * @lost: packets between this one and the one before it that were lost
 * @queue: that it came from
 * @xdp_action: of <linux/bpf.h>
 */
struct pcapng_packet {
	uint64_t time_ns;
	uint64_t lost;
	uint64_t xdp_action;
	uint32_t interface;
	uint32_t queue;
	uint32_t len, caplen;
	const uint8_t *bytes;
	const char *comment;
};

/** pcapng_section - must be the first block; says what it was made with; no text over 65535 bytes */
void pcapng_section(struct pcapng *to, const char *hardware, const char *os,
		    const char *application);

/** pcapng_interface - its packets have times in ns, and PCAPNG_SNAP_MAX bytes at most */
void pcapng_interface(struct pcapng *to, uint16_t link, const char *name, const char *description);

void pcapng_packet(struct pcapng *to, const struct pcapng_packet *packet);

void pcapng_free(struct pcapng *to);

#endif
