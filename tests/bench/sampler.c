// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bench/sampler.h"

static int map_set(const struct ecbpf_root *root, const char *name, const void *value)
{
	int fd = ecbpf_root_map(root, name), err;
	__u32 zero = 0;

	if (fd < 0)
		return fd;
	err = bpf_map_update_elem(fd, &zero, value, BPF_ANY);
	close(fd);
	return err;
}

int sampler_set(const struct ecbpf_root *root, const struct ecbpf_sampling *sampling)
{
	const struct ecbpf_control control = { .sample_one_in = sampling->by_default };
	int err = map_set(root, "ecbpf_sampling", sampling);

	if (!err)
		err = map_set(root, "ecbpf_control", &control);
	return err ? bench_fail(err, "sampling: %s", strerror(-err)) : 0;
}

int sampler_read(const struct ecbpf_root *root, struct ecbpf_sampled *sampled)
{
	const int cpus = libbpf_num_possible_cpus(), fd = ecbpf_root_map(root, "ecbpf_stats");
	struct ecbpf_cpu *values = calloc(cpus, sizeof(*values));
	int err = fd < 0 || !values ? -ENOENT : 0, cpu;
	__u32 zero = 0;

	if (!err)
		err = bpf_map_lookup_elem(fd, &zero, values);
	memset(sampled, 0, sizeof(*sampled));
	for (cpu = 0; !err && cpu < cpus; cpu++) {
		sampled->generated += values[cpu].sampled.generated;
		sampled->unread += values[cpu].sampled.unread;
		sampled->full += values[cpu].sampled.full;
		sampled->failed += values[cpu].sampled.failed;
	}
	free(values);
	if (fd >= 0)
		close(fd);
	return err ? bench_fail(err, "counters: %s", strerror(-err)) : 0;
}
