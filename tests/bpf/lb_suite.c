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

#include <netinet/in.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "tests/bpf/lb_compare.h"
#include "tests/bpf/lb_suite.h"
#include "tests/bpf/suite.h"

#include "xdp_lb/xdp_lb.skel.h"

#define RING_LINES ((MODEL_ENTRIES + LB_RING_LINE - 1) / LB_RING_LINE)

/* --- programs and maps */

/* What the program counts is read after each packet: in memory. It runs on one CPU only. */
static void in_memory(struct bpf_map *map)
{
	assert_int_equal(bpf_map__set_type(map, BPF_MAP_TYPE_ARRAY), 0);
	assert_int_equal(bpf_map__set_map_flags(map, BPF_F_MMAPABLE), 0);
}

static int load(struct lb_suite *s)
{
	struct xdp_lb *x = s->skel = xdp_lb__open();
	struct bpf_map *map;

	assert_non_null(x);
	bpf_object__for_each_map(map, x->obj)
		bpf_map__set_pin_path(map, NULL);
	memcpy((void *)x->rodata->lb_seed, s->model.seed, sizeof(s->model.seed));
	memcpy((void *)x->rodata->lb_buckets, s->model.buckets, sizeof(s->model.buckets));
	x->rodata->lb_hz = SUITE_HZ;
	x->rodata->lb_cpus = s->model.cpus;
	x->rodata->lb_ports = s->model.ports;
	x->rodata->lb_test = true;
	bpf_map__set_max_entries(x->maps.lb_conn4_map, s->model.buckets[0]);
	bpf_map__set_max_entries(x->maps.lb_conn6_map, s->model.buckets[1]);
	bpf_map__set_max_entries(x->maps.lb_back4_map, s->model.buckets[2]);
	bpf_map__set_max_entries(x->maps.lb_back6_map, s->model.buckets[3]);
	bpf_map__set_max_entries(x->maps.lb_vip_map, MODEL_VIPS);
	bpf_map__set_max_entries(x->maps.lb_ring_map, MODEL_VIPS);
	bpf_map__set_max_entries(x->maps.lb_vip_stat_map, MODEL_VIPS);
	bpf_map__set_max_entries(x->maps.lb_rate_map, MODEL_VIPS);
	bpf_map__set_max_entries(x->maps.lb_backend_map, MODEL_BACKENDS);
	bpf_map__set_max_entries(x->maps.lb_count_map, MODEL_BACKENDS);
	in_memory(x->maps.lb_vip_stat_map);
	in_memory(x->maps.lb_rate_map);
	in_memory(x->maps.lb_count_map);
	in_memory(x->maps.ecbpf_stats);
	return xdp_lb__load(x);
}

static size_t map_bytes(const struct bpf_map *map)
{
	return (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map);
}

