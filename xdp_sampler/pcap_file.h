/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A capture that is written: pcapng, or classic pcap with nanoseconds. */
#ifndef XDP_SAMPLER_PCAP_FILE_H
#define XDP_SAMPLER_PCAP_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "xdp_sampler/message.h"
#include "xdp_sampler/pcapng.h"

/* Interfaces that a capture can have: a bus full of names must not fill the memory. */
#define PCAP_INTERFACES_MAX 4096

struct pcap_interface;

/**
 * struct pcap_file - zeroes at first, pcap_file_close() at last
 * @to: NULL: closed
 * @interface: that have their block; @interfaces of them
 */
struct pcap_file {
	FILE *to;
	const char *path;
	bool classic;
	struct pcapng blocks;
	struct pcap_interface *interface;
	size_t interfaces;
};

/** pcap_file_open - @path is borrowed; "-": standard output */
int pcap_file_open(struct pcap_file *file, const char *path, bool classic);

/**
 * pcap_file_write - one packet
 * @lost: packets that were lost before it
 * Return: 0; -EBADMSG nothing that can be written, and nothing was: too long, bad names, too many
 * interfaces; -EPROTOTYPE likewise: not Ethernet, in a classic capture; -errno.
 */
int pcap_file_write(struct pcap_file *file, const struct message_view *view, uint64_t lost);

/** pcap_file_flush - all that was written, for those who read along */
int pcap_file_flush(struct pcap_file *file);

/** pcap_file_close - 0, or why the rest could not be written */
int pcap_file_close(struct pcap_file *file);

#endif
