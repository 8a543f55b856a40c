// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bypass_ipvs/commands.h"
#include "bypass_ipvs/devices.h"
#include "bypass_ipvs/follow.h"
#include "bypass_ipvs/hooks.h"
#include "bypass_ipvs/live.h"
#include "bypass_ipvs/load.h"
#include "bypass_ipvs/paths.h"
#include "libecbpf/json.h"

#define MIB (1024.0 * 1024)

/**
 * struct program_at - programs on one interface, as the kernel tells
 * @slot: of the XDP program, or -1
 * @xdp: id 0: none
 * @hook: of the egress program
 */
struct program_at {
	int slot;
	struct ecbpf_program xdp;
	struct hook hook;
};

/**
 * struct status - what there is
 * @devices: with a part; @at: the same in number
 * @bytes: of all maps
 * @used: paths
 * @compared: IPVS has been compared @age_ms ago
 * @follower: process, or 0
 */
struct status {
	bool attached;
	struct live live;
	struct devices devices;
	struct program_at *at;
	uint64_t bytes;
	__u32 used;
	bool compared;
	uint64_t age_ms;
	pid_t follower;
};

/* --- gathering */

static int program_look(const struct ecbpf_instance *instance, const struct device *device,
			struct program_at *at)
{
	struct ecbpf_root *root;

	at->slot = -1;
	if (!device->name[0])
		return 0;
	if (!ecbpf_root_open_running(device->name, &root)) {
		at->slot = ecbpf_slot_find(root, LOAD_XDP);
		if (at->slot >= 0)
			ecbpf_slot_get(root, at->slot, &at->xdp);
		ecbpf_root_close(root);
	}
	return hook_get(instance, device->ifindex, &at->hook);
}

static int programs_look(struct status *status)
{
	struct ecbpf_instance instance;
	int err = ecbpf_instance_find(LIVE_TOOL, &instance);
	size_t i;

	if (!err)
		err = devices_read(status->live.fd[LIVE_DEVICE], &status->devices);
	if (err)
		return err;
	status->at = calloc(status->devices.count + 1, sizeof(*status->at));
	if (!status->at)
		return ecbpf_fail(-ENOMEM, "out of memory");
	for (i = 0; !err && i < status->devices.count; i++)
		err = program_look(&instance, &status->devices.device[i], &status->at[i]);
	return err;
}

static int follower_look(struct status *status)
{
	const __u64 followed = status->live.settings->followed;
	__u32 now;
	int err = live_now(&now);

	if (err)
		return err;
	status->compared = followed != 0;
	if (followed)
		status->age_ms = (__u32)(now - (__u32)followed) * 1000ULL / ecbpf_hz();
	status->follower = follow_running();
	return status->follower < 0 ? status->follower : 0;
}

/* gather - @status is empty, and for status_free() afterwards */
static int gather(struct status *status)
{
	int err = live_open(&status->live, false);

	if (err)
		return err == -ENOENT ? 0 : err;
	status->attached = true;
	status->used = paths_used(&status->live);
	err = programs_look(status);
	if (!err)
		err = ecbpf_maps_bytes(status->live.fd, LIVE_MAPS, &status->bytes);
	return err ? err : follower_look(status);
}

static void status_free(struct status *status)
{
	free(status->at);
	devices_free(&status->devices);
	live_close(&status->live);
}

/* version_of - of the XDP program; of several, the first one's */
static const char *version_of(const struct status *status)
{
	size_t i;

	for (i = 0; i < status->devices.count; i++)
		if (status->at[i].xdp.version[0])
			return status->at[i].xdp.version;
	return "unknown";
}

/* --- text */

static void device_text(const struct device *device, const struct program_at *at)
{
	const __u32 role = device->as.role;

	if (device->name[0])
		printf("%s:", device->name);
	else
		printf("interface %u, removed:", device->ifindex);
	printf("%s%s%s", role & BYPASS_INBOUND ? " inbound" : "",
	       (role & BYPASS_INBOUND) && (role & BYPASS_OUTBOUND) ? "," : "",
	       role & BYPASS_OUTBOUND ? " outbound" : "");
	if (device->as.outer)
		printf(", VLAN %u", device->as.outer);
	if (device->as.inner)
		printf(".%u", device->as.inner);
	if ((role & BYPASS_AT_XDP) && at->slot >= 0)
		printf("; slot %d: program %u", at->slot, at->xdp.id);
	else if (role & BYPASS_AT_XDP)
		printf("; slot: MISSING");
	if ((role & BYPASS_AT_TC) && at->hook.kind != HOOK_NONE)
		printf("; TC egress (%s): program %u", hook_kind_name(at->hook.kind),
		       at->hook.prog_id);
	else if (role & BYPASS_AT_TC)
		printf("; TC egress: MISSING");
	putchar('\n');
}

