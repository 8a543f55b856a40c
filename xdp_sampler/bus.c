// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libecbpf/ecbpf.h"
#include "xdp_sampler/bus.h"

/* Messages that wait in a socket, at most; ZeroMQ's own 1000 is a millisecond's worth of samples. */
#define HIGH_WATER 65536

#define Z85_KEY 40 /* characters of a key of 32 bytes */

/* Messages without a topic begin with the tag of one of the fields of PacketSample, 1 to 4. */
static const char *const untitled[] = { "\x0a", "\x12", "\x1a", "\x22" };

static int key_read(const char *path, char key[Z85_KEY + 1])
{
	FILE *file = fopen(path, "re");
	uint8_t binary[32];
	size_t len;

	if (!file)
		return ecbpf_fail(-errno, "%s: %s", path, strerror(errno));
	len = fread(key, 1, Z85_KEY, file);
	fclose(file);
	key[len] = '\0';
	if (len != Z85_KEY || !zmq_z85_decode(binary, key))
		return ecbpf_fail(-EINVAL, "%s: not a key: 40 characters of Z85", path);
	return 0;
}

/* The publisher takes anybody who knows its key, so ours is made up. */
static int encrypt(void *socket, const char *path)
{
	char server[Z85_KEY + 1], public[Z85_KEY + 1], secret[Z85_KEY + 1];
	int err = key_read(path, server);

	if (err)
		return err;
	if (zmq_curve_keypair(public, secret) ||
	    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server, Z85_KEY) ||
	    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public, Z85_KEY) ||
	    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, Z85_KEY))
		return ecbpf_fail(-errno, "CURVE: %s", zmq_strerror(errno));
	return 0;
}

static int subscribe(void *socket, const char *topic)
{
	if (zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, strlen(topic)))
		return ecbpf_fail(-errno, "subscribing: %s", zmq_strerror(errno));
	return 0;
}

static int subscribe_all(void *socket, const struct bus_options *options)
{
	int err = options->topics.count ? 0 : subscribe(socket, "");
	size_t i;

	for (i = 0; i < options->topics.count && !err; i++)
		err = subscribe(socket, options->topics.text[i]);
	for (i = 0; options->topics.count && i < sizeof(untitled) / sizeof(*untitled) && !err; i++)
		err = subscribe(socket, untitled[i]);
	return err;
}

static int add_socket(struct bus *bus, const struct bus_options *options, const char *endpoint)
{
	/* only where it is asked for: names that have both kinds of addresses stay IPv4 */
	const int linger = 0, most = HIGH_WATER, ipv6 = !!strchr(endpoint, '[');
	void *socket = zmq_socket(bus->context, ZMQ_SUB);
	int err = 0;

	if (!socket)
		return ecbpf_fail(-errno, "ZeroMQ: %s", zmq_strerror(errno));
	bus->socket[bus->sockets++] = socket;
	if (zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger)) ||
	    zmq_setsockopt(socket, ZMQ_RCVHWM, &most, sizeof(most)) ||
	    zmq_setsockopt(socket, ZMQ_IPV6, &ipv6, sizeof(ipv6)))
		return ecbpf_fail(-errno, "ZeroMQ: %s", zmq_strerror(errno));
	if (options->curve_server)
		err = encrypt(socket, options->curve_server);
	if (!err)
		err = subscribe_all(socket, options);
	if (!err && zmq_connect(socket, endpoint))
		err = ecbpf_fail(-errno, "%s: %s; endpoints are such as " BUS_ENDPOINT, endpoint,
				 zmq_strerror(errno));
	return err;
}

int bus_open(struct bus *bus, const struct bus_options *options)
{
	size_t i;
	int err = 0;

	memset(bus, 0, sizeof(*bus));
	bus->context = zmq_ctx_new();
	if (!bus->context)
		return ecbpf_fail(-errno, "ZeroMQ: %s", zmq_strerror(errno));
	if (!options->endpoints.count)
		return add_socket(bus, options, BUS_ENDPOINT);
	for (i = 0; i < options->endpoints.count && !err; i++)
		err = add_socket(bus, options, options->endpoints.text[i]);
	return err;
}

/* All parts of a message arrive together: the later ones are there. */
static int receive(void *socket, struct bus_message *message)
{
	int parts = 0;

	zmq_msg_init(&message->part);
	do {
		while (zmq_msg_recv(&message->part, socket, ZMQ_DONTWAIT) < 0) {
			if (errno == EINTR)
				continue;
			zmq_msg_close(&message->part);
			return errno == EAGAIN ? 0 : ecbpf_fail(-errno, "%s", zmq_strerror(errno));
		}
		parts++;
	} while (zmq_msg_more(&message->part));
	message->single = parts == 1;
	if (parts <= 2)
		return 1;
	zmq_msg_close(&message->part);
	return ecbpf_fail(-EBADMSG, "a message of %d parts", parts);
}

int bus_receive(struct bus *bus, struct bus_message *message)
{
	size_t tried;
	int got = 0;

	for (tried = 0; tried < bus->sockets && !got; tried++) {
		message->source = bus->next;
		bus->next = (bus->next + 1) % bus->sockets;
		got = receive(bus->socket[message->source], message);
	}
	return got;
}

void bus_release(struct bus_message *message)
{
	zmq_msg_close(&message->part);
}

int bus_wait(struct bus *bus, struct ecbpf_loop *loop)
{
	zmq_pollitem_t items[ECBPF_TEXTS_MAX + 2] = { { NULL, loop->signal, ZMQ_POLLIN, 0 },
						      { NULL, loop->timer, ZMQ_POLLIN, 0 } };
	uint64_t ticks;
	size_t i;

	for (i = 0; i < bus->sockets; i++)
		items[2 + i] = (zmq_pollitem_t){ bus->socket[i], -1, ZMQ_POLLIN, 0 };
	while (zmq_poll(items, 2 + (int)bus->sockets, -1) < 0)
		if (errno != EINTR)
			return ecbpf_fail(-errno, "waiting: %s", zmq_strerror(errno));
	if (items[0].revents)
		return ECBPF_LOOP_STOP;
	if (items[1].revents && read(loop->timer, &ticks, sizeof(ticks)) == sizeof(ticks))
		return ECBPF_LOOP_TICK;
	return ECBPF_LOOP_READ;
}

void bus_close(struct bus *bus)
{
	size_t i;

	for (i = 0; i < bus->sockets; i++)
		zmq_close(bus->socket[i]);
	if (bus->context)
		zmq_ctx_term(bus->context);
	memset(bus, 0, sizeof(*bus));
}
