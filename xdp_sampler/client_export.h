/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Samples on their way out: to the bus, one by one or in batches, and to an sFlow collector. */
#ifndef XDP_SAMPLER_CLIENT_EXPORT_H
#define XDP_SAMPLER_CLIENT_EXPORT_H

#include "xdp_sampler/client_publish.h"
#include "xdp_sampler/client_sflow.h"
#include "xdp_sampler/message.h"

/* Topics of an interface that are known, and batched, at a time. */
#define EXPORT_BATCHES 16
#define EXPORT_BATCH   256

/**
 * struct account - what became of the samples of an interface, since the client saw it first
 * @generated: sum of all others, and of those that are still in the ring
 * @sent: handed to the bus
 * @full, @unread, @failed: as in struct ecbpf_sampled
 * @reader: of another version, or there was no memory
 * @bus: the bus took them for nobody
 */
struct account {
	uint64_t generated, sent;
	uint64_t full, unread, failed;
	uint64_t reader, bus;
};

/**
 * struct batch - samples of one topic
 * @code, @row, @column: whose topic @topic is, @topic_len bytes; 0: none yet
 * @count: samples, one behind the other in @bytes, @used of them; room for exporter.batch whole ones,
 *         or NULL
 */
struct batch {
	uint32_t code;
	uint8_t row, column;
	char topic[MESSAGE_TOPIC_MAX];
	size_t topic_len;
	size_t count, used;
	uint8_t *bytes;
};

/**
 * struct outlet - what the exporter keeps of an interface
 * @name: of the interface
 * @account: @sent, @reader and @bus are counted here
 */
struct outlet {
	const char *name;
	struct account account;
	struct batch batch[EXPORT_BATCHES];
	struct sflow_source sflow;
};

/**
 * struct exporter - what all interfaces share
 * @sflow: @with_sflow: where else samples go
 * @origin: who samples; the interface is the outlet's
 * @batch: samples of a message; 0: no batches
 * @sequence: of the next sample
 * @real_ns: CLOCK_REALTIME at CLOCK_MONOTONIC 0
 */
struct exporter {
	struct publisher publisher;
	struct sflow sflow;
	bool with_sflow;
	struct message_origin origin;
	size_t batch;
	uint64_t sequence;
	uint64_t real_ns;
	uint8_t *buf;
	size_t room;
	struct message_packet packet[EXPORT_BATCH];
};

/** exporter_clock - look at the clocks again: one of them is set now and then */
void exporter_clock(struct exporter *exporter);

/** exporter_sample - send it, or keep it for a batch */
void exporter_sample(struct exporter *exporter, struct outlet *outlet,
		     const struct ecbpf_sample *sample);

/** exporter_flush - send the batches as they are */
void exporter_flush(struct exporter *exporter, struct outlet *outlet);

void outlet_free(struct outlet *outlet);

#endif
