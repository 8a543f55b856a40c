// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Two inner maps take turns. The kernel's update of a map in a map returns only after every
 * program that may have seen the old one has ended, so what is read then is complete, and the
 * next packets are in the other map already: nothing is lost and nothing is counted twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <libecbpf/ecbpf.h>
#include <libecbpf/log.h>

#include "options.h"
#include "report.h"
#include "table.h"

#define NS_PER_S 1000000000ULL

/* Rows that are read at once. A bucket of the hash with more would not be readable at all. */
#define BATCH 4096

/**
 * struct watch - one run of the command
 * @lock: open directory of pins, locked: one watch at a time
 * @active: the outer map
 * @active_id: of the outer map
 * @inner: the two that take turns; @turn is in use
 * @key, @value: BATCH rows; a value is one counter for each of @cpus
 */
struct watch {
	const struct options *opts;
	struct ecbpf_root *root;
	int slot;
	int claim;
	int active;
	__u32 active_id;
	int inner[2];
	int turn;
	int cpus;
	struct top_key *key;
	struct ecbpf_counter *value;
	struct table table;
	uint64_t start_ns;
	uint64_t swap_ns;
	sigset_t stop;
};

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* --- begin and end */

static int map_id(int fd, __u32 *id)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(fd, &info, &len);

	*id = info.id;
	return err ? ecbpf_fail(err, "describing a map: %s", strerror(-err)) : 0;
}

static int watch_find(struct watch *w)
{
	w->slot = ecbpf_slot_find(w->root, TOP_NAME);
	if (w->slot == -ENOENT)
		return ecbpf_fail(-ENOENT, "no slot has it: xdp_top attach %s",
				  ecbpf_root_ifname(w->root));
	if (w->slot < 0)
		return w->slot;
	w->claim = ecbpf_slot_claim(w->root, w->slot);
	if (w->claim < 0)
		return w->claim;
	w->active = ecbpf_slot_map(w->root, w->slot, TOP_ACTIVE);
	return w->active < 0 ? w->active : map_id(w->active, &w->active_id);
}

/* inner_ready - an empty inner map gets the rows that are always there */
static int inner_ready(const struct watch *w, int fd)
{
	struct top_key key = {};
	int err = 0;

	memset(w->value, 0, w->cpus * sizeof(*w->value));
	for (key.kind = 0; key.kind < TOP_FIXED && !err; key.kind++)
		err = bpf_map_update_elem(fd, &key, w->value, BPF_NOEXIST);
	return err ? ecbpf_fail(err, "inner map: %s", strerror(-err)) : 0;
}

static int inner_make(struct watch *w, int turn)
{
	w->inner[turn] = bpf_map_create(BPF_MAP_TYPE_PERCPU_HASH, "top_sources",
					sizeof(struct top_key), sizeof(struct ecbpf_counter),
					w->opts->entries + TOP_FIXED, NULL);
	if (w->inner[turn] < 0)
		return ecbpf_fail(w->inner[turn], "inner map: %s", strerror(-w->inner[turn]));
	return inner_ready(w, w->inner[turn]);
}

/* inner_use - from when this returns, packets are counted here and nowhere else; -1: nowhere */
static int inner_use(struct watch *w, int fd)
{
	__u32 zero = 0;
	int err = fd < 0 ? bpf_map_delete_elem(w->active, &zero) :
			   bpf_map_update_elem(w->active, &zero, &fd, BPF_ANY);

	if (err == -EINVAL)
		return ecbpf_fail(err, "the program in the slot is of another build: "
				       "xdp_top detach, then attach");
	return err ? ecbpf_fail(err, "swapping the inner maps: %s", strerror(-err)) : 0;
}

static int watch_alloc(struct watch *w)
{
	w->cpus = libbpf_num_possible_cpus();
	if (w->cpus < 0)
		return ecbpf_fail(w->cpus, "number of CPUs: %s", strerror(-w->cpus));
	w->key = calloc(BATCH, sizeof(*w->key));
	w->value = calloc((size_t)BATCH * w->cpus, sizeof(*w->value));
	if (!w->key || !w->value)
		return ecbpf_fail(-ENOMEM, "out of memory");
	return table_init(&w->table, w->opts->sources, w->opts->entries);
}

static int watch_open(struct watch *w, const char *ifname)
{
	int err = ecbpf_root_open_running(ifname, &w->root);

	if (!err)
		err = watch_find(w);
	if (!err)
		err = watch_alloc(w);
	if (!err)
		err = inner_make(w, 0);
	if (!err)
		err = inner_make(w, 1);
	if (!err)
		err = inner_use(w, w->inner[0]);
	w->start_ns = w->swap_ns = monotonic_ns();
	return err;
}

