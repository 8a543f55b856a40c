// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <bpf/libbpf.h>

#include <cmocka.h>

#include "libecbpf/loop.h"
#include "tests/bpf/reader.h"
#include "xdp_root/xdp_root.skel.h"

#define LEASE_NS 3600000000000ULL

static void on_record(void *ctx, int cpu, void *data, __u32 size)
{
	const struct ecbpf_sample *record = data;
	struct reader *reader = ctx;
	const __u32 room = reader->kind == READER_TRACES ? ECBPF_SNAP : record->snap_bytes;

	assert_int_equal(cpu, reader->suite->cpu);
	assert_int_equal(record->cpu, cpu);
	assert_int_equal(record->version, ECBPF_ABI);
	assert_in_range(record->snap_bytes, 0, room);
	/* the kernel pads records, which have a length of four bytes themselves, to eight */
	assert_int_equal(size, ((ECBPF_SAMPLE_HEADER + room + 4 + 7) & ~7UL) - 4);
	if (reader->kind == READER_SAMPLES) {
		assert_true(record->sequence >= reader->next);
		reader->gaps += record->sequence - reader->next;
		reader->next = record->sequence + 1;
	} else {
		assert_int_equal(record->sequence, 0);
		assert_int_equal(record->one_in, 0);
	}
	reader->delivered++;
	if (reader->count < READER_MAX)
		memcpy(&reader->record[reader->count], record, ECBPF_SAMPLE_HEADER + room);
	reader->count++;
}

static void on_lost(void *ctx, int cpu, __u64 count)
{
	struct reader *reader = ctx;

	assert_int_equal(cpu, reader->suite->cpu);
	reader->lost += count;
}

void reader_open(struct reader *reader, const struct suite *suite, enum reader_kind kind,
		 size_t pages)
{
	const struct bpf_map *map = kind == READER_TRACES ? suite->root->maps.ecbpf_trace :
							    suite->root->maps.ecbpf_samples;

	reader->suite = suite;
	reader->kind = kind;
	reader->buffer =
		perf_buffer__new(bpf_map__fd(map), pages, on_record, on_lost, reader, NULL);
	assert_non_null(reader->buffer);
}

void reader_close(struct reader *reader)
{
	perf_buffer__free(reader->buffer);
	reader->buffer = NULL;
}

uint64_t reader_read(struct reader *reader)
{
	reader->count = 0;
	assert_int_equal(perf_buffer__consume(reader->buffer), 0);
	return reader->count;
}

const struct ecbpf_sample *reader_read_one(struct reader *reader, const uint8_t *frame, size_t len,
					   size_t most)
{
	const size_t snap = len < most ? len : most;
	const struct ecbpf_sample *record = &reader->record[0];

	assert_int_equal(reader_read(reader), 1);
	assert_int_equal(record->frame_bytes, len);
	assert_int_equal(record->snap_bytes, snap);
	assert_int_equal(record->ifindex, if_nametoindex("lo")); /* what a test run stands in for */
	assert_int_equal(record->rx_queue, 0);
	assert_memory_equal(record->snap, frame, snap);
	return record;
}

void reader_trace_on(struct suite *suite)
{
	suite->control->trace_until_ns = ecbpf_monotonic_ns() + LEASE_NS;
	suite->control->trace_one_in = 1;
}

void reader_frame(uint8_t *frame, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		frame[i] = i * 7 + 1;
	frame[12] = 0x90;
	frame[13] = 0x00;
}
