// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <zmq.h>

#include "libecbpf/loop.h"
#include "xdp_sampler/client_publish.h"

#define LINGER_MS 1000
/* For libzmq's thread may be waited so long at a time, a tenth of the time, and so much of it at once. */
#define GRACE_NS     10000000ULL
#define GRACE_SHARE  10
#define PATIENCE_MAX (10 * GRACE_NS)
#define NS_PER_MS    1000000
#define KEY_BYTES    32
#define KEY_TEXT     40
#define IPC	     "ipc://"

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
	size_t i, size = sizeof(publisher->told);
	int err = 0;

	publisher->single_part = options->single_part;
	publisher->context = zmq_ctx_new();
	if (publisher->context)
		publisher->socket = zmq_socket(publisher->context, ZMQ_PUB);
	if (!publisher->socket)
		return socket_fail("socket");
	if (set_int(publisher, ZMQ_SNDHWM, options->hwm) ||
	    set_int(publisher, ZMQ_LINGER, LINGER_MS) || set_int(publisher, ZMQ_IPV6, 1) ||
	    set_int(publisher, ZMQ_XPUB_NODROP, 1) ||
	    zmq_getsockopt(publisher->socket, ZMQ_FD, &publisher->told, &size))
		return socket_fail("socket");
	if (options->curve_secret)
		err = set_keys(publisher, options);
	if (!err && !options->endpoints)
		err = bind_to(publisher, PUBLISH_ENDPOINT);
	for (i = 0; !err && i < options->endpoints; i++)
		err = bind_to(publisher, options->endpoint[i]);
	return err;
}

static int try_part(struct publisher *publisher, const void *part, size_t len, int flags)
{
	const int sent = zmq_send(publisher->socket, part, len, flags | ZMQ_DONTWAIT);

	return sent < 0 ? -zmq_errno() : 0;
}

/* is_patient - whether there is time left to wait for libzmq's thread */
static bool is_patient(struct publisher *publisher, uint64_t now_ns)
{
	publisher->patience_ns += (now_ns - publisher->patience_at_ns) / GRACE_SHARE;
	publisher->patience_at_ns = now_ns;
	if (publisher->patience_ns > PATIENCE_MAX)
		publisher->patience_ns = PATIENCE_MAX;
	return publisher->patience_ns >= GRACE_NS;
}

/*
 * A queue is full, perhaps only because libzmq's thread has had no CPU, or because zmq_send() asks
 * what that thread has taken once in three million cycles only; and it tells half a mark at a time.
 */
static int retry_part(struct publisher *publisher, const void *part, size_t len, int flags)
{
	const uint64_t since_ns = ecbpf_monotonic_ns();
	const bool patient = is_patient(publisher, since_ns);
	struct pollfd told = { .fd = publisher->told, .events = POLLIN };
	uint64_t waited_ns = 0;
	int err;

	publisher_tick(publisher);
	err = try_part(publisher, part, len, flags);
	while (patient && err == -EAGAIN && waited_ns < GRACE_NS) {
		poll(&told, 1, (GRACE_NS - waited_ns + NS_PER_MS - 1) / NS_PER_MS);
		publisher_tick(publisher);
		err = try_part(publisher, part, len, flags);
		waited_ns = ecbpf_monotonic_ns() - since_ns;
	}
	publisher->patience_ns -= waited_ns < publisher->patience_ns ? waited_ns :
								       publisher->patience_ns;
	return err;
}

static int send_part(struct publisher *publisher, const void *part, size_t len, int flags)
{
	int err = try_part(publisher, part, len, flags);

	if (err == -EAGAIN)
		err = retry_part(publisher, part, len, flags);
	if (err != -EAGAIN)
		return err;
	publisher->stalls++;
	if (set_int(publisher, ZMQ_XPUB_NODROP, 0))
		return -zmq_errno();
	err = try_part(publisher, part, len, flags);
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
