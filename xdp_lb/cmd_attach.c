// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * attach, detach. A first attach happens when lb_settings_map is pinned, which comes last; a detach of the
 * last interface when that pin goes, which comes first. What a killed command has left, the next attach
 * or detach takes away.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libecbpf/instance.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/load.h"
#include "xdp_lb/monitor.h"
#include "xdp_lb/places.h"

#define MIB (1024.0 * 1024)

/**
 * struct attach - what is going on
 * @upgrade: there is a balancer: its maps stay
 */
struct attach {
	const struct lb_opts *opts;
	struct ecbpf_iflist list;
	struct ecbpf_instance instance;
	bool upgrade;
	struct lb_places places;
	struct lb_live live;
};

/* sweep - nothing of ours stays in this network namespace */
static int sweep(const struct ecbpf_instance *instance)
{
	int err = ecbpf_instance_unpin(instance, lb_live_map_name(LB_LIVE_SETTINGS));

	if (!err)
		err = ecbpf_slots_evict(LB_LOAD_XDP);
	return err ? err : ecbpf_instance_clear(instance);
}

/* ways_again - other interfaces are other ways; backends without one are no failure */
static int ways_again(struct lb_live *live)
{
	struct lb_config config;
	struct lb_numbers numbers;
	int err = lb_live_config(live, &config, &numbers);

	if (err)
		return err;
	err = lb_ways_refresh(live, &config, &numbers, NULL, NULL);
	lb_config_free(&config);
	lb_numbers_free(&numbers);
	return err;
}

/* --- detach */

static struct lb_place *place_of(const struct lb_places *places, const char *name)
{
	size_t i;

	for (i = 0; i < places->count; i++)
		if (!strcmp(places->place[i].name, name))
			return &places->place[i];
	return NULL;
}

/* detach_named - each that can be; returns the first error, which it has told */
static int detach_named(const struct lb_live *live, const struct ecbpf_iflist *list)
{
	struct lb_places places;
	int first = lb_places_list(live, &places), one;
	struct lb_place *place;
	size_t i;

	if (first)
		return ecbpf_report(first, "balancer", "detach");
	for (i = 0; i < list->count; i++) {
		place = place_of(&places, list->name[i]);
		one = place ? lb_places_take(live, place) :
			      ecbpf_fail(-ENOENT, "the balancer is not there");
		if (one)
			ecbpf_report(one, list->name[i], "detach");
		if (!first)
			first = one;
	}
	lb_places_free(&places);
	return first;
}

/* detach_some - if none is left, all goes */
static int detach_some(const struct ecbpf_instance *instance, const struct ecbpf_iflist *list)
{
	struct lb_live live;
	size_t left = 0;
	int err = lb_live_open(&live, false), first = 0;

	if (!err) {
		first = detach_named(&live, list);
		err = lb_places_tidy(&live, &left);
	} else if (err == -ENOENT) {
		first = ecbpf_report(err, list->name[0], "detach");
		err = 0;
	}
	if (!err)
		err = left ? ways_again(&live) :
			     sweep(instance); /* the monitor sees that, and ends */
	lb_live_close(&live);
	if (err)
		ecbpf_report(err, "balancer", "detach");
	return first ? first : err;
}

/* monitor_end - without a balancer it would end by itself, but later */
static int monitor_end(void)
{
	struct lb_live live;
	int err = lb_live_open(&live, false);

	lb_live_close(&live);
	err = err == -ENOENT ? lb_monitor_stop() : 0;
	return err ? ecbpf_report(err, "monitor", "end") : 0;
}

static int detach(const struct ecbpf_iflist *list)
{
	struct ecbpf_instance instance;
	int err = ecbpf_instance_find(LB_LIVE_TOOL, &instance);

	if (!err)
		err = ecbpf_instance_lock(&instance, false);
	if (err == -ENOENT && !list->count)
		return 0;
	if (err == -ENOENT)
		ecbpf_fail(err, "the balancer is not there");
	if (err)
		return ecbpf_report(err, list->count ? list->name[0] : "balancer", "detach");
	if (list->count)
		err = detach_some(&instance, list);
	else if ((err = sweep(&instance)))
		ecbpf_report(err, "balancer", "detach");
	ecbpf_instance_unlock(&instance);
	return err ? err : monitor_end();
}

int cmd_detach(const void *opts, int argc, char **argv)
{
	struct ecbpf_iflist list = {};
	int err;

	(void)opts;
	if (ecbpf_iflist_args(&list, argc, argv))
		return ecbpf_report(ECBPF_EXIT_USAGE, "detach", "interfaces");
	err = detach(&list);
	ecbpf_iflist_free(&list);
	return err;
}

/* --- attach: the maps */

/* rounded - to whole buckets */
static __u32 rounded(uint64_t conns)
{
	return (conns + LB_WAYS - 1) / LB_WAYS * LB_WAYS;
}

