// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Messages are written by hand, from their end to their beginning, so that the length of what is
 * nested is known when it is due: a third of the time that the general encoder takes. They are read
 * by the general decoder, which believes nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/ecbpf.h"
#include "xdp_sampler/message.h"
#include "xdp_sampler/packet_sample.pb-c.h"

#define NS_PER_S 1000000000

#define VARINT_MAX 10
/* All fields of a Packet but its bytes and its reason: tag and value each. */
#define PACKET_MAX (20 * (1 + VARINT_MAX))
#define REASON_MAX 64

enum wire_type { WIRE_VARINT = 0, WIRE_BYTES = 2 };

/* Field numbers of ext/packet_sample.proto. */
enum sample_field { SAMPLE_HOST = 1, SAMPLE_COMMON, SAMPLE_PACKET, SAMPLE_PACKETS };
enum host_field { HOST_NAME = 1, HOST_POP, HOST_SRVTYPE };
enum common_field { COMMON_INTERFACE = 1, COMMON_LINK };
enum packet_field {
	PACKET_SEC = 1,
	PACKET_NSEC,
	PACKET_LEN,
	PACKET_PKT,
	PACKET_ONE_IN,
	PACKET_SEQUENCE,
	PACKET_ACTION,
	PACKET_SLOT,
	PACKET_CODE,
	PACKET_META,
	PACKET_REASON,
	PACKET_CPU,
	PACKET_CPU_SEQUENCE,
	PACKET_RX_QUEUE,
	PACKET_IFINDEX,
};

/* put_* write before @at and return where that begins. */
static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len)
{
	at -= len;
	memcpy(at, bytes, len);
	return at;
}

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
	const int last = (63 - __builtin_clzll(value | 1)) / 7;
	int i;

	at -= last + 1;
	for (i = 0; i < last; i++, value >>= 7)
		at[i] = value | 0x80;
	at[i] = value;
	return at;
}

static uint8_t *put_tag(uint8_t *at, unsigned int field, enum wire_type type)
{
	*--at = field << 3 | type; /* fields below 16 */
	return at;
}

static uint8_t *put_number(uint8_t *at, unsigned int field, uint64_t value)
{
	return value ? put_tag(put_varint(at, value), field, WIRE_VARINT) : at;
}

static uint8_t *put_sint(uint8_t *at, unsigned int field, int value)
{
	return put_number(at, field, (uint32_t)value << 1 ^ (value < 0 ? UINT32_MAX : 0));
}

static uint8_t *put_blob(uint8_t *at, unsigned int field, const void *bytes, size_t len)
{
	if (!len)
		return at;
	return put_tag(put_varint(put_bytes(at, bytes, len), len), field, WIRE_BYTES);
}

static uint8_t *put_text(uint8_t *at, unsigned int field, const char *text)
{
	return put_blob(at, field, text, strlen(text));
}

/* put_message - what lies between @at and @end is nested */
static uint8_t *put_message(uint8_t *at, unsigned int field, const uint8_t *end)
{
	return put_tag(put_varint(at, end - at), field, WIRE_BYTES);
}

static uint32_t to_int32(uint32_t value)
{
	return value > INT32_MAX ? INT32_MAX : value;
}

/* The schema counts actions as enum xdp_action does, with invalid ones behind. */
static unsigned int action_of(unsigned int column)
{
	return column - ECBPF_COLUMN_ABORTED;
}

static int slot_of(unsigned int row)
{
	return row == ECBPF_ROW_END ? -2 : (int)row - ECBPF_ROW_SLOT(0);
}

static const char *reason_of(const struct ecbpf_sample *sample)
{
	const char *name = sample->code ? ecbpf_code_name(sample->code) : NULL;

	return name ? name : "";
}

static uint8_t *put_packet(uint8_t *at, const struct message_packet *packet)
{
	const struct ecbpf_sample *sample = packet->sample;

	at = put_number(at, PACKET_IFINDEX, sample->ifindex);
	at = put_number(at, PACKET_RX_QUEUE, sample->rx_queue);
	at = put_number(at, PACKET_CPU_SEQUENCE, sample->sequence);
	at = put_number(at, PACKET_CPU, sample->cpu);
	at = put_text(at, PACKET_REASON, reason_of(sample));
	at = put_number(at, PACKET_META, sample->meta);
	at = put_number(at, PACKET_CODE, sample->code);
	at = put_sint(at, PACKET_SLOT, slot_of(sample->row));
	at = put_number(at, PACKET_ACTION, action_of(sample->column));
	at = put_number(at, PACKET_SEQUENCE, packet->sequence);
	at = put_number(at, PACKET_ONE_IN, to_int32(sample->one_in));
	at = put_blob(at, PACKET_PKT, sample->snap, sample->snap_bytes);
	at = put_number(at, PACKET_LEN, to_int32(sample->frame_bytes));
	at = put_number(at, PACKET_NSEC, packet->time_ns % NS_PER_S);
	return put_number(at, PACKET_SEC, packet->time_ns / NS_PER_S);
}

static uint8_t *put_origin(uint8_t *at, const struct message_origin *origin)
{
	uint8_t *end = at;

	at = put_number(at, COMMON_LINK, PACKET_SAMPLE__PACKET_COMMON__LINK__ETHERNET);
	at = put_text(at, COMMON_INTERFACE, origin->interface);
	at = put_message(at, SAMPLE_COMMON, end);
	end = at;
	at = put_text(at, HOST_SRVTYPE, origin->srvtype);
	at = put_text(at, HOST_POP, origin->pop);
	at = put_text(at, HOST_NAME, origin->hostname);
	return put_message(at, SAMPLE_HOST, end);
}