static void watch_close(struct watch *w)
{
	const int fds[] = { w->inner[0], w->inner[1], w->active, w->claim };
	__u32 zero = 0;
	size_t i;

	if (w->inner[1] >= 0)
		bpf_map_delete_elem(w->active, &zero);
	for (i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(w->key);
	free(w->value);
	table_free(&w->table);
	ecbpf_root_close(w->root);
}

/* --- one interval after the other */

static int rows_add(struct watch *w, __u32 count)
{
	const size_t words = sizeof(struct ecbpf_counter) / sizeof(__u64);
	struct ecbpf_counter sum;
	int err = 0;
	__u32 i;

	for (i = 0; i < count && !err; i++) {
		ecbpf_percpu_sum((const __u64 *)&w->value[(size_t)i * w->cpus], words, w->cpus,
				 (__u64 *)&sum);
		err = table_add(&w->table, &w->key[i], sum);
	}
	return err;
}

/* inner_drain - all rows of an inner map that is not in use go into the table */
static int inner_drain(struct watch *w, int fd)
{
	__u32 at, next, count;
	void *from = NULL;
	int got, err = 0;

	table_begin(&w->table);
	do {
		count = BATCH;
		got = bpf_map_lookup_and_delete_batch(fd, from, &next, w->key, w->value, &count,
						      NULL);
		if (got && got != -ENOENT)
			return ecbpf_fail(got, "reading an inner map: %s", strerror(-got));
		err = rows_add(w, count);
		at = next;
		from = &at;
	} while (!got && !err);
	table_settle(&w->table);
	return err;
}

/* watch_turn - end an interval, and with @last the watch */
static int watch_turn(struct watch *w, bool last)
{
	const int old = w->inner[w->turn];
	struct report report = {
		.ifname = ecbpf_root_ifname(w->root),
		.slot = w->slot,
		.rows = w->opts->rows ? w->opts->rows : SIZE_MAX,
	};
	uint64_t now_ns;
	int err;

	w->turn = !w->turn;
	err = inner_use(w, last ? -1 : w->inner[w->turn]);
	now_ns = monotonic_ns();
	report.elapsed_ns = now_ns - w->start_ns;
	report.interval_ns = now_ns - w->swap_ns;
	w->swap_ns = now_ns;
	if (!err)
		err = inner_drain(w, old);
	if (!err)
		err = inner_ready(w, old);
	if (err)
		return err;
	return w->opts->common.json ? report_json(&report, &w->table) :
				      report_text(&report, &w->table);
}

/* watch_wait - until then; true: somebody asks us to stop */
static bool watch_wait(const struct watch *w, uint64_t until_ns)
{
	do {
		const uint64_t now_ns = monotonic_ns();
		const uint64_t left_ns = now_ns < until_ns ? until_ns - now_ns : 0;
		const struct timespec left = { left_ns / NS_PER_S, left_ns % NS_PER_S };

		if (sigtimedwait(&w->stop, NULL, &left) > 0)
			return true;
	} while (errno == EINTR);
	return false;
}

/* watch_over - the program was taken out, or one that does not share our map took its place */
static bool watch_over(const struct watch *w)
{
	int fd = ecbpf_slot_map(w->root, w->slot, TOP_ACTIVE);
	__u32 id = 0;

	if (fd < 0)
		return true;
	map_id(fd, &id);
	close(fd);
	return id != w->active_id;
}

static int watch_run(struct watch *w)
{
	uint64_t done = 0, next_ns = w->start_ns;
	bool over = false, last = false;
	int err = 0;

	while (!last && !err) {
		next_ns += w->opts->interval_ns;
		if (next_ns < w->swap_ns)
			next_ns = w->swap_ns; /* reporting takes longer than the interval */
		last = watch_wait(w, next_ns) || ++done == w->opts->count;
		over = watch_over(w);
		last |= over;
		err = watch_turn(w, last);
	}
	if (!err && over)
		err = ecbpf_fail(-ENOENT, "the program was taken out of slot %d", w->slot);
	return err;
}

int cmd_watch(const void *arg, int argc, char **argv)
{
	struct watch w = { .opts = arg, .claim = -1, .active = -1, .inner = { -1, -1 } };
	int err;

	(void)argc;
	w.table.by_bytes = w.opts->sort == SORT_BYTES;
	sigemptyset(&w.stop);
	sigaddset(&w.stop, SIGINT);
	sigaddset(&w.stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &w.stop, NULL);
	signal(SIGPIPE, SIG_IGN); /* a failed write ends the watch, and the watch tidies up */
	err = watch_open(&w, argv[0]);
	if (!err) {
		ecbpf_log(ECBPF_LOG_INFO, "%s: watching slot %d", argv[0], w.slot);
		err = watch_run(&w);
	}
	watch_close(&w);
	return err ? ecbpf_report(err, argv[0], "watch") : 0;
}
