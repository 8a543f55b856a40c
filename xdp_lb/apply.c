// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Another configuration: first all that can fail, then what packets find last, then what leads there. A
 * note is left while the maps are changed: who finds one takes nothing for granted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libecbpf/instance.h"
#include "xdp_lb/apply_parts.h"
#include "xdp_lb/keys.h"
#include "xdp_lb/rings.h"
#include "xdp_lb/stored.h"

#define NOTE "changing"

/**
 * struct apply - all that was prepared
 * @old, @new: keys that there are, and that shall be
 * @ring: tables, by VIP
 * @stored: descriptor of the configuration as it will be kept
 * @near: lb_near_map, mapped
 * @bits: what it shall be
 * @nat: LB_NAT_*
 */
struct apply {
	struct lb_change_of change;
	struct ecbpf_instance instance;
	struct lb_keys old, new;
	int *ring;
	int stored;
	struct lb_near *near;
	struct lb_near bits[LB_NEARS];
	__u32 nat;
};

/* --- to prepare */

static int keys_read(struct lb_keys *keys, const struct lb_live *live)
{
	int err = lb_entries_read(&keys->key, live->fd[LB_LIVE_KEY]);

	if (!err)
		err = lb_entries_read(&keys->source, live->fd[LB_LIVE_SOURCE]);
	if (!err)
		err = lb_entries_read(&keys->cid, live->fd[LB_LIVE_CID]);
	return err ? ecbpf_fail(err, "the keys: %s", strerror(-err)) : 0;
}

static int keys_prepare(struct apply *apply)
{
	const struct lb_change_of *change = &apply->change;
	struct lb_keys *old = &apply->old;
	struct lb_entries nets = { .key_size = sizeof(struct lb_net) };
	int err = lb_entries_read(&nets, change->live->fd[LB_LIVE_NET]);

	if (err)
		ecbpf_fail(err, "lb_net_map: %s", strerror(-err));
	else if (!change->repair)
		err = lb_keys_make(&change->was, &change->had, &nets, old);
	else
		err = keys_read(old, change->live);
	if (change->repair) {
		old->net = nets;
		nets = (struct lb_entries){};
	}
	lb_entries_free(&nets);
	if (!err)
		err = lb_keys_make(change->config, &change->numbers, &old->net, &apply->new);
	return err;
}

static int near_prepare(struct apply *apply)
{
	void *at = mmap(NULL, sizeof(apply->bits), PROT_READ | PROT_WRITE, MAP_SHARED,
			apply->change.live->fd[LB_LIVE_NEAR], 0);

	if (at == MAP_FAILED)
		return ecbpf_fail(-errno, "lb_near_map: %s", strerror(errno));
	apply->near = at;
	lb_near_fill(apply->change.config, &apply->bits[LB_NEAR_VIP]);
	apply->nat = lb_near_fill_back(apply->change.config, &apply->bits[LB_NEAR_BACK]);
	return 0;
}

static int prepare(struct apply *apply)
{
	struct lb_change_of *change = &apply->change;
	int err = lb_numbers_assign(&change->was, &change->had, change->config, &change->numbers);

	if (!err)
		err = keys_prepare(apply);
	if (!err)
		err = near_prepare(apply);
	if (!err)
		err = lb_rings_prepare(&change->was, change->config, &change->numbers,
				       change->repair, &apply->ring);
	if (err)
		return err;
	apply->stored = lb_stored_prepare(change->config, &change->numbers);
	return apply->stored < 0 ? apply->stored : 0;
}

/* --- to change */

static void near_widen(struct lb_near *near, const struct lb_near *bits)
{
	size_t i;

	for (i = 0; i < LB_NEAR_BITS / 64; i++)
		if (bits->bit[i] & ~near->bit[i])
			__atomic_or_fetch(&near->bit[i], bits->bit[i], __ATOMIC_SEQ_CST);
}

static void near_narrow(struct lb_near *near, const struct lb_near *bits)
{
	size_t i;

	for (i = 0; i < LB_NEAR_BITS / 64; i++)
		if (near->bit[i] != bits->bit[i])
			__atomic_store_n(&near->bit[i], bits->bit[i], __ATOMIC_SEQ_CST);
}

/* Where a map does not take old and new together, what is gone goes first. */
static int keys_put(int fd, const struct lb_entries *old, const struct lb_entries *new, size_t max)
{
	int err = 0;

	if (lb_entries_union(old, new) > max)
		err = lb_entries_remove(fd, old, new);
	if (!err)
		err = lb_entries_put(fd, old, new);
	return err ? ecbpf_fail(err, "the keys: %s", strerror(-err)) : 0;
}