static int sizes_kept(const struct attach *a)
{
	const struct lb_settings *settings = a->live.settings;

	if (a->opts->conns && rounded(a->opts->conns) != settings->conns)
		return ecbpf_fail(-EEXIST, "it runs with --conns %u: detach it first",
				  settings->conns);
	if (a->opts->conns6 && rounded(a->opts->conns6) != settings->conns6)
		return ecbpf_fail(-EEXIST, "it runs with --conns6 %u: detach it first",
				  settings->conns6);
	if (a->opts->nat && rounded(a->opts->nat) != settings->backs)
		return ecbpf_fail(-EEXIST, "it runs with --nat %u: detach it first",
				  settings->backs);
	return 0;
}

static void memory_print(const struct xdp_lb *load, const struct lb_sizes *sizes)
{
	uint64_t bytes[LB_LIVE_MAPS], all = 0;
	int i;

	for (i = 0; i < LB_LIVE_MAPS; i++) {
		bytes[i] = lb_load_bytes(load, i);
		all += bytes[i];
	}
	printf("connection tables: IPv4 %u connections, %.1f MiB; IPv6 %u connections, %.1f MiB; "
	       "of these by NAT %u and %u, %.1f MiB: %.1f MiB in all\n",
	       sizes->conns, bytes[LB_LIVE_CONN4] / MIB, sizes->conns6, bytes[LB_LIVE_CONN6] / MIB,
	       sizes->backs, sizes->backs6, (bytes[LB_LIVE_BACK4] + bytes[LB_LIVE_BACK6]) / MIB,
	       all / MIB);
	fflush(stdout);
}

static int maps_new(struct attach *a)
{
	const uint64_t conns = a->opts->conns ?: LB_LOAD_CONNS;
	const uint64_t backs = a->opts->nat ?: LB_LOAD_BACKS;
	const struct lb_sizes sizes = { rounded(conns), rounded(a->opts->conns6 ?: (conns + 3) / 4),
					rounded(backs), rounded((backs + 3) / 4) };
	struct xdp_lb *load = NULL;
	int i, err = lb_load_open(&load, &sizes);

	if (!err) {
		memory_print(load, &sizes);
		err = lb_load_make(load, &sizes, &a->live);
	}
	for (i = 0; !err && i < LB_LIVE_MAPS; i++)
		if (i != LB_LIVE_SETTINGS)
			err = ecbpf_instance_pin(&a->instance, lb_live_map_name(i), a->live.fd[i]);
	lb_load_close(load);
	return err;
}

/* --- all of it */

static void undo(struct attach *a)
{
	char text[512];

	snprintf(text, sizeof(text), "%s", ecbpf_error());
	if (a->upgrade)
		lb_places_undo(&a->live, &a->places);
	else
		sweep(&a->instance);
	ecbpf_fail(0, "%s", text);
}

static int put(struct attach *a)
{
	int err = a->upgrade ? 0 : maps_new(a);

	if (a->upgrade)
		printf("connection tables: kept, IPv4 %u connections, IPv6 %u connections\n",
		       a->live.settings->conns, a->live.settings->conns6);
	if (!err)
		err = lb_places_put(&a->live, &a->places);
	if (!err && !a->upgrade)
		err = ecbpf_instance_pin(&a->instance, lb_live_map_name(LB_LIVE_SETTINGS),
					 a->live.fd[LB_LIVE_SETTINGS]);
	if (err)
		undo(a);
	return err;
}

static int attach_locked(struct attach *a)
{
	int err = lb_live_open(&a->live, false);
	size_t left;

	a->upgrade = !err;
	if (err == -ENOENT)
		err = sweep(&a->instance);
	if (!err && a->upgrade)
		err = sizes_kept(a);
	if (!err)
		err = lb_places_find(&a->list, &a->places);
	if (!err)
		err = put(a);
	if (err || !a->upgrade)
		return err;
	err = lb_places_tidy(&a->live, &left);
	return err ? err : ways_again(&a->live);
}

static int attach(struct attach *a)
{
	int err = ecbpf_instance_find(LB_LIVE_TOOL, &a->instance);
	size_t i;

	if (!err)
		err = ecbpf_instance_lock(&a->instance, true);
	if (err)
		return err;
	err = attach_locked(a);
	for (i = 0; !err && i < a->places.count; i++)
		printf("%s: slot %d\n", a->places.place[i].name, a->places.place[i].slot);
	ecbpf_instance_unlock(&a->instance);
	return err;
}

/* monitor - one that runs stays: it may have health checks */
static int monitor(const struct lb_opts *opts)
{
	int err = opts->no_monitor || lb_monitor_running() > 0 ? 0 : lb_monitor_start(NULL);

	return err ? ecbpf_report(err, "monitor", "start") : 0;
}

int cmd_attach(const void *opts, int argc, char **argv)
{
	struct attach a = { .opts = opts, .instance.lock = -1, .live = LB_LIVE_NONE };
	int err;

	if (ecbpf_iflist_args(&a.list, argc, argv))
		return ecbpf_report(ECBPF_EXIT_USAGE, "attach", "interfaces");
	err = attach(&a);
	if (err)
		ecbpf_report(err, a.places.failed ?: "balancer", "attach");
	lb_places_free(&a.places);
	lb_live_close(&a.live);
	ecbpf_iflist_free(&a.list);
	return err ? err : monitor(opts);
}
