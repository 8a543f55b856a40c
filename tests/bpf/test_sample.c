// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The sampler's share of packets: what a sample tells, and that no packet is left out of the account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "libecbpf/loop.h"
#include "tests/bpf/reader.h"

#define META 0x1122334455667788ULL
#define SLOT 4

#define PAGES_FEW 1

/** struct sampler - a root, and who reads its samples and traces */
struct sampler {
	struct suite *suite;
	volatile struct ecbpf_control *control;
	volatile struct ecbpf_sampling *sampling;
	struct reader reader, trace;
};

static int sampler_open(void **state)
{
	struct sampler *s = calloc(1, sizeof(*s));

	*state = s;
	if (!s || suite_open((void **)&s->suite))
		return -1;
	s->control = s->suite->control;
	s->sampling = s->suite->sampling;
	return 0;
}

static int sampler_close(void **state)
{
	struct sampler *s = *state;

	reader_close(&s->reader);
	reader_close(&s->trace);
	suite_close((void **)&s->suite);
	free(s);
	return 0;
}

/* --- the reader */

static void read_on(struct sampler *s, size_t pages)
{
	reader_open(&s->reader, s->suite, READER_SAMPLES, pages);
}

static uint64_t samples(struct sampler *s)
{
	return reader_read(&s->reader);
}

static uint64_t traces(struct sampler *s)
{
	return reader_read(&s->trace);
}

static struct sampler *sampler_get(void **state)
{
	struct sampler *s = *state;

	suite_get((void **)&s->suite);
	s->sampling->snap_bytes = ECBPF_SNAP;
	s->sampling->by_default = 1;
	s->control->sample_one_in = 1;
	return s;
}

static void trace_on(struct sampler *s)
{
	reader_open(&s->trace, s->suite, READER_TRACES, READER_PAGES);
	reader_trace_on(s->suite);
}

/* --- the account */

/* Nothing may be missing, whatever happened; the samples must have been read. */
static struct ecbpf_sampled account(const struct sampler *s)
{
	struct ecbpf_sampled now = suite_sampled(s->suite);

	assert_int_equal(now.drawn, now.filtered + now.thinned + now.unreported + now.generated);
	assert_int_equal(now.generated, s->reader.delivered + now.unread + now.full + now.failed);
	return now;
}

static void expect_account(const struct sampler *s, const struct ecbpf_sampled *want)
{
	const struct ecbpf_sampled now = account(s);

	assert_memory_equal(&now, want, sizeof(now));
}

/* --- packets */

static void frame_run(struct sampler *s, size_t len, int action)
{
	uint8_t frame[SUITE_FRAME_MAX];

	reader_frame(frame, len);
	assert_int_equal(suite_run(s->suite, frame, len), action);
}

static void frames_run(struct sampler *s, __u32 count)
{
	uint8_t frame[60];

	reader_frame(frame, sizeof(frame));
	suite_repeat(s->suite, frame, sizeof(frame), count);
}

static const struct ecbpf_sample *sample_of(struct sampler *s, const uint8_t *frame, size_t len,
					    size_t most)
{
	const struct ecbpf_sample *sample = reader_read_one(&s->reader, frame, len, most);

	assert_int_equal(sample->one_in, 1);
	return sample;
}

/* --- what a sample tells */

static void sample_tells_the_verdict(void **state)
{
	static const struct {
		int action, result;
		__u8 row, column;
	} rows[] = {
		{ XDP_ABORTED, XDP_ABORTED, ECBPF_ROW_SLOT(SLOT), ECBPF_COLUMN_ABORTED },
		{ XDP_DROP, XDP_DROP, ECBPF_ROW_SLOT(SLOT), ECBPF_COLUMN_DROP },
		{ XDP_PASS, XDP_PASS, ECBPF_ROW_SLOT(SLOT), ECBPF_COLUMN_PASS },
		{ XDP_TX, XDP_TX, ECBPF_ROW_SLOT(SLOT), ECBPF_COLUMN_TX },
		{ XDP_REDIRECT, XDP_REDIRECT, ECBPF_ROW_SLOT(SLOT), ECBPF_COLUMN_REDIRECT },
		{ 9, XDP_ABORTED, ECBPF_ROW_SLOT(SLOT), ECBPF_COLUMN_INVALID },
		{ ECBPF_NEXT, XDP_PASS, ECBPF_ROW_END, ECBPF_COLUMN_PASS },
	};
	struct member_config config = { .code = 600, .meta = META };
	struct sampler *s = sampler_get(state);
	const struct ecbpf_sample *sample;
	uint8_t frame[60];
	uint64_t before_ns;
	size_t i;

	read_on(s, READER_PAGES);
	reader_frame(frame, sizeof(frame));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		config.action = rows[i].action;
		suite_member(s->suite, SLOT, &config);
		before_ns = ecbpf_monotonic_ns();
		frame_run(s, sizeof(frame), rows[i].result);
		sample = sample_of(s, frame, sizeof(frame), ECBPF_SNAP);
		assert_in_range(sample->time_ns, before_ns, ecbpf_monotonic_ns());
		assert_int_equal(sample->sequence, i);
		assert_int_equal(sample->code, 600); /* as it was said, though counted as other */
		assert_int_equal(sample->meta, META);
		assert_int_equal(sample->row, rows[i].row);
		assert_int_equal(sample->column, rows[i].column);
	}
	expect_account(s, &(const struct ecbpf_sampled){ .drawn = i, .generated = i });
}

