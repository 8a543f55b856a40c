// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Rates of the sampler: which one counts, and that sums of one_in estimate what there was, also while
 * rates change. Bounds are five standard deviations: off by chance once in 1.7 million comparisons.
 */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "tests/bpf/suite.h"
#include "tests/fuzz/packets.h"
#include "xdp_root/xdp_root.skel.h"

#define SLOT  4
#define CODE  ECBPF_CODE_FW_RULE
#define META  77
#define SIGMA 5

/* A run of many packets takes milliseconds to begin, so few runs have many, and many runs have few. */
#define BATCH	  50000
#define BATCH_FEW 100
#define PAGES	  256

/* Samples of each estimate, so that 1 % is a bound that holds. */
#define SAMPLES	 1000000
#define GAPS_MAX 4000

/**
 * struct rate - a root and a reader
 * @count, @weight: of samples since rate_run(), by column
 * @one_in: of the last sample
 * @mark: packet numbers in the samples
 */
struct rate {
	struct suite *suite;
	volatile struct ecbpf_control *control;
	volatile struct ecbpf_sampling *sampling;
	struct perf_buffer *buffer;
	uint64_t count[ECBPF_COLUMNS_MAX], weight[ECBPF_COLUMNS_MAX];
	uint32_t one_in;
	uint32_t mark[GAPS_MAX], marks;
};

static void on_sample(void *ctx, int cpu, void *data, __u32 size)
{
	const struct ecbpf_sample *sample = data;
	struct rate *r = ctx;

	assert_int_equal(cpu, r->suite->cpu);
	assert_true(size >= ECBPF_SAMPLE_HEADER + sample->snap_bytes);
	assert_in_range(sample->column, 0, ECBPF_COLUMNS_MAX - 1);
	r->count[sample->column]++;
	r->weight[sample->column] += sample->one_in;
	r->one_in = sample->one_in;
	if (r->marks < GAPS_MAX)
		memcpy(&r->mark[r->marks++], sample->snap, sizeof(r->mark[0]));
}

static void on_lost(void *ctx, int cpu, __u64 count)
{
	(void)ctx;
	fail_msg("CPU %d: %llu samples lost", cpu, count);
}

static int rate_open(void **state)
{
	struct rate *r = calloc(1, sizeof(*r));
	int map;

	*state = r;
	if (!r || suite_open((void **)&r->suite))
		return -1;
	if (!r->suite->root)
		return 0;
	r->control = r->suite->control;
	r->sampling = r->suite->sampling;
	r->sampling->snap_bytes = sizeof(r->mark[0]);
	r->sampling->by_default = 1;
	map = bpf_map__fd(r->suite->root->maps.ecbpf_samples);
	r->buffer = perf_buffer__new(map, PAGES, on_sample, on_lost, r, NULL);
	return r->buffer ? 0 : -1;
}

static int rate_close(void **state)
{
	struct rate *r = *state;

	perf_buffer__free(r->buffer);
	suite_close((void **)&r->suite);
	free(r);
	return 0;
}

static struct rate *rate_get(void **state)
{
	struct rate *r = *state;

	suite_get((void **)&r->suite);
	return r;
}

/* frames_run - returns how many of them are samples */
static uint64_t frames_run(struct rate *r, const uint8_t *frame, size_t len, uint32_t packets)
{
	uint64_t before = 0, after = 0;
	size_t i;

	for (i = 0; i < ECBPF_COLUMNS_MAX; i++)
		before += r->count[i];
	if (packets > BATCH_FEW)
		suite_repeat(r->suite, frame, len, packets);
	else
		while (packets--)
			suite_run(r->suite, frame, len);
	assert_int_equal(perf_buffer__consume(r->buffer), 0);
	for (i = 0; i < ECBPF_COLUMNS_MAX; i++)
		after += r->count[i];
	return after - before;
}

/* rate_run - packets of a type that nobody knows */
static uint64_t rate_run(struct rate *r, uint32_t packets)
{
	static const uint8_t frame[60] = { [12] = 0x90 };

	return frames_run(r, frame, sizeof(frame), packets);
}

