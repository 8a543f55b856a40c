// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* xdp_fw: random rulesets and random packets, kernel program against model. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "libecbpf/ecbpf.h"
#include "tests/bpf/fw_model.h"
#include "tests/bpf/suite.h"
#include "tests/fuzz/covers.h"
#include "tests/fuzz/fw_frames.h"
#include "tests/fuzz/packets.h"
#include "tests/fuzz/reference.h"
#include "xdp_fw/load.h"
#include "xdp_fw/xdp_fw.skel.h"

#define SEED	0xf17e
#define PACKETS 1000000

/* Each ruleset is a load, which is what takes the time. */
#define PACKETS_EACH 5000

#define SETS	    RULESETS_SETS
#define SET_MEMBERS 60

/* Frames that are too long to be made have an honest length. */
#define FRAME_ROOM SUITE_FRAME_MAX

/**
 * struct trial - one ruleset
 * @member: of each set, as a plain list
 * @sets_hit: packets that sets have counted, in all rulesets
 */
struct trial {
	struct rulesets rulesets;
	struct packets packets;
	struct fw_ruleset set;
	struct fw_plan plan;
	struct fw_maps maps;
	struct xdp_fw *fw;
	struct fw_member member[SETS][SET_MEMBERS];
	struct fw_model model;
	struct fw_members members;
	int cpus;
	int cpu;
	uint64_t sets_hit;
};

/* --- sets */

static void name_of(int set, char *name, size_t size)
{
	snprintf(name, size, "set%d", set);
}

static bool has(void *arg, const char *name, int family, const uint8_t *addr)
{
	const struct trial *t = arg;
	const struct fw_member *member = t->member[name[3] - '0'];
	size_t i;

	for (i = 0; i < SET_MEMBERS; i++)
		if (covers(&member[i].prefix, family, addr))
			return true;
	return false;
}

/* A prefix around an address that packets have. */
static void member_make(struct trial *t, struct fw_member *member)
{
	struct fw_packet packet;
	unsigned int bits, i;
	const uint8_t *addr;

	rulesets_packet(&t->rulesets, &t->set, &packet);
	addr = rulesets_one_in(&t->rulesets, 2) ? packet.src : packet.dst;
	bits = packet.family == 4 ? 32 : 128;
	memset(member, 0, sizeof(*member));
	member->prefix.family = packet.family == 4 ? AF_INET : AF_INET6;
	member->prefix.length =
		rulesets_one_in(&t->rulesets, 3) ? bits : 1 + rulesets_random(&t->rulesets, bits);
	for (i = 0; i < member->prefix.length; i++)
		member->prefix.addr[i / 8] |= addr[i / 8] & 0x80 >> i % 8;
}

static void sets_fill(struct trial *t)
{
	struct fw_pool pool;
	char name[8];
	int set, id, i;

	fw_maps_none(&t->maps);
	assert_int_equal(fw_maps_create(&t->maps, FW_POOL_MIN, 16, 65536), 0);
	assert_int_equal(fw_pool_map(&t->maps, &pool), 0);
	for (set = 0; set < SETS; set++) {
		name_of(set, name, sizeof(name));
		id = fw_set_create(&pool, name, set % 2 ? FW_SET_COUNTS : 0);
		assert_in_range(id, 0, FW_SETS_MAX - 1);
		for (i = 0; i < SET_MEMBERS; i++) {
			member_make(t, &t->member[set][i]);
			assert_in_range(fw_set_add(&pool, id, &t->member[set][i]), 0, 1);
		}
	}
	fw_pool_unmap(&pool);
}

/* --- a ruleset in the kernel */

/* set_clock - of both */
static void set_clock(struct trial *t, __u64 now)
{
	__u32 zero = 0;

	t->model.now = now;
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(t->fw->maps.fw_clock), &zero, &now, BPF_ANY), 0);
}

static void trial_begin(struct trial *t, size_t rules)
{
	const struct fw_load load = { .set = &t->set, .maps = &t->maps, .replay = true };
	int err;

	rulesets_next(&t->rulesets, rules, &t->set);
	t->set.hygiene.local = false;
	sets_fill(t);
	assert_int_equal(fw_plan_make(&t->set, NULL, 0, &t->plan), 0);
	t->members = (struct fw_members){ .has = has, .arg = t };
	fw_model_begin(&t->model, &t->plan, &t->members);
	err = fw_load_alone(&load, &t->fw);
	if (err)
		fail_msg("%zu rules: %s", rules, ecbpf_error());
	set_clock(t, 1000000000);
}

