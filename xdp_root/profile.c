// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* profile IF: what each slot costs, measured on a share of the packets */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/histogram.h"
#include "libecbpf/json.h"
#include "libecbpf/loop.h"
#include "xdp_root/commands.h"
#include "xdp_root/lease.h"
#include "xdp_root/view.h"

#define DEFAULT_ONE_IN	    1000
#define DEFAULT_DURATION_NS 5000000000ULL
#define BAR_WIDTH	    40

/**
 * struct histogram - one row of map ecbpf_profile, all CPUs summed, over the run
 * @count: of all buckets
 */
struct histogram {
	uint64_t sum_ns;
	uint64_t count;
	uint64_t bucket[ECBPF_NS_BUCKETS];
};

struct profile {
	const struct options *opts;
	const char *ifname;
	volatile struct ecbpf_control *control;
	struct histogram row[ECBPF_PROFILE_ROWS];
	char name[ECBPF_ROWS][ECBPF_NAME_SIZE];
};

/*
 * Adds (sign 1) or takes away (-1) what the map holds now. Counts are modulo 2^32 for each CPU,
 * so both are kept per CPU until the end.
 */
static int profile_read(int fd, struct ecbpf_profile *values, int cpus)
{
	__u32 row;
	int err;

	for (row = 0; row < ECBPF_PROFILE_ROWS; row++) {
		err = bpf_map_lookup_elem(fd, &row, values + (size_t)row * cpus);
		if (err)
			return ecbpf_fail(err, "map ecbpf_profile: %s", strerror(-err));
	}
	return 0;
}

static void histogram_add(struct histogram *histogram, const struct ecbpf_profile *before,
			  const struct ecbpf_profile *after)
{
	int i;

	histogram->sum_ns += after->sum_ns - before->sum_ns;
	for (i = 0; i < ECBPF_NS_BUCKETS; i++) {
		histogram->bucket[i] += (__u32)(after->bucket[i] - before->bucket[i]);
		histogram->count += (__u32)(after->bucket[i] - before->bucket[i]);
	}
}

static int measure(struct profile *profile)
{
	const struct options *opts = profile->opts;
	const uint64_t duration_ns = opts->duration_ns ? opts->duration_ns : DEFAULT_DURATION_NS;
	const uint64_t end_ns = ecbpf_monotonic_ns() + duration_ns;
	struct ecbpf_loop loop;
	int event;

	event = ecbpf_loop_open(&loop, duration_ns < LEASE_TICK_NS ? duration_ns : LEASE_TICK_NS,
				-1);
	if (event)
		return event;
	do {
		profile->control->profile_until_ns = ecbpf_monotonic_ns() + LEASE_NS;
		profile->control->profile_one_in = opts->one_in ? opts->one_in : DEFAULT_ONE_IN;
		event = ecbpf_loop_wait(&loop);
	} while (event == ECBPF_LOOP_TICK && ecbpf_monotonic_ns() < end_ns);
	profile->control->profile_one_in = 0;
	ecbpf_loop_close(&loop);
	return event < 0 ? event : 0;
}

static int run(struct profile *profile, const struct ecbpf_root *root)
{
	const int cpus = libbpf_num_possible_cpus();
	const size_t count = (size_t)(cpus > 0 ? cpus : 0) * ECBPF_PROFILE_ROWS;
	struct ecbpf_profile *before = calloc(count, sizeof(*before));
	struct ecbpf_profile *after = calloc(count, sizeof(*after));
	int fd = ecbpf_root_map(root, "ecbpf_profile"), err;
	size_t i;

	err = fd < 0 ? fd : before && after && cpus > 0 ? 0 : ecbpf_fail(-ENOMEM, "out of memory");
	if (!err)
		err = profile_read(fd, before, cpus);
	if (!err)
		err = measure(profile);
	if (!err)
		err = profile_read(fd, after, cpus);
	for (i = 0; !err && i < count; i++)
		histogram_add(&profile->row[i / cpus], &before[i], &after[i]);
	if (fd >= 0)
		close(fd);
	free(before);
	free(after);
	return err;
}

/* --- what came out */

/* quantile - middle of the bucket that holds it, less what the clock itself takes */
static double quantile(const struct histogram *histogram, double q, double clock_ns)
{
	uint64_t need = q * histogram->count, seen = 0;
	unsigned int i;
	double ns;

	for (i = 0; i < ECBPF_NS_BUCKETS - 1; i++) {
		seen += histogram->bucket[i];
		if (seen > need)
			break;
	}
	ns = i < ECBPF_NS_LINEAR ? i : (ecbpf_ns_bucket_low(i) + ecbpf_ns_bucket_low(i + 1)) / 2.0;
	return ns > clock_ns ? ns - clock_ns : 0;
}

static double mean(const struct histogram *histogram, double clock_ns)
{
	double ns = histogram->count ? (double)histogram->sum_ns / histogram->count : 0;

	return ns > clock_ns ? ns - clock_ns : 0;
}

