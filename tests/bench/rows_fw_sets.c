// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Drop by a set of the firewall, and by the kernel's own trie of the same prefixes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bench/fw.h"
#include "tests/bench/lpm.h"
#include "tests/bench/lpm.skel.h"

#define FLOWS	  1000000
#define RUNS_OF	  8    /* a part of the packets is enough where each takes so long */
#define RATIO_MAX 0.25 /* of a million prefixes */
#define SAMPLES	  5000 /* flows for which both must come to the same */

/** struct sets_row - @what: of the rows' names; @entries: of the list; @ratio_max: to the trie */
struct sets_row {
	const char *what;
	enum fw_list list;
	size_t entries;
	double ratio_max;
};

static const struct sets_row rows[] = {
	{ "10 prefixes", FW_LIST_BLOCK, 10, 0 },
	{ "100 k prefixes", FW_LIST_BLOCK, 100000, 0 },
	{ "1 M prefixes", FW_LIST_BLOCK, 1000000, RATIO_MAX },
	{ "1 M, /8 to /32", FW_LIST_UNIFORM, 1000000, RATIO_MAX },
	{ "1 M, IPv6", FW_LIST_IPV6, 1000000, RATIO_MAX },
};

/**
 * struct pair - both ways, with the same list
 */
struct pair {
	const struct sets_row *row;
	const struct bench_traffic *traffic;
	struct fw_member *member;
	struct fw_bench fw;
	struct lpm *lpm;
};

static void key_put(void *keys, size_t at, const struct ecbpf_prefix *prefix)
{
	struct lpm_key4 *four = (struct lpm_key4 *)keys + at;
	struct lpm_key6 *six = (struct lpm_key6 *)keys + at;

	if (prefix->family == AF_INET) {
		four->length = prefix->length;
		memcpy(&four->addr, prefix->addr, sizeof(four->addr));
	} else {
		six->length = prefix->length;
		memcpy(six->addr, prefix->addr, sizeof(six->addr));
	}
}

static int lpm_fill(const struct pair *p)
{
	const bool ipv6 = p->row->list == FW_LIST_IPV6;
	const int map = bpf_map__fd(ipv6 ? p->lpm->maps.lpm_six : p->lpm->maps.lpm_four);
	void *keys = calloc(p->row->entries, sizeof(struct lpm_key6));
	__u32 *values = calloc(p->row->entries, sizeof(*values)), count = p->row->entries;
	int err = keys && values ? 0 : -ENOMEM;
	size_t i;

	for (i = 0; !err && i < p->row->entries; i++)
		key_put(keys, i, &p->member[i].prefix);
	if (!err)
		err = bpf_map_update_batch(map, keys, values, &count, NULL);
	free(values);
	free(keys);
	return err ? bench_fail(err, "trie: %s", strerror(-err)) : 0;
}

static int set_fill(struct pair *p)
{
	struct fw_set_change change;
	int set = fw_set_create(&p->fw.pool, "s", 0), err = set;

	if (set >= 0)
		err = fw_set_replace(&p->fw.pool, set, p->member, p->row->entries, &change);
	if (err)
		return bench_fail(err, "set: %s", ecbpf_error());
	if (change.added == p->row->entries)
		return 0;
	return bench_fail(-EPROTO, "set: %zu prefixes, %llu different", p->row->entries,
			  (unsigned long long)change.added);
}

static int pair_open(struct bench *b, struct pair *p)
{
	int err = fw_bench_open(&p->fw, p->row->entries);

	p->traffic = fw_list_sources(b, p->row->list == FW_LIST_IPV6 ? 6 : 4, FLOWS);
	p->member = fw_list_make(p->row->list, p->row->entries);
	p->lpm = lpm__open_and_load();
	if (!err && (!p->traffic || !p->member || !p->lpm))
		err = bench_fail(-ENOMEM, "%s: no frames, list or program", p->row->what);
	if (!err)
		err = lpm_fill(p);
	if (!err)
		err = set_fill(p);
	return err ? err : fw_bench_load(&p->fw, "drop from @s\n", 1);
}

static void pair_close(struct pair *p)
{
	lpm__destroy(p->lpm);
	free(p->member);
	fw_bench_close(&p->fw);
}

static int verdict(int prog, const __u8 *frame, __u32 len)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .repeat = 1);
	int err = bpf_prog_test_run_opts(prog, &opts);

	return err ? err : (int)opts.retval;
}

/* pair_check - else they would not be comparable */
static int pair_check(const struct pair *p)
{
	const int lpm = bpf_program__fd(p->lpm->progs.lpm_drop), fw = fw_bench_prog(&p->fw, 0);
	__u8 frame[BENCH_FRAME_MAX];
	int dropped = 0, result;
	__u32 flow;

	for (flow = 0; flow < SAMPLES; flow++) {
		bench_frame(p->traffic, flow, frame);
		result = verdict(fw, frame, p->traffic->len);
		if (result < 0 || result != verdict(lpm, frame, p->traffic->len))
			return bench_fail(-EPROTO, "flow %u: set and trie differ", flow);
		dropped += result == XDP_DROP;
	}
	fprintf(stderr, "bench: %s: %.1f %% of the sources are in\n", p->row->what,
		100.0 * dropped / SAMPLES);
	return 0;
}

static int pair_rows(struct bench *b, const struct pair *p)
{
	char name[BENCH_NAME_MAX], ref[BENCH_NAME_MAX];
	struct bench_row trie = { .name = ref, .action = BENCH_ANY_ACTION, .traffic = p->traffic };
	struct bench_row set = { .name = name,
				 .action = BENCH_ANY_ACTION,
				 .traffic = p->traffic,
				 .ref = ref,
				 .ratio_max = p->row->ratio_max };
	int err;

	snprintf(name, sizeof(name), "fw, set of %s", p->row->what);
	snprintf(ref, sizeof(ref), "trie of %s", p->row->what);
	trie.prog[0] = bpf_program__fd(p->lpm->progs.lpm_drop);
	err = bench_row(b, &trie);
	return err ? err : fw_bench_row(b, &p->fw, set);
}

int rows_fw_sets(struct bench *b)
{
	const __u32 runs = b->runs;
	int err = 0;
	size_t i;

	b->runs = (runs + RUNS_OF - 1) / RUNS_OF;
	for (i = 0; !err && i < sizeof(rows) / sizeof(*rows); i++) {
		struct pair p = { .row = &rows[i] };

		err = pair_open(b, &p);
		if (!err)
			err = pair_check(&p);
		if (!err)
			err = pair_rows(b, &p);
		pair_close(&p);
	}
	b->runs = runs;
	return err;
}