static void trial_end(struct trial *t)
{
	xdp_fw__destroy(t->fw);
	fw_model_end(&t->model);
	fw_plan_free(&t->plan);
	fw_maps_close(&t->maps);
	fw_ruleset_free(&t->set);
}

static void show_frame(const uint8_t *frame, size_t len)
{
	size_t i;

	print_error("%zu bytes:", len);
	for (i = 0; i < len && i < 160; i++)
		print_error("%s%02x", i % 4 ? "" : " ", frame[i]);
	print_error("\n");
}

static void show_trial(const struct trial *t, const uint8_t *frame, size_t len)
{
	char *text = fw_ruleset_print(&t->set);

	show_frame(frame, len);
	if (strlen(text) < 20000)
		print_error("%s", text);
	free(text);
}

/* one_packet - through both; the verdict must be the same */
static void one_packet(struct trial *t, const uint8_t *frame, size_t len)
{
	const int fd = bpf_program__fd(t->fw->progs.xdp_fw_kern);
	struct ecbpf_verdict want;
	struct facts facts;
	int got;

	if (rulesets_one_in(&t->rulesets, 4))
		set_clock(t, t->model.now + rulesets_random(&t->rulesets, 30000000));
	reference_parse(frame, len, &facts);
	fw_model_judge(&t->model, frame, len, &facts, &want);
	got = suite_test_run(fd, frame, len);
	if (got == (want.action == ECBPF_NEXT ? XDP_PASS : want.action))
		return;
	show_trial(t, frame, len);
	fail_msg("action %d, expected %d, code %u, rule %" PRIu64, got, want.action, want.code,
		 (uint64_t)want.meta);
}

static void packet_of_ruleset(struct trial *t)
{
	uint8_t frame[FW_FRAME_MAX + 256] = {};
	struct fw_packet packet;
	size_t len;

	rulesets_packet(&t->rulesets, &t->set, &packet);
	if (packet.length > FW_FRAME_MAX && !rulesets_one_in(&t->rulesets, 8))
		packet.length = 60;
	len = fw_frame_make(&t->rulesets, &packet, frame);
	if (rulesets_one_in(&t->rulesets, 4))
		frame[rulesets_random(&t->rulesets, len)] ^= 1 << rulesets_random(&t->rulesets, 8);
	if (rulesets_one_in(&t->rulesets, 16))
		len = SUITE_FRAME_MIN + rulesets_random(&t->rulesets, len - SUITE_FRAME_MIN + 1);
	one_packet(t, frame, len);
}

static void packet_of_any(struct trial *t)
{
	packets_next(&t->packets, SUITE_FRAME_MIN);
	one_packet(t, t->packets.frame, t->packets.len);
}

/* --- what was counted */

static void check_hits(struct trial *t)
{
	const struct bpf_map *rules = t->fw->maps.xdp_fw_rules_map, *map = t->fw->maps.fw_hits;
	struct fw_hits *hits = calloc(t->cpus, sizeof(*hits));
	const struct fw_model_hits *want;
	struct fw_verdict_rule rule;
	__u32 i, slot;

	for (i = 0; i < t->plan.count; i++) {
		assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(rules), &i, &rule), 0);
		assert_int_equal(rule.number, t->plan.entry[i].number);
		slot = rule.slot;
		assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(map), &slot, hits), 0);
		want = &t->model.hits[i];
		if (hits[t->cpu].packets != want->packets || hits[t->cpu].bytes != want->bytes ||
		    hits[t->cpu].within != want->within || !hits[t->cpu].last != !want->packets)
			fail_msg("entry %u: %llu packets %llu bytes %llu within; expected %llu "
				 "%llu %llu",
				 i, hits[t->cpu].packets, hits[t->cpu].bytes, hits[t->cpu].within,
				 want->packets, want->bytes, want->within);
	}
	free(hits);
}

static const struct fw_model_set *model_set(const struct fw_model *model, const char *name)
{
	static const struct fw_model_set none;
	size_t i;

	for (i = 0; i < FW_SETS_MAX; i++)
		if (!strcmp(model->set[i].name, name))
			return &model->set[i];
	return &none;
}

