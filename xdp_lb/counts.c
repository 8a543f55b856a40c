// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "libecbpf/loop.h"
#include "xdp_lb/conns.h"
#include "xdp_lb/counts.h"

#define WORDS(type) (sizeof(struct type) / sizeof(__u64))

/* --- per-CPU counters */

/** struct reader - @values: room for one value of either map on all CPUs */
struct reader {
	const struct lb_live *live;
	__u64 *values;
	int cpus;
};

static int read_sum(const struct reader *reader, enum lb_live_map map, __u32 number, size_t words,
		    __u64 *sum)
{
	int err = bpf_map_lookup_elem(reader->live->fd[map], &number, reader->values);

	if (err)
		return ecbpf_fail(err, "%s: %s", lb_live_map_name(map), strerror(-err));
	ecbpf_percpu_sum(reader->values, words, reader->cpus, sum);
	return 0;
}

static void add_words(__u64 *sum, const __u64 *more, size_t words)
{
	size_t i;

	for (i = 0; i < words; i++)
		sum[i] += more[i];
}

static int read_vip(const struct reader *reader, struct lb_counts_all *all, size_t v, size_t first)
{
	struct lb_counts_vip *vip = &all->vip[v];
	struct lb_counts_backend *backend;
	size_t b;
	int err = read_sum(reader, LB_LIVE_VIP_COUNT, all->numbers.vip[v], WORDS(lb_vip_counts),
			   (__u64 *)&vip->total);

	for (b = 0; !err && b < all->config.vip[v].backends; b++) {
		backend = &all->backend[first + b];
		err = read_sum(reader, LB_LIVE_COUNT, all->numbers.backend[first + b],
			       WORDS(lb_counts), (__u64 *)&backend->total);
		add_words((__u64 *)&vip->all.total, (const __u64 *)&backend->total,
			  WORDS(lb_counts));
	}
	return err;
}

static int read_all(const struct lb_live *live, struct lb_counts_all *all)
{
	struct reader reader = { .live = live, .cpus = libbpf_num_possible_cpus() };
	size_t v, first = 0;
	int err = 0;

	if (reader.cpus < 0)
		return ecbpf_fail(reader.cpus, "number of CPUs: %s", strerror(-reader.cpus));
	_Static_assert(sizeof(struct lb_vip_counts) >= sizeof(struct lb_counts), "the larger");
	reader.values = calloc(reader.cpus, sizeof(struct lb_vip_counts));
	if (!reader.values)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (v = 0; !err && v < all->config.vips; v++) {
		err = read_vip(&reader, all, v, first);
		first += all->config.vip[v].backends;
	}
	free(reader.values);
	return err;
}

/* --- connections */

/** struct owners - @at: of a backend's number, its index and one; 0: it is nobody's */
struct owners {
	struct lb_counts_all *all;
	__u32 *at;
};

static int count_conn(struct lb_counts_backend *to, const struct lb_conn *conn)
{
	const __u32 closing_or_twice = LB_CONN_CLOSING | LB_CONN_SEEN_TWICE;

	if ((conn->state & closing_or_twice) == LB_CONN_SEEN_TWICE)
		to->established++;
	else
		to->other++;
	return 0;
}

static int visit(void *arg, const struct ecbpf_tuple *key, const struct lb_conn *conn)
{
	const struct owners *owners = arg;
	const __u32 at = owners->at[ECBPF_MARK_ID(conn->mark)];

	(void)key;
	return at ? count_conn(&owners->all->backend[at - 1], conn) : 0;
}

static void sum_conns(struct lb_counts_all *all)
{
	size_t v, b, i = 0;

	for (v = 0; v < all->config.vips; v++)
		for (b = 0; b < all->config.vip[v].backends; b++, i++) {
			all->vip[v].all.established += all->backend[i].established;
			all->vip[v].all.other += all->backend[i].other;
		}
}

static int count_conns(const struct lb_live *live, struct lb_counts_all *all)
{
	struct owners owners = { .all = all, .at = calloc(LB_BACKEND_NUMBERS, sizeof(__u32)) };
	struct lb_conns conns;
	size_t i;
	int err;

	if (!owners.at)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < all->config.backends; i++)
		owners.at[all->numbers.backend[i] % LB_BACKEND_NUMBERS] = i + 1;
	err = lb_conns_open(live, &conns);
	if (!err)
		err = lb_conns_scan(&conns, visit, &owners);
	lb_conns_close(&conns);
	free(owners.at);
	if (!err)
		sum_conns(all);
	return err;
}