/* The most that a message may take. */
static size_t room_for(const struct message_origin *origin, const struct message_packet *packet,
		       size_t count)
{
	size_t room = strlen(origin->hostname) + strlen(origin->pop) + strlen(origin->srvtype) +
		      strlen(origin->interface) + 8 * (1 + VARINT_MAX);
	size_t i;

	for (i = 0; i < count; i++)
		room += PACKET_MAX + REASON_MAX + packet[i].sample->snap_bytes;
	return room;
}

static int make_room(uint8_t **buf, size_t *room, size_t needed)
{
	uint8_t *grown;

	if (needed <= *room)
		return 0;
	grown = realloc(*buf, needed);
	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	*buf = grown;
	*room = needed;
	return 0;
}

ssize_t message_pack(const struct message_origin *origin, const struct message_packet *packet,
		     size_t count, bool batch, uint8_t **buf, size_t *room)
{
	const unsigned int field = batch ? SAMPLE_PACKETS : SAMPLE_PACKET;
	uint8_t *at, *end;
	size_t len;
	int err;

	if (!batch && count > 1)
		return ecbpf_fail(-EINVAL, "%zu samples, and no batch", count);
	err = make_room(buf, room, room_for(origin, packet, count));
	if (err)
		return err;
	end = *buf + *room;
	at = end;
	while (count--) {
		uint8_t *behind = at;

		at = put_message(put_packet(at, &packet[count]), field, behind);
	}
	at = put_origin(at, origin);
	len = end - at;
	memmove(*buf, at, len);
	return len;
}

size_t message_topic(const char *interface, const struct ecbpf_sample *sample,
		     char topic[MESSAGE_TOPIC_MAX])
{
	const char *name = ecbpf_code_name(sample->code), *row = ecbpf_row_name(sample->row);
	const char *action = ecbpf_column_name(sample->column);
	char number[16];
	int len;

	snprintf(number, sizeof(number), "%u", sample->code);
	len = snprintf(topic, MESSAGE_TOPIC_MAX, "%s.%s.%s.%s", interface, action ? action : "",
		       row ? row : "", name ? name : number);
	return len < MESSAGE_TOPIC_MAX ? len : MESSAGE_TOPIC_MAX - 1;
}

static bool is_sound(const PacketSample__Packet *packet)
{
	return packet->tv_sec >= 0 && packet->tv_sec <= INT64_MAX / NS_PER_S &&
	       packet->tv_nsec >= 0 && packet->tv_nsec < NS_PER_S && packet->len >= 0 &&
	       packet->pkt.len <= (size_t)packet->len &&
	       packet->sampling_probability_reciprocal >= 0 && packet->sequence >= 0 &&
	       packet->xdp_action >= 0 &&
	       packet->xdp_action <= PACKET_SAMPLE__PACKET__XDP_ACTION__INVALID &&
	       packet->xdp_action_source >= -2 && packet->xdp_action_source < ECBPF_SLOTS;
}

static int tell(const PacketSample__PacketSample *message, const PacketSample__Packet *packet,
		int (*each)(void *arg, const struct message_view *view), void *arg)
{
	const PacketSample__HostInfo *host = message->host_info;
	const PacketSample__PacketCommon *common = message->packet_common;
	const struct message_view view = {
		.hostname = host ? host->hostname : "",
		.interface = common ? common->interface : "",
		.link = common ? common->link : PACKET_SAMPLE__PACKET_COMMON__LINK__NULL,
		.reason = packet->reason,
		.time_ns = (uint64_t)packet->tv_sec * NS_PER_S + packet->tv_nsec,
		.sequence = packet->sequence,
		.cpu_sequence = packet->cpu_sequence,
		.meta = packet->xdp_action_meta,
		.code = packet->xdp_action_code,
		.one_in = packet->sampling_probability_reciprocal,
		.len = packet->len,
		.caplen = packet->pkt.len,
		.cpu = packet->cpu,
		.rx_queue = packet->rx_queue,
		.ifindex = packet->ifindex,
		.action = packet->xdp_action,
		.slot = packet->xdp_action_source,
		.bytes = packet->pkt.len ? packet->pkt.data : (const uint8_t *)"",
	};

	return each(arg, &view);
}

/* Nothing is told of a message of which any part is wrong. */
static int check(const PacketSample__PacketSample *message)
{
	bool sound = message->packet || message->n_packets;
	size_t i;

	if (message->packet)
		sound = is_sound(message->packet);
	for (i = 0; sound && i < message->n_packets; i++)
		sound = is_sound(message->packets[i]);
	return sound ? 0 : ecbpf_fail(-EBADMSG, "no message of samples");
}

int message_unpack(const uint8_t *buf, size_t len,
		   int (*each)(void *arg, const struct message_view *view), void *arg)
{
	PacketSample__PacketSample *message = packet_sample__packet_sample__unpack(NULL, len, buf);
	size_t i;
	int err;

	if (!message)
		return ecbpf_fail(-EBADMSG, "no message of samples");
	err = check(message);
	if (!err && message->packet)
		err = tell(message, message->packet, each, arg);
	for (i = 0; !err && i < message->n_packets; i++)
		err = tell(message, message->packets[i], each, arg);
	packet_sample__packet_sample__free_unpacked(message, NULL);
	return err;
}
