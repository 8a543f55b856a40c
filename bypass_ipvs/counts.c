// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bypass_ipvs/counts.h"
#include "bypass_ipvs/flows.h"
#include "bypass_ipvs/load.h"
#include "libecbpf/json.h"
#include "libecbpf/loop.h"

#define WORDS (sizeof(struct counts_numbers) / sizeof(__u64))

static const struct {
	const char *name, *text;
} counters[BYPASS_COUNTERS_MAX] = {
#define COUNTER_NAME(constant, name, text) { name, text },
	BYPASS_COUNTERS(COUNTER_NAME)
#undef COUNTER_NAME
};

/* What a packet may meet with in the slot. */
static const enum ecbpf_column columns[] = {
	ECBPF_COLUMN_TX,
	ECBPF_COLUMN_REDIRECT,
	ECBPF_COLUMN_NEXT,
	ECBPF_COLUMN_DROP,
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* --- gathering */

static void add_words(void *to, const void *from, size_t bytes)
{
	const __u64 *more = from;
	__u64 *sum = to;
	size_t i;

	for (i = 0; i < bytes / sizeof(*sum); i++)
		sum[i] += more[i];
}

static int root_add(const struct ecbpf_root *root, struct counts_numbers *to)
{
	struct ecbpf_total *total;
	int slot = ecbpf_slot_find(root, LOAD_XDP), err;

	if (slot < 0) /* somebody has emptied the slot: it counts nothing */
		return slot == -ENOENT ? 0 : slot;
	total = malloc(sizeof(*total));
	err = total ? ecbpf_stats_read(root, total) : ecbpf_fail(-ENOMEM, "out of memory");
	if (!err) {
		add_words(&to->row, &total->row[ECBPF_ROW_SLOT(slot)], sizeof(to->row));
		add_words(to->code, &total->code[COUNTS_CODE_FIRST], sizeof(to->code));
	}
	free(total);
	return err;
}

/* devices_add - of all that have the XDP program; the others leave the list */
static int devices_add(const struct live *live, struct counts *counts)
{
	struct devices *devices = &counts->devices;
	struct ecbpf_root *root;
	size_t i, kept = 0;
	int err = devices_read(live->fd[LIVE_DEVICE], devices);

	for (i = 0; !err && i < devices->count; i++) {
		if (!(devices->device[i].as.role & BYPASS_AT_XDP) || !devices->device[i].name[0])
			continue;
		devices->device[kept] = devices->device[i];
		/* whose root was taken away has no counters any more */
		if (!ecbpf_root_open_running(devices->device[kept++].name, &root)) {
			err = root_add(root, &counts->total);
			ecbpf_root_close(root);
		}
	}
	devices->count = kept;
	return err;
}

static int egress_add(const struct live *live, struct counts *counts)
{
	const int cpus = libbpf_num_possible_cpus();
	struct bypass_counts *values;
	__u32 zero = 0;
	int err;

	if (cpus < 0)
		return ecbpf_fail(cpus, "number of CPUs: %s", strerror(-cpus));
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return ecbpf_fail(-ENOMEM, "out of memory");
	err = bpf_map_lookup_elem(live->fd[LIVE_COUNT], &zero, values);
	if (err)
		ecbpf_fail(err, "count_map: %s", strerror(-err));
	else
		ecbpf_percpu_sum(values->by, BYPASS_COUNTERS_MAX, cpus, counts->total.egress);
	free(values);
	return err;
}

static int flow_add(void *arg, const struct ecbpf_tuple *key, const struct bypass_flow *flow)
{
	struct counts *counts = arg;

	(void)flow;
	if (ecbpf_tuple_is_v4(key))
		counts->flows++;
	else
		counts->flows6++;
	return 0;
}

static int tables_add(const struct live *live, struct counts *counts)
{
	const struct bypass_settings *settings = live->settings;
	__u32 i;

	counts->room = settings->flows;
	counts->room6 = settings->flows6;
	counts->paths_room = settings->paths - 1;
	for (i = BYPASS_PATH_NONE + 1; i < settings->paths; i++)
		counts->paths += live->path[i].recipe.l2_bytes != 0;
	return flows_each(live, flow_add, counts);
}

int counts_gather(struct counts *counts)
{
	struct live live;
	int err = live_open(&live, false);

	memset(counts, 0, sizeof(*counts));
	if (!err)
		err = devices_add(&live, counts);
	if (!err)
		err = egress_add(&live, counts);
	counts->time_ns = ecbpf_monotonic_ns();
	if (!err)
		err = tables_add(&live, counts);
	live_close(&live);
	return err;
}

void counts_free(struct counts *counts)
{
	devices_free(&counts->devices);
	memset(counts, 0, sizeof(*counts));
}

void counts_rates(struct counts *counts, const struct counts *before)
{
	const __u64 *now = (const __u64 *)&counts->total, *then = (const __u64 *)&before->total;
	__u64 *added = (__u64 *)&counts->added;
	size_t i;

	_Static_assert(sizeof(counts->total) % sizeof(*now) == 0, "words");
	for (i = 0; i < WORDS; i++)
		added[i] = now[i] >= then[i] ? now[i] - then[i] : now[i];
	counts->rate_ns = counts->time_ns - before->time_ns;
}

/* counts_share - of the packets that reached the slots, those that were forwarded, in percent */
static double counts_share(const struct counts_numbers *numbers)
{
	const uint64_t seen = ecbpf_row_seen(&numbers->row).packets;
	const __u64 hits = numbers->code[ECBPF_CODE_BYPASS_HIT - COUNTS_CODE_FIRST];

	return seen ? 100.0 * hits / seen : 0;
}

/* --- text */

static void text_number(const struct counts *counts, const char *name, __u64 total, __u64 added,
			const char *text)
{
	if (!total && !counts->zeroes)
		return;
	printf("%-20s %14" PRIu64, name, (uint64_t)total);
	if (counts->rate_ns)
		printf(" %10" PRIu64, ecbpf_per_second(added, counts->rate_ns));
	printf(" %s\n", text);
}

static void text_columns(const struct counts *counts)
{
	size_t i;

	printf("%-20s %14s %17s%s\n", "VERDICT", "PACKETS", "BYTES",
	       counts->rate_ns ? "      PKT/S        BYTE/S" : "");
	for (i = 0; i < COLUMNS; i++) {
		const struct ecbpf_counter *total = &counts->total.row.by[columns[i]];
		const struct ecbpf_counter *added = &counts->added.row.by[columns[i]];

		printf("%-20s %14" PRIu64 " %17" PRIu64, ecbpf_column_name(columns[i]),
		       (uint64_t)total->packets, (uint64_t)total->bytes);
		if (counts->rate_ns)
			printf(" %10" PRIu64 " %13" PRIu64,
			       ecbpf_per_second(added->packets, counts->rate_ns),
			       ecbpf_per_second(added->bytes, counts->rate_ns));
		putchar('\n');
	}
}

static void text_head(const struct counts *counts)
{
	size_t i;

	printf("on");
	for (i = 0; i < counts->devices.count; i++)
		printf("%s %s", i ? "," : "", counts->devices.device[i].name);
	printf(": %.2f %% of packets bypassed", counts_share(&counts->total));
	if (counts->rate_ns)
		printf(", now %.2f %%", counts_share(&counts->added));
	printf("\nflows %" PRIu64 " of %" PRIu64 ", IPv6 %" PRIu64 " of %" PRIu64
	       ", paths %u of %u\n",
	       counts->flows, counts->room, counts->flows6, counts->room6, counts->paths,
	       counts->paths_room);
}

void counts_text(const struct counts *counts)
{
	const char *rate = counts->rate_ns ? "      PKT/S" : "";
	unsigned int i;

	text_head(counts);
	text_columns(counts);
	printf("%-20s %14s%s %s\n", "REASON", "PACKETS", rate, "MEANING");
	for (i = 0; i < COUNTS_CODES; i++)
		if (ecbpf_code_name(COUNTS_CODE_FIRST + i))
			text_number(counts, ecbpf_code_name(COUNTS_CODE_FIRST + i),
				    counts->total.code[i], counts->added.code[i],
				    ecbpf_code_text(COUNTS_CODE_FIRST + i));
	printf("%-20s %14s%s %s\n", "EGRESS", "COUNT", counts->rate_ns ? "         /S" : "",
	       "MEANING");
	for (i = 0; i < BYPASS_COUNTERS_MAX; i++)
		text_number(counts, counters[i].name, counts->total.egress[i],
			    counts->added.egress[i], counters[i].text);
}

/* --- JSON */

static struct json_object *json_columns(const struct counts_numbers *numbers)
{
	struct json_object *json = json_object_new_object(), *counter;
	size_t i;

	for (i = 0; i < COLUMNS; i++) {
		counter = json_object_new_object();
		ecbpf_json_number(counter, "packets", numbers->row.by[columns[i]].packets);
		ecbpf_json_number(counter, "bytes", numbers->row.by[columns[i]].bytes);
		json_object_object_add(json, ecbpf_column_name(columns[i]), counter);
	}
	return json;
}

/* json_numbers - with @rate_ns: per second */
static void json_numbers(struct json_object *to, const struct counts_numbers *from,
			 uint64_t rate_ns)
{
	struct counts_numbers numbers = *from;
	struct json_object *reasons = json_object_new_object(), *egress = json_object_new_object();
	char share[32];
	unsigned int i;

	for (i = 0; rate_ns && i < WORDS; i++)
		((__u64 *)&numbers)[i] = ecbpf_per_second(((__u64 *)&numbers)[i], rate_ns);
	for (i = 0; i < COUNTS_CODES; i++)
		if (ecbpf_code_name(COUNTS_CODE_FIRST + i))
			ecbpf_json_number(reasons, ecbpf_code_name(COUNTS_CODE_FIRST + i),
					  numbers.code[i]);
	for (i = 0; i < BYPASS_COUNTERS_MAX; i++)
		ecbpf_json_number(egress, counters[i].name, numbers.egress[i]);
	snprintf(share, sizeof(share), "%.2f", counts_share(from));
	json_object_object_add(to, "bypassed_percent",
			       json_object_new_double_s(strtod(share, NULL), share));
	json_object_object_add(to, "by", json_columns(&numbers));
	json_object_object_add(to, "reasons", reasons);
	json_object_object_add(to, "egress", egress);
}

static struct json_object *json_usage(uint64_t used, uint64_t room)
{
	struct json_object *json = json_object_new_object();

	ecbpf_json_number(json, "used", used);
	ecbpf_json_number(json, "room", room);
	return json;
}

struct json_object *counts_json(const struct counts *counts)
{
	struct json_object *json = json_object_new_object(), *rates;
	struct json_object *interfaces = json_object_new_array();
	size_t i;

	for (i = 0; i < counts->devices.count; i++)
		json_object_array_add(interfaces,
				      json_object_new_string(counts->devices.device[i].name));
	json_object_object_add(json, "interfaces", interfaces);
	json_object_object_add(json, "flows", json_usage(counts->flows, counts->room));
	json_object_object_add(json, "flows6", json_usage(counts->flows6, counts->room6));
	json_object_object_add(json, "paths", json_usage(counts->paths, counts->paths_room));
	json_numbers(json, &counts->total, 0);
	if (counts->rate_ns) {
		rates = json_object_new_object();
		json_numbers(rates, &counts->added, counts->rate_ns);
		json_object_object_add(json, "per_second", rates);
	}
	return json;
}