/* rate_run_refused - packets that the root aborts */
static uint64_t rate_run_refused(struct rate *r, uint32_t packets)
{
	static const uint8_t frame[60] = { [12] = 0x08 };

	return frames_run(r, frame, sizeof(frame), packets);
}

/* Nothing may be missing; no test here loses samples or has programs that do not report. */
static void account(const struct rate *r)
{
	const struct ecbpf_sampled now = suite_sampled(r->suite);
	uint64_t count = 0;
	size_t i;

	for (i = 0; i < ECBPF_COLUMNS_MAX; i++)
		count += r->count[i];
	assert_int_equal(now.generated, count);
	assert_int_equal(now.drawn, now.thinned + now.generated);
	assert_int_equal(now.filtered + now.unreported + now.unread + now.full + now.failed, 0);
}

/* --- which rate counts */

/* From the weakest to the strongest: each counts though all weaker ones say otherwise. */
static void later_rates_count(void **state)
{
	struct rate *r = rate_get(state);
	volatile uint32_t *const rates[] = {
		&r->sampling->by_default,
		&r->sampling->by_row[ECBPF_ROW_SLOT(SLOT)],
		&r->sampling->by_column[ECBPF_COLUMN_DROP],
		&r->sampling->by_code[CODE],
		&r->sampling->rule[0].one_in,
	};
	size_t i;

	suite_member(
		r->suite, SLOT,
		&(const struct member_config){ .action = XDP_DROP, .code = CODE, .meta = META });
	r->sampling->rule[0].code = CODE;
	r->sampling->rule[0].meta = META;
	r->control->sample_one_in = 1;
	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		*rates[i] = 1;
		assert_int_equal(rate_run(r, 100), 100);
		assert_int_equal(r->one_in, 1);
		*rates[i] = 3;
		assert_in_range(rate_run(r, 300), 1, 299); /* all or none: one in 10^52 */
		assert_int_equal(r->one_in, 3);
		*rates[i] = ECBPF_NEVER;
		assert_int_equal(rate_run(r, 100), 0);
	}
	account(r);
}

/* What is said of others does not count. */
static void rates_are_of_what_they_name(void **state)
{
	struct rate *r = rate_get(state);
	size_t i;

	suite_member(
		r->suite, SLOT,
		&(const struct member_config){ .action = XDP_DROP, .code = CODE, .meta = META });
	r->sampling->by_default = ECBPF_NEVER;
	for (i = 0; i < ECBPF_ROWS; i++)
		r->sampling->by_row[i] = i != ECBPF_ROW_SLOT(SLOT);
	for (i = 0; i < ECBPF_COLUMNS_MAX; i++)
		r->sampling->by_column[i] = i != ECBPF_COLUMN_DROP;
	for (i = 0; i < ECBPF_CODES_MAX; i++)
		r->sampling->by_code[i] = i != CODE;
	for (i = 0; i < ECBPF_SAMPLING_RULES; i++) {
		r->sampling->rule[i].code = i % 2 ? CODE : CODE + 1;
		r->sampling->rule[i].meta = i % 2 ? META + 1 : META;
		r->sampling->rule[i].one_in = 1;
	}
	r->control->sample_one_in = 1;
	assert_int_equal(rate_run(r, 100), 0);
	suite_put(r->suite, SLOT, -1);
	assert_int_equal(rate_run(r, 100), 100);
	account(r);
}

static void last_rule_counts_and_a_hole_ends_them(void **state)
{
	struct rate *r = rate_get(state);
	size_t i;

	suite_member(r->suite, SLOT,
		     &(const struct member_config){ .action = XDP_TX, .code = CODE, .meta = META });
	r->sampling->by_default = ECBPF_NEVER;
	for (i = 0; i < ECBPF_SAMPLING_RULES; i++)
		r->sampling->rule[i].one_in = 1;
	r->sampling->rule[ECBPF_SAMPLING_RULES - 1].code = CODE;
	r->sampling->rule[ECBPF_SAMPLING_RULES - 1].meta = META;
	r->control->sample_one_in = 1;
	assert_int_equal(rate_run(r, 100), 100);
	r->sampling->rule[7].one_in = 0;
	assert_int_equal(rate_run(r, 100), 0);
	account(r);
}

