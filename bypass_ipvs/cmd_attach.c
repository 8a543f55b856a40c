// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * attach, detach. A first attach happens when settings_map is pinned, which comes last; a detach
 * when that pin goes, which comes first. What is left to do after that, or is left behind by a
 * command that was killed, the next attach or detach does: all of ours that the interfaces of this
 * network namespace have goes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bypass_ipvs/commands.h"
#include "bypass_ipvs/devices.h"
#include "bypass_ipvs/follow.h"
#include "bypass_ipvs/hooks.h"
#include "bypass_ipvs/load.h"
#include "bypass_ipvs/places.h"
#include "bypass_ipvs/services.h"

#define MIB (1024.0 * 1024)

/**
 * struct attach - what is going on
 * @upgrade: over a bypass that runs: its maps stay
 * @before: devices that had a part
 */
struct attach {
	const struct bypass_opts *opts;
	struct ecbpf_iflist inbound, outbound;
	struct ecbpf_instance instance;
	struct bypass_service_key service[ECBPF_TEXTS_MAX];
	bool upgrade;
	struct devices devices, before;
	struct places places;
	struct load load;
	struct live live;
};

/* --- taking away */

/* sweep - nothing of ours stays in this network namespace */
static int sweep(const struct ecbpf_instance *instance)
{
	int err = ecbpf_instance_unpin(instance, live_map_name(LIVE_SETTINGS));

	if (!err)
		err = places_sweep(instance);
	return err ? err : ecbpf_instance_clear(instance);
}

static int detach(void)
{
	struct ecbpf_instance instance;
	int err = ecbpf_instance_find(LIVE_TOOL, &instance);

	/* it may be waiting for the lock */
	if (!err)
		err = follow_stop_wait();
	if (!err)
		err = ecbpf_instance_lock(&instance, false);
	if (err)
		return err == -ENOENT ? 0 : err;
	err = sweep(&instance);
	ecbpf_instance_unlock(&instance);
	return err;
}

int cmd_detach(const void *opts, int argc, char **argv)
{
	int err = detach();

	(void)opts;
	(void)argc;
	(void)argv;
	return err ? ecbpf_report(err, "bypass", "detach") : 0;
}

/* --- what is wanted, and whether it can be had */

static int texts_list(const struct ecbpf_texts *texts, struct ecbpf_iflist *list)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < texts->count; i++)
		err = ecbpf_iflist_add(list, texts->text[i]);
	return err;
}

/* usage - the command line alone */
static int usage(struct attach *a)
{
	const struct bypass_opts *opts = a->opts;
	size_t i;
	int err;

	if (!opts->inbound.count)
		return ecbpf_fail(-EINVAL, "--inbound IF[,IF...] is missing");
	err = texts_list(&opts->inbound, &a->inbound);
	if (!err)
		err = texts_list(opts->outbound.count ? &opts->outbound : &opts->inbound,
				 &a->outbound);
	for (i = 0; !err && i < opts->services.count; i++) {
		err = service_parse(opts->services.text[i], &a->service[i]);
		if (err)
			ecbpf_fail(err, "%s is no service: tcp:ADDRESS:PORT, udp:..., fwmark:N",
				   opts->services.text[i]);
	}
	return err;
}

/* --- the maps */

/* rounded - to whole buckets */
static __u32 rounded(uint64_t flows)
{
	return (flows + BYPASS_WAYS - 1) / BYPASS_WAYS * BYPASS_WAYS;
}

static int sizes_kept(const struct attach *a)
{
	const struct bypass_settings *settings = a->live.settings;
	const struct {
		const char *name;
		uint64_t want;
		__u32 have;
	} rows[] = {
		{ "flows", rounded(a->opts->flows), settings->flows },
		{ "flows6", rounded(a->opts->flows6), settings->flows6 },
		{ "paths", a->opts->paths, settings->paths },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].want && rows[i].want != rows[i].have)
			return ecbpf_fail(-EEXIST, "it runs with --%s %u: detach it first",
					  rows[i].name, rows[i].have);
	return 0;
}

