// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include <zmq.h>

#include "libecbpf/loop.h"
#include "tests/bench/subscriber.h"

/* Field numbers of ext/packet_sample.proto. */
#define SAMPLE_PACKET	3
#define SAMPLE_PACKETS	4
#define PACKET_SEQUENCE 6

#define WIRE_VARINT 0
#define WIRE_BYTES  2

/**
 * struct field - of a message
 * @value: a number, or how many bytes there are
 */
struct field {
	unsigned int number;
	const uint8_t *bytes;
	uint64_t value;
};

static const uint8_t *varint(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
	unsigned int shift = 0;

	*value = 0;
	for (; at < end && shift < 64; shift += 7) {
		*value |= (uint64_t)(*at & 0x7f) << shift;
		if (!(*at++ & 0x80))
			return at;
	}
	return NULL;
}

/* field_next - returns where the next one begins, or NULL: it is none */
static const uint8_t *field_next(const uint8_t *at, const uint8_t *end, struct field *field)
{
	uint64_t tag;

	at = varint(at, end, &tag);
	if (at)
		at = varint(at, end, &field->value);
	if (!at || ((tag & 7) != WIRE_VARINT && (tag & 7) != WIRE_BYTES))
		return NULL;
	field->number = tag >> 3;
	field->bytes = at;
	if ((tag & 7) == WIRE_VARINT)
		return at;
	return field->value <= (uint64_t)(end - at) ? at + field->value : NULL;
}

static void packet(struct subscriber *s, const struct field *field)
{
	const uint8_t *at = field->bytes, *end = at + field->value;
	struct field inner = {};
	uint64_t sequence = 0; /* as it is where the field is not there */

	while (at && at < end && inner.number != PACKET_SEQUENCE)
		at = field_next(at, end, &inner);
	if (at && inner.number == PACKET_SEQUENCE)
		sequence = inner.value;
	if (!s->samples)
		s->first = sequence;
	else if (sequence < s->next)
		s->disorder++;
	s->next = sequence + 1;
	s->samples++;
}

static void message(struct subscriber *s, const uint8_t *at, size_t len)
{
	const uint8_t *end = at + len;
	struct field field;

	while (at < end) {
		at = field_next(at, end, &field);
		if (!at) {
			s->disorder++;
			return;
		}
		if (field.number == SAMPLE_PACKET || field.number == SAMPLE_PACKETS)
			packet(s, &field);
	}
	__atomic_store_n(&s->last_ns, ecbpf_monotonic_ns(), __ATOMIC_RELEASE);
}

void subscriber_run(void *arg)
{
	struct subscriber *s = arg;
	void *context = zmq_ctx_new();
	void *socket = context ? zmq_socket(context, ZMQ_SUB) : NULL;
	const int no_mark = 0;
	zmq_msg_t part;

	if (!socket || zmq_setsockopt(socket, ZMQ_RCVHWM, &no_mark, sizeof(no_mark)) ||
	    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) || zmq_connect(socket, s->endpoint))
		_exit(1);
	for (;;) {
		zmq_msg_init(&part);
		if (zmq_msg_recv(&part, socket, 0) >= 0 && !zmq_msg_more(&part))
			message(s, zmq_msg_data(&part), zmq_msg_size(&part));
		zmq_msg_close(&part);
	}
}