/* Users' codes beyond the table are counted together; a rule is of the code that was said. */
static void codes_beyond_the_table(void **state)
{
	struct rate *r = rate_get(state);

	suite_member(r->suite, SLOT,
		     &(const struct member_config){ .action = XDP_TX, .code = 600, .meta = META });
	r->sampling->by_default = ECBPF_NEVER;
	r->control->sample_one_in = 1;
	r->sampling->by_code[ECBPF_CODE_OTHER] = 1;
	assert_int_equal(rate_run(r, 100), 100);
	r->sampling->rule[0].code = 600;
	r->sampling->rule[0].meta = META;
	r->sampling->rule[0].one_in = ECBPF_NEVER;
	assert_int_equal(rate_run(r, 100), 0);
	account(r);
}

/* --- which packets are drawn */

static void gaps_are_all_that_they_may_be(void **state)
{
	enum { ONE_IN = 10, WIDEST = 2 * ONE_IN - 1, PACKETS = 20000 };
	struct rate *r = rate_get(state);
	uint32_t seen[WIDEST + 1] = {}, i, gap, gaps;
	uint8_t frame[60] = { [12] = 0x90 };

	r->control->sample_one_in = ONE_IN;
	for (i = 0; i < PACKETS; i++) {
		memcpy(frame, &i, sizeof(i));
		assert_int_equal(suite_run(r->suite, frame, sizeof(frame)), XDP_PASS);
		assert_int_equal(perf_buffer__consume(r->buffer), 0);
	}
	assert_in_range(r->mark[0], 0, WIDEST - 1);
	gaps = r->marks - 1;
	for (i = 0; i < gaps; i++) {
		gap = r->mark[i + 1] - r->mark[i];
		assert_in_range(gap, 1, WIDEST);
		seen[gap]++;
	}
	/* 105 of each, deviation 10 */
	for (gap = 1; gap <= WIDEST; gap++)
		assert_in_range(seen[gap], gaps / WIDEST - 52, gaps / WIDEST + 52);
	account(r);
}

/* Nobody waits for the end of the gap that was. */
static void lower_rate_is_there_at_once(void **state)
{
	struct rate *r = rate_get(state);
	int i;

	for (i = 0; i < 100; i++) {
		r->control->sample_one_in = 1000000;
		rate_run(r, 1);
		r->control->sample_one_in = 10;
		assert_in_range(rate_run(r, 19), 1, 19);
	}
	r->control->sample_one_in = 1;
	assert_int_equal(rate_run(r, 100), 100);
	r->control->sample_one_in = 0;
	assert_int_equal(rate_run(r, 100), 0);
	account(r);
}

/* No packet is drawn twice, none is drawn by a rate that nobody can have. */
static void highest_rates(void **state)
{
	static const uint32_t rates[] = { 1U << 30, 1U << 31, ECBPF_NEVER };
	struct rate *r = rate_get(state);
	size_t i;

	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		r->control->sample_one_in = rates[i];
		assert_in_range(rate_run(r, 100000), 0, 1); /* two: one in 10^8 */
	}
	account(r);
}

/* --- estimates */

/**
 * struct estimate - how rates go
 * @batch: packets after which it may change
 * @one_in: of batch after batch, again from the first when 0 comes
 * @adapt: from the second batch on, so that a batch gives so many samples; 0: as @one_in says
 * @refused_one_in: of every second batch, which the root refuses
 * @mean: samples of a packet
 */
struct estimate {
	uint32_t batch;
	uint32_t one_in[8];
	uint32_t adapt, refused_one_in;
	double mean;
};

/*
 * Variance for each packet of an estimate, the packets being drawn one in N and thinned to one in W: W - N
 * by thinning; N - 1 by drawing is what independent draws would have, even gaps have less.
 */
static double variance_of(uint32_t drawn, uint32_t wanted)
{
	return (wanted > drawn ? wanted - drawn : 0) + drawn - 1;
}

