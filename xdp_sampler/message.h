/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Samples as messages of the bus (ext/packet_sample.proto), and back. */
#ifndef XDP_SAMPLER_MESSAGE_H
#define XDP_SAMPLER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libecbpf/abi.h"

/* Longest topic: an interface's name, an action, a slot, a reason, and the dots. */
#define MESSAGE_TOPIC_MAX 96

/**
 * struct message_origin - who samples; strings are borrowed
 * @pop, @srvtype: empty: not said
 */
struct message_origin {
	const char *hostname, *pop, *srvtype;
	const char *interface;
};

/**
 * struct message_packet - a sample as it is in a message
 * @sample: borrowed; its bytes end behind snap_bytes
 * @time_ns: CLOCK_REALTIME, when the packet arrived
 * @sequence: of the publisher
 */
struct message_packet {
	const struct ecbpf_sample *sample;
	uint64_t time_ns;
	uint64_t sequence;
};

/**
 * message_pack - @count samples as one message
 * @batch: in the repeated field, also if it is one
 * @buf: realloc()ed as needed, *room bytes of it; free() it
 * Return: bytes of the message; -ENOMEM; -EINVAL more than one without @batch.
 */
ssize_t message_pack(const struct message_origin *origin, const struct message_packet *packet,
		     size_t count, bool batch, uint8_t **buf, size_t *room);

/** message_topic - "INTERFACE.ACTION.SLOT.REASON": eth0.drop.5.fw-rule; returns its length */
size_t message_topic(const char *interface, const struct ecbpf_sample *sample,
		     char topic[MESSAGE_TOPIC_MAX]);

/**
 * struct message_view - one packet of a message that was received; pointers into the message, or into
 * what message_unpack() has made of it
 * @action: of enum xdp_action, or 5: invalid
 * @slot: that decided; -1 root, -2 end of the chain
 * @reason: name of @code as the message has it; may be empty
 * @bytes: @caplen of them
 */
struct message_view {
	const char *hostname, *interface, *reason;
	uint64_t time_ns;
	uint64_t sequence, cpu_sequence;
	uint64_t meta;
	uint32_t code;
	uint32_t one_in;
	uint32_t len, caplen;
	uint32_t cpu, rx_queue, ifindex;
	int link;
	int action;
	int slot;
	const uint8_t *bytes;
};

/**
 * message_unpack - anybody's bytes
 * @each: called for each packet in it; what is not 0 ends it and is returned
 * Return: 0; -EBADMSG it is no message, or lies about lengths; what @each said; -ENOMEM.
 */
int message_unpack(const uint8_t *buf, size_t len,
		   int (*each)(void *arg, const struct message_view *view), void *arg);

#endif
