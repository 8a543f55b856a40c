// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The balancer's counters, for people and for programs. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "libecbpf/json.h"
#include "libecbpf/loop.h"
#include "xdp_lb/counts.h"
#include "xdp_lb/text.h"

/**
 * struct field - a counter of struct lb_vip_counts
 * @refusal: packets that were not forwarded
 */
static const struct field {
	const char *name;
	size_t offset;
	bool refusal;
} fields[] = {
	{ "hits", offsetof(struct lb_vip_counts, hits), false },
	{ "entered", offsetof(struct lb_vip_counts, entered), false },
	{ "hashed", offsetof(struct lb_vip_counts, hashed), false },
	{ "limited", offsetof(struct lb_vip_counts, limited), false },
	{ "full", offsetof(struct lb_vip_counts, full), false },
	{ "icmp", offsetof(struct lb_vip_counts, icmp), false },
	{ "echo", offsetof(struct lb_vip_counts, echo), false },
	{ "quic", offsetof(struct lb_vip_counts, quic), false },
	{ "replies", offsetof(struct lb_vip_counts, replies), false },
	{ "no_backend", offsetof(struct lb_vip_counts, no_backend), true },
	{ "no_route", offsetof(struct lb_vip_counts, no_route), true },
	{ "too_long", offsetof(struct lb_vip_counts, too_long), true },
	{ "ttl", offsetof(struct lb_vip_counts, ttl), true },
	{ "fragments", offsetof(struct lb_vip_counts, fragments), true },
	{ "nat_limited", offsetof(struct lb_vip_counts, nat_limited), true },
	{ "nat_full", offsetof(struct lb_vip_counts, nat_full), true },
	{ "nat_ports", offsetof(struct lb_vip_counts, nat_ports), true },
	{ "nat_unknown", offsetof(struct lb_vip_counts, nat_unknown), true },
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static uint64_t field_of(const struct lb_vip_counts *counts, size_t i)
{
	return *(const __u64 *)((const char *)counts + fields[i].offset);
}

/* --- text */

static void text_counts(const struct lb_counts_all *all, const struct lb_counts_backend *of)
{
	printf(" %14" PRIu64 " %17" PRIu64 " %12" PRIu64, (uint64_t)of->total.packets,
	       (uint64_t)of->total.bytes, (uint64_t)of->total.conns);
	if (all->rate_ns)
		printf(" %10" PRIu64 " %13" PRIu64 " %10" PRIu64,
		       ecbpf_per_second(of->added.packets, all->rate_ns),
		       ecbpf_per_second(of->added.bytes, all->rate_ns),
		       ecbpf_per_second(of->added.conns, all->rate_ns));
	if (of->total.reply_packets)
		printf("  replies %" PRIu64 " bytes %" PRIu64, (uint64_t)of->total.reply_packets,
		       (uint64_t)of->total.reply_bytes);
	putchar('\n');
}

static void text_number(const struct lb_counts_all *all, const char *name, uint64_t total,
			uint64_t added)
{
	printf(" %s %" PRIu64, name, total);
	if (all->rate_ns)
		printf(" (%" PRIu64 "/s)", ecbpf_per_second(added, all->rate_ns));
}

/* text_fields - @refusals: these, or the others */
static void text_fields(const struct lb_counts_all *all, const struct lb_counts_vip *vip,
			bool refusals)
{
	uint64_t total;
	bool any = false;
	size_t i;

	for (i = 0; i < FIELDS; i++) {
		total = field_of(&vip->total, i);
		if (fields[i].refusal != refusals || (refusals && !total && !all->zeroes))
			continue;
		if (!any)
			fputs(refusals ? "  refused" : "  chosen ", stdout);
		any = true;
		text_number(all, fields[i].name, total, field_of(&vip->added, i));
		if (!i) /* misses are the sum of the next four */
			text_number(all, "misses", lb_counts_misses(&vip->total),
				    lb_counts_misses(&vip->added));
	}
	if (any)
		putchar('\n');
}

void lb_counts_text(const struct lb_counts_all *all)
{
	char name[LB_TEXT_SIZE];
	size_t v, b, i = 0;

	printf("%-36s %14s %17s %12s%s\n", "VIP, BACKEND", "PACKETS", "BYTES", "CONNS",
	       all->rate_ns ? "      PKT/S        BYTE/S     CONN/S" : "");
	for (v = 0; v < all->config.vips; v++) {
		const struct lb_vip *vip = &all->config.vip[v];

		printf("%-36s", lb_service_text(&vip->service, name));
		text_counts(all, &all->vip[v].all);
		text_fields(all, &all->vip[v], false);
		text_fields(all, &all->vip[v], true);
		for (b = 0; b < vip->backends; b++) {
			printf("  %-34s", lb_endpoint_text(&vip->backend[b].endpoint, name));
			text_counts(all, &all->backend[i++]);
		}
	}
}

/* --- JSON */

/* json_counts - with @rate_ns: per second */
static void json_counts(struct json_object *to, const struct lb_counts *counts, uint64_t rate_ns)
{
	const struct {
		const char *name;
		uint64_t number;
	} numbers[] = {
		{ "packets", counts->packets },
		{ "bytes", counts->bytes },
		{ "conns", counts->conns },
		{ "reply_packets", counts->reply_packets },
		{ "reply_bytes", counts->reply_bytes },
	};
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		ecbpf_json_number(to, numbers[i].name,
				  rate_ns ? ecbpf_per_second(numbers[i].number, rate_ns) :
					    numbers[i].number);
}

static void json_fields(struct json_object *to, const struct lb_vip_counts *counts,
			uint64_t rate_ns)
{
	struct json_object *refused = json_object_new_object();
	uint64_t misses = lb_counts_misses(counts), number;
	size_t i;

	for (i = 0; i < FIELDS; i++) {
		number = field_of(counts, i);
		ecbpf_json_number(fields[i].refusal ? refused : to, fields[i].name,
				  rate_ns ? ecbpf_per_second(number, rate_ns) : number);
	}
	ecbpf_json_number(to, "misses", rate_ns ? ecbpf_per_second(misses, rate_ns) : misses);
	json_object_object_add(to, "refused", refused);
}

static struct json_object *json_backend(const struct lb_counts_all *all,
					const struct lb_backend *backend,
					const struct lb_counts_backend *of)
{
	struct json_object *json = json_object_new_object(), *rates;
	char name[LB_TEXT_SIZE];

	ecbpf_json_text(json, "address", lb_endpoint_text(&backend->endpoint, name));
	json_counts(json, &of->total, 0);
	ecbpf_json_number(json, "established", of->established);
	ecbpf_json_number(json, "other", of->other);
	if (!all->rate_ns)
		return json;
	rates = json_object_new_object();
	json_counts(rates, &of->added, all->rate_ns);
	json_object_object_add(json, "per_second", rates);
	return json;
}

/* json_vip - @at: its first backend */
static struct json_object *json_vip(const struct lb_counts_all *all, size_t v, size_t at)
{
	struct json_object *json = json_object_new_object(), *rates;
	struct json_object *backends = json_object_new_array();
	const struct lb_vip *vip = &all->config.vip[v];
	const struct lb_counts_vip *of = &all->vip[v];
	char name[LB_TEXT_SIZE];
	size_t b;

	ecbpf_json_text(json, "service", lb_service_text(&vip->service, name));
	json_counts(json, &of->all.total, 0);
	json_fields(json, &of->total, 0);
	ecbpf_json_number(json, "established", of->all.established);
	ecbpf_json_number(json, "other", of->all.other);
	if (all->rate_ns) {
		rates = json_object_new_object();
		json_counts(rates, &of->all.added, all->rate_ns);
		json_fields(rates, &of->added, all->rate_ns);
		json_object_object_add(json, "per_second", rates);
	}
	for (b = 0; b < vip->backends; b++)
		json_object_array_add(backends,
				      json_backend(all, &vip->backend[b], &all->backend[at + b]));
	json_object_object_add(json, "backends", backends);
	return json;
}

struct json_object *lb_counts_json(const struct lb_counts_all *all)
{
	struct json_object *json = json_object_new_object(), *vips = json_object_new_array();
	size_t v, at = 0;

	for (v = 0; v < all->config.vips; v++) {
		json_object_array_add(vips, json_vip(all, v, at));
		at += all->config.vip[v].backends;
	}
	json_object_object_add(json, "vips", vips);
	return json;
}
