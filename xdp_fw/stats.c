// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"
#include "libecbpf/loop.h"
#include "xdp_fw/stats.h"

/* --- gathering */

/**
 * struct percpu - a map that is being read
 * @values: of one entry: one for each of @cpus
 */
struct percpu {
	int fd;
	int cpus;
	__u64 *values;
};

static int percpu_open(struct percpu *map, uint32_t prog_id, const char *name, size_t value_size)
{
	map->cpus = libbpf_num_possible_cpus();
	map->values = map->cpus > 0 ? calloc(map->cpus, value_size) : NULL;
	map->fd = -1;
	if (!map->values)
		return ecbpf_fail(-ENOMEM, "out of memory");
	map->fd = ecbpf_program_map(prog_id, name);
	return map->fd < 0 ? map->fd : 0;
}

static int percpu_read(struct percpu *map, __u32 key, size_t words, __u64 *sum)
{
	int err = bpf_map_lookup_elem(map->fd, &key, map->values);

	if (err)
		return ecbpf_fail(err, "counters: %s", strerror(-err));
	ecbpf_percpu_sum(map->values, words, map->cpus, sum);
	return 0;
}

static void percpu_close(struct percpu *map)
{
	if (map->fd >= 0)
		close(map->fd);
	free(map->values);
}

static int read_hits(struct percpu *map, __u32 slot, struct fw_hits *hits)
{
	const struct fw_hits *each = (const struct fw_hits *)map->values;
	int err = percpu_read(map, slot, sizeof(*hits) / sizeof(__u64), (__u64 *)hits), cpu;

	for (hits->last = 0, cpu = 0; !err && cpu < map->cpus; cpu++)
		if (hits->last < each[cpu].last)
			hits->last = each[cpu].last;
	return err;
}

static int read_rules_and_sets(struct fw_stats *stats)
{
	const struct fw_pool *pool = &stats->live.pool;
	struct percpu map;
	int err = percpu_open(&map, stats->live.prog_id, "fw_hits", sizeof(struct fw_hits));
	size_t i;

	for (i = 0; !err && i < stats->live.plan.count; i++)
		err = read_hits(&map, stats->live.rule[i].slot, &stats->rule[i].hits);
	for (i = 0; !err && i < FW_SETS_MAX; i++)
		if (pool->info[i].name[0])
			err = read_hits(&map, fw_set_counters(pool, i), &stats->set[i].hits);
	percpu_close(&map);
	return err;
}

static int read_counts(struct fw_stats *stats)
{
	struct percpu map;
	int err = percpu_open(&map, stats->live.prog_id, "fw_counts", sizeof(stats->counts));

	if (!err)
		err = percpu_read(&map, 0, sizeof(stats->counts) / sizeof(__u64),
				  (__u64 *)&stats->counts);
	percpu_close(&map);
	stats->fallback.hits.packets = stats->counts.default_packets;
	stats->fallback.hits.bytes = stats->counts.default_bytes;
	return err;
}

static void read_entries(struct fw_stats *stats)
{
	const struct fw_pool *pool = &stats->live.pool;
	const struct fw_set_entry *entry;
	uint32_t i;

	for (i = 0; i < pool->capacity; i++) {
		entry = &pool->entry[i];
		if (entry->length && entry->set < FW_SETS_MAX)
			stats->set_hits[entry->set] += entry->hits;
	}
}

int fw_stats_gather(const char *ifname, struct fw_stats **stats)
{
	struct fw_stats *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return ecbpf_fail(-ENOMEM, "out of memory");
	s->ifname = ifname;
	err = fw_live_open(ifname, FW_READ, &s->live);
	if (!err) {
		s->rule = calloc(s->live.plan.count + 1, sizeof(*s->rule));
		err = s->rule ? read_rules_and_sets(s) : ecbpf_fail(-ENOMEM, "out of memory");
	}
	if (!err)
		err = read_counts(s);
	s->time_ns = ecbpf_monotonic_ns();
	if (!err)
		err = ecbpf_jiffies(&s->now);
	if (err) {
		fw_stats_free(s);
		return err;
	}
	read_entries(s);
	*stats = s;
	return 0;
}

void fw_stats_free(struct fw_stats *stats)
{
	if (!stats)
		return;
	fw_live_close(&stats->live);
	free(stats->rule);
	free(stats);
}

static void rate_make(struct fw_stats_rule *rule, const struct fw_stats_rule *before)
{
	/* fewer: the firewall, or the rule that had these counters, is another one */
	if (rule->hits.packets < before->hits.packets || rule->hits.bytes < before->hits.bytes)
		return;
	rule->packets = rule->hits.packets - before->hits.packets;
	rule->bytes = rule->hits.bytes - before->hits.bytes;
}