static void *memory(const struct bpf_map *map)
{
	void *at =
		mmap(NULL, map_bytes(map), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	assert_true(at != MAP_FAILED);
	return at;
}

static void maps_open(struct lb_suite *s)
{
	struct xdp_lb *x = s->skel;

	s->near = memory(x->maps.lb_near_map);
	s->vip = memory(x->maps.lb_vip_map);
	s->backend = memory(x->maps.lb_backend_map);
	s->conn4 = memory(x->maps.lb_conn4_map);
	s->conn6 = memory(x->maps.lb_conn6_map);
	s->back4 = memory(x->maps.lb_back4_map);
	s->back6 = memory(x->maps.lb_back6_map);
	s->settings = memory(x->maps.lb_settings_map);
	s->vip_counts = memory(x->maps.lb_vip_stat_map);
	s->counts = memory(x->maps.lb_count_map);
	s->rate = memory(x->maps.lb_rate_map);
	s->stats = memory(x->maps.ecbpf_stats);
}

static void maps_close(struct lb_suite *s)
{
	struct xdp_lb *x = s->skel;

	munmap(s->near, map_bytes(x->maps.lb_near_map));
	munmap(s->vip, map_bytes(x->maps.lb_vip_map));
	munmap(s->backend, map_bytes(x->maps.lb_backend_map));
	munmap(s->conn4, map_bytes(x->maps.lb_conn4_map));
	munmap(s->conn6, map_bytes(x->maps.lb_conn6_map));
	munmap(s->back4, map_bytes(x->maps.lb_back4_map));
	munmap(s->back6, map_bytes(x->maps.lb_back6_map));
	munmap(s->settings, map_bytes(x->maps.lb_settings_map));
	munmap(s->vip_counts, map_bytes(x->maps.lb_vip_stat_map));
	munmap(s->counts, map_bytes(x->maps.lb_count_map));
	munmap(s->rate, map_bytes(x->maps.lb_rate_map));
	munmap(s->stats, map_bytes(x->maps.ecbpf_stats));
}

struct lb_suite *lb_suite_begin(uint32_t buckets, uint32_t buckets6)
{
	struct lb_suite *s = calloc(1, sizeof(*s));
	int err;

	assert_non_null(s);
	s->model = (struct lb_model){
		.hz = SUITE_HZ,
		.seed = { 0x0123456789abcdef, 0xfedcba9876543210 },
		.buckets = { buckets, buckets6, buckets, buckets6 },
		.cpus = SUITE_CPUS,
		.ports = SUITE_CPUS * SUITE_PORTS,
	};
	lb_model_begin(&s->model);
	suite_pin_cpu();
	err = load(s);
	if (err == -EPERM) {
		print_message("# loading programs needs CAP_BPF and CAP_NET_ADMIN\n");
		xdp_lb__destroy(s->skel);
		free(s);
		return NULL;
	}
	assert_int_equal(err, 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	lb_suite_routes(s);
	s->model.in = s->in;
	maps_open(s);
	lb_suite_reset(s);
	return s;
}

void lb_suite_end(struct lb_suite *s)
{
	uint32_t i;

	if (!s)
		return;
	for (i = 0; i < MODEL_VIPS; i++)
		if (s->ring_fd[i])
			close(s->ring_fd[i]);
	maps_close(s);
	xdp_lb__destroy(s->skel);
	free(s);
}

/* --- contents of maps */

static void clear(const struct bpf_map *map)
{
	uint8_t key[sizeof(struct lb_fragment_key)];

	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		assert_int_equal(bpf_map_delete_elem(bpf_map__fd(map), key), 0);
}

/* enter - into a map and its list; 0: delete */
static void enter(const struct bpf_map *map, struct lb_rows *list, const void *key, uint32_t value)
{
	if (value) {
		assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), key, &value, BPF_ANY), 0);
		lb_rows_put(list, key, (const uint32_t[3]){ value });
	} else {
		bpf_map_delete_elem(bpf_map__fd(map), key);
		lb_rows_del(list, key);
	}
}

static void lists_clear(struct lb_suite *s)
{
	struct xdp_lb *x = s->skel;
	struct lb_model *m = &s->model;

	clear(x->maps.lb_key_map);
	clear(x->maps.lb_net_map);
	clear(x->maps.lb_source_map);
	clear(x->maps.lb_cid_map);
	clear(x->maps.lb_fragment_map);
	clear(x->maps.lb_out_map);
	clear(x->maps.lb_port_map);
	m->key.count = m->net.count = m->source.count = m->cid.count = m->fragment.count =
		m->out.count = 0;
}

/* A test that has failed must not make others fail that come after it. */
static void counters_begin(struct lb_suite *s)
{
	struct lb_model *m = &s->model;
	int i;

	memset(s->vip_counts, 0, sizeof(m->vip_counts));
	memset(m->vip_counts, 0, sizeof(m->vip_counts));
	memset(s->counts, 0, sizeof(m->counts));
	memset(m->counts, 0, sizeof(m->counts));
	memset(s->rate, 0, sizeof(m->rate));
	memset(m->rate, 0, sizeof(m->rate));
	memcpy(m->code, s->stats->code, sizeof(m->code));
	for (i = 0; i < ECBPF_COLUMNS_MAX; i++)
		m->column[i] = s->stats->row[LB_ROW].by[i].packets;
}

