// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* bench: see docs/bench.md. Started by tests/bench/run, in namespaces of its own. */
#define _GNU_SOURCE /* sched_setaffinity */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "libecbpf/cli.h"
#include "libecbpf/log.h"
#include "tests/bench/bench.h"

#define PAIRS 11
#define RUNS  1000000

/* @alone: nothing of it stands beside the rows that are always there */
static const struct {
	const char *name;
	int (*rows)(struct bench *b);
	bool alone;
} groups[] = {
	{ "root", rows_root, false },	    { "fw", rows_fw, false },
	{ "sampler", rows_sampler, false }, { "bypass", rows_bypass, false },
	{ "lb", rows_lb, false },	    { "ipvs", rows_ipvs, true },
};

struct options {
	bool json;
	int pairs;
	__u32 runs;
};

/* pin - to the last CPU that we may use: the first one often has the interrupts */
static int pin(void)
{
	cpu_set_t allowed, one;
	int cpu = CPU_SETSIZE;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return bench_fail(-errno, "CPU affinity: %s", strerror(errno));
	do
		cpu--;
	while (cpu > 0 && !CPU_ISSET(cpu, &allowed));
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return bench_fail(-errno, "CPU %d: %s", cpu, strerror(errno));
	return cpu;
}

/* check_stats - the kernel's own accounting would be most of every figure */
static int check_stats(void)
{
	static const char path[] = "/proc/sys/kernel/bpf_stats_enabled";
	FILE *file = fopen(path, "re");
	int enabled, found;

	if (!file)
		return bench_fail(-errno, "%s: %s", path, strerror(errno));
	found = fscanf(file, "%d", &enabled);
	fclose(file);
	if (found == 1 && !enabled)
		return 0;
	return bench_fail(-EBUSY, "sysctl kernel.bpf_stats_enabled must be 0");
}

static void print_machine(const struct bench *b, const struct options *opts, int cpu)
{
	char line[256], model[128] = "unknown CPU";
	FILE *file = fopen("/proc/cpuinfo", "re");
	struct utsname name;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "model name : %127[^\n]", model) == 1)
			break;
	if (file)
		fclose(file);
	uname(&name);
	printf("%s, Linux %s, CPU %d", model, name.release, cpu);
	if (b->rows)
		printf("; %d pairs of %u packets; ns per packet, median", opts->pairs, opts->runs);
	printf("\n");
}

static bool is_wanted(const char *group, char **wanted)
{
	if (!*wanted)
		return true;
	for (; *wanted; wanted++)
		if (!strcmp(group, *wanted))
			return true;
	return false;
}

static bool are_groups(char **wanted)
{
	size_t i;

	for (; *wanted; wanted++) {
		for (i = 0; i < sizeof(groups) / sizeof(*groups); i++)
			if (!strcmp(groups[i].name, *wanted))
				break;
		if (i == sizeof(groups) / sizeof(*groups))
			return false;
	}
	return true;
}

static int always_rows(struct bench *b, char **wanted)
{
	bool any = false;
	size_t i;
	int err;

	for (i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		any |= !groups[i].alone && is_wanted(groups[i].name, wanted);
	if (!any)
		return 0;
	err = rows_floor(b);
	return err ? err : rows_filter(b);
}

static int all_rows(struct bench *b, char **wanted)
{
	size_t i;
	int err = always_rows(b, wanted);

	for (i = 0; !err && i < sizeof(groups) / sizeof(*groups); i++)
		if (is_wanted(groups[i].name, wanted))
			err = groups[i].rows(b);
	return err;
}

static int usage(void)
{
	size_t i;

	fprintf(stderr,
		"usage: bench [-j] [-p PAIRS] [-n PACKETS] [GROUP...]\n"
		"  -j  one JSON object a row\n"
		"  -p  measurements of each row, odd, %d to %d [%d]\n"
		"  -n  packets in each measurement [%d]\n"
		"groups, beside the rows for comparison that are always there:",
		BENCH_PAIRS_MIN, BENCH_PAIRS_MAX, PAIRS, RUNS);
	for (i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		fprintf(stderr, " %s", groups[i].name);
	fprintf(stderr, "\n");
	return ECBPF_EXIT_USAGE;
}

static int parse(int argc, char **argv, struct options *opts)
{
	uint64_t number;
	int option, err = 0;

	while (!err && (option = getopt(argc, argv, "jp:n:")) != -1) {
		switch (option) {
		case 'j':
			opts->json = true;
			break;
		case 'p':
			err = ecbpf_parse_number(optarg, BENCH_PAIRS_MIN, BENCH_PAIRS_MAX, &number);
			opts->pairs = number | 1;
			break;
		case 'n':
			err = ecbpf_parse_number(optarg, 1, UINT32_MAX, &number);
			opts->runs = number;
			break;
		default:
			err = -EINVAL;
		}
	}
	return err;
}

int main(int argc, char **argv)
{
	struct options opts = { .pairs = PAIRS, .runs = RUNS };
	struct bench *b = calloc(1, sizeof(*b));
	int cpu, err;

	ecbpf_log_init("bench", 0);
	if (!b || parse(argc, argv, &opts) || !are_groups(argv + optind)) {
		free(b);
		return usage();
	}
	b->pairs = opts.pairs;
	b->runs = opts.runs;
	cpu = pin();
	err = cpu < 0 ? cpu : check_stats();
	if (!err)
		err = all_rows(b, argv + optind);
	if (!err && !opts.json)
		print_machine(b, &opts, cpu);
	if (!err)
		bench_print(b, opts.json);
	bench_free(b);
	free(b);
	return err ? ECBPF_EXIT_FAILED : 0;
}
