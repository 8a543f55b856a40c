// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "bypass_ipvs/params.h"
#include "tests/bpf/bypass_suite.h"
#include "tests/bpf/suite.h"

#include "bypass_ipvs/bypass_egress.skel.h"
#include "bypass_ipvs/xdp_bypass_ipvs.skel.h"

#define SLOT_ROW ECBPF_ROW_SLOT(ECBPF_SLOT_BYPASS)

/* --- interfaces */

static void interfaces_make(struct bypass_suite *s)
{
	suite_ip("link add in0 mtu 1500 type veth peer name in1");
	suite_ip("link add out0 mtu 1450 type veth peer name out1");
	suite_ip("link set in0 up");
	suite_ip("link set in1 up");
	suite_ip("link set out0 up");
	suite_ip("link set out1 up");
	s->in = if_nametoindex("in0");
	s->out = if_nametoindex("out0");
	s->lost = if_nametoindex("out1");
	model_list_put(&s->model.device_mtu, &s->in, SUITE_IN_MTU, 0);
	model_list_put(&s->model.device_mtu, &s->out, SUITE_OUT_MTU, 0);
	model_list_put(&s->model.device_mtu, &s->lost, SUITE_IN_MTU, 0);
}

/* --- programs */

static void *memory(int fd, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_true(at != MAP_FAILED);
	return at;
}

/* What a program counts is read after each packet: in memory. It runs on one CPU only. */
static void in_memory(struct bpf_map *map)
{
	assert_int_equal(bpf_map__set_type(map, BPF_MAP_TYPE_ARRAY), 0);
	assert_int_equal(bpf_map__set_map_flags(map, BPF_F_MMAPABLE), 0);
}

static int egress_load(struct bypass_suite *s, const struct suite_sizes *sizes)
{
	struct bypass_egress *e = s->egress = bypass_egress__open();

	assert_non_null(e);
	memcpy(e->rodata->bypass_seed, s->model.seed, sizeof(s->model.seed));
	memcpy(e->rodata->bypass_buckets, s->model.buckets, sizeof(s->model.buckets));
	e->rodata->bypass_hz = SUITE_HZ;
	e->rodata->bypass_test = true;
	bpf_map__set_max_entries(e->maps.tuple_map, sizes->buckets);
	bpf_map__set_max_entries(e->maps.tuple6_map, sizes->buckets6);
	bpf_map__set_max_entries(e->maps.path_map, sizes->paths);
	bpf_map__set_max_entries(e->maps.path_id_map, sizes->paths);
	bpf_map__set_max_entries(e->maps.path_free_map, sizes->paths);
	in_memory(e->maps.count_map);
	return bypass_egress__load(e);
}

static void xdp_load(struct bypass_suite *s)
{
	struct xdp_bypass_ipvs *x = s->xdp = xdp_bypass_ipvs__open();
	struct bpf_map *map;
	int i;

	assert_non_null(x);
	bpf_object__for_each_map(map, x->obj)
		bpf_map__set_pin_path(map, NULL);
	for (i = 0; i < LIVE_MAPS; i++) {
		map = bpf_object__find_map_by_name(x->obj, live_map_name(i));
		assert_int_equal(bpf_map__reuse_fd(map, s->map[i]), 0);
	}
	memcpy(x->rodata->bypass_seed, s->model.seed, sizeof(s->model.seed));
	memcpy(x->rodata->bypass_buckets, s->model.buckets, sizeof(s->model.buckets));
	x->rodata->bypass_hz = SUITE_HZ;
	x->rodata->bypass_cpus = s->model.cpus;
	x->rodata->bypass_test = true;
	in_memory(x->maps.ecbpf_stats);
	assert_int_equal(xdp_bypass_ipvs__load(x), 0);
}

/*
 * A packet with a tag that is not in its bytes, as VLAN devices send it, cannot be given to a test run:
 * this program adds the tag that is in the packet's cb and runs the egress program.
 */
