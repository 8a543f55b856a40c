// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/instance.h"
#include "libecbpf/json.h"
#include "xdp_lb/commands.h"
#include "xdp_lb/places.h"

#define MIB (1024.0 * 1024)

/**
 * struct status - what there is
 * @program: of each of @places, as the kernel tells
 * @bytes: of all maps
 * @unresolved: backends that there is no way to
 */
struct status {
	bool attached;
	struct lb_live live;
	struct lb_config config;
	struct lb_numbers numbers;
	struct lb_places places;
	struct ecbpf_program *program;
	uint64_t bytes;
	size_t unresolved;
};

/* --- gathering */

static int programs_look(struct status *status)
{
	size_t i;
	int err = lb_places_list(&status->live, &status->places);

	if (err)
		return err;
	status->program = calloc(status->places.count + 1, sizeof(*status->program));
	if (!status->program)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; !err && i < status->places.count; i++) {
		const struct lb_place *place = &status->places.place[i];

		if (place->slot >= 0)
			err = ecbpf_slot_get(place->root, place->slot, &status->program[i]);
	}
	return err;
}

static int memory_look(struct status *status)
{
	const size_t line = sizeof(struct lb_ring_line);
	int err = ecbpf_maps_bytes(status->live.fd, LB_LIVE_MAPS, &status->bytes);
	size_t i;

	if (err)
		return err;
	for (i = 0; i < status->config.vips; i++) {
		const __u32 entries = status->live.vip[status->numbers.vip[i]].entries;

		status->bytes += (entries + LB_RING_LINE - 1) / LB_RING_LINE * line;
	}
	return 0;
}

/* gather - @status is empty, and for status_free() afterwards */
static int gather(struct status *status)
{
	int err = lb_live_open(&status->live, false);
	size_t i;

	if (err)
		return err == -ENOENT ? 0 : err;
	status->attached = true;
	err = lb_live_config(&status->live, &status->config, &status->numbers);
	for (i = 0; !err && i < status->config.backends; i++)
		status->unresolved += status->live.backend[status->numbers.backend[i]].state !=
				      LB_BACKEND_UP;
	if (!err)
		err = programs_look(status);
	return err ? err : memory_look(status);
}

static void status_free(struct status *status)
{
	free(status->program);
	lb_places_free(&status->places);
	lb_config_free(&status->config);
	lb_numbers_free(&status->numbers);
	lb_live_close(&status->live);
}

/* version_of - of several programs, the first one's */
static const char *version_of(const struct status *status)
{
	size_t i;

	for (i = 0; i < status->places.count; i++)
		if (status->program[i].version[0])
			return status->program[i].version;
	return "unknown";
}

/* --- text */

static void place_text(const struct lb_place *place, const struct ecbpf_program *program)
{
	if (place->name[0])
		printf("%s: ", place->name);
	else
		printf("interface %u, removed: ", place->ifindex);
	if (place->slot >= 0)
		printf("slot %d: program %u\n", place->slot, program->id);
	else
		printf("slot: MISSING\n");
}

static void status_text(const struct status *status)
{
	const struct lb_settings *settings = status->live.settings;
	size_t i;

	if (!status->attached) {
		puts("balancer: not attached");
		return;
	}
	printf("balancer: attached, version %s\n", version_of(status));
	for (i = 0; i < status->places.count; i++)
		place_text(&status->places.place[i], &status->program[i]);
	printf("VIPs: %zu; backends: %zu", status->config.vips, status->config.backends);
	if (status->unresolved)
		printf(", no way to %zu of them", status->unresolved);
	printf("\nconnections: IPv4 %u, IPv6 %u; by NAT: IPv4 %u, IPv6 %u; memory: %.1f MiB\n",
	       settings->conns, settings->conns6, settings->backs, settings->backs6,
	       status->bytes / MIB);
}

/* --- JSON */

static struct json_object *place_json(const struct lb_place *place,
				      const struct ecbpf_program *program)
{
	struct json_object *json = json_object_new_object();

	ecbpf_json_text(json, "interface", place->name[0] ? place->name : NULL);
	ecbpf_json_number(json, "ifindex", place->ifindex);
	json_object_object_add(json, "slot",
			       place->slot < 0 ? NULL : json_object_new_int(place->slot));
	ecbpf_json_number(json, "program_id", program->id);
	return json;
}

static struct json_object *status_json(const struct status *status)
{
	struct json_object *json = json_object_new_object(), *array = json_object_new_array();
	size_t i;

	json_object_object_add(json, "attached", json_object_new_boolean(status->attached));
	for (i = 0; i < status->places.count; i++)
		json_object_array_add(array,
				      place_json(&status->places.place[i], &status->program[i]));
	json_object_object_add(json, "interfaces", array);
	if (!status->attached)
		return json;
	ecbpf_json_text(json, "version", version_of(status));
	ecbpf_json_number(json, "vips", status->config.vips);
	ecbpf_json_number(json, "backends", status->config.backends);
	ecbpf_json_number(json, "unresolved", status->unresolved);
	ecbpf_json_number(json, "conns", status->live.settings->conns);
	ecbpf_json_number(json, "conns6", status->live.settings->conns6);
	ecbpf_json_number(json, "nat", status->live.settings->backs);
	ecbpf_json_number(json, "nat6", status->live.settings->backs6);
	ecbpf_json_number(json, "memory_bytes", status->bytes);
	return json;
}

int cmd_status(const void *arg, int argc, char **argv)
{
	const struct lb_opts *opts = arg;
	struct status status = { .live = LB_LIVE_NONE };
	int err = gather(&status);

	(void)argc;
	(void)argv;
	if (err)
		ecbpf_report(err, "balancer", "status");
	else if (opts->common.json)
		ecbpf_json_print(status_json(&status));
	else
		status_text(&status);
	status_free(&status);
	return err;
}
