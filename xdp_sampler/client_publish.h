/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The bus from the side of the one who writes: a ZeroMQ PUB socket that no subscriber holds up. */
#ifndef XDP_SAMPLER_CLIENT_PUBLISH_H
#define XDP_SAMPLER_CLIENT_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUBLISH_ENDPOINT "tcp://127.0.0.1:12354"

/*
 * Least high-water mark: what libzmq's thread may be behind, while it has a CPU, without a subscriber
 * being to blame.
 */
#define PUBLISH_HWM_MIN 1000

/**
 * struct publish_options - where to publish; all borrowed
 * @endpoint: @endpoints of them; none: PUBLISH_ENDPOINT
 * @hwm: messages that are kept for a subscriber that does not read, PUBLISH_HWM_MIN and up; what
 *       comes then it misses
 * @single_part: messages without a topic before them
 * @curve_secret, @curve_public: files with keys in Z85; NULL, both: no encryption
 */
struct publish_options {
	const char *const *endpoint;
	size_t endpoints;
	int hwm;
	bool single_part;
	const char *curve_secret, *curve_public;
};

/**
 * struct publisher - a socket, bound to all endpoints
 * @told: readable when libzmq's thread tells what it has taken
 * @patience_ns: that may be waited for it, as of @patience_at_ns
 * @messages: handed to the bus
 * @stalls: times that a subscriber had no room left. What it missed from then on it sees by the gaps
 *          in the sequence: the bus does not tell
 */
struct publisher {
	void *context, *socket;
	int told;
	bool single_part;
	uint64_t patience_ns, patience_at_ns;
	uint64_t messages, stalls;
};

/**
 * publisher_open - bind
 * Return: 0; -EADDRINUSE; -EINVAL an endpoint or a key is none; -errno. publisher_close() it, also
 * after a failure.
 */
int publisher_open(struct publisher *publisher, const struct publish_options *options);

/**
 * publisher_send - to whoever has room; -errno: to nobody
 *
 * Waits for libzmq's thread, when it is behind, a tenth of the time at most; never for a subscriber.
 */
int publisher_send(struct publisher *publisher, const char *topic, size_t topic_len,
		   const uint8_t *message, size_t len);

/** publisher_tick - let subscribers come and go, also while nothing is sent */
void publisher_tick(struct publisher *publisher);

/** publisher_close - waits a second at most for what subscribers have not read yet */
void publisher_close(struct publisher *publisher);

#endif
