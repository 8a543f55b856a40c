// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Ways to backends that are new or reached otherwise; the monitor keeps up all others. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/ecbpf.h"
#include "xdp_lb/apply_parts.h"

static bool forward_same(const struct lb_forward *a, const struct lb_forward *b)
{
	return a->mode == b->mode && a->gue_port == b->gue_port &&
	       !memcmp(a->source4, b->source4, sizeof(a->source4)) &&
	       !memcmp(a->source6, b->source6, sizeof(a->source6));
}

/* ways_same - are all backends reached as before? */
static bool ways_same(const struct lb_vip *was, const struct lb_vip *now)
{
	size_t i;

	if (!forward_same(&was->forward, &now->forward))
		return false;
	for (i = 0; i < now->backends; i++) {
		const struct lb_backend *it = &now->backend[i];
		const struct lb_backend *old = lb_backend_find(was, &it->endpoint);

		if (!old || !forward_same(&old->forward, &it->forward))
			return false;
	}
	return true;
}

/* select_changed - VIPs with ways to find, and their numbers; the lists are borrowed */
static void select_changed(const struct lb_change_of *change, struct lb_config *some,
			   struct lb_numbers *numbers)
{
	const __u32 *number = change->numbers.backend;
	size_t i;

	for (i = 0; i < change->config->vips; i++, number += change->config->vip[i - 1].backends) {
		const struct lb_vip *vip = &change->config->vip[i];
		const struct lb_vip *was =
			change->repair ? NULL : lb_vip_find(&change->was, &vip->service);

		if (!vip->backends || (was && ways_same(was, vip)))
			continue;
		memcpy(&numbers->backend[some->backends], number, vip->backends * sizeof(*number));
		numbers->vip[some->vips] = change->numbers.vip[i];
		some->vip[some->vips++] = *vip;
		some->backends += vip->backends;
	}
}

int lb_apply_ways(const struct lb_change_of *change)
{
	struct lb_config some = { .vip = calloc(change->config->vips + 1, sizeof(*some.vip)) };
	struct lb_numbers numbers = {
		.vip = calloc(change->config->vips + 1, sizeof(*numbers.vip)),
		.backend = calloc(change->config->backends + 1, sizeof(*numbers.backend)),
	};
	int err = 0;

	if (some.vip && numbers.vip && numbers.backend)
		select_changed(change, &some, &numbers);
	else
		err = ecbpf_fail(-ENOMEM, "out of memory");
	if (some.backends)
		err = lb_ways_refresh(change->live, &some, &numbers, NULL, NULL);
	free(some.vip);
	lb_numbers_free(&numbers);
	return err;
}