void lb_suite_reset(struct lb_suite *s)
{
	struct lb_model *m = &s->model;

	lists_clear(s);
	memset(s->near, 0, sizeof(m->near));
	memset(s->vip, 0, sizeof(m->vip));
	memset(s->backend, 0, sizeof(m->backend));
	memset(s->conn4, 0, m->buckets[0] * sizeof(*s->conn4));
	memset(s->conn6, 0, m->buckets[1] * sizeof(*s->conn6));
	memset(s->back4, 0, m->buckets[2] * sizeof(*s->back4));
	memset(s->back6, 0, m->buckets[3] * sizeof(*s->back6));
	memset(m->near, 0, sizeof(m->near));
	memset(m->vip, 0, sizeof(m->vip));
	memset(m->backend, 0, sizeof(m->backend));
	memset(m->conn4, 0, sizeof(m->conn4));
	memset(m->conn6, 0, sizeof(m->conn6));
	memset(m->back4, 0, sizeof(m->back4));
	memset(m->back6, 0, sizeof(m->back6));
	m->port = (struct lb_port){ .ifindex = s->via };
	counters_begin(s);
	m->settings = (struct lb_settings){
		.abi = LB_ABI, .ptb_pps = 100, .test_now = 0xffffc000, /* soon to begin anew */
	};
	*s->settings = m->settings;
	enter(s->skel->maps.lb_out_map, &m->out, &s->out, s->out);
}

void lb_suite_time(struct lb_suite *s, uint32_t ticks)
{
	s->model.settings.test_now += ticks;
	s->settings->test_now = s->model.settings.test_now;
}

static void near_put(struct lb_suite *s, int which, int family, const uint8_t *addr)
{
	uint64_t half[2] = {};
	uint32_t bit;

	memcpy(half, addr, family == 4 ? 4 : 16);
	bit = lb_near_bit(half[0], half[1]);
	s->near[which].bit[bit / 64] |= 1ULL << bit % 64;
	s->model.near[which].bit[bit / 64] |= 1ULL << bit % 64;
}

void lb_suite_near(struct lb_suite *s, int family, const uint8_t *addr)
{
	near_put(s, LB_NEAR_VIP, family, addr);
}

void lb_suite_near_all(struct lb_suite *s)
{
	memset(&s->near[LB_NEAR_VIP], 0xff, sizeof(*s->near));
	memset(&s->model.near[LB_NEAR_VIP], 0xff, sizeof(*s->near));
}

void lb_suite_near_back(struct lb_suite *s, int family, const uint8_t *addr)
{
	near_put(s, LB_NEAR_BACK, family, addr);
}

void lb_suite_nat(struct lb_suite *s, __u32 nat)
{
	s->settings->nat = s->model.settings.nat = nat;
}

void lb_suite_port(struct lb_suite *s, const struct lb_port *port)
{
	const int fd = bpf_map__fd(s->skel->maps.lb_port_map);

	s->model.port = *port;
	assert_int_equal(bpf_map_update_elem(fd, &s->via, port, BPF_ANY), 0);
}

void lb_suite_key(struct lb_suite *s, const struct lb_key *key, uint32_t number)
{
	enter(s->skel->maps.lb_key_map, &s->model.key, key, number);
}

void lb_suite_net(struct lb_suite *s, const struct lb_net *net, uint32_t number)
{
	enter(s->skel->maps.lb_net_map, &s->model.net, net, number);
	s->settings->nets = s->model.settings.nets = s->model.net.count;
}

void lb_suite_source(struct lb_suite *s, const struct lb_source_key *key, uint32_t backend)
{
	enter(s->skel->maps.lb_source_map, &s->model.source, key, backend);
}