/* --- all of it */

static int gather(const struct lb_live *live, struct lb_counts_all *all)
{
	int err = lb_live_config(live, &all->config, &all->numbers);

	if (err)
		return err;
	all->vip = calloc(all->config.vips + 1, sizeof(*all->vip));
	all->backend = calloc(all->config.backends + 1, sizeof(*all->backend));
	if (!all->vip || !all->backend)
		return ecbpf_fail(-ENOMEM, "out of memory");
	err = read_all(live, all);
	all->time_ns = ecbpf_monotonic_ns();
	return err ? err : count_conns(live, all);
}

int lb_counts_gather(struct lb_counts_all *all)
{
	struct lb_live live;
	int err = lb_live_open(&live, false);

	memset(all, 0, sizeof(*all));
	if (!err)
		err = gather(&live, all);
	lb_live_close(&live);
	return err;
}

void lb_counts_free(struct lb_counts_all *all)
{
	lb_config_free(&all->config);
	lb_numbers_free(&all->numbers);
	free(all->vip);
	free(all->backend);
	memset(all, 0, sizeof(*all));
}

uint64_t lb_counts_misses(const struct lb_vip_counts *counts)
{
	return counts->entered + counts->hashed + counts->limited + counts->full;
}

/* --- rates */

static void grown(__u64 *added, const __u64 *now, const __u64 *then, size_t words)
{
	size_t i;

	for (i = 0; i < words; i++)
		added[i] = then && now[i] >= then[i] ? now[i] - then[i] : now[i];
}

/* index_of - of the VIP @service in @all, and of its first backend; -1: it is not there */
static ssize_t index_of(const struct lb_counts_all *all, const struct lb_service *service,
			size_t *first)
{
	size_t v;

	*first = 0;
	for (v = 0; v < all->config.vips; v++) {
		if (!lb_service_compare(&all->config.vip[v].service, service))
			return v;
		*first += all->config.vip[v].backends;
	}
	return -1;
}

static void backend_rates(struct lb_counts_backend *now, struct lb_counts *sum,
			  const struct lb_counts *then)
{
	grown((__u64 *)&now->added, (const __u64 *)&now->total, (const __u64 *)then,
	      WORDS(lb_counts));
	add_words((__u64 *)sum, (const __u64 *)&now->added, WORDS(lb_counts));
}

/* vip_rates - @at: of its first backend */
static void vip_rates(struct lb_counts_all *all, size_t v, size_t at,
		      const struct lb_counts_all *before)
{
	const struct lb_vip *vip = &all->config.vip[v];
	struct lb_counts_vip *now = &all->vip[v];
	size_t first, b;
	const ssize_t old = index_of(before, &vip->service, &first);

	grown((__u64 *)&now->added, (const __u64 *)&now->total,
	      old < 0 ? NULL : (const __u64 *)&before->vip[old].total, WORDS(lb_vip_counts));
	for (b = 0; b < vip->backends; b++) {
		const struct lb_backend *was = NULL;
		const struct lb_counts *then = NULL;

		if (old >= 0)
			was = lb_backend_find(&before->config.vip[old], &vip->backend[b].endpoint);
		if (was)
			then = &before->backend[first + (was - before->config.vip[old].backend)]
					.total;
		backend_rates(&all->backend[at + b], &now->all.added, then);
	}
}

void lb_counts_rates(struct lb_counts_all *all, const struct lb_counts_all *before)
{
	size_t v, at = 0;

	for (v = 0; v < all->config.vips; v++) {
		vip_rates(all, v, at, before);
		at += all->config.vip[v].backends;
	}
	all->rate_ns = all->time_ns - before->time_ns;
}

/* --- for show */

static int show_counts(void *data, const struct lb_vip *vip, const struct lb_backend *backend,
		       struct lb_show_counts *counts)
{
	const struct lb_counts_all *all = data;
	const struct lb_counts_backend *of = &all->vip[vip - all->config.vip].all;
	const struct lb_vip *other;
	size_t at = 0;

	if (backend) {
		for (other = all->config.vip; other != vip; other++)
			at += other->backends;
		of = &all->backend[at + (backend - vip->backend)];
	}
	*counts = (struct lb_show_counts){
		.active = of->established,
		.inactive = of->other,
		.conns = of->total.conns,
		.packets = of->total.packets,
		.bytes = of->total.bytes,
	};
	return 0;
}

struct lb_show_source lb_counts_source(struct lb_counts_all *all)
{
	return (struct lb_show_source){ .counts = show_counts, .data = all };
}
