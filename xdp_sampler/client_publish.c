// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <zmq.h>

#include "libecbpf/ecbpf.h"
#include "xdp_sampler/client_publish.h"

#define LINGER_MS 1000
#define KEY_BYTES 32
#define KEY_TEXT  40
#define IPC	  "ipc://"

static int socket_fail(const char *what)
{
	return ecbpf_fail(-zmq_errno(), "%s: %s", what, zmq_strerror(zmq_errno()));
}

static int set_int(struct publisher *publisher, int option, int value)
{
	return zmq_setsockopt(publisher->socket, option, &value, sizeof(value));
}

/* key_read - @text: KEY_TEXT characters and a NUL */
static int key_read(const char *path, char text[KEY_TEXT + 2], uint8_t key[KEY_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return ecbpf_fail(-errno, "%s: %s", path, strerror(errno));
	len = read(fd, text, KEY_TEXT + 1);
	close(fd);
	if (len < 0)
		return ecbpf_fail(-errno, "%s: %s", path, strerror(errno));
	text[len] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (strlen(text) != KEY_TEXT || !zmq_z85_decode(key, text))
		return ecbpf_fail(-EINVAL, "%s: no key: %d characters of Z85 are", path, KEY_TEXT);
	return 0;
}

static int set_keys(struct publisher *publisher, const struct publish_options *options)
{
	char secret[KEY_TEXT + 2], public[KEY_TEXT + 2], derived[KEY_TEXT + 1];
	uint8_t secret_key[KEY_BYTES], public_key[KEY_BYTES];
	int err;

	if (!zmq_has("curve"))
		return ecbpf_fail(-EOPNOTSUPP, "this libzmq has no CURVE");
	err = key_read(options->curve_secret, secret, secret_key);
	if (!err)
		err = key_read(options->curve_public, public, public_key);
	if (err)
		return err;
	if (zmq_curve_public(derived, secret) || strcmp(derived, public))
		return ecbpf_fail(-EINVAL, "%s is not the public key of %s", options->curve_public,
				  options->curve_secret);
	if (set_int(publisher, ZMQ_CURVE_SERVER, 1) ||
	    zmq_setsockopt(publisher->socket, ZMQ_CURVE_SECRETKEY, secret_key, KEY_BYTES))
		return socket_fail("CURVE");
	return 0;
}

/* libzmq takes the name of a socket from whoever listens there. */
static bool ipc_is_in_use(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	bool in_use;
	int fd;

	if (*path == '@' || (size_t)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path) >=
				    sizeof(addr.sun_path))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	in_use = !connect(fd, (struct sockaddr *)&addr, sizeof(addr)) || errno == EAGAIN;
	close(fd);
	return in_use;
}

static int bind_to(struct publisher *publisher, const char *endpoint)
{
	if (!strncmp(endpoint, IPC, strlen(IPC)) && ipc_is_in_use(endpoint + strlen(IPC)))
		return ecbpf_fail(-EADDRINUSE, "%s: %s", endpoint, zmq_strerror(EADDRINUSE));
	return zmq_bind(publisher->socket, endpoint) ? socket_fail(endpoint) : 0;
}

/*
 * With XPUB_NODROP a message for a subscriber without room is refused, to all: so the client hears
 * of it, and sends it again without, to all the others.
 */
int publisher_open(struct publisher *publisher, const struct publish_options *options)
{
	size_t i;
	int err = 0;

	publisher->single_part = options->single_part;
	publisher->context = zmq_ctx_new();
	if (publisher->context)
		publisher->socket = zmq_socket(publisher->context, ZMQ_PUB);
	if (!publisher->socket)
		return socket_fail("socket");
	if (set_int(publisher, ZMQ_SNDHWM, options->hwm) ||
	    set_int(publisher, ZMQ_LINGER, LINGER_MS) || set_int(publisher, ZMQ_IPV6, 1) ||
	    set_int(publisher, ZMQ_XPUB_NODROP, 1))
		return socket_fail("socket");
	if (options->curve_secret)
		err = set_keys(publisher, options);
	if (!err && !options->endpoints)
		err = bind_to(publisher, PUBLISH_ENDPOINT);
	for (i = 0; !err && i < options->endpoints; i++)
		err = bind_to(publisher, options->endpoint[i]);
	return err;
}

static int send_part(struct publisher *publisher, const void *part, size_t len, int flags)
{
	int err;

	if (zmq_send(publisher->socket, part, len, flags | ZMQ_DONTWAIT) >= 0)
		return 0;
	if (zmq_errno() != EAGAIN)
		return -zmq_errno();
	publisher->stalls++;
	if (set_int(publisher, ZMQ_XPUB_NODROP, 0))
		return -zmq_errno();
	err = zmq_send(publisher->socket, part, len, flags | ZMQ_DONTWAIT) < 0 ? -zmq_errno() : 0;
	/* the socket keeps, for the message's other part, who gets this one */
	set_int(publisher, ZMQ_XPUB_NODROP, 1);
	return err;
}

int publisher_send(struct publisher *publisher, const char *topic, size_t topic_len,
		   const uint8_t *message, size_t len)
{
	int err = 0;

	if (!publisher->single_part)
		err = send_part(publisher, topic, topic_len, ZMQ_SNDMORE);
	if (!err)
		err = send_part(publisher, message, len, 0);
	publisher->messages += !err;
	return err;
}

void publisher_tick(struct publisher *publisher)
{
	size_t size = sizeof(int);
	int events;

	zmq_getsockopt(publisher->socket, ZMQ_EVENTS, &events, &size);
}

void publisher_close(struct publisher *publisher)
{
	if (publisher->socket)
		zmq_close(publisher->socket);
	if (publisher->context)
		zmq_ctx_term(publisher->context);
}