void lb_suite_cid(struct lb_suite *s, const struct lb_cid_key *key, uint32_t backend)
{
	enter(s->skel->maps.lb_cid_map, &s->model.cid, key, backend);
}

void lb_suite_ptb(struct lb_suite *s, uint32_t pps)
{
	s->settings->ptb_pps = s->model.settings.ptb_pps = pps;
}

/* ring_make - a table is entered once: an outer map waits for all that may read what it had */
static void ring_make(struct lb_suite *s, uint32_t number)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_INNER_MAP);
	const int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "lb_ring", sizeof(__u32),
				      sizeof(struct lb_ring_line), RING_LINES, &opts);

	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(s->skel->maps.lb_ring_map), &number, &fd,
					     BPF_ANY),
			 0);
	s->ring_fd[number] = fd;
}

static void ring_fill(struct lb_suite *s, uint32_t number, const uint16_t *table, uint32_t entries)
{
	struct lb_ring_line line;
	uint32_t i, n;

	assert_in_range(entries, 1, MODEL_ENTRIES);
	if (!s->ring_fd[number])
		ring_make(s, number);
	memcpy(s->model.ring[number], table, entries * sizeof(*table));
	for (i = 0; i < RING_LINES; i++) {
		memset(&line, 0, sizeof(line));
		for (n = 0; n < LB_RING_LINE && i * LB_RING_LINE + n < entries; n++)
			line.backend[n] = table[i * LB_RING_LINE + n];
		assert_int_equal(bpf_map_update_elem(s->ring_fd[number], &i, &line, BPF_ANY), 0);
	}
}

void lb_suite_vip(struct lb_suite *s, uint32_t number, const struct lb_vip_entry *entry,
		  const uint16_t *table)
{
	assert_in_range(number, 1, MODEL_VIPS - 1);
	if (table)
		ring_fill(s, number, table, entry->entries);
	s->vip[number] = s->model.vip[number] = *entry;
}

/* --- recipes */

static void recipe_l2(struct ecbpf_recipe *recipe, const struct lb_way *way)
{
	const bool bare = way->kind == ECBPF_DIRECT || way->kind == ECBPF_NAT;
	const int family = bare ? way->family : way->outer;
	uint8_t *at = recipe->l2 + 12;
	unsigned int i;

	memcpy(recipe->l2, (uint8_t[]){ 2, 0, 0, 0, 1, way->server, 2, 0, 0, 0, 0, 2 }, 12);
	for (i = 0; i < way->tags; i++, at += 4) {
		frames_put16(at, way->tags == 2 && !i ? 0x88a8 : 0x8100);
		frames_put16(at + 2, way->tci[i]);
	}
	frames_put16(at, family == 4 ? 0x0800 : 0x86dd);
	recipe->l2_bytes = 14 + 4 * way->tags;
}

static void recipe_outer(struct ecbpf_recipe *recipe, const struct lb_way *way)
{
	const uint8_t inner = way->family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	const uint8_t proto = way->kind == ECBPF_GUE ? IPPROTO_UDP : inner;
	uint8_t *at = recipe->outer, *gue;

	if (way->outer == 4) {
		memcpy(at,
		       (uint8_t[]){ 0x45, [9] = proto, [12] = 10, 9, 0, 1, 10, 9, 1, way->server },
		       20);
		recipe->outer_bytes = 20;
	} else {
		memcpy(at,
		       (uint8_t[]){ 0x60, [6] = proto, [8] = 0xfd, 9, [23] = 1, 0xfd,
				    9, [31] = 1, [39] = way->server },
		       40);
		recipe->outer_bytes = 40;
		recipe->flags |= ECBPF_OUTER_V6;
	}
	if (way->kind != ECBPF_GUE)
		return;
	gue = at + recipe->outer_bytes;
	frames_put16(gue + 2, 6080);
	gue[9] = inner;
	recipe->outer_bytes += 12;
}

