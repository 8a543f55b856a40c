// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libecbpf/loop.h"
#include "xdp_sampler/client_export.h"

#define NS_PER_S 1000000000ULL

void exporter_clock(struct exporter *exporter)
{
	struct timespec real;

	clock_gettime(CLOCK_REALTIME, &real);
	exporter->real_ns = real.tv_sec * NS_PER_S + real.tv_nsec - ecbpf_monotonic_ns();
}

static void packet_set(struct exporter *exporter, size_t at, const struct ecbpf_sample *sample)
{
	exporter->packet[at] = (struct message_packet){
		.sample = sample,
		.time_ns = exporter->real_ns + sample->time_ns,
		.sequence = exporter->sequence + at,
	};
}

/* message_send - the first @count packets, all of one topic */
static void message_send(struct exporter *exporter, struct outlet *outlet, size_t count)
{
	const bool batch = exporter->batch;
	char topic[MESSAGE_TOPIC_MAX];
	size_t topic_len;
	ssize_t len;

	exporter->origin.interface = outlet->name;
	len = message_pack(&exporter->origin, exporter->packet, count, batch, &exporter->buf,
			   &exporter->room);
	if (len < 0) {
		outlet->account.reader += count;
		return;
	}
	exporter->sequence += count;
	topic_len = message_topic(outlet->name, exporter->packet[0].sample, topic);
	if (publisher_send(&exporter->publisher, topic, topic_len, exporter->buf, len))
		outlet->account.bus += count;
	else
		outlet->account.sent += count;
}

static void batch_send(struct exporter *exporter, struct outlet *outlet, struct batch *batch)
{
	size_t i;

	if (!batch->count)
		return;
	for (i = 0; i < batch->count; i++)
		packet_set(exporter, i, &batch->sample[i]);
	message_send(exporter, outlet, batch->count);
	batch->count = 0;
}

static bool batch_takes(const struct batch *batch, const struct ecbpf_sample *sample)
{
	return batch->code == sample->code && batch->row == sample->row &&
	       batch->column == sample->column;
}

static void batch_add(struct exporter *exporter, struct outlet *outlet,
		      const struct ecbpf_sample *sample)
{
	const unsigned int hash = sample->code * 31 + sample->row * 7 + sample->column;
	struct batch *batch = &outlet->batch[hash % EXPORT_BATCHES];

	if (!batch->sample)
		batch->sample = calloc(exporter->batch, sizeof(*batch->sample));
	if (!batch->sample) {
		outlet->account.reader++;
		return;
	}
	if (!batch_takes(batch, sample)) {
		batch_send(exporter, outlet, batch);
		batch->code = sample->code;
		batch->row = sample->row;
		batch->column = sample->column;
	}
	memcpy(&batch->sample[batch->count++], sample, ECBPF_SAMPLE_HEADER + sample->snap_bytes);
	if (batch->count == exporter->batch)
		batch_send(exporter, outlet, batch);
}

void exporter_sample(struct exporter *exporter, struct outlet *outlet,
		     const struct ecbpf_sample *sample)
{
	if (exporter->with_sflow)
		sflow_sample(&exporter->sflow, &outlet->sflow, sample);
	if (exporter->batch) {
		batch_add(exporter, outlet, sample);
		return;
	}
	packet_set(exporter, 0, sample);
	message_send(exporter, outlet, 1);
}

void exporter_flush(struct exporter *exporter, struct outlet *outlet)
{
	size_t i;

	for (i = 0; exporter->batch && i < EXPORT_BATCHES; i++)
		batch_send(exporter, outlet, &outlet->batch[i]);
}

void outlet_free(struct outlet *outlet)
{
	size_t i;

	for (i = 0; i < EXPORT_BATCHES; i++)
		free(outlet->batch[i].sample);
}