/* next_rate - as a reader does that has a budget: what came tells how many packets there are */
static uint32_t next_rate(const struct estimate *e, uint64_t batch, uint32_t one_in, uint64_t came)
{
	size_t rates = 0;

	if (e->adapt && batch)
		return 1 + one_in * (came + 1) / (e->adapt + 1);
	while (e->one_in[rates])
		rates++;
	return e->one_in[batch % rates];
}

static void expect_estimate(uint64_t estimate, uint64_t packets, double variance, bool is_full)
{
	const double bound = SIGMA * sqrt(variance);

	print_message("# %" PRIu64 " packets, estimate off by %.3f %%, bound %.3f %%\n", packets,
		      100.0 * ((double)estimate - packets) / packets, 100 * bound / packets);
	assert_true(fabs((double)estimate - packets) <= bound);
	if (is_full)
		assert_true(bound < 0.01 * packets);
}

static void estimates_hold(struct rate *r, const struct estimate *e)
{
	const uint64_t full = SAMPLES / e->mean / e->batch;
	const uint64_t batches = packets_count(full * e->batch) / e->batch + 2;
	uint32_t one_in = e->one_in[0], wanted;
	uint64_t came = 0, refused = 0, i;
	double variance = 0;

	r->sampling->by_column[ECBPF_COLUMN_ABORTED] = e->refused_one_in;
	for (i = 0; i < batches; i++) {
		one_in = next_rate(e, i, one_in, came);
		r->control->sample_one_in = one_in;
		wanted = i % 2 ? e->refused_one_in : 0;
		came = wanted ? rate_run_refused(r, e->batch) : rate_run(r, e->batch);
		refused += wanted ? e->batch : 0;
		variance += e->batch * variance_of(one_in, wanted);
	}
	account(r);
	expect_estimate(r->weight[ECBPF_COLUMN_PASS] + r->weight[ECBPF_COLUMN_ABORTED],
			batches * e->batch, variance, batches >= full);
	if (refused)
		expect_estimate(r->weight[ECBPF_COLUMN_ABORTED], refused, variance, false);
	assert_int_equal(!!r->weight[ECBPF_COLUMN_ABORTED], !!refused);
}

static void estimate_of_a_fixed_rate(void **state)
{
	estimates_hold(rate_get(state), &(const struct estimate){
						.batch = BATCH, .one_in = { 7 }, .mean = 1 / 7.0 });
}

static void estimate_of_thinned_refusals(void **state)
{
	estimates_hold(rate_get(state), &(const struct estimate){ .batch = BATCH,
								  .one_in = { 10 },
								  .refused_one_in = 40,
								  .mean = (0.1 + 0.025) / 2 });
}

static void estimate_of_rates_that_change(void **state)
{
	estimates_hold(rate_get(state),
		       &(const struct estimate){ .batch = BATCH_FEW,
						 .one_in = { 1, 2, 4, 8 },
						 .mean = (1 + 0.5 + 0.25 + 0.125) / 4 });
}

static void estimate_of_adaptive_rates(void **state)
{
	estimates_hold(rate_get(state),
		       &(const struct estimate){
			       .batch = BATCH_FEW, .one_in = { 100 }, .adapt = 30, .mean = 0.3 });
}

#define RATE_TEST(f) cmocka_unit_test_setup_teardown(f, rate_open, rate_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RATE_TEST(later_rates_count),
		RATE_TEST(rates_are_of_what_they_name),
		RATE_TEST(last_rule_counts_and_a_hole_ends_them),
		RATE_TEST(codes_beyond_the_table),
		RATE_TEST(gaps_are_all_that_they_may_be),
		RATE_TEST(lower_rate_is_there_at_once),
		RATE_TEST(highest_rates),
		RATE_TEST(estimate_of_a_fixed_rate),
		RATE_TEST(estimate_of_thinned_refusals),
		RATE_TEST(estimate_of_rates_that_change),
		RATE_TEST(estimate_of_adaptive_rates),
	};

	return cmocka_run_group_tests_name("sample_rate", tests, NULL, NULL);
}