static void check_sets(struct trial *t)
{
	const int map = bpf_map__fd(t->fw->maps.fw_hits);
	struct fw_hits *hits = calloc(t->cpus, sizeof(*hits));
	const struct fw_model_set *want;
	struct fw_pool pool;
	char name[8];
	__u32 slot;
	int set;

	assert_int_equal(fw_pool_map(&t->maps, &pool), 0);
	for (set = 0; set < SETS; set++) {
		name_of(set, name, sizeof(name));
		slot = fw_set_counters(&pool, fw_set_find(&pool, name));
		assert_int_equal(bpf_map_lookup_elem(map, &slot, hits), 0);
		want = model_set(&t->model, name);
		if (hits[t->cpu].packets != want->packets || hits[t->cpu].bytes != want->bytes ||
		    !hits[t->cpu].last != !want->packets)
			fail_msg("%s: %llu packets %llu bytes; expected %llu %llu", name,
				 hits[t->cpu].packets, hits[t->cpu].bytes, want->packets,
				 want->bytes);
		t->sets_hit += want->packets;
	}
	fw_pool_unmap(&pool);
	free(hits);
}

static void check_codes(struct trial *t)
{
	struct ecbpf_cpu *stats = calloc(t->cpus, sizeof(*stats));
	struct fw_counts *counts = calloc(t->cpus, sizeof(*counts));
	__u32 zero = 0, code;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(t->fw->maps.ecbpf_stats), &zero, stats),
			 0);
	for (code = 1; code < ECBPF_CODES_MAX; code++)
		if (stats[t->cpu].code[code] != t->model.code[code])
			fail_msg("code %s: %llu, expected %llu", ecbpf_code_name(code),
				 stats[t->cpu].code[code], t->model.code[code]);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(t->fw->maps.fw_counts), &zero, counts), 0);
	assert_memory_equal(&counts[t->cpu], &t->model.counts, sizeof(*counts));
	free(counts);
	free(stats);
}

static void trial(struct trial *t, size_t rules, uint64_t packets)
{
	uint64_t i;

	trial_begin(t, rules);
	for (i = 0; i < packets; i++) {
		if (rulesets_one_in(&t->rulesets, 5))
			packet_of_any(t);
		else
			packet_of_ruleset(t);
	}
	check_hits(t);
	check_sets(t);
	check_codes(t);
	trial_end(t);
}

/* few, one word, some words, many */
static size_t rules_in(struct trial *t)
{
	switch (rulesets_random(&t->rulesets, 8)) {
	case 0:
		return rulesets_random(&t->rulesets, 3);
	case 1:
		return 65 + rulesets_random(&t->rulesets, 200);
	case 2:
		return 300 + rulesets_random(&t->rulesets, 700);
	default:
		return 1 + rulesets_random(&t->rulesets, 40);
	}
}

static void differential(void **state)
{
	const uint64_t count = packets_count(PACKETS);
	struct trial *t = calloc(1, sizeof(*t));
	uint64_t done;

	suite_get(state);
	assert_non_null(t);
	t->cpus = libbpf_num_possible_cpus();
	t->cpu = suite_pin_cpu();
	packets_begin(&t->packets, SEED);
	rulesets_begin(&t->rulesets, t->packets.state);
	print_message("# %" PRIu64 " packets, %d to a ruleset, seed %#" PRIx64 "\n", count,
		      PACKETS_EACH, t->packets.state);
	for (done = 0; done < count; done += PACKETS_EACH)
		trial(t, rules_in(t), PACKETS_EACH);
	print_message("# sets have counted %" PRIu64 " of them\n", t->sets_hit);
	assert_true(t->sets_hit > 0);
	free(t);
}

static void most_rules(void **state)
{
	struct trial *t = calloc(1, sizeof(*t));

	suite_get(state);
	assert_non_null(t);
	t->cpus = libbpf_num_possible_cpus();
	t->cpu = suite_pin_cpu();
	packets_begin(&t->packets, SEED + 1);
	rulesets_begin(&t->rulesets, SEED + 1);
	trial(t, FW_RULES_MAX, 2000);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differential),
		cmocka_unit_test(most_rules),
	};

	return cmocka_run_group_tests(tests, suite_open, suite_close);
}