static bool is_same_set(const struct fw_stats *stats, const struct fw_stats *before, int set)
{
	return fw_set_counters(&stats->live.pool, set) == fw_set_counters(&before->live.pool, set);
}

int fw_stats_rates(struct fw_stats *stats, const struct fw_stats *before)
{
	static const struct fw_stats_rule none;
	const struct fw_stats_rule **by_slot = calloc(FW_SLOTS, sizeof(*by_slot));
	uint32_t slot;
	size_t i;

	if (!by_slot)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < before->live.plan.count; i++)
		by_slot[before->live.rule[i].slot % FW_SLOTS] = &before->rule[i];
	for (i = 0; i < stats->live.plan.count; i++) {
		slot = stats->live.rule[i].slot % FW_SLOTS;
		rate_make(&stats->rule[i], by_slot[slot] ? by_slot[slot] : &none);
	}
	for (i = 0; i < FW_SETS_MAX; i++)
		rate_make(&stats->set[i], is_same_set(stats, before, i) ? &before->set[i] : &none);
	rate_make(&stats->fallback, &before->fallback);
	stats->rate_ns = stats->time_ns - before->time_ns;
	free(by_slot);
	return 0;
}

/* --- what both writers say */

static const char *kind_name(const struct fw_entry *entry)
{
	static const char *const names[] = {
		[FW_KIND_PROTECT] = "protect",
		[FW_KIND_HYGIENE] = "hygiene",
		[FW_KIND_RULE] = "rule",
	};

	return names[entry->kind];
}

/* entry_text - malloc()ed, or NULL; hygiene is written as the switch, not as what it comes to */
static char *entry_text(const struct fw_entry *entry)
{
	static const char *const switches[] = {
		"hygiene drop fragments",
		"hygiene drop options",
		"hygiene drop malformed",
	};

	return entry->kind == FW_KIND_HYGIENE ? strdup(switches[entry->number - 1]) :
						fw_rule_print(entry->rule);
}

/* seconds_since - as text; NULL: never */
static const char *seconds_since(const struct fw_stats *stats, uint64_t last, char *buf,
				 size_t size)
{
	const double ticks = stats->now > last ? stats->now - last : 0;

	if (!last)
		return NULL;
	snprintf(buf, size, "%.3f", ticks / ecbpf_hz());
	return buf;
}

/* --- text */

static void text_counters(const struct fw_stats *stats, const struct fw_stats_rule *rule)
{
	printf(" %14" PRIu64 " %17" PRIu64, (uint64_t)rule->hits.packets,
	       (uint64_t)rule->hits.bytes);
	if (stats->rate_ns)
		printf(" %10" PRIu64 " %13" PRIu64, ecbpf_per_second(rule->packets, stats->rate_ns),
		       ecbpf_per_second(rule->bytes, stats->rate_ns));
}

static const char *rate_titles(const struct fw_stats *stats)
{
	return stats->rate_ns ? "      PKT/S        BYTE/S" : "";
}

static void text_rule(const struct fw_stats *stats, size_t i)
{
	const struct fw_entry *entry = &stats->live.plan.entry[i];
	const struct fw_hits *hits = &stats->rule[i].hits;
	char *text = entry_text(entry), since[32], within[32] = "-";
	const char *last = seconds_since(stats, hits->last, since, sizeof(since));

	if (entry->action == FW_DO_LIMIT)
		snprintf(within, sizeof(within), "%" PRIu64, (uint64_t)hits->within);
	printf("%-8s %4u %-7s", kind_name(entry), entry->number,
	       fw_action_name(entry->rule->action));
	text_counters(stats, &stats->rule[i]);
	printf(" %14s %12s %s\n", within, last ? last : "never", text ? text : "?");
	free(text);
}

static void text_set(const struct fw_stats *stats, int set)
{
	const struct fw_set_info *info = &stats->live.pool.info[set];
	char since[32], hits[32] = "-";
	const char *last = seconds_since(stats, stats->set[set].hits.last, since, sizeof(since));

	if (info->flags & FW_SET_COUNTS)
		snprintf(hits, sizeof(hits), "%" PRIu64, stats->set_hits[set]);
	printf("%-10s %10u", "set", info->entries);
	text_counters(stats, &stats->set[set]);
	printf(" %14s %12s %s\n", hits, last ? last : "never", info->name);
}

static void text_sets(const struct fw_stats *stats)
{
	const struct fw_set_info *info = stats->live.pool.info;
	bool first = true;
	int i;

	for (i = 0; i < FW_SETS_MAX; i++) {
		if (!info[i].name[0])
			continue;
		if (first)
			printf("%-10s %10s %14s %17s%s %14s %12s %s\n", "KIND", "ENTRIES",
			       "PACKETS", "BYTES", rate_titles(stats), "ENTRY HITS", "LAST", "SET");
		first = false;
		text_set(stats, i);
	}
}

