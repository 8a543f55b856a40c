// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Samples to messages and back; the bytes are those that the schema's general encoder makes. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libecbpf/ecbpf.h"
#include "xdp_sampler/message.h"
#include "xdp_sampler/packet_sample.pb-c.h"

#define TIME_NS 1700000000123456789ULL
#define VIEWS	8

static const struct message_origin origin = { "host", "pop", "srv", "eth0" };

static struct ecbpf_sample sample_make(unsigned int snap_bytes)
{
	struct ecbpf_sample sample = {
		.meta = 3,
		.sequence = 77,
		.code = ECBPF_CODE_FW_RULE,
		.frame_bytes = 1500,
		.snap_bytes = snap_bytes,
		.ifindex = 4,
		.rx_queue = 2,
		.cpu = 1,
		.one_in = 1000,
		.version = ECBPF_ABI,
		.row = ECBPF_ROW_SLOT(5),
		.column = ECBPF_COLUMN_DROP,
	};
	unsigned int i;

	for (i = 0; i < snap_bytes; i++)
		sample.snap[i] = i * 7 + 1;
	return sample;
}

struct seen {
	struct message_view view[VIEWS];
	uint8_t bytes[VIEWS][ECBPF_SNAP_MAX];
	char text[VIEWS][3][64];
	size_t count;
	int stop; /* what the callback says */
};

static void keep(char to[64], const char *text)
{
	assert_true(snprintf(to, 64, "%s", text) < 64);
}

static int see(void *arg, const struct message_view *view)
{
	struct seen *seen = arg;

	assert_in_range(seen->count, 0, VIEWS - 1);
	seen->view[seen->count] = *view;
	memcpy(seen->bytes[seen->count], view->bytes, view->caplen);
	keep(seen->text[seen->count][0], view->hostname);
	keep(seen->text[seen->count][1], view->interface);
	keep(seen->text[seen->count][2], view->reason);
	seen->count++;
	return seen->stop;
}

static void check_view(const struct seen *seen, size_t at, const struct ecbpf_sample *sample,
		       uint64_t sequence)
{
	const struct message_view *view = &seen->view[at];

	assert_string_equal(seen->text[at][0], "host");
	assert_string_equal(seen->text[at][1], "eth0");
	assert_string_equal(seen->text[at][2], "fw-rule");
	assert_int_equal(view->time_ns, TIME_NS + at);
	assert_int_equal(view->sequence, sequence);
	assert_int_equal(view->cpu_sequence, 77);
	assert_int_equal(view->meta, 3);
	assert_int_equal(view->code, ECBPF_CODE_FW_RULE);
	assert_int_equal(view->one_in, 1000);
	assert_int_equal(view->len, 1500);
	assert_int_equal(view->caplen, sample->snap_bytes);
	assert_int_equal(view->cpu, 1);
	assert_int_equal(view->rx_queue, 2);
	assert_int_equal(view->ifindex, 4);
	assert_int_equal(view->link, 1);
	assert_int_equal(view->action, 1);
	assert_int_equal(view->slot, 5);
	assert_memory_equal(seen->bytes[at], sample->snap, sample->snap_bytes);
}

static void there_and_back(void **state)
{
	static const unsigned int snaps[] = { 0, 1, 14, 127, 128, 129, ECBPF_SNAP_MAX - 100 };
	uint8_t *buf = NULL;
	size_t room = 0, i;

	(void)state;
	for (i = 0; i < sizeof(snaps) / sizeof(snaps[0]); i++) {
		struct ecbpf_sample sample = sample_make(snaps[i]);
		const struct message_packet packet = { &sample, TIME_NS, 9 };
		struct seen seen = {};
		ssize_t len = message_pack(&origin, &packet, 1, false, &buf, &room);

		assert_true(len > 0);
		assert_int_equal(message_unpack(buf, len, see, &seen), 0);
		assert_int_equal(seen.count, 1);
		check_view(&seen, 0, &sample, 9);
	}
	free(buf);
}

static void batches(void **state)
{
	struct ecbpf_sample sample[3] = { sample_make(60), sample_make(128), sample_make(0) };
	const struct message_packet packet[] = { { &sample[0], TIME_NS, 5 },
						 { &sample[1], TIME_NS + 1, 6 },
						 { &sample[2], TIME_NS + 2, 7 } };
	struct seen seen = {};
	uint8_t *buf = NULL;
	size_t room = 0, i;
	ssize_t len;

	(void)state;
	assert_int_equal(message_pack(&origin, packet, 3, false, &buf, &room), -EINVAL);
	len = message_pack(&origin, packet, 3, true, &buf, &room);
	assert_true(len > 0);
	assert_int_equal(message_unpack(buf, len, see, &seen), 0);
	assert_int_equal(seen.count, 3);
	for (i = 0; i < 3; i++)
		check_view(&seen, i, &sample[i], 5 + i);
	memset(&seen, 0, sizeof(seen));
	len = message_pack(&origin, packet, 1, true, &buf, &room);
	assert_int_equal(message_unpack(buf, len, see, &seen), 0);
	assert_int_equal(seen.count, 1);
	memset(&seen, 0, sizeof(seen));
	seen.stop = -ENOSPC;
	len = message_pack(&origin, packet, 3, true, &buf, &room);
	assert_int_equal(message_unpack(buf, len, see, &seen), -ENOSPC);
	assert_int_equal(seen.count, 1);
	free(buf);
}

