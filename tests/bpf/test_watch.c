// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The sampled share of packets: what a trace tells of them, what a profile counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "libecbpf/histogram.h"
#include "libecbpf/loop.h"
#include "tests/bpf/reader.h"
#include "xdp_root/xdp_root.skel.h"

#define LEASE_NS 3600000000000ULL
#define META	 0x1122334455667788ULL

struct watch {
	struct suite *suite;
	volatile struct ecbpf_control *control;
	struct reader reader;
};

static int watch_open(void **state)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	*state = watch;
	if (!watch || suite_open((void **)&watch->suite))
		return -1;
	if (!watch->suite->root)
		return 0;
	watch->control = watch->suite->control;
	reader_open(&watch->reader, watch->suite, READER_TRACES, READER_PAGES);
	return 0;
}

static int watch_close(void **state)
{
	struct watch *watch = *state;

	assert_int_equal(watch->reader.lost, 0);
	reader_close(&watch->reader);
	suite_close((void **)&watch->suite);
	free(watch);
	return 0;
}

static struct watch *watch_get(void **state)
{
	struct watch *watch = *state;

	suite_get((void **)&watch->suite);
	return watch;
}

static void profile_on(struct watch *watch, __u32 one_in)
{
	watch->control->profile_until_ns = ecbpf_monotonic_ns() + LEASE_NS;
	watch->control->profile_one_in = one_in;
}

static uint64_t samples(struct watch *watch)
{
	return reader_read(&watch->reader);
}

static void frame_run(struct watch *watch, size_t len, int action)
{
	uint8_t frame[SUITE_FRAME_MAX];

	reader_frame(frame, len);
	assert_int_equal(suite_run(watch->suite, frame, len), action);
}

/* --- trace */

static const struct ecbpf_sample *sampled(struct watch *watch, const uint8_t *frame, size_t len)
{
	return reader_read_one(&watch->reader, frame, len, ECBPF_SNAP);
}

static void sample_tells_the_verdict(void **state)
{
	static const struct {
		int action, result;
		__u8 row, column;
	} rows[] = {
		{ XDP_ABORTED, XDP_ABORTED, ECBPF_ROW_SLOT(4), ECBPF_COLUMN_ABORTED },
		{ XDP_DROP, XDP_DROP, ECBPF_ROW_SLOT(4), ECBPF_COLUMN_DROP },
		{ XDP_PASS, XDP_PASS, ECBPF_ROW_SLOT(4), ECBPF_COLUMN_PASS },
		{ XDP_TX, XDP_TX, ECBPF_ROW_SLOT(4), ECBPF_COLUMN_TX },
		{ XDP_REDIRECT, XDP_REDIRECT, ECBPF_ROW_SLOT(4), ECBPF_COLUMN_REDIRECT },
		{ 9, XDP_ABORTED, ECBPF_ROW_SLOT(4), ECBPF_COLUMN_INVALID },
		{ ECBPF_NEXT, XDP_PASS, ECBPF_ROW_END, ECBPF_COLUMN_PASS },
	};
	struct watch *watch = watch_get(state);
	struct member_config config = { .code = 600, .meta = META };
	const struct ecbpf_sample *sample;
	uint8_t frame[60];
	uint64_t before_ns;
	size_t i;

	reader_trace_on(watch->suite);
	reader_frame(frame, sizeof(frame));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		config.action = rows[i].action;
		suite_member(watch->suite, 4, &config);
		before_ns = ecbpf_monotonic_ns();
		frame_run(watch, sizeof(frame), rows[i].result);
		sample = sampled(watch, frame, sizeof(frame));
		assert_in_range(sample->time_ns, before_ns, ecbpf_monotonic_ns());
		assert_int_equal(sample->code, 600); /* as it was said, though counted as other */
		assert_int_equal(sample->meta, META);
		assert_int_equal(sample->row, rows[i].row);
		assert_int_equal(sample->column, rows[i].column);
	}
}

