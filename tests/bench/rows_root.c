// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The root alone, and chains of members that have no opinion. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bench/bench.h"

#define MEMBERS_MAX   10
#define ROOT_MAX_NS   10
#define MEMBER_MAX_NS 2
#define WATCH_ONE_IN  1000
#define PERF_PAGES    128
#define ALONE	      "root"

/* chain_load - a root with members in the slots of the mask; returns the root's program */
static int chain_load(struct bench *b, unsigned int slots)
{
	struct ecbpf_root *root;
	int slot, err = 0, prog = bench_root(b, &root);

	if (prog < 0)
		return prog;
	for (slot = 0; !err && slot < ECBPF_SLOTS; slot++)
		if (slots & 1U << slot)
			err = bench_member(root, slot, ECBPF_NEXT);
	ecbpf_root_close(root);
	if (!err)
		return prog;
	close(prog);
	return err;
}

/* chain_row - the figures of such a chain, all else being as @row says */
static int chain_row(struct bench *b, unsigned int slots, struct bench_row row)
{
	int i, err = 0;

	row.action = XDP_PASS;
	row.traffic = row.traffic ?: bench_still(b, bench_ipv4(b, 1));
	for (i = 0; !err && i < BENCH_LOADS; i++) {
		row.prog[i] = chain_load(b, slots);
		if (row.prog[i] < 0)
			err = row.prog[i];
	}
	if (!err)
		err = bench_row(b, &row);
	while (i-- > 0)
		if (row.prog[i] >= 0)
			close(row.prog[i]);
	return err;
}

static int frame_rows(struct bench *b)
{
	int err = chain_row(b, 0,
			    (struct bench_row){ .name = ALONE,
						.ref = "bare pass",
						.diff_max_ns = ROOT_MAX_NS });

	if (!err)
		err = chain_row(b, 0,
				(struct bench_row){ .name = "root, 802.1Q",
						    .traffic = bench_still(b, bench_vlan(b, 1)),
						    .ref = "bare pass",
						    .diff_max_ns = ROOT_MAX_NS });
	if (!err)
		err = chain_row(b, 0,
				(struct bench_row){ .name = "root, IPv6",
						    .traffic = bench_still(b, bench_ipv6(b, 1)),
						    .ref = "bare pass",
						    .diff_max_ns = ROOT_MAX_NS });
	if (!err)
		err = chain_row(b, 0,
				(struct bench_row){ .name = "root, 1 k flows",
						    .traffic = bench_ipv4(b, 1000),
						    .ref = "bare pass",
						    .diff_max_ns = ROOT_MAX_NS });
	return err;
}

static int member_rows(struct bench *b)
{
	char name[BENCH_NAME_MAX];
	int members, err = 0;

	for (members = 1; !err && members <= MEMBERS_MAX; members++) {
		snprintf(name, sizeof(name), "root + %d member%s", members, members > 1 ? "s" : "");
		err = chain_row(b, (1U << members) - 1,
				(struct bench_row){ .name = name,
						    .ref = ALONE,
						    .diff_max_ns = members * MEMBER_MAX_NS });
	}
	if (!err)
		err = chain_row(b, 1U << 15,
				(struct bench_row){ .name = "root + member in slot 15",
						    .ref = "root + 1 member" });
	if (!err)
		err = chain_row(b, 1U << 0 | 1U << 15,
				(struct bench_row){ .name = "root + members in slots 0, 15",
						    .ref = "root + 2 members" });
	return err;
}

/* --- with a tracer or a profiler looking on */

static void lost(void *ctx, int cpu, __u64 count)
{
	(void)cpu;
	*(__u64 *)ctx += count;
}

static void sampled(void *ctx, int cpu, void *data, __u32 size)
{
	(void)ctx;
	(void)cpu;
	(void)data;
	(void)size;
}

static void drain(void *arg)
{
	perf_buffer__consume(arg);
}

static int control_set(const struct ecbpf_root *root, const struct ecbpf_control *control)
{
	int fd = ecbpf_root_map(root, "ecbpf_control"), err;
	__u32 zero = 0;

	if (fd < 0)
		return fd;
	err = bpf_map_update_elem(fd, &zero, control, BPF_ANY);
	close(fd);
	return err;
}

static int watched_row(struct bench *b, const char *name, const struct ecbpf_control *control)
{
	struct bench_row row = { .name = name, .action = XDP_PASS, .ref = ALONE };
	struct perf_buffer *reader = NULL;
	struct ecbpf_root *root;
	__u64 missed = 0;
	int map, err;

	row.traffic = bench_still(b, bench_ipv4(b, 1));
	row.prog[0] = bench_root(b, &root);
	if (row.prog[0] < 0)
		return row.prog[0];
	map = ecbpf_root_map(root, "ecbpf_trace");
	if (map >= 0)
		reader = perf_buffer__new(map, PERF_PAGES, sampled, lost, &missed, NULL);
	err = reader ? control_set(root, control) : -errno;
	row.after_run = drain;
	row.arg = reader;
	if (!err)
		err = bench_row(b, &row);
	else
		bench_fail(err, "%s: %s", name, strerror(-err));
	if (missed)
		fprintf(stderr, "bench: %s: %llu samples lost\n", name, missed);
	perf_buffer__free(reader);
	close(map);
	close(row.prog[0]);
	ecbpf_root_close(root);
	return err;
}

int rows_root(struct bench *b)
{
	static const struct ecbpf_control trace = { .trace_until_ns = UINT64_MAX,
						    .trace_one_in = WATCH_ONE_IN };
	static const struct ecbpf_control profile = { .profile_until_ns = UINT64_MAX,
						      .profile_one_in = WATCH_ONE_IN };
	int err = frame_rows(b);

	if (!err)
		err = member_rows(b);
	if (!err)
		err = watched_row(b, "root, trace 1 in 1000", &trace);
	if (!err)
		err = watched_row(b, "root, profile 1 in 1000", &profile);
	return err;
}
