// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * libFuzzer: whatever the bus brings is no message, or each packet of it keeps its promises. And the
 * other way: a sample of any content is the same after it was a message.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_sampler/message.h"

#define NS_PER_S   1000000000ULL
#define SEQUENCE   4711
#define PACKETS	   3
#define SLOT_FIRST (-2)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

struct tally {
	size_t packets;
	uint8_t sum;
};

static int look(void *arg, const struct message_view *view)
{
	struct tally *tally = arg;
	uint32_t i;

	tally->packets++;
	must(view->caplen <= view->len && view->len <= INT32_MAX && view->one_in <= INT32_MAX);
	must(view->action >= 0 && view->action <= 5);
	must(view->slot >= SLOT_FIRST && view->slot < ECBPF_SLOTS);
	must(strlen(view->hostname) + strlen(view->interface) + strlen(view->reason) < SIZE_MAX);
	for (i = 0; i < view->caplen; i++)
		tally->sum += view->bytes[i];
	return tally->packets == PACKETS ? 1 : 0;
}

static void read_any(const uint8_t *data, size_t size)
{
	struct tally tally = {};
	int err = message_unpack(data, size, look, &tally);

	must(err == -EBADMSG || err == 0 || err == 1);
	must((err == -EBADMSG) == !tally.packets);
	must((err == 1) == (tally.packets == PACKETS));
}

struct expected {
	const struct ecbpf_sample *sample;
	uint64_t time_ns;
	size_t packets;
};

static uint32_t to_int32(uint32_t value)
{
	return value > INT32_MAX ? INT32_MAX : value;
}

static int compare(void *arg, const struct message_view *view)
{
	struct expected *want = arg;
	const struct ecbpf_sample *sample = want->sample;

	must(view->time_ns == want->time_ns && view->sequence == SEQUENCE + want->packets);
	must(view->meta == sample->meta && view->cpu_sequence == sample->sequence);
	must(view->code == sample->code && view->one_in == to_int32(sample->one_in));
	must(view->len == to_int32(sample->frame_bytes) && view->caplen == sample->snap_bytes);
	must(view->cpu == sample->cpu && view->rx_queue == sample->rx_queue);
	must(view->ifindex == sample->ifindex && view->action == sample->column - 1);
	must(view->slot == (sample->row == ECBPF_ROW_END ? -2 : sample->row - 1));
	must(!memcmp(view->bytes, sample->snap, view->caplen));
	want->packets++;
	return 0;
}

/* sample_any - with what the kernel never says set right */
static void sample_any(struct ecbpf_sample *sample, const uint8_t *data, size_t size)
{
	memset(sample, 0, sizeof(*sample));
	if (size)
		memcpy(sample, data, size < sizeof(*sample) ? size : sizeof(*sample));
	sample->snap_bytes %= ECBPF_SNAP_MAX + 1;
	if (sample->frame_bytes < sample->snap_bytes)
		sample->frame_bytes = sample->snap_bytes;
	sample->row %= ECBPF_ROWS;
	sample->column = 1 + sample->column % ECBPF_COLUMN_INVALID;
}

static void there_and_back(const uint8_t *data, size_t size)
{
	const struct message_origin origin = { "h", "", "s", "eth0" };
	struct ecbpf_sample sample;
	struct message_packet packet[2];
	struct expected want = { &sample, 0, 0 };
	char topic[MESSAGE_TOPIC_MAX];
	uint8_t *buf = NULL;
	size_t room = 0;
	ssize_t len;

	sample_any(&sample, data, size);
	want.time_ns = sample.time_ns % (INT64_MAX / NS_PER_S * NS_PER_S);
	packet[0] = (struct message_packet){ &sample, want.time_ns, SEQUENCE };
	packet[1] = (struct message_packet){ &sample, want.time_ns, SEQUENCE + 1 };
	len = message_pack(&origin, packet, 2, true, &buf, &room);
	must(len > 0 && (size_t)len <= room);
	must(!message_unpack(buf, len, compare, &want) && want.packets == 2);
	must(message_topic("eth0", &sample, topic) == strlen(topic));
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_any(data, size);
	there_and_back(data, size);
	return 0;
}