static void sample_tells_a_refusal(void **state)
{
	static const uint8_t frame[33] = { [12] = 0x08, [14] = 0x45 };
	struct watch *watch = watch_get(state);
	const struct ecbpf_sample *sample;

	reader_trace_on(watch->suite);
	assert_int_equal(suite_run(watch->suite, frame, sizeof(frame)), XDP_ABORTED);
	sample = sampled(watch, frame, sizeof(frame));
	assert_int_equal(sample->row, ECBPF_ROW_ROOT);
	assert_int_equal(sample->column, ECBPF_COLUMN_ABORTED);
	assert_int_equal(sample->code, ECBPF_CODE_IPV4_TRUNCATED);
	assert_int_equal(sample->meta, 0);
}

/* The snap is what came in; what goes out is another matter. */
static void sample_is_of_the_packet_that_arrived(void **state)
{
	const struct member_config rewrite = { .action = ECBPF_NEXT, .rewrite = 1, .tail = -30 };
	const struct member_config transmit = { .action = XDP_TX };
	struct watch *watch = watch_get(state);
	uint8_t frame[90], out[SUITE_FRAME_MAX];
	const struct ecbpf_sample *sample;
	size_t len = sizeof(frame);

	reader_trace_on(watch->suite);
	suite_member(watch->suite, 2, &rewrite);
	suite_member(watch->suite, 3, &transmit);
	reader_frame(frame, sizeof(frame));
	assert_int_equal(suite_run_out(watch->suite, frame, &len, out), XDP_TX);
	assert_int_equal(len, sizeof(frame) - 30);
	assert_int_equal(out[0], MEMBER_REWRITE_BYTE);
	sample = sampled(watch, frame, sizeof(frame));
	assert_int_equal(sample->row, ECBPF_ROW_SLOT(3));
	assert_int_equal(sample->column, ECBPF_COLUMN_TX);
}

static void snap_is_cut_to_its_room(void **state)
{
	static const size_t lens[] = { SUITE_FRAME_MIN, 15, 127, 128, 129, 1500 };
	struct watch *watch = watch_get(state);
	uint8_t frame[1500];
	size_t i;

	reader_trace_on(watch->suite);
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		reader_frame(frame, lens[i]);
		frame_run(watch, lens[i], XDP_PASS);
		sampled(watch, frame, lens[i]);
	}
}

static void foreign_program_leaves_no_sample(void **state)
{
	struct watch *watch = watch_get(state);

	reader_trace_on(watch->suite);
	suite_put(watch->suite, 1,
		  suite_foreign(watch->suite, &(const struct member_config){ .action = XDP_TX }));
	frame_run(watch, 60, XDP_TX);
	assert_int_equal(samples(watch), 0);
	suite_put(watch->suite, 1, -1);
	frame_run(watch, 60, XDP_PASS);
	assert_int_equal(samples(watch), 1);
}

static void trace_ends_with_its_lease(void **state)
{
	struct watch *watch = watch_get(state);

	frame_run(watch, 60, XDP_PASS); /* never on */
	reader_trace_on(watch->suite);
	watch->control->trace_until_ns = ecbpf_monotonic_ns();
	frame_run(watch, 60, XDP_PASS); /* the tracer died */
	reader_trace_on(watch->suite);
	watch->control->trace_one_in = 0;
	frame_run(watch, 60, XDP_PASS); /* switched off */
	profile_on(watch, 1);
	frame_run(watch, 60, XDP_PASS); /* something else is on */
	assert_int_equal(samples(watch), 0);
}

/* --- profile */

struct row_profile {
	uint64_t sum_ns, count, low_ns, high_ns;
};

/* profile_read - one row of this CPU; low and high are what the buckets let the sum be */
static struct row_profile profile_read(const struct watch *watch, __u32 row)
{
	struct ecbpf_profile *values = calloc(libbpf_num_possible_cpus(), sizeof(*values));
	const struct ecbpf_profile *own = values + watch->suite->cpu;
	struct row_profile read = {};
	__u32 i;

	assert_non_null(values);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(watch->suite->root->maps.ecbpf_profile),
					     &row, values),
			 0);
	read.sum_ns = own->sum_ns;
	for (i = 0; i < ECBPF_NS_BUCKETS; i++) {
		read.count += own->bucket[i];
		read.low_ns += own->bucket[i] * ecbpf_ns_bucket_low(i);
		read.high_ns += own->bucket[i] * (ecbpf_ns_bucket_low(i + 1) - 1);
	}
	if (own->bucket[ECBPF_NS_BUCKETS - 1])
		read.high_ns = UINT64_MAX;
	free(values);
	return read;
}

