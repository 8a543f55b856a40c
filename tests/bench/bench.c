// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Measuring: paired runs, each less the driver's own time. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "tests/bench/bench.h"
#include "tests/bench/drive.skel.h"

int bench_fail(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "bench: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	return err;
}

/* The thread's own time: what other processes take of the CPU is not counted. */
static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

/* run - @runs packets through a driver; *ns is the time of each */
static int run(const struct bench_traffic *t, const struct drive *driver, __u32 runs, int action,
	       double *ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = t->frame, .data_size_in = t->len,
		    .repeat = runs);
	int fd = bpf_program__fd(driver->progs.bench_drive), err;
	double before = cpu_ns();

	err = bpf_prog_test_run_opts(fd, &opts);

	*ns = (cpu_ns() - before) / runs;
	if (err)
		return bench_fail(err, "test run: %s", strerror(-err));
	if (action != BENCH_ANY_ACTION && (int)opts.retval != action)
		return bench_fail(-EPROTO, "returns %d, not %d", (int)opts.retval, action);
	return 0;
}

/* run_row - what the program itself takes, the driver having been timed just before */
static int run_row(const struct bench *b, const struct bench_result *r, int pair, double *ns)
{
	const struct drive *driver = r->driver[pair % r->loads];
	const struct bench_traffic *t = r->row.traffic;
	double alone = 0, whole = 0;
	int err;

	err = run(t, t->alone, b->runs, XDP_PASS, &alone);
	if (!err)
		err = run(t, driver, b->runs, r->row.action, &whole);
	if (!err && r->row.after_run)
		r->row.after_run(r->row.arg);
	*ns = whole - alone - (r->row.grows ? b->undo_ns : 0);
	return err;
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

struct bench_spread bench_spread(double *values, int count)
{
	struct bench_spread s;

	qsort(values, count, sizeof(*values), compare);
	s.median = values[count / 2];
	s.min = values[0];
	s.max = values[count - 1];
	return s;
}

static int measure(const struct bench *b, struct bench_result *r, const struct bench_result *ref)
{
	double ns[BENCH_PAIRS_MAX], diff[BENCH_PAIRS_MAX], ratio[BENCH_PAIRS_MAX], of_ref = 0;
	int i, err = run_row(b, r, 0, &ns[0]); /* warm up */

	for (i = 0; !err && i < b->pairs; i++) {
		if (ref && i % 2)
			err = run_row(b, ref, i, &of_ref);
		if (!err)
			err = run_row(b, r, i, &ns[i]);
		if (!err && ref && i % 2 == 0)
			err = run_row(b, ref, i, &of_ref);
		diff[i] = ns[i] - of_ref;
		ratio[i] = ns[i] / of_ref;
	}
	if (err)
		return bench_fail(err, "row: %s", r->name);
	r->ns = bench_spread(ns, b->pairs);
	if (ref) {
		r->diff_ns = bench_spread(diff, b->pairs);
		r->ratio = bench_spread(ratio, b->pairs);
	}
	return 0;
}

static const struct bench_result *find(const struct bench *b, const char *name)
{
	size_t i;

	for (i = 0; i < b->rows; i++)
		if (!strcmp(b->result[i].name, name))
			return &b->result[i];
	return NULL;
}

static struct bench_result *add(struct bench *b, const char *name)
{
	struct bench_result *r = &b->result[b->rows];

	if (b->rows == BENCH_ROWS_MAX || find(b, name) || strlen(name) >= sizeof(r->name)) {
		bench_fail(0, "row %s: too long, or there already, or one too many", name);
		return NULL;
	}
	fprintf(stderr, "bench: %s\n", name);
	memset(r, 0, sizeof(*r));
	snprintf(r->name, sizeof(r->name), "%s", name);
	b->rows++;
	return r;
}

int bench_skip(struct bench *b, const char *name, const char *why)
{
	struct bench_result *r = add(b, name);

	if (!r)
		return -EINVAL;
	r->skipped = strdup(why);
	return r->skipped ? 0 : -ENOMEM;
}

int bench_row(struct bench *b, const struct bench_row *row)
{
	const struct bench_result *ref = row->ref ? find(b, row->ref) : NULL;
	struct bench_result *r;

	if (row->ref && !ref)
		return bench_fail(-EINVAL, "row %s: no row %s before it", row->name, row->ref);
	if (ref && ref->skipped)
		ref = NULL;
	r = add(b, row->name);
	if (!r)
		return -EINVAL;
	r->row = *row;
	r->row.name = r->name;
	r->row.ref = ref ? ref->name : NULL;
	if (!r->row.traffic)
		r->row.traffic = bench_ipv4(b, 1);
	if (!r->row.traffic)
		return -EINVAL;
	for (; r->loads < BENCH_LOADS && row->prog[r->loads] > 0; r->loads++) {
		r->driver[r->loads] = bench_driver(r->row.traffic, row->prog[r->loads]);
		if (!r->driver[r->loads])
			return -EINVAL;
	}
	return measure(b, r, ref);
}

int bench_figure(struct bench *b, const struct bench_figure *figure)
{
	if (b->figures == BENCH_FIGURES_MAX)
		return bench_fail(-EINVAL, "figure %s: one too many", figure->name);
	fprintf(stderr, "bench: %s\n", figure->name);
	b->figure[b->figures++] = *figure;
	return 0;
}

double bench_ns(const struct bench *b, const char *name)
{
	const struct bench_result *r = find(b, name);

	return r ? r->ns.median : 0;
}