static void tag_load(struct bypass_suite *s)
{
	const int slot = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "test_tag", 4, 4, 1, NULL);
	const int egress = bpf_program__fd(s->egress->progs.bpf_egress_syn_check);
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1 },
		{ .code = BPF_LDX | BPF_MEM | BPF_W,
		  .dst_reg = 2,
		  .src_reg = 6,
		  .off = offsetof(struct __sk_buff, cb[0]) },
		{ .code = BPF_LDX | BPF_MEM | BPF_W,
		  .dst_reg = 3,
		  .src_reg = 6,
		  .off = offsetof(struct __sk_buff, cb[1]) },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_vlan_push },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 6 },
		{ .code = BPF_LD | BPF_DW | BPF_IMM,
		  .dst_reg = 2,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = slot },
		{},
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 99 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const __u32 zero = 0;

	assert_true(slot >= 0);
	assert_int_equal(bpf_map_update_elem(slot, &zero, &egress, BPF_ANY), 0);
	s->tag_slot = slot;
	s->tag_prog = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "test_tag", "GPL", insns,
				    sizeof(insns) / sizeof(insns[0]), NULL);
	assert_true(s->tag_prog >= 0);
}

static void maps_open(struct bypass_suite *s, const struct suite_sizes *sizes)
{
	int i;

	for (i = 0; i < LIVE_MAPS; i++)
		s->map[i] =
			bpf_map__fd(bpf_object__find_map_by_name(s->egress->obj, live_map_name(i)));
	s->tuple = memory(s->map[LIVE_TUPLE], sizes->buckets * sizeof(*s->tuple));
	s->tuple6 = memory(s->map[LIVE_TUPLE6], sizes->buckets6 * sizeof(*s->tuple6));
	s->path = memory(s->map[LIVE_PATH], sizes->paths * sizeof(*s->path));
	s->settings = memory(s->map[LIVE_SETTINGS], sizeof(*s->settings));
	s->counts = memory(s->map[LIVE_COUNT], sizeof(*s->counts));
}

/* --- contents of maps */

static void update(const struct bypass_suite *s, enum live_map map, const void *key,
		   const void *value)
{
	assert_int_equal(bpf_map_update_elem(s->map[map], key, value, BPF_ANY), 0);
}

static void device(struct bypass_suite *s, uint32_t ifindex, uint32_t role, uint16_t outer,
		   uint16_t inner)
{
	const struct bypass_device value = { role, outer, inner };

	update(s, LIVE_DEVICE, &ifindex, &value);
	model_list_put(&s->model.device, &ifindex, role, outer | (uint32_t)inner << 16);
}

static void clear(const struct bypass_suite *s, enum live_map map)
{
	uint8_t key[sizeof(struct ecbpf_recipe)];

	while (!bpf_map_get_next_key(s->map[map], NULL, key))
		assert_int_equal(bpf_map_delete_elem(s->map[map], key), 0);
}

static void paths_begin(struct bypass_suite *s)
{
	struct model *m = &s->model;
	__u32 id;

	clear(s, LIVE_PATH_ID);
	while (!bpf_map_lookup_and_delete_elem(s->map[LIVE_PATH_FREE], NULL, &id))
		;
	memset(s->path, 0, m->paths * sizeof(*s->path));
	memset(m->path, 0, sizeof(m->path));
	memset(m->path_used, 0, sizeof(m->path_used));
	m->path_free_count = 0;
	for (id = 1; id < m->paths; id++) {
		update(s, LIVE_PATH_FREE, NULL, &id);
		m->path_free[m->path_free_count++] = id;
	}
}

static void rates_begin(struct bypass_suite *s)
{
	struct bypass_rate *rates = calloc(libbpf_num_possible_cpus(), sizeof(*rates));
	const __u32 zero = 0;

	assert_non_null(rates);
	update(s, LIVE_RATE, &zero, rates);
	free(rates);
	memset(s->model.rate, 0, sizeof(s->model.rate));
}