void fw_stats_text(const struct fw_stats *stats)
{
	const struct fw_counts *counts = &stats->counts;
	size_t i;

	printf("%-13s %-7s %14s %17s%s %14s %12s %s\n", "KIND NUMBER", "ACTION", "PACKETS", "BYTES",
	       rate_titles(stats), "WITHIN", "LAST", "RULE");
	for (i = 0; i < stats->live.plan.count; i++)
		text_rule(stats, i);
	printf("%-13s %s", "default", fw_default_name(stats->live.set.fallback));
	if (stats->live.set.fallback == FW_DEFAULT_DROP) {
		fputs("   ", stdout);
		text_counters(stats, &stats->fallback);
	}
	printf("\nsources forgotten %" PRIu64 ", replies to fragments: sent %" PRIu64
	       ", held back %" PRIu64 ", failed %" PRIu64 "\n",
	       (uint64_t)counts->sources_evicted, (uint64_t)counts->replies,
	       (uint64_t)counts->replies_held, (uint64_t)counts->replies_failed);
	text_sets(stats);
}

/* --- JSON */

static void json_counters(struct json_object *to, const struct fw_stats *stats,
			  const struct fw_stats_rule *rule)
{
	ecbpf_json_number(to, "packets", rule->hits.packets);
	ecbpf_json_number(to, "bytes", rule->hits.bytes);
	if (!stats->rate_ns)
		return;
	ecbpf_json_number(to, "packets_per_second",
			  ecbpf_per_second(rule->packets, stats->rate_ns));
	ecbpf_json_number(to, "bytes_per_second", ecbpf_per_second(rule->bytes, stats->rate_ns));
}

static void json_last(struct json_object *to, const struct fw_stats *stats, uint64_t last)
{
	char since[32];
	const char *text = seconds_since(stats, last, since, sizeof(since));

	json_object_object_add(to, "last_s",
			       text ? json_object_new_double_s(strtod(text, NULL), text) : NULL);
}

static struct json_object *json_rule(const struct fw_stats *stats, size_t i)
{
	const struct fw_entry *entry = &stats->live.plan.entry[i];
	const struct fw_hits *hits = &stats->rule[i].hits;
	struct json_object *json = json_object_new_object();
	char *text = entry_text(entry);

	ecbpf_json_text(json, "kind", kind_name(entry));
	ecbpf_json_number(json, "number", entry->number);
	ecbpf_json_text(json, "action", fw_action_name(entry->rule->action));
	json_counters(json, stats, &stats->rule[i]);
	if (entry->action == FW_DO_LIMIT)
		ecbpf_json_number(json, "within", hits->within);
	json_last(json, stats, hits->last);
	ecbpf_json_text(json, "text", text);
	ecbpf_json_text(json, "name", entry->rule->name);
	free(text);
	return json;
}

static struct json_object *json_sets(const struct fw_stats *stats)
{
	const struct fw_set_info *info = stats->live.pool.info;
	struct json_object *array = json_object_new_array(), *json;
	int i;

	for (i = 0; i < FW_SETS_MAX; i++) {
		if (!info[i].name[0])
			continue;
		json = json_object_new_object();
		ecbpf_json_text(json, "name", info[i].name);
		ecbpf_json_number(json, "entries", info[i].entries);
		json_counters(json, stats, &stats->set[i]);
		json_last(json, stats, stats->set[i].hits.last);
		if (info[i].flags & FW_SET_COUNTS)
			ecbpf_json_number(json, "hits", stats->set_hits[i]);
		json_object_array_add(array, json);
	}
	return array;
}

struct json_object *fw_stats_json(const struct fw_stats *stats)
{
	struct json_object *json = json_object_new_object();
	struct json_object *rules = json_object_new_array();
	struct json_object *fallback = json_object_new_object();
	struct json_object *counts = json_object_new_object();
	size_t i;

	for (i = 0; i < stats->live.plan.count; i++)
		json_object_array_add(rules, json_rule(stats, i));
	ecbpf_json_text(fallback, "action", fw_default_name(stats->live.set.fallback));
	if (stats->live.set.fallback == FW_DEFAULT_DROP)
		json_counters(fallback, stats, &stats->fallback);
	ecbpf_json_number(counts, "sources_evicted", stats->counts.sources_evicted);
	ecbpf_json_number(counts, "replies", stats->counts.replies);
	ecbpf_json_number(counts, "replies_held", stats->counts.replies_held);
	ecbpf_json_number(counts, "replies_failed", stats->counts.replies_failed);
	ecbpf_json_text(json, "interface", stats->ifname);
	json_object_object_add(json, "rules", rules);
	json_object_object_add(json, "default", fallback);
	json_object_object_add(json, "counts", counts);
	json_object_object_add(json, "sets", json_sets(stats));
	return json;
}