static void memory_print(const struct attach *a, const struct load_sizes *sizes)
{
	uint64_t bytes[LIVE_MAPS], all = 0;
	int i;

	for (i = 0; i < LIVE_MAPS; i++) {
		bytes[i] = load_bytes(&a->load, i);
		all += bytes[i];
	}
	printf("flow tables: IPv4 %u flows, %.1f MiB; IPv6 %u flows, %.1f MiB; pending %d flows, "
	       "%.1f MiB: %.1f MiB in all\n",
	       sizes->flows, bytes[LIVE_TUPLE] / MIB, sizes->flows6, bytes[LIVE_TUPLE6] / MIB,
	       BYPASS_PENDING_MAX, bytes[LIVE_PENDING] / MIB, all / MIB);
	fflush(stdout);
}

static int maps_new(struct attach *a)
{
	const struct bypass_opts *opts = a->opts;
	const uint64_t flows = opts->flows ?: LOAD_FLOWS;
	const struct load_sizes sizes = { rounded(flows), rounded(opts->flows6 ?: (flows + 3) / 4),
					  opts->paths ?: LOAD_PATHS };
	int i, err = load_open(&a->load, &sizes);

	if (!err) {
		memory_print(a, &sizes);
		err = load_make(&a->load, &sizes, opts->monitor, &a->live);
	}
	for (i = 0; !err && i < LIVE_MAPS; i++)
		if (i != LIVE_SETTINGS)
			err = ecbpf_instance_pin(&a->instance, live_map_name(i), a->live.fd[i]);
	return err;
}

static void monitor_on(const struct live *live)
{
	struct bypass_settings *settings = live->settings;
	const __u32 other = !(settings->active & 1);

	settings->params[other] = *live_params(live);
	settings->params[other].monitor = 1;
	__atomic_store_n(&settings->active, other, __ATOMIC_SEQ_CST);
}

static int maps_old(struct attach *a)
{
	int err = devices_read(a->live.fd[LIVE_DEVICE], &a->before);

	if (!err)
		err = load_again(&a->load, &a->live);
	if (!err)
		printf("flow tables: kept, IPv4 %u flows, IPv6 %u flows\n", a->live.settings->flows,
		       a->live.settings->flows6);
	return err;
}

/* devices_write - @devices have a part, and those of @others that are not among them have none */
static int devices_write(const struct live *live, const struct devices *devices,
			 const struct devices *others)
{
	size_t i, j;
	int err = 0;

	for (i = 0; !err && i < devices->count; i++) {
		const struct device *it = &devices->device[i];

		err = bpf_map_update_elem(live->fd[LIVE_DEVICE], &it->ifindex, &it->as, BPF_ANY);
		if (!err && (it->as.role & (BYPASS_AT_XDP | BYPASS_AT_TC)))
			err = bpf_map_update_elem(live->fd[LIVE_OUT], &it->ifindex, &it->ifindex,
						  BPF_ANY);
		if (err)
			ecbpf_fail(err, "%s: %s", it->name, strerror(-err));
	}
	for (i = 0; !err && i < others->count; i++) {
		for (j = 0; j < devices->count; j++)
			if (devices->device[j].ifindex == others->device[i].ifindex)
				break;
		if (j < devices->count)
			continue;
		bpf_map_delete_elem(live->fd[LIVE_DEVICE], &others->device[i].ifindex);
		bpf_map_delete_elem(live->fd[LIVE_OUT], &others->device[i].ifindex);
	}
	return err;
}

/* --- all of it */

static int services_put(struct attach *a)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < a->opts->services.count; i++) {
		err = services_add(&a->live, &a->service[i], 1);
		if (err == -EEXIST)
			err = 0;
	}
	return err;
}

