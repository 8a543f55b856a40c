// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include <libecbpf/ecbpf.h>

#include "report.h"

#define NS_PER_S 1000000000ULL

static const char *source_text(const struct source *source, char buf[INET6_ADDRSTRLEN])
{
	int family = source->key.kind == TOP_IPV4 ? AF_INET : AF_INET6;

	return inet_ntop(family, source->key.addr, buf, INET6_ADDRSTRLEN);
}

static size_t listed(const struct report *report, const struct table *table)
{
	return table->count < report->rows ? table->count : report->rows;
}

static struct ecbpf_counter total(const struct table *table)
{
	struct ecbpf_counter sum = table_sum(table, 0);
	int i;

	for (i = 0; i < TOP_FIXED; i++) {
		sum.packets += table->fixed[i].packets;
		sum.bytes += table->fixed[i].bytes;
	}
	sum.packets += table->evicted.packets;
	sum.bytes += table->evicted.bytes;
	return sum;
}

static int flush(void)
{
	if (fflush(stdout) || ferror(stdout))
		return ecbpf_fail(-EIO, "writing the output: %s", strerror(errno));
	return 0;
}

static uint64_t per_second(uint64_t count, uint64_t ns)
{
	return (double)count * NS_PER_S / ns + 0.5;
}

static void text_row(const char *name, const struct ecbpf_counter *counter)
{
	printf("%-39s %14" PRIu64 " %18" PRIu64, name, (uint64_t)counter->packets,
	       (uint64_t)counter->bytes);
}

static void text_rest(const char *what, uint64_t sources, const struct ecbpf_counter *counter)
{
	char name[40];

	if (!counter->packets)
		return;
	snprintf(name, sizeof(name), "(%s: %" PRIu64 " sources)", what, sources);
	text_row(name, counter);
	putchar('\n');
}

int report_text(const struct report *report, const struct table *table)
{
	const struct ecbpf_counter all = total(table), rest = table_sum(table, report->rows);
	static const char *const fixed[TOP_FIXED] = { "(not IP)", "(untracked)" };
	char address[INET6_ADDRSTRLEN];
	size_t i;

	printf("%s slot %d: %" PRIu64 " packets, %" PRIu64 " bytes in %.1f s\n", report->ifname,
	       report->slot, (uint64_t)all.packets, (uint64_t)all.bytes,
	       (double)report->elapsed_ns / NS_PER_S);
	printf("%-39s %14s %18s %12s %14s\n", "SOURCE", "PACKETS", "BYTES", "PACKETS/S", "BYTES/S");
	for (i = 0; i < listed(report, table); i++) {
		const struct source *source = &table->source[i];

		text_row(source_text(source, address), &source->total);
		printf(" %12" PRIu64 " %14" PRIu64 "\n",
		       per_second(source->fresh.packets, report->interval_ns),
		       per_second(source->fresh.bytes, report->interval_ns));
	}
	text_rest("not listed", table->count - i, &rest);
	text_rest("evicted", table->evictions, &table->evicted);
	for (i = 0; i < TOP_FIXED; i++) {
		if (!table->fixed[i].packets)
			continue;
		text_row(fixed[i], &table->fixed[i]);
		putchar('\n');
	}
	putchar('\n');
	return flush();
}

static void add_number(struct json_object *to, const char *key, uint64_t number)
{
	json_object_object_add(to, key, json_object_new_uint64(number));
}

static struct json_object *json_counter(struct ecbpf_counter counter)
{
	struct json_object *object = json_object_new_object();

	add_number(object, "packets", counter.packets);
	add_number(object, "bytes", counter.bytes);
	return object;
}

static struct json_object *json_some(uint64_t sources, struct ecbpf_counter counter)
{
	struct json_object *object = json_counter(counter);

	add_number(object, "sources", sources);
	return object;
}

static struct json_object *json_sources(const struct report *report, const struct table *table)
{
	struct json_object *array = json_object_new_array();
	char address[INET6_ADDRSTRLEN];
	size_t i;

	for (i = 0; i < listed(report, table); i++) {
		const struct source *source = &table->source[i];
		struct json_object *object = json_counter(source->total);

		json_object_object_add(object, "source",
				       json_object_new_string(source_text(source, address)));
		add_number(object, "interval_packets", source->fresh.packets);
		add_number(object, "interval_bytes", source->fresh.bytes);
		json_object_array_add(array, object);
	}
	return array;
}

int report_json(const struct report *report, const struct table *table)
{
	struct json_object *line = json_object_new_object();
	size_t rows = listed(report, table);

	json_object_object_add(line, "interface", json_object_new_string(report->ifname));
	add_number(line, "slot", report->slot);
	add_number(line, "elapsed_ns", report->elapsed_ns);
	add_number(line, "interval_ns", report->interval_ns);
	json_object_object_add(line, "total", json_counter(total(table)));
	json_object_object_add(line, "sources", json_sources(report, table));
	json_object_object_add(line, "unlisted",
			       json_some(table->count - rows, table_sum(table, rows)));
	json_object_object_add(line, "evicted", json_some(table->evictions, table->evicted));
	json_object_object_add(line, "untracked", json_counter(table->fixed[TOP_UNTRACKED]));
	json_object_object_add(line, "other", json_counter(table->fixed[TOP_OTHER]));
	puts(json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN));
	json_object_put(line);
	return flush();
}
