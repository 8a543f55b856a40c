// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The root while packets are sampled, and how many samples a second reach a reader. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/in.h>
#include <linux/perf_event.h>

#include "tests/bench/sampler.h"

#define OFF	     "root, sampler off"
#define SNAP	     128
#define FRAME	     128
#define ONE_IN_NS    3
#define TURNS	     11
#define READER_PAGES 4096

/* Samples that a reader has room for. */
#define ROOM (READER_PAGES * 4096UL / 256)

/**
 * struct reader - of the samples of one root
 * @map: with it closed the kernel forgets the reader
 * @delivered, @lost: since it was opened
 */
struct reader {
	struct ecbpf_root *root;
	int prog, map;
	struct perf_buffer *buffer;
	uint64_t delivered, lost;
};

static enum bpf_perf_event_ret on_event(void *ctx, int cpu, struct perf_event_header *event)
{
	const struct {
		struct perf_event_header header;
		__u64 id, lost;
	} *lost = (const void *)event;
	struct reader *r = ctx;

	(void)cpu;
	if (event->type == PERF_RECORD_SAMPLE)
		r->delivered++;
	else if (event->type == PERF_RECORD_LOST)
		r->lost += lost->lost;
	return LIBBPF_PERF_EVENT_CONT;
}

/* To wake a reader up at each sample costs more than all else that is done for it. */
static struct perf_buffer *buffer_open(int map, struct reader *r)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.watermark = 1,
		.wakeup_watermark = READER_PAGES * 4096 / 2,
	};

	return perf_buffer__new_raw(map, READER_PAGES, &attr, on_event, r, NULL);
}

static void drain(void *arg)
{
	struct reader *r = arg;

	perf_buffer__consume(r->buffer);
}

static int reader_open(struct bench *b, struct reader *r, const struct ecbpf_sampling *sampling)
{
	int err;

	r->prog = bench_root(b, &r->root);
	if (r->prog < 0)
		return r->prog;
	r->map = ecbpf_root_map(r->root, "ecbpf_samples");
	if (r->map >= 0)
		r->buffer = buffer_open(r->map, r);
	err = r->buffer ? sampler_set(r->root, sampling) : -errno;
	return err ? bench_fail(err, "reader of samples: %s", strerror(-err)) : 0;
}

static void reader_close(struct reader *r)
{
	perf_buffer__free(r->buffer);
	if (r->map >= 0)
		close(r->map);
	if (r->prog >= 0)
		close(r->prog);
	ecbpf_root_close(r->root);
}

/* reader_account - each sample that the root has made must be known of */
static int reader_account(struct reader *r)
{
	struct ecbpf_sampled now;
	int err = sampler_read(r->root, &now);
	const uint64_t lost = now.unread + now.full + now.failed;

	if (!err && (lost || r->lost || now.generated != r->delivered))
		err = bench_fail(-EPROTO, "%llu samples: %lu delivered, %lu lost", now.generated,
				 r->delivered, lost);
	return err;
}

/* sampled_row - @runs at most, so that the reader need not be there meanwhile */
static int sampled_row(struct bench *b, const char *name, const struct ecbpf_sampling *sampling,
		       double diff_max_ns, __u32 runs)
{
	struct bench_row row = { .name = name,
				 .action = XDP_PASS,
				 .ref = OFF,
				 .diff_max_ns = diff_max_ns,
				 .after_run = drain };
	const __u32 usual = b->runs;
	struct reader r = { .prog = -1, .map = -1 };
	int err = reader_open(b, &r, sampling);

	row.traffic = bench_still(b, bench_ipv4(b, 1));
	row.prog[0] = r.prog;
	row.arg = &r;
	if (runs < b->runs)
		b->runs = runs;
	if (!err)
		err = bench_row(b, &row);
	b->runs = usual;
	if (!err)
		err = reader_account(&r);
	reader_close(&r);
	return err;
}

static int off_row(struct bench *b)
{
	struct bench_row row = { .name = OFF, .action = XDP_PASS, .ref = "bare pass" };
	struct ecbpf_root *root;
	int i, err = 0;

	row.traffic = bench_still(b, bench_ipv4(b, 1));
	for (i = 0; !err && i < BENCH_LOADS; i++) {
		row.prog[i] = bench_root(b, &root);
		if (row.prog[i] < 0)
			err = row.prog[i];
		else
			ecbpf_root_close(root);
	}
	if (!err)
		err = bench_row(b, &row);
	while (i-- > 0)
		if (row.prog[i] >= 0)
			close(row.prog[i]);
	return err;
}

/* --- samples a second */

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* turn - packets until the reader's room is used, then the reader: both on this CPU */
static int turn(struct reader *r, const __u8 *frame, double *rate)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = FRAME,
		    .repeat = ROOM);
	const double before = cpu_s();
	int err = bpf_prog_test_run_opts(r->prog, &opts);

	drain(r);
	*rate = ROOM / (cpu_s() - before) / 1e6;
	return err;
}

static int samples_figure(struct bench *b)
{
	const struct ecbpf_sampling sampling = { .snap_bytes = SNAP, .by_default = 1 };
	struct bench_figure figure = { .name = "samples to a reader, 128 bytes",
				       .unit = "M/s",
				       .min = 1 };
	const struct bench_traffic *traffic = bench_ipv4(b, 1);
	struct reader r = { .prog = -1, .map = -1 };
	int err = traffic ? reader_open(b, &r, &sampling) : -ENOMEM, i;
	__u8 frame[BENCH_FRAME_MAX];
	double rate[TURNS];

	if (!err)
		bench_frame(traffic, 0, frame);
	for (i = 0; !err && i < TURNS; i++)
		err = turn(&r, frame, &rate[i]);
	if (!err)
		err = reader_account(&r);
	reader_close(&r);
	if (err)
		return bench_fail(err, "%s: %s", figure.name, strerror(-err));
	figure.value = bench_spread(rate, TURNS);
	return bench_figure(b, &figure);
}

int rows_sampler(struct bench *b)
{
	const struct ecbpf_sampling seldom = { .snap_bytes = SNAP, .by_default = 1000 };
	const struct ecbpf_sampling all = { .snap_bytes = SNAP, .by_default = 1 };
	struct ecbpf_sampling filtered = all;
	int err = off_row(b);

	filtered.filter.flags = ECBPF_FILTER_PROTO;
	filtered.filter.proto = IPPROTO_TCP;
	if (!err)
		err = sampled_row(b, "root, sample 1 in 1000", &seldom, ONE_IN_NS, b->runs);
	if (!err)
		err = sampled_row(b, "root, sample 1 in 1", &all, 0, ROOM);
	if (!err)
		err = sampled_row(b, "root, 1 in 1, filter wants none", &filtered, 0, b->runs);
	if (!err)
		err = samples_figure(b);
	return err ? err : rows_sampler_bus(b);
}