static void sample_tells_a_refusal(void **state)
{
	static const uint8_t frame[33] = { [12] = 0x08, [14] = 0x45 };
	struct sampler *s = sampler_get(state);
	const struct ecbpf_sample *sample;

	read_on(s, READER_PAGES);
	assert_int_equal(suite_run(s->suite, frame, sizeof(frame)), XDP_ABORTED);
	sample = sample_of(s, frame, sizeof(frame), ECBPF_SNAP);
	assert_int_equal(sample->row, ECBPF_ROW_ROOT);
	assert_int_equal(sample->column, ECBPF_COLUMN_ABORTED);
	assert_int_equal(sample->code, ECBPF_CODE_IPV4_TRUNCATED);
	assert_int_equal(sample->meta, 0);
}

/* The snap is what came in; what goes out is another matter. */
static void sample_is_of_the_packet_that_arrived(void **state)
{
	const struct member_config rewrite = { .action = ECBPF_NEXT, .rewrite = 1, .tail = -30 };
	struct sampler *s = sampler_get(state);
	uint8_t frame[90], out[SUITE_FRAME_MAX];
	size_t len = sizeof(frame);

	read_on(s, READER_PAGES);
	suite_member(s->suite, SLOT, &rewrite);
	reader_frame(frame, sizeof(frame));
	assert_int_equal(suite_run_out(s->suite, frame, &len, out), XDP_PASS);
	assert_int_equal(len, sizeof(frame) - 30);
	assert_int_equal(out[0], MEMBER_REWRITE_BYTE);
	sample_of(s, frame, sizeof(frame), ECBPF_SNAP);
}

static void snap_has_any_length(void **state)
{
	static const size_t lens[] = { SUITE_FRAME_MIN, 127, 1535, 1536, 1537, SUITE_FRAME_MAX };
	struct sampler *s = sampler_get(state);
	uint8_t frame[SUITE_FRAME_MAX];
	__u32 snap;
	size_t i;

	read_on(s, READER_PAGES);
	reader_frame(frame, sizeof(frame));
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		for (snap = 0; snap <= ECBPF_SNAP_MAX; snap++) {
			s->sampling->snap_bytes = snap;
			assert_int_equal(suite_run(s->suite, frame, lens[i]), XDP_PASS);
			sample_of(s, frame, lens[i], snap);
		}
		s->sampling->snap_bytes = UINT32_MAX;
		assert_int_equal(suite_run(s->suite, frame, lens[i]), XDP_PASS);
		sample_of(s, frame, lens[i], ECBPF_SNAP_MAX);
	}
	account(s);
}

/* Each has its own snap, whichever keeps more. */
static void trace_and_sample_together(void **state)
{
	static const __u32 snaps[] = { 0, 1, 64, ECBPF_SNAP, 1000, ECBPF_SNAP_MAX };
	struct sampler *s = sampler_get(state);
	uint8_t frame[1400];
	size_t i;

	read_on(s, READER_PAGES);
	trace_on(s);
	reader_frame(frame, sizeof(frame));
	for (i = 0; i < sizeof(snaps) / sizeof(snaps[0]); i++) {
		s->sampling->snap_bytes = snaps[i];
		assert_int_equal(suite_run(s->suite, frame, sizeof(frame)), XDP_PASS);
		sample_of(s, frame, sizeof(frame), snaps[i]);
		assert_int_equal(s->reader.record[0].sequence, i);
		assert_int_equal(traces(s), 1);
		assert_int_equal(s->trace.record[0].snap_bytes, ECBPF_SNAP);
		assert_memory_equal(s->trace.record[0].snap, frame, ECBPF_SNAP);
	}
}

