/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * sFlow version 5 <https://sflow.org/sflow_version_5.txt>: flow samples, and of packets that were
 * dropped or aborted discarded-packet samples <https://sflow.org/sflow_drops.txt>.
 */
#ifndef XDP_SAMPLER_CLIENT_SFLOW_H
#define XDP_SAMPLER_CLIENT_SFLOW_H

#include <stddef.h>
#include <stdint.h>

#include "libecbpf/abi.h"

/* Longest datagram: fits into an Ethernet frame whatever is put around it. */
#define SFLOW_MAX 1400

/**
 * struct sflow_source - counters of an interface that a collector wants, modulo 2^32
 * @flows, @discards: samples of both kinds
 * @pool: packets that the flow samples stand for
 * @lost: samples that were generated, and lost before the client had them; the caller's
 */
struct sflow_source {
	uint32_t flows, discards;
	uint32_t pool;
	uint32_t lost;
};

/**
 * struct sflow - one collector
 * @agent: address type and address, as they are in a datagram
 * @samples: in @buf
 * @datagrams, @datagrams_lost: sent, and not taken by the socket
 */
struct sflow {
	int fd;
	uint8_t agent[20];
	size_t agent_len;
	uint64_t start_ns;
	uint32_t sequence;
	uint32_t samples;
	uint8_t buf[SFLOW_MAX];
	size_t len;
	uint64_t datagrams, datagrams_lost;
};

/**
 * sflow_open - a collector
 * @collector: HOST:PORT, or [ADDRESS]:PORT
 * @agent: address that tells agents apart, or NULL: the one that datagrams come from
 * Return: 0, then sflow_close() it; -EINVAL; -errno.
 */
int sflow_open(struct sflow *sflow, const char *collector, const char *agent);

/** sflow_sample - into the next datagram; sends the one before when that is full */
void sflow_sample(struct sflow *sflow, struct sflow_source *source,
		  const struct ecbpf_sample *sample);

/** sflow_flush - send what there is; never waits */
void sflow_flush(struct sflow *sflow);

void sflow_close(struct sflow *sflow);

#endif