static void follower_text(const struct status *status)
{
	if (status->follower)
		printf("following IPVS: process %d", (int)status->follower);
	else
		printf("following IPVS: no");
	if (status->compared)
		printf(", compared %.1f s ago", status->age_ms / 1000.0);
	putchar('\n');
}

static void status_text(const struct status *status)
{
	const struct bypass_settings *settings = status->live.settings;
	size_t i;

	if (!status->attached) {
		puts("bypass: not attached");
		return;
	}
	printf("bypass: attached, version %s%s\n", version_of(status),
	       live_params(&status->live)->monitor ? ", monitor: no packet is touched" : "");
	for (i = 0; i < status->devices.count; i++)
		device_text(&status->devices.device[i], &status->at[i]);
	follower_text(status);
	printf("flows: IPv4 %u, IPv6 %u; paths: %u of %u used; memory: %.1f MiB\n", settings->flows,
	       settings->flows6, status->used, settings->paths - 1, status->bytes / MIB);
}

/* --- JSON */

static void json_truth(struct json_object *to, const char *key, bool value)
{
	json_object_object_add(to, key, json_object_new_boolean(value));
}

static struct json_object *device_json(const struct device *device, const struct program_at *at)
{
	struct json_object *json = json_object_new_object(), *tags = json_object_new_array();
	const __u32 role = device->as.role;

	ecbpf_json_text(json, "interface", device->name[0] ? device->name : NULL);
	ecbpf_json_number(json, "ifindex", device->ifindex);
	json_truth(json, "inbound", role & BYPASS_INBOUND);
	json_truth(json, "outbound", role & BYPASS_OUTBOUND);
	if (device->as.outer)
		json_object_array_add(tags, json_object_new_int(device->as.outer));
	if (device->as.inner)
		json_object_array_add(tags, json_object_new_int(device->as.inner));
	json_object_object_add(json, "vlans", tags);
	if (role & BYPASS_AT_XDP) {
		json_object_object_add(json, "slot",
				       at->slot < 0 ? NULL : json_object_new_int(at->slot));
		ecbpf_json_number(json, "program_id", at->xdp.id);
	}
	if (role & BYPASS_AT_TC) {
		ecbpf_json_text(json, "egress", hook_kind_name(at->hook.kind));
		ecbpf_json_number(json, "egress_program_id", at->hook.prog_id);
	}
	return json;
}

static struct json_object *follower_json(const struct status *status)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "pid",
			       status->follower ? json_object_new_int(status->follower) : NULL);
	json_object_object_add(json, "compared_s",
			       status->compared ? json_object_new_double(status->age_ms / 1000.0) :
						  NULL);
	return json;
}

static struct json_object *status_json(const struct status *status)
{
	struct json_object *json = json_object_new_object(), *array = json_object_new_array();
	const struct bypass_settings *settings = status->live.settings;
	size_t i;

	json_truth(json, "attached", status->attached);
	for (i = 0; i < status->devices.count; i++)
		json_object_array_add(array,
				      device_json(&status->devices.device[i], &status->at[i]));
	json_object_object_add(json, "interfaces", array);
	if (!status->attached)
		return json;
	ecbpf_json_text(json, "version", version_of(status));
	json_truth(json, "monitor", live_params(&status->live)->monitor);
	json_object_object_add(json, "follower", follower_json(status));
	ecbpf_json_number(json, "flows", settings->flows);
	ecbpf_json_number(json, "flows6", settings->flows6);
	ecbpf_json_number(json, "paths", settings->paths - 1);
	ecbpf_json_number(json, "paths_used", status->used);
	ecbpf_json_number(json, "memory_bytes", status->bytes);
	return json;
}

int cmd_status(const void *arg, int argc, char **argv)
{
	const struct bypass_opts *opts = arg;
	struct status status = { .live = LIVE_NONE };
	int err = gather(&status);

	(void)argc;
	(void)argv;
	if (err)
		ecbpf_report(err, "bypass", "status");
	else if (opts->common.json)
		ecbpf_json_print(status_json(&status));
	else
		status_text(&status);
	status_free(&status);
	return err;
}
