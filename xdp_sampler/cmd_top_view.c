// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "libecbpf/json.h"
#include "libecbpf/loop.h"
#include "xdp_sampler/cmd_top.h"
#include "xdp_sampler/verdict.h"

#define CLEAR	  "\033[H\033[J"
#define LABEL_MAX 80

static const char *const titles[TOP_TABLES] = {
	[TOP_SOURCES] = "SOURCE",	    [TOP_DESTINATIONS] = "DESTINATION",
	[TOP_SOURCE_PORTS] = "SOURCE PORT", [TOP_DESTINATION_PORTS] = "DESTINATION PORT",
	[TOP_REASONS] = "REASON",
};

static const char *const names[TOP_TABLES] = {
	[TOP_SOURCES] = "sources",	     [TOP_DESTINATIONS] = "destinations",
	[TOP_SOURCE_PORTS] = "source_ports", [TOP_DESTINATION_PORTS] = "destination_ports",
	[TOP_REASONS] = "reasons",
};

static const char *proto_text(const struct top_key *key)
{
	return key->kind == IPPROTO_TCP ? "tcp" : "udp";
}

static size_t lines(const struct top_screen *screen, enum top_table table)
{
	const size_t count = screen->ranked->list[table].count;

	return count < screen->lines ? count : screen->lines;
}

static void label(enum top_table table, const struct top_entry *entry, char text[LABEL_MAX])
{
	const struct top_key *key = &entry->key;

	switch (table) {
	case TOP_SOURCES:
	case TOP_DESTINATIONS:
		inet_ntop(key->family, key->addr, text, LABEL_MAX);
		break;
	case TOP_REASONS:
		snprintf(text, LABEL_MAX, "%s %s %s", verdict_action(key->kind),
			 verdict_slot(key->slot), entry->reason);
		break;
	default:
		snprintf(text, LABEL_MAX, "%s %" PRIu32, proto_text(key), key->number);
	}
}

static void row_text(const struct top_screen *screen, const char *text, const struct top_sum *sum)
{
	printf("%-46s %16" PRIu64 " %18" PRIu64 "\n", text,
	       ecbpf_per_second(sum->packets, screen->interval_ns),
	       ecbpf_per_second(sum->bytes, screen->interval_ns));
}

static void table_text(const struct top_screen *screen, enum top_table table)
{
	const struct top_list *list = &screen->ranked->list[table];
	char text[LABEL_MAX] = "";
	size_t i;

	if (!list->count)
		return;
	printf("%-46s %16s %18s\n", titles[table], "PACKETS/S", "BYTES/S");
	for (i = 0; i < lines(screen, table); i++) {
		label(table, &list->entry[i], text);
		row_text(screen, text, &list->entry[i].sum);
	}
	if (list->rest.samples)
		row_text(screen, "(no more room)", &list->rest);
}

void top_show_text(const struct top_screen *screen)
{
	const struct top_sum *all = &screen->ranked->all;
	const time_t now = time(NULL);
	char date[32] = "";
	struct tm tm;
	int table;

	if (gmtime_r(&now, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (isatty(STDOUT_FILENO))
		fputs(CLEAR, stdout);
	printf("%s: %" PRIu64 " packets/s, %" PRIu64 " bytes/s, from %" PRIu64 " samples", date,
	       ecbpf_per_second(all->packets, screen->interval_ns),
	       ecbpf_per_second(all->bytes, screen->interval_ns), all->samples);
	if (screen->lost_known)
		printf(", %" PRIu64 " lost on the bus", screen->lost);
	if (screen->malformed)
		printf(", %" PRIu64 " malformed messages", screen->malformed);
	putchar('\n');
	for (table = 0; table < TOP_TABLES; table++)
		table_text(screen, table);
	putchar('\n');
}

static void sum_json(const struct top_screen *screen, const struct top_sum *sum,
		     struct json_object *json)
{
	ecbpf_json_number(json, "samples", sum->samples);
	ecbpf_json_number(json, "packets", sum->packets);
	ecbpf_json_number(json, "bytes", sum->bytes);
	ecbpf_json_number(json, "packets_per_s",
			  ecbpf_per_second(sum->packets, screen->interval_ns));
	ecbpf_json_number(json, "bytes_per_s", ecbpf_per_second(sum->bytes, screen->interval_ns));
}

static struct json_object *entry_json(enum top_table table, const struct top_entry *entry)
{
	struct json_object *json = json_object_new_object();
	const struct top_key *key = &entry->key;
	char text[LABEL_MAX] = "";

	switch (table) {
	case TOP_SOURCES:
	case TOP_DESTINATIONS:
		label(table, entry, text);
		ecbpf_json_text(json, "address", text);
		break;
	case TOP_REASONS:
		ecbpf_json_text(json, "action", verdict_action(key->kind));
		ecbpf_json_text(json, "slot", verdict_slot(key->slot));
		ecbpf_json_number(json, "code", key->number);
		ecbpf_json_text(json, "reason", entry->reason);
		break;
	default:
		ecbpf_json_text(json, "protocol", proto_text(key));
		ecbpf_json_number(json, "port", key->number);
	}
	return json;
}

static struct json_object *table_json(const struct top_screen *screen, enum top_table table)
{
	const struct top_list *list = &screen->ranked->list[table];
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < lines(screen, table); i++) {
		struct json_object *json = entry_json(table, &list->entry[i]);

		sum_json(screen, &list->entry[i].sum, json);
		json_object_array_add(array, json);
	}
	return array;
}

void top_show_json(const struct top_screen *screen)
{
	struct json_object *json = json_object_new_object();
	int table;

	ecbpf_json_number(json, "interval_ns", screen->interval_ns);
	if (screen->lost_known)
		ecbpf_json_number(json, "lost", screen->lost);
	else
		ecbpf_json_text(json, "lost", NULL);
	ecbpf_json_number(json, "malformed", screen->malformed);
	sum_json(screen, &screen->ranked->all, json);
	for (table = 0; table < TOP_TABLES; table++)
		json_object_object_add(json, names[table], table_json(screen, table));
	ecbpf_json_print(json);
}
