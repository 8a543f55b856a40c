/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A reader of what the root of a suite samples, or traces. What must hold of each record is checked. */
#ifndef TESTS_BPF_READER_H
#define TESTS_BPF_READER_H

#include <stdint.h>

#include "tests/bpf/suite.h"

struct perf_buffer;

#define READER_MAX 64

/* Perf buffer for each CPU: room for all records of most tests. */
#define READER_PAGES 16

enum reader_kind { READER_SAMPLES, READER_TRACES };

/**
 * struct reader - zeroes at first
 * @record: the first ones since reader_read() was called, @count in all
 * @delivered, @lost: since it was opened for the first time, by the records of the perf buffer
 * @gaps: likewise, by the sequence numbers of samples; the next one is @next
 */
struct reader {
	const struct suite *suite;
	enum reader_kind kind;
	struct perf_buffer *buffer;
	struct ecbpf_sample record[READER_MAX];
	uint64_t count, delivered, lost, gaps, next;
};

void reader_open(struct reader *reader, const struct suite *suite, enum reader_kind kind,
		 size_t pages);

/** reader_close - also if it was not opened; it may be opened again */
void reader_close(struct reader *reader);

/** reader_read - how many have come since the last call */
uint64_t reader_read(struct reader *reader);

/**
 * reader_read_one - the one that has come must be of this frame; whose verdict it is, the caller
 * looks at
 * @most: bytes of it that are kept
 */
const struct ecbpf_sample *reader_read_one(struct reader *reader, const uint8_t *frame, size_t len,
					   size_t most);

/** reader_trace_on - every packet is traced, for as long as a test can take */
void reader_trace_on(struct suite *suite);

/** reader_frame - of a type that nobody knows, each byte different from its neighbours */
void reader_frame(uint8_t *frame, size_t len);

#endif