static void undo(struct attach *a)
{
	char text[512];

	snprintf(text, sizeof(text), "%s", ecbpf_error());
	if (a->upgrade) {
		places_undo(&a->instance, &a->places);
		devices_write(&a->live, &a->before, &a->devices);
	} else {
		sweep(&a->instance);
	}
	ecbpf_fail(0, "%s", text);
}

static int put(struct attach *a)
{
	int err = a->upgrade ? maps_old(a) : maps_new(a);

	if (!err)
		err = devices_write(&a->live, &a->devices, &(struct devices){});
	if (!err)
		err = services_put(a);
	if (!err)
		err = places_put(&a->instance, &a->load, &a->live, &a->places);
	if (!err && !a->upgrade)
		err = ecbpf_instance_pin(&a->instance, live_map_name(LIVE_SETTINGS),
					 a->live.fd[LIVE_SETTINGS]);
	if (err)
		undo(a);
	return err;
}

static int attach_locked(struct attach *a)
{
	int err = live_open(&a->live, false);

	a->upgrade = !err;
	if (err == -ENOENT)
		err = sweep(&a->instance);
	if (!err && a->upgrade)
		err = sizes_kept(a);
	if (!err)
		err = devices_find(&a->inbound, &a->outbound, &a->devices);
	if (!err)
		err = places_find(&a->instance, &a->devices,
				  a->opts->slot == UINT64_MAX ? -1 : (int)a->opts->slot,
				  &a->places);
	if (!err)
		err = put(a);
	if (err || !a->upgrade)
		return err;
	if (a->opts->monitor)
		monitor_on(&a->live);
	err = devices_write(&a->live, &a->devices, &a->before);
	return places_retire(&a->instance, &a->before, &a->devices) ?: err;
}

static void places_print(const struct attach *a)
{
	struct hook hook;
	size_t i;

	for (i = 0; i < a->places.count; i++) {
		const struct place *place = &a->places.place[i];

		printf("%s: ", place->device->name);
		if (place->device->as.role & BYPASS_AT_XDP)
			printf("slot %d, ", place->slot);
		if (!hook_get(&a->instance, place->device->ifindex, &hook))
			printf("TC egress (%s)\n", hook_kind_name(hook.kind));
	}
}

static void attach_free(struct attach *a)
{
	places_free(&a->places);
	load_close(&a->load);
	live_close(&a->live);
	devices_free(&a->devices);
	devices_free(&a->before);
	ecbpf_iflist_free(&a->inbound);
	ecbpf_iflist_free(&a->outbound);
}

/* follow - a first attach whose follower cannot start is none */
static int follow(const struct attach *a)
{
	char text[512];
	int err = follow_start();

	if (!err || a->upgrade)
		return err;
	snprintf(text, sizeof(text), "%s", ecbpf_error());
	detach();
	return ecbpf_fail(err, "%s", text);
}

static int attach(struct attach *a)
{
	int err = ecbpf_instance_find(LIVE_TOOL, &a->instance);

	if (!err && a->opts->no_follow)
		err = follow_stop_wait();
	if (!err)
		err = ecbpf_instance_lock(&a->instance, true);
	if (err)
		return err;
	err = attach_locked(a);
	if (!err)
		places_print(a);
	ecbpf_instance_unlock(&a->instance);
	return err || a->opts->no_follow ? err : follow(a);
}

int cmd_attach(const void *opts, int argc, char **argv)
{
	struct attach a = { .opts = opts, .instance.lock = -1, .live = LIVE_NONE };
	int err = usage(&a);

	(void)argc;
	(void)argv;
	if (err) {
		ecbpf_report(err, "attach", "interfaces");
		err = ECBPF_EXIT_USAGE;
	} else {
		err = attach(&a);
		if (err)
			ecbpf_report(err, a.places.failed ?: "bypass", "attach");
	}
	attach_free(&a);
	return err;
}