void lb_suite_nat_addr(int family, uint8_t server, uint8_t *addr)
{
	memset(addr, 0, 16);
	if (family == 4)
		memcpy(addr, (uint8_t[]){ 10, 9, server ? 1 : 0, server ? server : 1 }, 4);
	else
		memcpy(addr, (uint8_t[]){ 0xfd, 9, server ? 0 : 1, [15] = server ? server : 1 },
		       16);
}

/* mapped - IPv4 as ::ffff:ADDRESS */
static void mapped(int family, uint8_t server, __be32 to[4])
{
	uint8_t addr[16], *at = (uint8_t *)to;

	lb_suite_nat_addr(family, server, addr);
	memset(at, 0, 16);
	if (family == 4)
		at[10] = at[11] = 0xff;
	memcpy(family == 4 ? at + 12 : at, addr, family == 4 ? 4 : 16);
}

static void recipe_nat(struct ecbpf_recipe *recipe, const struct lb_way *way)
{
	struct lb_nat nat = { .dport = htons(way->port) };

	mapped(way->family, way->server, nat.to);
	if (way->full) {
		mapped(way->family, 0, nat.from);
		nat.flags = LB_NAT_SOURCE;
	}
	memcpy(recipe->outer, &nat, sizeof(nat));
}

static struct ecbpf_recipe recipe_make(const struct lb_way *way, uint32_t vip)
{
	struct ecbpf_recipe recipe = {
		.ifindex = way->ifindex,
		.service = vip,
		.kind = way->kind,
	};

	recipe_l2(&recipe, way);
	if (way->kind == ECBPF_NAT)
		recipe_nat(&recipe, way);
	if (way->kind == ECBPF_DIRECT || way->kind == ECBPF_NAT)
		return recipe;
	recipe_outer(&recipe, way);
	if (way->df)
		recipe.flags |= ECBPF_DF_COPY;
	if (way->csum && way->kind == ECBPF_GUE)
		recipe.flags |= ECBPF_GUE_CSUM;
	return recipe;
}

void lb_suite_backend(struct lb_suite *s, uint32_t number, uint32_t vip, const struct lb_way *way,
		      uint32_t mtu, uint32_t state)
{
	struct lb_backend_entry *entry = &s->model.backend[number];

	assert_in_range(number, 1, MODEL_BACKENDS - 1);
	if (way)
		entry->recipe = recipe_make(way, vip);
	entry->mtu = mtu;
	entry->state = state;
	s->backend[number] = *entry;
}

void lb_suite_generation(struct lb_suite *s, uint32_t backend)
{
	s->backend[backend].gen = ++s->model.backend[backend].gen;
}

/* --- a packet */

static int run(struct lb_suite *s, const uint8_t *frame, size_t len, struct lb_result *got)
{
	struct xdp_md ctx = { .data_end = len, .ingress_ifindex = s->in };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len,
		    .data_out = got->frame, .data_size_out = sizeof(got->frame), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(s->skel->progs.xdp_lb), &opts), 0);
	got->len = opts.data_size_out;
	return opts.retval;
}

struct lb_result lb_suite_run(struct lb_suite *s, const uint8_t *frame, size_t len)
{
	struct lb_result got, want;

	got.action = run(s, frame, len, &got);
	lb_model_run(&s->model, frame, len, &want);
	s->packets++;
	if (lb_compare(s, &got, &want)) {
		lb_compare_show("in  ", frame, len);
		lb_compare_show("got ", got.frame, got.len);
		lb_compare_show("want", want.frame, want.len);
		fail_msg("packet %llu: action %d, expected %d, code %u, VIP %u, backend %u",
			 (unsigned long long)s->packets, got.action, want.action, want.code,
			 want.vip, want.backend);
	}
	want.len = got.len;
	memcpy(want.frame, got.frame, got.len);
	return want;
}
