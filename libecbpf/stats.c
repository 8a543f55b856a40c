// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Counters: summing the CPUs, and resets that lose nothing because they only move the zero. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "libecbpf/internal.h"

#define TOTAL_WORDS (offsetof(struct ecbpf_total, since_ns) / sizeof(__u64))

void ecbpf_percpu_sum(const __u64 *values, size_t words, int cpus, __u64 *sum)
{
	size_t i;
	int cpu;

	memset(sum, 0, words * sizeof(*sum));
	for (cpu = 0; cpu < cpus; cpu++, values += words)
		for (i = 0; i < words; i++)
			sum[i] += values[i];
}

struct ecbpf_counter ecbpf_row_seen(const struct ecbpf_row *row)
{
	struct ecbpf_counter seen = {};
	int i;

	for (i = 0; i < ECBPF_COLUMNS_MAX; i++) {
		seen.packets += row->by[i].packets;
		seen.bytes += row->by[i].bytes;
	}
	return seen;
}

static int map_check(int fd, size_t value_size)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(fd, &info, &len);

	if (err)
		return ecbpf_fail(err, "%s", strerror(-err));
	if (info.value_size != value_size)
		return ecbpf_fail(-EPROTO, "map %s is another version's: use that version's tool",
				  info.name);
	return 0;
}

uint64_t ecbpf_realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void total_add(struct ecbpf_total *total, const struct ecbpf_cpu *cpu)
{
	const __u64 *words = (const __u64 *)cpu->row;
	__u64 *sum = (__u64 *)total->row;
	size_t i;

	_Static_assert(offsetof(struct ecbpf_cpu, sampled) - offsetof(struct ecbpf_cpu, row) ==
			       TOTAL_WORDS * sizeof(__u64),
		       "rows and codes lie alike in both");
	for (i = 0; i < TOTAL_WORDS; i++)
		sum[i] += words[i];
}

/*
 * A CPU's last packet was handed to a slot that has not reported. A member is about to; anything
 * else never will, and its packet is counted here until the root does so with the next one.
 */
static int total_add_pending(const struct ecbpf_root *root, struct ecbpf_total *total,
			     const struct ecbpf_cpu *cpu)
{
	const __u32 row = cpu->now.pending;
	struct ecbpf_program program;
	struct ecbpf_counter *counter;
	int err;

	if (row <= ECBPF_ROW_ROOT || row >= ECBPF_ROW_END)
		return 0;
	err = ecbpf_slot_get(root, row - ECBPF_ROW_SLOT(0), &program);
	if (err || program.abi)
		return err == -ENOENT ? 0 : err; /* replaced in between */
	counter = &total->row[row].by[ECBPF_COLUMN_UNREPORTED];
	counter->packets++;
	counter->bytes += cpu->now.bytes;
	return 0;
}

/* cpus_read - every CPU's copy, *count of them; free() it */
static struct ecbpf_cpu *cpus_read(const struct ecbpf_root *root, int *count)
{
	const int cpus = libbpf_num_possible_cpus(), fd = ecbpf_root_map(root, "ecbpf_stats");
	struct ecbpf_cpu *values;
	__u32 zero = 0;
	int err;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	values = cpus > 0 ? calloc(cpus, sizeof(*values)) : NULL;
	err = values ? map_check(fd, sizeof(*values)) : ecbpf_fail(-ENOMEM, "out of memory");
	if (!err)
		err = bpf_map_lookup_elem(fd, &zero, values);
	close(fd);
	*count = cpus;
	if (!err)
		return values;
	free(values);
	errno = -err;
	return NULL;
}

static int stats_sum(const struct ecbpf_root *root, struct ecbpf_total *total)
{
	struct ecbpf_cpu *values;
	int cpus, i, err = 0;

	memset(total, 0, sizeof(*total));
	values = cpus_read(root, &cpus);
	if (!values)
		return -errno;
	for (i = 0; !err && i < cpus; i++) {
		total_add(total, &values[i]);
		err = total_add_pending(root, total, &values[i]);
	}
	free(values);
	return err;
}

int ecbpf_sampled_read(const struct ecbpf_root *root, struct ecbpf_sampled *sampled)
{
	struct ecbpf_cpu *values;
	const __u64 *words;
	__u64 *sum = (__u64 *)sampled;
	int cpus, i;
	size_t word;

	memset(sampled, 0, sizeof(*sampled));
	values = cpus_read(root, &cpus);
	if (!values)
		return -errno;
	for (i = 0; i < cpus; i++) {
		words = (const __u64 *)&values[i].sampled;
		for (word = 0; word < sizeof(*sampled) / sizeof(*sum); word++)
			sum[word] += words[word];
	}
	free(values);
	return 0;
}

static int base_read(int fd, struct ecbpf_total *base)
{
	__u32 zero = 0;
	int err = map_check(fd, sizeof(*base));

	return err ? err : bpf_map_lookup_elem(fd, &zero, base);
}

static void total_subtract(struct ecbpf_total *total, const struct ecbpf_total *base)
{
	const __u64 *zero = (const __u64 *)base->row;
	__u64 *sum = (__u64 *)total->row;
	size_t i;

	for (i = 0; i < TOTAL_WORDS; i++)
		sum[i] -= zero[i];
	total->since_ns = base->since_ns;
}

/* Reads the base before and after, so that a reset in between cannot mix the two. */
int ecbpf_stats_read(const struct ecbpf_root *root, struct ecbpf_total *total)
{
	struct ecbpf_total *base = calloc(2, sizeof(*base));
	int fd = ecbpf_root_map(root, "ecbpf_base"), err = 0;

	if (fd < 0 || !base) {
		free(base);
		return fd < 0 ? fd : ecbpf_fail(-ENOMEM, "out of memory");
	}
	do {
		err = base_read(fd, &base[0]);
		if (!err)
			err = stats_sum(root, total);
		if (!err)
			err = base_read(fd, &base[1]);
	} while (!err && memcmp(&base[0], &base[1], sizeof(*base)));
	if (!err)
		total_subtract(total, base);
	free(base);
	close(fd);
	return err;
}

static int reset_locked(struct ecbpf_root *root, struct ecbpf_total *base)
{
	int err = ecbpf_root_refresh(root), fd;
	__u32 zero = 0;

	if (!err)
		err = ecbpf_root_running(root);
	if (err)
		return err;
	fd = ecbpf_root_map(root, "ecbpf_base");
	if (fd < 0)
		return fd;
	err = map_check(fd, sizeof(*base));
	if (!err)
		err = stats_sum(root, base);
	base->since_ns = ecbpf_realtime_ns();
	if (!err)
		err = bpf_map_update_elem(fd, &zero, base, BPF_EXIST);
	close(fd);
	return err;
}

int ecbpf_stats_reset(struct ecbpf_root *root)
{
	struct ecbpf_total *base = calloc(1, sizeof(*base));
	int lock = base ? ecbpf_lock() : ecbpf_fail(-ENOMEM, "out of memory");
	int err = lock < 0 ? lock : reset_locked(root, base);

	if (lock >= 0)
		ecbpf_unlock(lock);
	free(base);
	return err;
}