/* A test that has failed must not make others fail that come after it. */
static void counters_begin(struct bypass_suite *s)
{
	struct model *m = &s->model;
	int i;

	m->counts = *s->counts;
	memcpy(m->code, s->stats->code, sizeof(m->code));
	for (i = 0; i < ECBPF_COLUMNS_MAX; i++)
		m->column[i] = s->stats->row[SLOT_ROW].by[i].packets;
}

void suite_reset(struct bypass_suite *s)
{
	const enum live_map lists[] = { LIVE_PENDING, LIVE_SERVICE, LIVE_EXCLUDE, LIVE_DEVICE,
					LIVE_GUE,     LIVE_OUT,	    LIVE_VIP,	  LIVE_RESET };
	struct model *m = &s->model;
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		clear(s, lists[i]);
	m->pending.count = m->service.count = m->exclude.count = m->device.count = 0;
	m->gue.count = m->out.count = m->vip.count = m->reset.count = 0;
	memset(s->tuple, 0, m->buckets[0] * sizeof(*s->tuple));
	memset(s->tuple6, 0, m->buckets[1] * sizeof(*s->tuple6));
	memset(m->tuple, 0, sizeof(m->tuple));
	memset(m->tuple6, 0, sizeof(m->tuple6));
	paths_begin(s);
	rates_begin(s);
	counters_begin(s);
	memset(&m->settings, 0, sizeof(m->settings));
	m->settings.abi = BYPASS_ABI;
	m->settings.test_now = 0xffffff00; /* soon to begin anew */
	params_default(&m->settings.params[0]);
	m->settings.params[0].inactive = 60 * SUITE_HZ;
	m->settings.params[0].sample = 4 * SUITE_HZ;
	m->settings.params[0].retry = SUITE_HZ / 2;
	*s->settings = m->settings;
	device(s, s->in, BYPASS_INBOUND | BYPASS_AT_XDP | BYPASS_AT_TC, 0, 0);
	device(s, s->out, BYPASS_OUTBOUND | BYPASS_AT_TC, 0, 0);
	device(s, SUITE_VLAN, BYPASS_INBOUND, 100, 0);
	device(s, SUITE_QINQ, BYPASS_INBOUND, 200, 201);
	update(s, LIVE_OUT, &s->out, &s->out);
	model_list_put(&m->out, &s->out, s->out, 0);
}

struct bypass_suite *suite_begin(const struct suite_sizes *sizes)
{
	struct bypass_suite *s = calloc(1, sizeof(*s));
	struct model *m = &s->model;
	int err;