static void packet_fill(PacketSample__Packet *packet, struct ecbpf_sample *sample)
{
	packet_sample__packet__init(packet);
	packet->tv_sec = TIME_NS / 1000000000;
	packet->tv_nsec = TIME_NS % 1000000000;
	packet->len = sample->frame_bytes;
	packet->pkt.data = sample->snap;
	packet->pkt.len = sample->snap_bytes;
	packet->sampling_probability_reciprocal = sample->one_in;
	packet->sequence = 1ULL << 40;
	packet->xdp_action = 1;
	packet->xdp_action_source = 5;
	packet->xdp_action_code = sample->code;
	packet->xdp_action_meta = sample->meta;
	packet->reason = "fw-rule";
	packet->cpu = sample->cpu;
	packet->cpu_sequence = sample->sequence;
	packet->rx_queue = sample->rx_queue;
	packet->ifindex = sample->ifindex;
}

static size_t pack_by_schema(struct ecbpf_sample *sample, bool batch, uint8_t *to)
{
	PacketSample__HostInfo host = PACKET_SAMPLE__HOST_INFO__INIT;
	PacketSample__PacketCommon common = PACKET_SAMPLE__PACKET_COMMON__INIT;
	PacketSample__PacketSample message = PACKET_SAMPLE__PACKET_SAMPLE__INIT;
	PacketSample__Packet packet, *packets[] = { &packet, &packet };

	packet_fill(&packet, sample);
	host.hostname = "host";
	host.pop = "pop";
	host.srvtype = "srv";
	common.interface = "eth0";
	common.link = 1;
	message.host_info = &host;
	message.packet_common = &common;
	if (batch) {
		message.n_packets = 2;
		message.packets = packets;
	} else {
		message.packet = &packet;
	}
	return packet_sample__packet_sample__pack(&message, to);
}

static void same_bytes_as_the_schema_makes(void **state)
{
	struct ecbpf_sample sample = sample_make(200);
	const struct message_packet packets[] = { { &sample, TIME_NS, 1ULL << 40 },
						  { &sample, TIME_NS, 1ULL << 40 } };
	uint8_t want[4096], *buf = NULL;
	size_t room = 0, size;
	ssize_t len;

	(void)state;
	size = pack_by_schema(&sample, false, want);
	len = message_pack(&origin, packets, 1, false, &buf, &room);
	assert_int_equal(len, size);
	assert_memory_equal(buf, want, size);
	size = pack_by_schema(&sample, true, want);
	len = message_pack(&origin, packets, 2, true, &buf, &room);
	assert_int_equal(len, size);
	assert_memory_equal(buf, want, size);
	free(buf);
}

/* Nothing is written that is longer than what was asked for: the largest numbers there are. */
static void extremes(void **state)
{
	struct ecbpf_sample sample = sample_make(ECBPF_SNAP_MAX);
	const struct message_packet packet = { &sample, INT64_MAX, INT64_MAX };
	uint8_t *buf = NULL;
	struct seen seen = {};
	size_t room = 0;
	ssize_t len;

	(void)state;
	sample.meta = sample.sequence = UINT64_MAX;
	sample.code = sample.frame_bytes = sample.ifindex = UINT32_MAX;
	sample.rx_queue = sample.cpu = sample.one_in = UINT32_MAX;
	len = message_pack(&origin, &packet, 1, false, &buf, &room);
	assert_in_range(len, ECBPF_SNAP_MAX, room);
	assert_int_equal(message_unpack(buf, len, see, &seen), 0);
	assert_int_equal(seen.view[0].meta, UINT64_MAX);
	assert_int_equal(seen.view[0].code, UINT32_MAX);
	assert_int_equal(seen.view[0].len, INT32_MAX);
	assert_int_equal(seen.view[0].one_in, INT32_MAX);
	assert_int_equal(seen.view[0].time_ns, INT64_MAX);
	assert_int_equal(seen.view[0].sequence, INT64_MAX);
	assert_string_equal(seen.text[0][2], "");
	free(buf);
}