/* Buckets with fewer than one packet in a thousand are summed up in one line. */
static void text_bars(const struct histogram *histogram)
{
	uint64_t most = 0, rest = 0;
	int i, last = 0;

	for (i = 0; i < ECBPF_NS_BUCKETS; i++)
		if (histogram->bucket[i] > most)
			most = histogram->bucket[i];
	for (i = 0; i < ECBPF_NS_BUCKETS; i++) {
		if (!histogram->bucket[i])
			continue;
		last = i;
		if (histogram->bucket[i] * 1000 < histogram->count) {
			rest += histogram->bucket[i];
			continue;
		}
		printf("      %8" PRIu64 " ns %12" PRIu64 " %.*s\n",
		       (uint64_t)ecbpf_ns_bucket_low(i), histogram->bucket[i],
		       (int)(histogram->bucket[i] * BAR_WIDTH / most),
		       "########################################");
	}
	if (rest)
		printf("      elsewhere   %12" PRIu64 ", up to %" PRIu64 " ns\n", rest,
		       (uint64_t)ecbpf_ns_bucket_low(last));
}

static void text(const struct profile *profile)
{
	const struct histogram *clock = &profile->row[ECBPF_ROW_CLOCK];
	const double clock_ns = quantile(clock, 0.5, 0);
	int row;

	printf("%s: %" PRIu64
	       " packets timed; a reading of the clock, %.0f ns, is taken off each figure"
	       " (not off the bars)\n",
	       profile->ifname, clock->count, clock_ns);
	printf("%-5s %-16s %12s %8s %8s %8s %8s\n", "SLOT", "PROGRAM", "PACKETS", "MEAN", "P50",
	       "P90", "P99");
	for (row = 0; row < ECBPF_ROW_END; row++) {
		const struct histogram *histogram = &profile->row[row];

		if (!histogram->count)
			continue;
		printf("%-5s %-16s %12" PRIu64 " %8.0f %8.0f %8.0f %8.0f\n", ecbpf_row_name(row),
		       profile->name[row], histogram->count, mean(histogram, clock_ns),
		       quantile(histogram, 0.5, clock_ns), quantile(histogram, 0.9, clock_ns),
		       quantile(histogram, 0.99, clock_ns));
		text_bars(histogram);
	}
}

static struct json_object *json_row(const struct profile *profile, int row, double clock_ns)
{
	const struct histogram *histogram = &profile->row[row];
	struct json_object *json = json_object_new_object();
	struct json_object *buckets = json_object_new_array(), *pair;
	int i;

	ecbpf_json_text(json, "slot", ecbpf_row_name(row));
	ecbpf_json_text(json, "program", profile->name[row]);
	ecbpf_json_number(json, "packets", histogram->count);
	json_object_object_add(json, "mean_ns", json_object_new_double(mean(histogram, clock_ns)));
	json_object_object_add(json, "p50_ns",
			       json_object_new_double(quantile(histogram, 0.5, clock_ns)));
	json_object_object_add(json, "p90_ns",
			       json_object_new_double(quantile(histogram, 0.9, clock_ns)));
	json_object_object_add(json, "p99_ns",
			       json_object_new_double(quantile(histogram, 0.99, clock_ns)));
	for (i = 0; i < ECBPF_NS_BUCKETS; i++) {
		if (!histogram->bucket[i])
			continue;
		pair = json_object_new_array();
		json_object_array_add(pair, json_object_new_uint64(ecbpf_ns_bucket_low(i)));
		json_object_array_add(pair, json_object_new_uint64(histogram->bucket[i]));
		json_object_array_add(buckets, pair);
	}
	json_object_object_add(json, "histogram", buckets);
	return json;
}

static void json(const struct profile *profile)
{
	const struct histogram *clock = &profile->row[ECBPF_ROW_CLOCK];
	const double clock_ns = quantile(clock, 0.5, 0);
	struct json_object *object = json_object_new_object();
	struct json_object *rows = json_object_new_array();
	int row;

	ecbpf_json_text(object, "interface", profile->ifname);
	ecbpf_json_number(object, "packets", clock->count);
	json_object_object_add(object, "clock_ns", json_object_new_double(clock_ns));
	for (row = 0; row < ECBPF_ROW_END; row++)
		if (profile->row[row].count)
			json_object_array_add(rows, json_row(profile, row, clock_ns));
	json_object_object_add(object, "slots", rows);
	ecbpf_json_print(object);
}

static int names(struct profile *profile, const struct ecbpf_root *root)
{
	struct ecbpf_program program;
	int slot, err;

	snprintf(profile->name[ECBPF_ROW_ROOT], ECBPF_NAME_SIZE, "xdp_root");
	for (slot = 0; slot < ECBPF_SLOTS; slot++) {
		err = ecbpf_slot_get(root, slot, &program);
		if (err)
			return err;
		snprintf(profile->name[ECBPF_ROW_SLOT(slot)], ECBPF_NAME_SIZE, "%s", program.name);
	}
	return 0;
}

int cmd_profile(const void *opts, int argc, char **argv)
{
	struct profile *profile = calloc(1, sizeof(*profile));
	struct ecbpf_root *root = NULL;
	int err;

	(void)argc;
	err = profile ? ecbpf_root_open_running(argv[0], &root) :
			ecbpf_fail(-ENOMEM, "out of memory");
	if (err)
		goto out;
	profile->opts = opts;
	profile->ifname = argv[0];
	profile->control = ecbpf_control_map(root);
	err = profile->control ? names(profile, root) : -EINVAL;
	if (!err)
		err = run(profile, root);
	if (!err && profile->opts->common.json)
		json(profile);
	else if (!err)
		text(profile);
	ecbpf_control_unmap(profile->control);
out:
	ecbpf_root_close(root);
	free(profile);
	return err ? ecbpf_report(err, argv[0], "profile") : 0;
}