static int lead_there(const struct apply *apply)
{
	const struct lb_live *live = apply->change.live;
	const struct lb_keys *old = &apply->old, *new = &apply->new;
	size_t i;
	int err;

	for (i = 0; i < LB_NEARS; i++)
		near_widen(&apply->near[i], &apply->bits[i]);
	if (apply->nat)
		live->settings->nat = LB_NAT_SOME;
	err = keys_put(live->fd[LB_LIVE_SOURCE], &old->source, &new->source, LB_SOURCES_MAX);
	if (!err)
		err = keys_put(live->fd[LB_LIVE_CID], &old->cid, &new->cid, LB_BACKEND_NUMBERS);
	if (!err)
		err = keys_put(live->fd[LB_LIVE_KEY], &old->key, &new->key, LB_KEYS_MAX);
	if (!err)
		err = keys_put(live->fd[LB_LIVE_NET], &old->net, &new->net, LB_NETS_MAX);
	if (!err && new->net.count)
		live->settings->nets = new->net.count;
	return err;
}

static int lead_away(const struct apply *apply)
{
	const struct lb_live *live = apply->change.live;
	const struct lb_keys *old = &apply->old, *new = &apply->new;
	size_t i;
	int err = lb_entries_remove(live->fd[LB_LIVE_NET], &old->net, &new->net);

	live->settings->nets = new->net.count;
	if (!err)
		err = lb_entries_remove(live->fd[LB_LIVE_KEY], &old->key, &new->key);
	if (!err)
		err = lb_entries_remove(live->fd[LB_LIVE_SOURCE], &old->source, &new->source);
	if (!err)
		err = lb_entries_remove(live->fd[LB_LIVE_CID], &old->cid, &new->cid);
	if (err)
		return ecbpf_fail(err, "the keys: %s", strerror(-err));
	live->settings->nat = apply->nat;
	for (i = 0; i < LB_NEARS; i++)
		near_narrow(&apply->near[i], &apply->bits[i]);
	return 0;
}

static int change_maps(const struct apply *apply)
{
	const struct lb_change_of *change = &apply->change;
	struct lb_live *live = change->live;
	int err = lb_apply_backends(change);

	if (!err)
		err = lb_apply_ways(change);
	if (err)
		return err;
	lb_apply_vips_shrink(change);
	err = lb_rings_put(live->fd[LB_LIVE_RING], change->config, &change->numbers, apply->ring);
	if (!err)
		err = lb_apply_vips(change);
	if (!err)
		err = lead_there(apply);
	if (!err)
		err = lead_away(apply);
	if (err)
		return err;
	lb_apply_vips_gone(change);
	lb_apply_backends_gone(change);
	return lb_stored_replace(live->fd[LB_LIVE_CONFIG], apply->stored);
}

/* --- all of it */

static void apply_free(struct apply *apply)
{
	if (apply->near)
		munmap(apply->near, sizeof(apply->bits));
	if (apply->stored >= 0)
		close(apply->stored);
	lb_rings_free(apply->ring, apply->change.config->vips);
	lb_keys_free(&apply->old);
	lb_keys_free(&apply->new);
	lb_numbers_free(&apply->change.numbers);
	lb_numbers_free(&apply->change.had);
	lb_config_free(&apply->change.was);
}

/* run - @begun: the maps were changed, perhaps in part */
static int run(struct lb_live *live, const struct lb_config *config, bool *begun)
{
	struct apply apply = {
		.change = { .live = live, .config = config },
		.old = LB_KEYS_EMPTY,
		.new = LB_KEYS_EMPTY,
		.stored = -1,
	};
	struct lb_change_of *change = &apply.change;
	int err = ecbpf_instance_find(LB_LIVE_TOOL, &apply.instance);

	if (!err)
		err = lb_live_config(live, &change->was, &change->had);
	if (!err) {
		change->repair = ecbpf_instance_has(&apply.instance, NOTE);
		err = prepare(&apply);
	}
	if (!err)
		err = ecbpf_instance_note(&apply.instance, NOTE);
	if (!err) {
		*begun = true;
		err = change_maps(&apply);
	}
	if (!err)
		err = ecbpf_instance_unpin(&apply.instance, NOTE);
	apply_free(&apply);
	return err;
}

/* back - to what is still stored */
static void back(struct lb_live *live)
{
	struct lb_config config;
	struct lb_numbers numbers;
	char text[512];
	bool begun;

	snprintf(text, sizeof(text), "%s", ecbpf_error());
	if (!lb_live_config(live, &config, &numbers)) {
		run(live, &config, &begun);
		lb_config_free(&config);
		lb_numbers_free(&numbers);
	}
	ecbpf_fail(0, "%s", text);
}

int lb_apply(struct lb_live *live, const struct lb_config *config)
{
	bool begun = false;
	int err = run(live, config, &begun);

	if (err && begun)
		back(live);
	return err;
}