/* Tracers see every packet, the sampler its own; and one that was drawn is not the next one's. */
static void trace_and_sample_apart(void **state)
{
	struct sampler *s = sampler_get(state);

	read_on(s, READER_PAGES);
	trace_on(s);
	s->control->sample_one_in = 0;
	frame_run(s, 60, XDP_PASS);
	assert_int_equal(samples(s), 0);
	assert_int_equal(traces(s), 1);
	s->control->sample_one_in = 1;
	s->control->trace_one_in = 0;
	frame_run(s, 60, XDP_PASS);
	assert_int_equal(samples(s), 1);
	assert_int_equal(traces(s), 0);
	s->control->sample_one_in = 0;
	frame_run(s, 60, XDP_PASS);
	assert_int_equal(samples(s), 0);
	expect_account(s, &(const struct ecbpf_sampled){ .drawn = 1, .generated = 1 });
}

/* --- where samples are lost */

/* A program that does not report leaves no sample; that is counted as soon as the next packet comes. */
static void foreign_program_is_unreported(void **state)
{
	struct sampler *s = sampler_get(state);

	read_on(s, READER_PAGES);
	suite_put(s->suite, 1,
		  suite_foreign(s->suite, &(const struct member_config){ .action = XDP_TX }));
	frames_run(s, 10);
	assert_int_equal(samples(s), 0);
	assert_int_equal(suite_sampled(s->suite).unreported, 9);
	suite_put(s->suite, 1, -1);
	frame_run(s, 60, XDP_PASS);
	assert_int_equal(samples(s), 1);
	expect_account(
		s, &(const struct ecbpf_sampled){ .drawn = 11, .unreported = 10, .generated = 1 });
	s->control->sample_one_in = 0;
	frames_run(s, 10);
	assert_int_equal(account(s).unreported, 10);
}

static void nobody_reads(void **state)
{
	struct sampler *s = sampler_get(state);

	frames_run(s, 7);
	expect_account(s, &(const struct ecbpf_sampled){ .drawn = 7, .generated = 7, .unread = 7 });
	read_on(s, READER_PAGES);
	frames_run(s, 3);
	assert_int_equal(samples(s), 3);
	assert_int_equal(s->reader.record[0].sequence, 7);
	reader_close(&s->reader);
	frames_run(s, 5);
	expect_account(s,
		       &(const struct ecbpf_sampled){ .drawn = 15, .generated = 15, .unread = 12 });
}

/* The kernel tells of records that it lost when the next one has room. */
static void full_buffer_loses_what_perf_says(void **state)
{
	struct sampler *s = sampler_get(state);
	uint64_t full = 0;
	int i;

	read_on(s, PAGES_FEW);
	for (i = 0; i < 10; i++) {
		frames_run(s, 1000);
		assert_in_range(samples(s), 1, 999);
		assert_true(account(s).full > full);
		full = account(s).full;
	}
	s->control->sample_one_in = 1;
	frame_run(s, 60, XDP_PASS);
	assert_int_equal(samples(s), 1);
	assert_int_equal(s->reader.lost, full);
	assert_int_equal(s->reader.gaps, full);
	expect_account(s, &(const struct ecbpf_sampled){
				  .drawn = 10001, .generated = 10001, .full = full });
}

static void drawn_packets_may_be_filtered(void **state)
{
	static const uint8_t frame[60] = { [12] = 0x08, [14] = 0x45, [17] = 46, [23] = 17 };
	struct sampler *s = sampler_get(state);

	read_on(s, READER_PAGES);
	s->sampling->filter.proto = 17;
	s->sampling->filter.flags = ECBPF_FILTER_PROTO;
	assert_int_equal(suite_run(s->suite, frame, sizeof(frame)), XDP_PASS);
	frame_run(s, 60, XDP_PASS);
	sample_of(s, frame, sizeof(frame), ECBPF_SNAP);
	s->sampling->filter.proto = 6;
	assert_int_equal(suite_run(s->suite, frame, sizeof(frame)), XDP_PASS);
	assert_int_equal(samples(s), 0);
	expect_account(s,
		       &(const struct ecbpf_sampled){ .drawn = 3, .filtered = 2, .generated = 1 });
}

#define SAMPLE_TEST(f) cmocka_unit_test_setup_teardown(f, sampler_open, sampler_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SAMPLE_TEST(sample_tells_the_verdict),
		SAMPLE_TEST(sample_tells_a_refusal),
		SAMPLE_TEST(sample_is_of_the_packet_that_arrived),
		SAMPLE_TEST(snap_has_any_length),
		SAMPLE_TEST(trace_and_sample_together),
		SAMPLE_TEST(trace_and_sample_apart),
		SAMPLE_TEST(foreign_program_is_unreported),
		SAMPLE_TEST(nobody_reads),
		SAMPLE_TEST(full_buffer_loses_what_perf_says),
		SAMPLE_TEST(drawn_packets_may_be_filtered),
	};

	return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
