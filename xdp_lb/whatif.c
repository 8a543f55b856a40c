// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_lb/maglev.h"
#include "xdp_lb/whatif.h"

/**
 * struct side - a VIP in one of two configurations
 * @vip: NULL: it is not there
 * @entries: of each backend
 */
struct side {
	const struct lb_vip *vip;
	uint16_t *table;
	uint32_t *entries;
};

/* --- entries of tables */

static int side_init(struct side *side, const struct lb_vip *vip)
{
	*side = (struct side){ .vip = vip };
	if (!vip)
		return 0;
	side->entries = calloc(vip->backends + 1, sizeof(*side->entries));
	side->table = lb_vip_table(vip);
	return side->entries && side->table ? 0 : -ENOMEM;
}

static void side_free(struct side *side)
{
	free(side->table);
	free(side->entries);
}

/* owner - of a hash; counts its entry */
static const struct lb_backend *owner(struct side *side, uint32_t hash)
{
	uint16_t index = LB_NONE;

	if (side->vip)
		index = side->table[lb_table_index(hash, side->vip->table_size)];
	if (index == LB_NONE)
		return NULL;
	side->entries[index]++;
	return &side->vip->backend[index];
}

static bool takes_flows(const struct side *side, const struct lb_endpoint *endpoint)
{
	const struct lb_backend *backend = side->vip ? lb_backend_find(side->vip, endpoint) : NULL;

	return backend && lb_backend_weight(backend);
}

static void count_moves(struct side *before, struct side *after, struct lb_whatif_vip *what)
{
	uint32_t i;

	for (i = 0; i < what->entries; i++) {
		const uint32_t hash = lb_table_hash(i, what->entries);
		const struct lb_backend *old = owner(before, hash), *now = owner(after, hash);

		if (!old || (now && !lb_endpoint_compare(&old->endpoint, &now->endpoint)))
			continue;
		what->moved++;
		what->orphaned += !takes_flows(after, &old->endpoint);
	}
}

/* The entries that backends have to give away. */
static uint32_t count_unavoidable(const struct side *before, const struct side *after)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; before->vip && i < before->vip->backends; i++) {
		const struct lb_backend *now = NULL;
		uint32_t entries = 0;

		if (after->vip)
			now = lb_backend_find(after->vip, &before->vip->backend[i].endpoint);
		if (now)
			entries = after->entries[now - after->vip->backend];
		if (before->entries[i] > entries)
			sum += before->entries[i] - entries;
	}
	return sum;
}

/* compare_vip - @now NULL: it is not there */
static int compare_vip(const struct lb_vip *old, const struct lb_vip *now,
		       struct lb_whatif_vip *what)
{
	struct side before, after = {};
	int err = side_init(&before, old);

	if (!err)
		err = side_init(&after, now);
	if (!err) {
		count_moves(&before, &after, what);
		what->unavoidable = count_unavoidable(&before, &after);
		what->surplus = what->moved - what->unavoidable;
	}
	side_free(&before);
	side_free(&after);
	return err;
}

/* begin_vip - what is known without its tables */
static struct lb_whatif_vip begin_vip(const struct lb_vip *vip, enum lb_whatif_change change)
{
	return (struct lb_whatif_vip){
		.service = vip->service,
		.change = change,
		.entries = vip->table_size,
	};
}

/* next_vip - the one of both configurations that comes first; steps over it in those that have it */
static int next_vip(const struct lb_config *before, size_t *i, const struct lb_config *after,
		    size_t *j, struct lb_whatif_vip *what)
{
	const struct lb_vip *old, *now;
	int order;

	if (*i == before->vips || *j == after->vips)
		order = *i == before->vips ? 1 : -1;
	else
		order = lb_service_compare(&before->vip[*i].service, &after->vip[*j].service);
	if (order > 0) {
		*what = begin_vip(&after->vip[(*j)++], LB_WHATIF_ADDED);
		return 0; /* nothing had an owner */
	}
	old = &before->vip[(*i)++];
	if (order < 0) {
		*what = begin_vip(old, LB_WHATIF_REMOVED);
		return compare_vip(old, NULL, what);
	}
	now = &after->vip[(*j)++];
	*what = begin_vip(now, LB_WHATIF_STAYS);
	return lb_vip_equal(old, now) ? 0 : compare_vip(old, now, what);
}

int lb_whatif(const struct lb_config *before, const struct lb_config *after, struct lb_whatif *what)
{
	const size_t most = before->vips + after->vips;
	struct lb_whatif made = { .vip = calloc(most + 1, sizeof(*made.vip)) };
	int err = made.vip ? 0 : -ENOMEM;
	size_t i = 0, j = 0;

	while (!err && i + j < most) {
		err = next_vip(before, &i, after, &j, &made.vip[made.vips]);
		made.vips++;
	}
	if (!err) {
		*what = made;
		return 0;
	}
	free(made.vip);
	return ecbpf_fail(err, "out of memory");
}

void lb_whatif_free(struct lb_whatif *what)
{
	free(what->vip);
	*what = (struct lb_whatif){};
}

/* --- flows */

static int compare_flows(const void *a, const void *b)
{
	const struct lb_flow *const *one = a, *const *other = b;

	return lb_service_compare(&(*one)->service, &(*other)->service);
}

static void add_flow(struct lb_whatif_flows *sums, const struct lb_flow *flow,
		     const struct lb_backend *to)
{
	if (!to)
		sums->lost++;
	else if (lb_endpoint_compare(&to->endpoint, &flow->backend))
		sums->move++;
	else
		sums->stay++;
}

static void judge_flow(const struct lb_vip *vip, const uint16_t *table, const struct lb_flow *flow,
		       struct lb_whatif_flows *kept, struct lb_whatif_flows *hashed)
{
	const struct lb_backend *picked = NULL, *held = NULL;

	if (vip) {
		picked = lb_vip_pick(vip, table, flow->hash, flow->source);
		held = vip->flags & LB_NO_TABLE ? NULL : lb_backend_find(vip, &flow->backend);
	}
	add_flow(hashed, flow, picked);
	add_flow(kept, flow, held && lb_backend_state(held) != LB_DOWN ? held : picked);
}

/* judge_all - @flow: in the order of their VIPs: one table at a time */
static int judge_all(const struct lb_config *after, const struct lb_flow **flow, size_t count,
		     struct lb_whatif_flows *kept, struct lb_whatif_flows *hashed)
{
	const struct lb_vip *vip = NULL;
	uint16_t *table = NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		if (!i || compare_flows(&flow[i - 1], &flow[i])) {
			vip = lb_vip_find(after, &flow[i]->service);
			free(table);
			table = vip ? lb_vip_table(vip) : NULL;
			if (vip && !table)
				return -ENOMEM;
		}
		judge_flow(vip, table, flow[i], kept, hashed);
	}
	free(table);
	return 0;
}

int lb_whatif_flows(const struct lb_config *after, const struct lb_flow *flow, size_t count,
		    struct lb_whatif_flows *kept, struct lb_whatif_flows *hashed)
{
	const struct lb_flow **order = calloc(count + 1, sizeof(*order));
	struct lb_whatif_flows sums[2] = {};
	size_t i;
	int err;

	if (!order)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; i < count; i++)
		order[i] = &flow[i];
	qsort(order, count, sizeof(*order), compare_flows);
	err = judge_all(after, order, count, &sums[0], &sums[1]);
	free(order);
	if (err)
		return ecbpf_fail(err, "out of memory");
	*kept = sums[0];
	*hashed = sums[1];
	return 0;
}