static void profile_counts_each_row_that_was_left(void **state)
{
	const struct member_config next = { .action = ECBPF_NEXT }, drop = { .action = XDP_DROP };
	struct watch *watch = watch_get(state);
	struct row_profile got;
	bool timed;
	__u32 row;
	int i;

	suite_member(watch->suite, 2, &next);
	suite_member(watch->suite, 15, &drop);
	profile_on(watch, 1);
	for (i = 0; i < 20; i++)
		frame_run(watch, 60, XDP_DROP);
	for (row = 0; row < ECBPF_PROFILE_ROWS; row++) {
		got = profile_read(watch, row);
		timed = row == ECBPF_ROW_ROOT || row == ECBPF_ROW_CLOCK ||
			row == ECBPF_ROW_SLOT(2) || row == ECBPF_ROW_SLOT(15);
		assert_int_equal(got.count, timed ? 20 : 0);
		assert_in_range(got.sum_ns, got.low_ns, got.high_ns);
	}
	assert_int_equal(samples(watch), 0);
}

static void profile_ends_with_its_lease(void **state)
{
	struct watch *watch = watch_get(state);

	profile_on(watch, 1);
	watch->control->profile_until_ns = ecbpf_monotonic_ns();
	frame_run(watch, 60, XDP_PASS);
	profile_on(watch, 0);
	frame_run(watch, 60, XDP_PASS);
	assert_int_equal(profile_read(watch, ECBPF_ROW_CLOCK).count, 0);
}

/* Six standard deviations: off by chance once in 500 million runs. */
static void share_is_drawn_at_random(void **state)
{
	static const struct {
		__u32 one_in;
		uint64_t low, high;
	} rows[] = {
		{ 2, 9575, 10425 }, /* of 20,000: 10,000, deviation 71 */
		{ 4, 4632, 5368 },  /* 5,000, 61 */
		{ 100, 115, 285 },  /* 200, 14.1 */
	};
	struct watch *watch = watch_get(state);
	uint64_t before, drawn;
	size_t i, packet;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		before = profile_read(watch, ECBPF_ROW_CLOCK).count;
		profile_on(watch, rows[i].one_in);
		for (packet = 0; packet < 20000; packet++)
			frame_run(watch, 60, XDP_PASS);
		drawn = profile_read(watch, ECBPF_ROW_CLOCK).count - before;
		assert_in_range(drawn, rows[i].low, rows[i].high);
	}
}

static void trace_and_profile_together(void **state)
{
	struct watch *watch = watch_get(state);

	reader_trace_on(watch->suite);
	profile_on(watch, 1);
	frame_run(watch, 60, XDP_PASS);
	assert_int_equal(samples(watch), 1);
	assert_int_equal(profile_read(watch, ECBPF_ROW_ROOT).count, 1);
	assert_int_equal(profile_read(watch, ECBPF_ROW_END).count, 0);
}

/* What was drawn for one packet is not the next one's. */
static void packet_after_a_watched_one_is_not(void **state)
{
	struct watch *watch = watch_get(state);

	reader_trace_on(watch->suite);
	profile_on(watch, 1);
	frame_run(watch, 60, XDP_PASS);
	watch->control->trace_one_in = 0;
	watch->control->profile_one_in = 0;
	frame_run(watch, 60, XDP_PASS);
	assert_int_equal(samples(watch), 1);
	assert_int_equal(profile_read(watch, ECBPF_ROW_ROOT).count, 1);
}

#define WATCH_TEST(f) cmocka_unit_test_setup_teardown(f, watch_open, watch_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH_TEST(sample_tells_the_verdict),
		WATCH_TEST(sample_tells_a_refusal),
		WATCH_TEST(sample_is_of_the_packet_that_arrived),
		WATCH_TEST(snap_is_cut_to_its_room),
		WATCH_TEST(foreign_program_leaves_no_sample),
		WATCH_TEST(trace_ends_with_its_lease),
		WATCH_TEST(profile_counts_each_row_that_was_left),
		WATCH_TEST(profile_ends_with_its_lease),
		WATCH_TEST(share_is_drawn_at_random),
		WATCH_TEST(trace_and_profile_together),
		WATCH_TEST(packet_after_a_watched_one_is_not),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
