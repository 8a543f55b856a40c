/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The bus from the side of those who read it: ZeroMQ sockets that connect and subscribe. */
#ifndef XDP_SAMPLER_BUS_H
#define XDP_SAMPLER_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zmq.h>

#include "libecbpf/cli.h"
#include "libecbpf/loop.h"

/* Where xdp_sampler_client publishes unless told otherwise. */
#define BUS_ENDPOINT "tcp://127.0.0.1:12354"

/* What subscribers' options say of them. */
#define BUS_CONNECT_HELP "of a publisher (default " BUS_ENDPOINT ")"
#define BUS_CURVE_HELP	 "encrypted; file with the publisher's public key in Z85"

/**
 * struct bus_options - what to connect to; all borrowed
 * @endpoints: none: BUS_ENDPOINT
 * @topics: how they begin; none: everything
 * @curve_server: file with the publishers' public key in Z85, or NULL: no encryption
 */
struct bus_options {
	struct ecbpf_texts endpoints;
	struct ecbpf_texts topics;
	const char *curve_server;
};

/**
 * struct bus - a socket for each endpoint
 * @next: socket that is asked next
 */
struct bus {
	void *context;
	void *socket[ECBPF_TEXTS_MAX];
	size_t sockets, next;
};

/**
 * struct bus_message - a message that was received
 * @part: its last part, until bus_release()
 * @single: there was no topic: messages without one are received whatever the topics are
 * @source: number of the endpoint that it came from
 */
struct bus_message {
	zmq_msg_t part;
	bool single;
	size_t source;
};

/**
 * bus_open - connect and subscribe; publishers need not be there yet
 * Return: 0; -EINVAL an endpoint, or a key, is none; -errno. bus_close() it, also after a failure.
 */
int bus_open(struct bus *bus, const struct bus_options *options);

/**
 * bus_receive - the next message, if there is one; never waits
 * Return: 1, and *message is to be released; 0 there is none; -EBADMSG one of more than two parts,
 * which is dropped; -errno.
 */
int bus_receive(struct bus *bus, struct bus_message *message);

void bus_release(struct bus_message *message);

/** bus_wait - for messages (ECBPF_LOOP_READ), or what @loop waits for; an enum ecbpf_loop_event */
int bus_wait(struct bus *bus, struct ecbpf_loop *loop);

void bus_close(struct bus *bus);

#endif
