// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What it takes to change the firewall: time and memory, not of packets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/fw.h"
#include "xdp_fw/change.h"
#include "xdp_fw/load.h"

#define TIMES	   5
#define RULES	   4096
#define RULES_MS   1000
#define PREFIXES   1000000
#define PREFIXES_S 3
#define MIB	   (1024.0 * 1024)

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static int figure(struct bench *b, const char *name, const char *unit, double *values, int count,
		  double max)
{
	struct bench_figure f = { .unit = unit, .max = max };

	snprintf(f.name, sizeof(f.name), "%s", name);
	f.value = bench_spread(values, count);
	return bench_figure(b, &f);
}

/* attach - a firewall of these rules to a root; returns the slot */
static int attach(struct ecbpf_root *root, const char *text)
{
	struct fw_ruleset set = {};
	struct fw_maps maps;
	const struct fw_load load = { .set = &set, .maps = &maps };
	int err = text ? fw_parse(text, strlen(text), &set) : -ENOMEM;

	fw_maps_none(&maps);
	if (!err)
		err = fw_maps_create(&maps, FW_POOL_MIN, FW_MAPS_TAGS, FW_MAPS_SOURCES);
	if (!err)
		err = fw_load_slot(root, -1, &load, NULL);
	fw_maps_close(&maps);
	fw_ruleset_free(&set);
	return err;
}

/* --- 4096 rules in place of as many */

/* replace - as the command does it, from the text to the program in the slot */
static int replace(const char *ifname, const char *text, struct fw_loaded *loaded)
{
	struct fw_document doc = {};
	struct fw_live live;
	int err = fw_document_parse(text, strlen(text), 0, 1, &doc);

	if (err)
		return err;
	err = fw_live_open(ifname, FW_CHANGE, &live);
	if (!err)
		err = fw_replace_all(&live, &doc, 0, loaded);
	fw_live_close(&live);
	fw_document_free(&doc);
	return err;
}

static int replace_figures(struct bench *b, const char *ifname, const char *text)
{
	struct fw_loaded loaded = {};
	double ms[TIMES], mib;
	int i, err = 0;

	for (i = 0; !err && i < TIMES; i++) {
		ms[i] = now_ms();
		err = replace(ifname, text, &loaded);
		ms[i] = now_ms() - ms[i];
	}
	if (err)
		return bench_fail(err, "%d rules: %s", RULES, ecbpf_error());
	mib = loaded.maps_bytes / MIB;
	err = figure(b, "fw, load 4096 rules", "ms", ms, TIMES, RULES_MS);
	return err ? err : figure(b, "fw, memory of 4096 rules", "MiB", &mib, 1, 0);
}

/* --- one rule more */

static int insert(struct fw_ruleset *set, const struct fw_live *live, void *arg)
{
	struct fw_rule rule = {};
	int err = fw_parse_rule(arg, &rule);

	(void)live;
	return err ? err : fw_ruleset_insert(set, 0, &rule);
}

static int withdraw(struct fw_ruleset *set, const struct fw_live *live, void *arg)
{
	(void)live;
	(void)arg;
	fw_ruleset_remove(set, 0);
	return 0;
}

static int insert_figure(struct bench *b, const char *ifname)
{
	static char text[] = "drop ip from 203.0.113.7 udp dport 4433";
	const struct fw_change more = { .edit = insert, .arg = text }, less = { .edit = withdraw };
	double ms[TIMES];
	int i, err = 0;

	for (i = 0; !err && i < TIMES; i++) {
		ms[i] = now_ms();
		err = fw_change(ifname, &more, NULL);
		ms[i] = now_ms() - ms[i];
		if (!err)
			err = fw_change(ifname, &less, NULL);
	}
	if (err)
		return bench_fail(err, "one rule more: %s", ecbpf_error());
	return figure(b, "fw, insert a rule before 64", "ms", ms, TIMES, 0);
}

static int replace_rows(struct bench *b, struct ecbpf_root *root)
{
	const struct fw_mix few = { 4, 64, false }, many = { 4, RULES, false };
	char *text = fw_mix_text(&few), *large = fw_mix_text(&many);
	const char *ifname = ecbpf_root_ifname(root);
	int err = large ? attach(root, text) : -ENOMEM;

	if (err < 0)
		bench_fail(err, "%s: firewall: %s", ifname, ecbpf_error());
	else
		err = insert_figure(b, ifname);
	if (!err)
		err = replace_figures(b, ifname, large);
	free(large);
	free(text);
	return err;
}

/* --- a large set */

static char *set_text(const struct fw_member *member, size_t count, size_t *size)
{
	char *text, *line;
	size_t i;
	FILE *out = open_memstream(&text, size);

	for (i = 0; out && i < count; i++) {
		line = fw_member_print(&member[i], 0, 1);
		fprintf(out, "%s\n", line ? line : "no memory");
		free(line);
	}
	return out && !fclose(out) ? text : NULL;
}

static int set_once(const char *text, size_t size, double *seconds, double *mib)
{
	struct fw_set_change change = {};
	struct fw_member *member = NULL;
	struct fw_bench fw;
	size_t count;
	double begin;
	int set, err = fw_bench_open(&fw, PREFIXES);

	begin = now_ms();
	set = err ? err : fw_set_create(&fw.pool, "s", 0);
	if (!err)
		err = set < 0 ? set : fw_set_parse(text, size, 0, 1, &member, &count);
	if (!err)
		err = fw_set_replace(&fw.pool, set, member, count, &change);
	*seconds = (now_ms() - begin) / 1e3;
	*mib = fw_maps_bytes(&fw.maps) / MIB;
	free(member);
	fw_bench_close(&fw);
	if (!err && change.added != PREFIXES)
		err = -EPROTO;
	return err ? bench_fail(err, "set: %s", ecbpf_error()) : 0;
}

static int set_figures(struct bench *b)
{
	struct fw_member *member = fw_list_make(FW_LIST_BLOCK, PREFIXES);
	double seconds[TIMES], mib = 0;
	size_t size;
	char *text = member ? set_text(member, PREFIXES, &size) : NULL;
	int i, err = text ? 0 : bench_fail(-ENOMEM, "set: out of memory");

	free(member);
	for (i = 0; !err && i < TIMES; i++)
		err = set_once(text, size, &seconds[i], &mib);
	free(text);
	if (!err)
		err = figure(b, "fw, fill a set with 1 M prefixes", "s", seconds, TIMES,
			     PREFIXES_S);
	return err ? err : figure(b, "fw, memory of that pool", "MiB", &mib, 1, 0);
}

int rows_fw_load(struct bench *b)
{
	struct ecbpf_root *root;
	int prog = bench_root(b, &root), err;

	if (prog < 0)
		return prog;
	err = replace_rows(b, root);
	ecbpf_root_close(root);
	close(prog);
	return err ? err : set_figures(b);
}
