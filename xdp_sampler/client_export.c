// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libecbpf/loop.h"
#include "xdp_sampler/client_export.h"

#define NS_PER_S 1000000000ULL

/* Samples in a batch are close together, and aligned: malloc()ed for the longest, used as they are. */
#define SAMPLE_ROOM(snap) ((ECBPF_SAMPLE_HEADER + (size_t)(snap) + 7) & ~(size_t)7)

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

/* message_send - the first @count packets, all of this topic */
static void message_send(struct exporter *exporter, struct outlet *outlet,
			 const struct batch *batch, size_t count)
{
	ssize_t len;

	exporter->origin.interface = outlet->name;
	len = message_pack(&exporter->origin, exporter->packet, count, exporter->batch,
			   &exporter->buf, &exporter->room);
	if (len < 0) {
		outlet->account.reader += count;
		return;
	}
	exporter->sequence += count;
	if (publisher_send(&exporter->publisher, batch->topic, batch->topic_len, exporter->buf,
			   len))
		outlet->account.bus += count;
	else
		outlet->account.sent += count;
}

static void batch_send(struct exporter *exporter, struct outlet *outlet, struct batch *batch)
{
	const struct ecbpf_sample *sample;
	size_t i, at = 0;

	if (!batch->count)
		return;
	for (i = 0; i < batch->count; i++) {
		sample = (const void *)(batch->bytes + at);
		packet_set(exporter, i, sample);
		at += SAMPLE_ROOM(sample->snap_bytes);
	}
	message_send(exporter, outlet, batch, batch->count);
	batch->count = batch->used = 0;
}

/* batch_of - where samples like this one are; what is there of another topic is sent */
static struct batch *batch_of(struct exporter *exporter, struct outlet *outlet,
			      const struct ecbpf_sample *sample)
{
	const unsigned int hash = sample->code * 31 + sample->row * 7 + sample->column;
	struct batch *batch = &outlet->batch[hash % EXPORT_BATCHES];

	if (batch->topic_len && batch->code == sample->code && batch->row == sample->row &&
	    batch->column == sample->column)
		return batch;
	batch_send(exporter, outlet, batch);
	batch->code = sample->code;
	batch->row = sample->row;
	batch->column = sample->column;
	batch->topic_len = message_topic(outlet->name, sample, batch->topic);
	return batch;
}

static void batch_add(struct exporter *exporter, struct outlet *outlet, struct batch *batch,
		      const struct ecbpf_sample *sample)
{
	if (!batch->bytes)
		batch->bytes = malloc(exporter->batch * SAMPLE_ROOM(ECBPF_SNAP_MAX));
	if (!batch->bytes) {
		outlet->account.reader++;
		return;
	}
	memcpy(batch->bytes + batch->used, sample, ECBPF_SAMPLE_HEADER + sample->snap_bytes);
	batch->used += SAMPLE_ROOM(sample->snap_bytes);
	if (++batch->count == exporter->batch)
		batch_send(exporter, outlet, batch);
}

void exporter_sample(struct exporter *exporter, struct outlet *outlet,
		     const struct ecbpf_sample *sample)
{
	struct batch *batch = batch_of(exporter, outlet, sample);

	if (exporter->with_sflow)
		sflow_sample(&exporter->sflow, &outlet->sflow, sample);
	if (exporter->batch) {
		batch_add(exporter, outlet, batch, sample);
		return;
	}
	packet_set(exporter, 0, sample);
	message_send(exporter, outlet, batch, 1);
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
		free(outlet->batch[i].bytes);
}
