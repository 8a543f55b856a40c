// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

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

static bool conn_differs(uint32_t way, const struct lb_conn *got, const struct lb_conn *want,
			 size_t size)
{
	if ((!got->mark && !want->mark) || !memcmp(got, want, size))
		return false;
	print_error("conn%d, entry %u: mark packets bytes seen created idle vip state\n",
		    size == sizeof(struct lb_conn4) ? 4 : 6, way);
	print_error("got  %llx %llu %llu %u %u %u %u %u\n", got->mark, got->packets, got->bytes,
		    got->seen, got->created, got->idle, got->vip, got->state);
	print_error("want %llx %llu %llu %u %u %u %u %u\n", want->mark, want->packets, want->bytes,
		    want->seen, want->created, want->idle, want->vip, want->state);
	return true;
}

static int tables_differ(const struct lb_suite *s)
{
	const struct lb_model *m = &s->model;
	uint32_t bucket, way;
	int differ = 0;

	for (bucket = 0; bucket < m->buckets[0]; bucket++)
		for (way = 0; way < LB_WAYS; way++)
			differ += conn_differs(bucket * LB_WAYS + way,
					       &s->conn4[bucket].way[way].conn,
					       &m->conn4[bucket].way[way].conn,
					       sizeof(struct lb_conn4));
	for (bucket = 0; bucket < m->buckets[1]; bucket++)
		for (way = 0; way < LB_WAYS; way++)
			differ += conn_differs(bucket * LB_WAYS + way,
					       &s->conn6[bucket].way[way].conn,
					       &m->conn6[bucket].way[way].conn,
					       sizeof(struct lb_conn6));
	return differ;
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