	assert_non_null(s);
	*m = (struct model){
		.hz = SUITE_HZ,
		.cpus = libbpf_num_possible_cpus(),
		.seed = { 0x0123456789abcdef, 0xfedcba9876543210 },
		.buckets = { sizes->buckets, sizes->buckets6 },
		.paths = sizes->paths,
	};
	model_begin(m);
	m->cpu = suite_pin_cpu();
	err = egress_load(s, sizes);
	if (err == -EPERM) {
		print_message("# loading programs needs CAP_BPF and CAP_NET_ADMIN\n");
		bypass_egress__destroy(s->egress);
		free(s);
		return NULL;
	}
	assert_int_equal(err, 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	interfaces_make(s);
	maps_open(s, sizes);
	xdp_load(s);
	s->stats = memory(bpf_map__fd(s->xdp->maps.ecbpf_stats), sizeof(*s->stats));
	tag_load(s);
	suite_reset(s);
	return s;
}

void suite_end(struct bypass_suite *s)
{
	if (!s)
		return;
	munmap(s->tuple, s->model.buckets[0] * sizeof(*s->tuple));
	munmap(s->tuple6, s->model.buckets[1] * sizeof(*s->tuple6));
	munmap(s->path, s->model.paths * sizeof(*s->path));
	munmap(s->settings, sizeof(*s->settings));
	munmap(s->counts, sizeof(*s->counts));
	munmap(s->stats, sizeof(*s->stats));
	close(s->tag_prog);
	close(s->tag_slot);
	xdp_bypass_ipvs__destroy(s->xdp);
	bypass_egress__destroy(s->egress);
	free(s);
}

void suite_time(struct bypass_suite *s, uint32_t ticks)
{
	s->model.settings.test_now += ticks;
	s->settings->test_now = s->model.settings.test_now;
}

struct bypass_params suite_params_now(const struct bypass_suite *s)
{
	return *model_params(&s->model);
}

void suite_params(struct bypass_suite *s, const struct bypass_params *params)
{
	params_store(&s->model.settings, params);
	params_store(s->settings, params);
}

void suite_service(struct bypass_suite *s, const struct bypass_service_key *key, int number)
{
	const struct bypass_service value = { .number = number };

	if (number < 0) {
		bpf_map_delete_elem(s->map[LIVE_SERVICE], key);
		model_list_del(&s->model.service, key);
		return;
	}
	update(s, LIVE_SERVICE, key, &value);
	model_list_put(&s->model.service, key, number, 0);
}

void suite_exclude(struct bypass_suite *s, const struct bypass_prefix *prefix, bool add)
{
	const __u32 one = 1;

	if (add) {
		update(s, LIVE_EXCLUDE, prefix, &one);
		model_list_put(&s->model.exclude, prefix, 1, 0);
	} else {
		bpf_map_delete_elem(s->map[LIVE_EXCLUDE], prefix);
		model_list_del(&s->model.exclude, prefix);
	}
	s->model.settings.excludes = s->settings->excludes = s->model.exclude.count;
}

void suite_gue(struct bypass_suite *s, uint16_t port, bool add)
{
	const __be16 key = __builtin_bswap16(port);
	const __u32 one = 1;

	if (add) {
		update(s, LIVE_GUE, &key, &one);
		model_list_put(&s->model.gue, &key, 1, 0);
	} else {
		bpf_map_delete_elem(s->map[LIVE_GUE], &key);
		model_list_del(&s->model.gue, &key);
	}
}

void suite_generations(struct bypass_suite *s)
{
	uint32_t id;

	for (id = 1; id < s->model.paths; id++)
		s->path[id].gen = ++s->model.path[id].gen;
}

void suite_route_mtu(struct bypass_suite *s, uint32_t id, uint32_t mtu)
{
	s->path[id].route_mtu = s->model.path[id].route_mtu = mtu;
}

static struct bypass_rate *rates_read(const struct bypass_suite *s)
{
	struct bypass_rate *rates = calloc(libbpf_num_possible_cpus(), sizeof(*rates));
	const __u32 zero = 0;

	assert_non_null(rates);
	assert_int_equal(bpf_map_lookup_elem(s->map[LIVE_RATE], &zero, rates), 0);
	return rates;
}

struct bypass_rate suite_rate(const struct bypass_suite *s)
{
	struct bypass_rate *rates = rates_read(s), rate = rates[s->model.cpu];

	free(rates);
	return rate;
}

void suite_window(struct bypass_suite *s, uint32_t cpu, const struct bypass_rate *rate)
{
	struct bypass_rate *rates = rates_read(s);
	const __u32 zero = 0;

	rates[cpu] = *rate;
	update(s, LIVE_RATE, &zero, rates);
	s->model.rate[cpu] = *rate;
	free(rates);
}

void suite_path_forget(struct bypass_suite *s, uint32_t id)
{
	struct model *m = &s->model;

	if (!m->path_used[id])
		return;
	assert_int_equal(bpf_map_delete_elem(s->map[LIVE_PATH_ID], &m->path[id].recipe), 0);
	update(s, LIVE_PATH_FREE, NULL, &id);
	suite_route_mtu(s, id, 0);
	m->path_used[id] = false;
	m->path_free[m->path_free_count++] = id;
}
