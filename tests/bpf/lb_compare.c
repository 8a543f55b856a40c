// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <netinet/in.h>

#include <cmocka.h>

#include "tests/bpf/lb_compare.h"

#include "xdp_lb/xdp_lb.skel.h"

void lb_compare_show(const char *what, const uint8_t *frame, size_t len)
{
	size_t i;

	print_error("%s, %zu bytes:", what, len);
	for (i = 0; i < len && i < 160; i++)
		print_error("%s%02x", i % 4 ? "" : " ", frame[i]);
	print_error("\n");
}

static bool entry_differs(const char *table, uint32_t number, const void *mine, const void *its,
			  size_t size)
{
	const struct lb_conn *got = mine, *want = its;
	size_t i;

	if ((!got->mark && !want->mark) || !memcmp(got, want, size))
		return false;
	print_error("%s, entry %u: mark packets bytes seen created idle vip state port\n", table,
		    number);
	print_error("got  %llx %llu %llu %u %u %u %u %u %u\n", got->mark, got->packets, got->bytes,
		    got->seen, got->created, got->idle, got->vip, got->state, ntohs(got->port));
	print_error("want %llx %llu %llu %u %u %u %u %u %u\n", want->mark, want->packets,
		    want->bytes, want->seen, want->created, want->idle, want->vip, want->state,
		    ntohs(want->port));
	for (i = sizeof(*got); i < size; i++)
		if (((const uint8_t *)mine)[i] != ((const uint8_t *)its)[i])
			print_error("  byte %zu: %02x, expected %02x\n", i,
				    ((const uint8_t *)mine)[i], ((const uint8_t *)its)[i]);
	return true;
}

static int table_differs(const char *table, uint32_t buckets, const void *mine, const void *its,
			 size_t size)
{
	uint32_t i;
	int differ = 0;

	for (i = 0; i < buckets * LB_WAYS; i++)
		differ += entry_differs(table, i, (const uint8_t *)mine + i * size,
					(const uint8_t *)its + i * size, size);
	return differ;
}

static int tables_differ(const struct lb_suite *s)
{
	const struct lb_model *m = &s->model;

	return table_differs("lb_conn4_map", m->buckets[0], s->conn4, m->conn4,
			     sizeof(struct lb_conn4)) +
	       table_differs("lb_conn6_map", m->buckets[1], s->conn6, m->conn6,
			     sizeof(struct lb_conn6)) +
	       table_differs("lb_back4_map", m->buckets[2], s->back4, m->back4,
			     sizeof(struct lb_back4)) +
	       table_differs("lb_back6_map", m->buckets[3], s->back6, m->back6,
			     sizeof(struct lb_back6));
}

/* words_differ - of two arrays of numbers */
static int words_differ(const char *what, const void *got, const void *want, size_t bytes)
{
	const __u64 *mine = got, *its = want;
	int differ = 0;
	size_t i;

	if (!memcmp(got, want, bytes))
		return 0;
	for (i = 0; i < bytes / sizeof(*mine); i++) {
		if (mine[i] == its[i])
			continue;
		print_error("%s, number %zu: %llu, expected %llu\n", what, i, mine[i], its[i]);
		differ++;
	}
	return differ;
}

static int counts_differ(const struct lb_suite *s)
{
	const struct lb_model *m = &s->model;
	uint64_t column[ECBPF_COLUMNS_MAX];
	int i;

	for (i = 0; i < ECBPF_COLUMNS_MAX; i++)
		column[i] = s->stats->row[LB_ROW].by[i].packets;
	return words_differ("lb_vip_stat_map", s->vip_counts, m->vip_counts,
			    sizeof(m->vip_counts)) +
	       words_differ("lb_count_map", s->counts, m->counts, sizeof(m->counts)) +
	       words_differ("lb_rate_map", s->rate, m->rate, sizeof(m->rate)) +
	       words_differ("lb_settings_map", s->settings, &m->settings, sizeof(m->settings)) +
	       words_differ("reason code", s->stats->code, m->code, sizeof(m->code)) +
	       words_differ("column", column, m->column, sizeof(column));
}

static int fragment_differs(struct lb_suite *s, const struct lb_result *want)
{
	const int fd = bpf_map__fd(s->skel->maps.lb_fragment_map);
	const uint32_t *its = lb_rows_find(&s->model.fragment, &want->fragment);
	uint32_t mine[3] = {};
	const bool has = !bpf_map_lookup_elem(fd, &want->fragment, mine);

	_Static_assert(sizeof(mine) == sizeof(struct lb_fragment), "the same words");
	if (has == !!its && (!has || !memcmp(mine, its, sizeof(mine))))
		return 0;
	print_error("fragment: %d %#x %u %u, expected %d\n", has, mine[0], mine[1], mine[2], !!its);
	return 1;
}

/* What is random or depends on garbage is compared no further than that it fits. */
static bool frame_differs(const struct lb_result *got, const struct lb_result *want)
{
	struct lb_result mine, its;

	if (got->len != want->len)
		return true;
	if (!want->id_at && !want->sum_at)
		return memcmp(got->frame, want->frame, want->len);
	mine = *got;
	its = *want;
	if (its.id_at) {
		if (frames_sum(0, mine.frame + its.id_at - 4, 20) != 0xffff)
			return true;
		memset(mine.frame + its.id_at, 0, 2);
		memset(its.frame + its.id_at, 0, 2);
		memset(mine.frame + its.id_at + 6, 0, 2);
		memset(its.frame + its.id_at + 6, 0, 2);
	}
	if (its.sum_at) {
		memset(mine.frame + its.sum_at, 0, 2);
		memset(its.frame + its.sum_at, 0, 2);
	}
	return memcmp(mine.frame, its.frame, its.len);
}

int lb_compare(struct lb_suite *s, const struct lb_result *got, const struct lb_result *want)
{
	const int action = want->action == ECBPF_NEXT ? XDP_PASS : want->action;

	return tables_differ(s) + counts_differ(s) +
	       (want->has_fragment ? fragment_differs(s, want) : 0) + (got->action != action) +
	       frame_differs(got, want);
}