static void actions_and_slots(void **state)
{
	static const struct {
		uint8_t row, column;
		int slot, action;
		uint32_t code;
		const char *topic;
	} rows[] = {
		{ ECBPF_ROW_ROOT, ECBPF_COLUMN_ABORTED, -1, 0, 1,
		  "eth0.aborted.root.eth-truncated" },
		{ ECBPF_ROW_SLOT(0), ECBPF_COLUMN_DROP, 0, 1, 128, "eth0.drop.0.fw-rule" },
		{ ECBPF_ROW_END, ECBPF_COLUMN_PASS, -2, 2, 0, "eth0.pass.end.none" },
		{ ECBPF_ROW_SLOT(15), ECBPF_COLUMN_TX, 15, 3, 400, "eth0.tx.15.400" },
		{ ECBPF_ROW_SLOT(7), ECBPF_COLUMN_REDIRECT, 7, 4, 0, "eth0.redirect.7.none" },
		{ ECBPF_ROW_SLOT(2), ECBPF_COLUMN_INVALID, 2, 5, 384, "eth0.invalid.2.user" },
	};
	char topic[MESSAGE_TOPIC_MAX];
	uint8_t *buf = NULL;
	size_t room = 0, i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ecbpf_sample sample = sample_make(14);
		const struct message_packet packet = { &sample, TIME_NS, 0 };
		struct seen seen = {};
		ssize_t len;

		sample.row = rows[i].row;
		sample.column = rows[i].column;
		sample.code = rows[i].code;
		len = message_pack(&origin, &packet, 1, false, &buf, &room);
		assert_int_equal(message_unpack(buf, len, see, &seen), 0);
		assert_int_equal(seen.view[0].slot, rows[i].slot);
		assert_int_equal(seen.view[0].action, rows[i].action);
		assert_int_equal(message_topic("eth0", &sample, topic), strlen(rows[i].topic));
		assert_string_equal(topic, rows[i].topic);
	}
	free(buf);
}

/* Bytes of somebody who speaks the schema, but lies. */
static void lies(void **state)
{
	static const struct {
		size_t at;
		int64_t value;
		bool wide;
	} rows[] = {
		{ offsetof(PacketSample__Packet, tv_sec), -1, true },
		{ offsetof(PacketSample__Packet, tv_sec), INT64_MAX, true },
		{ offsetof(PacketSample__Packet, tv_nsec), -1, false },
		{ offsetof(PacketSample__Packet, tv_nsec), 1000000000, false },
		{ offsetof(PacketSample__Packet, len), -1, false },
		{ offsetof(PacketSample__Packet, len), 199, false }, /* there are 200 bytes of it */
		{ offsetof(PacketSample__Packet, sampling_probability_reciprocal), -1, false },
		{ offsetof(PacketSample__Packet, sequence), -1, true },
		{ offsetof(PacketSample__Packet, xdp_action), 6, false },
		{ offsetof(PacketSample__Packet, xdp_action), -1, false },
		{ offsetof(PacketSample__Packet, xdp_action_source), 16, false },
		{ offsetof(PacketSample__Packet, xdp_action_source), -3, false },
	};
	struct ecbpf_sample sample = sample_make(200);
	uint8_t bytes[4096];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		PacketSample__PacketSample message = PACKET_SAMPLE__PACKET_SAMPLE__INIT;
		PacketSample__Packet good, bad, *packets[] = { &good, &bad };
		struct seen seen = {};
		size_t len;

		packet_fill(&good, &sample);
		packet_fill(&bad, &sample);
		memcpy((char *)&bad + rows[i].at, &rows[i].value,
		       rows[i].wide ? sizeof(int64_t) : sizeof(int32_t));
		message.packets = packets;
		message.n_packets = 2;
		len = packet_sample__packet_sample__pack(&message, bytes);
		assert_int_equal(message_unpack(bytes, len, see, &seen), -EBADMSG);
		assert_int_equal(seen.count, 0);
	}
}

static void wrong_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		{ "", 0 },
		{ "x", 1 },
		{ "\x1a\x05", 2 }, /* a packet of five bytes, of which there are none */
		{ "\x1a\xff\xff\xff\xff\x0f", 6 },
		{ "\x0a\x00\x12\x00", 4 }, /* no packet */
		{ "\x1a\x02\x22\x7f", 4 }, /* bytes beyond the packet */
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11 },
	};
	struct ecbpf_sample sample = sample_make(40);
	const struct message_packet packet = { &sample, TIME_NS, 1 };
	struct seen seen = {};
	uint8_t *buf = NULL;
	size_t room = 0, i;
	ssize_t len, cut;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(message_unpack((const uint8_t *)rows[i].bytes, rows[i].len, see,
						&seen),
				 -EBADMSG);
	len = message_pack(&origin, &packet, 1, false, &buf, &room);
	for (cut = 0; cut < len; cut++)
		assert_int_equal(message_unpack(buf, cut, see, &seen), -EBADMSG);
	assert_int_equal(seen.count, 0);
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(batches),
		cmocka_unit_test(same_bytes_as_the_schema_makes),
		cmocka_unit_test(extremes),
		cmocka_unit_test(actions_and_slots),
		cmocka_unit_test(lies),
		cmocka_unit_test(wrong_bytes),
	};

	return cmocka_run_group_tests_name("sampler_message", tests, NULL, NULL);
}
