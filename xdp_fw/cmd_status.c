// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"
#include "xdp_fw/commands.h"
#include "xdp_fw/rule_json.h"

#define KIB 1024

/**
 * struct status - of one firewall
 * @live: its rules are those in force
 * @left_s: of a running trial
 * @shared_bytes: maps that outlive generations: sets, and sources of limits
 * @counters_bytes: of rules, on all CPUs
 * @rules_bytes: maps of this generation
 */
struct status {
	const char *ifname;
	struct fw_live live;
	enum fw_trial trial;
	unsigned int left_s;
	uint64_t shared_bytes, counters_bytes, rules_bytes;
	unsigned int sets;
	uint32_t entries;
};

/* --- gathering */

static int map_bytes(uint32_t prog_id, const char *name, uint64_t *bytes)
{
	const uint64_t page = sysconf(_SC_PAGESIZE);
	int fd = ecbpf_program_map(prog_id, name), err;
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (err)
		return ecbpf_fail(err, "map %s: %s", name, strerror(-err));
	/* user space can map it: whole pages */
	*bytes += ((uint64_t)info.value_size * info.max_entries + page - 1) / page * page;
	return 0;
}

static int memory(struct status *status)
{
	static const char *const names[] = { "fw_classes", "fw_bounds", "fw_rows",
					     "xdp_fw_rules_map", "fw_text" };
	const int cpus = libbpf_num_possible_cpus();
	size_t i;
	int err = 0;

	if (cpus < 0)
		return ecbpf_fail(cpus, "the number of CPUs: %s", strerror(-cpus));
	status->shared_bytes = fw_maps_bytes(&status->live.maps);
	status->counters_bytes = (uint64_t)FW_HITS * sizeof(struct fw_hits) * cpus;
	for (i = 0; !err && i < sizeof(names) / sizeof(names[0]); i++)
		err = map_bytes(status->live.prog_id, names[i], &status->rules_bytes);
	return err;
}

/* gather - @status is empty, and for fw_live_close() afterwards */
static int gather(const char *ifname, struct status *status)
{
	int i, err = fw_live_open(ifname, FW_READ, &status->live);

	if (err)
		return err;
	status->ifname = ifname;
	status->trial = fw_live_trial(&status->live, &status->left_s);
	for (i = 0; i < FW_SETS_MAX; i++)
		status->sets += status->live.pool.info[i].name[0] != '\0';
	status->entries = fw_pool_used(&status->live.pool);
	return memory(status);
}

/* --- text */

static void text_hygiene(const struct fw_hygiene *hygiene)
{
	if (!hygiene->fragments && !hygiene->options && !hygiene->malformed) {
		puts("hygiene: off");
		return;
	}
	printf("hygiene:%s", hygiene->fragments ? " fragments" : "");
	if (hygiene->fragments && hygiene->ptb_pps)
		printf(" (answered, at most %u a second)", hygiene->ptb_pps);
	printf("%s%s%s\n", hygiene->options ? " options" : "",
	       hygiene->malformed ? " malformed" : "",
	       hygiene->local ? ", not of packets to this machine" : "");
}

static void status_text(const struct status *status)
{
	const struct fw_live *live = &status->live;
	const struct fw_ruleset *set = &live->set;

	printf("%s: slot %d, program %u\n", status->ifname, live->slot, live->prog_id);
	if (status->trial == FW_TRIAL_RUNNING)
		printf("on trial, %u s left\n", status->left_s);
	else if (status->trial == FW_TRIAL_OVER)
		puts("not confirmed: the rules before are in force");
	printf("rules: %zu, protections: %zu, default %s\n", set->rules, set->protects,
	       fw_default_name(set->fallback));
	text_hygiene(&set->hygiene);
	printf("sets: %u, entries: %u of %u\n", status->sets, status->entries, live->pool.capacity);
	printf("memory: rules %" PRIu64 " KiB, counters %" PRIu64 " KiB, sets and sources %" PRIu64
	       " KiB\n",
	       status->rules_bytes / KIB, status->counters_bytes / KIB, status->shared_bytes / KIB);
}

/* --- JSON */

static struct json_object *status_json(const struct status *status)
{
	static const char *const trials[] = { "none", "running", "over" };
	struct json_object *json = json_object_new_object(), *bytes = json_object_new_object();
	const struct fw_live *live = &status->live;

	ecbpf_json_text(json, "interface", status->ifname);
	ecbpf_json_number(json, "slot", live->slot);
	ecbpf_json_number(json, "program_id", live->prog_id);
	ecbpf_json_number(json, "slot_program_id", live->slot_id);
	ecbpf_json_text(json, "trial", trials[status->trial]);
	if (status->trial == FW_TRIAL_RUNNING)
		ecbpf_json_number(json, "trial_left_s", status->left_s);
	ecbpf_json_number(json, "rules", live->set.rules);
	ecbpf_json_number(json, "protections", live->set.protects);
	ecbpf_json_text(json, "default", fw_default_name(live->set.fallback));
	json_object_object_add(json, "hygiene", fw_hygiene_json(&live->set.hygiene));
	ecbpf_json_number(json, "sets", status->sets);
	ecbpf_json_number(json, "entries", status->entries);
	ecbpf_json_number(json, "entries_max", live->pool.capacity);
	ecbpf_json_number(bytes, "rules", status->rules_bytes);
	ecbpf_json_number(bytes, "counters", status->counters_bytes);
	ecbpf_json_number(bytes, "sets_and_sources", status->shared_bytes);
	json_object_object_add(json, "memory_bytes", bytes);
	return json;
}

/* --- the command */

/* status_one - *printed: texts so far */
static int status_one(const char *ifname, bool asked, struct json_object *array, size_t *printed)
{
	struct status status = {};
	int err = gather(ifname, &status);

	if (err == -ENOENT && !asked) {
		err = 0;
	} else if (err) {
		ecbpf_report(err, ifname, "status");
	} else if (array) {
		json_object_array_add(array, status_json(&status));
	} else {
		fputs((*printed)++ ? "\n" : "", stdout);
		status_text(&status);
	}
	fw_live_close(&status.live);
	return err;
}

int cmd_status(const void *arg, int argc, char **argv)
{
	const struct options *opts = arg;
	struct json_object *array = NULL;
	struct ecbpf_iflist list;
	size_t i, printed = 0;
	int err, first = 0;

	err = argc ? ecbpf_iflist_args(&list, argc, argv) : ecbpf_iflist_pinned(&list);
	if (err)
		return ecbpf_report(argc ? ECBPF_EXIT_USAGE : err, "interfaces", "status");
	if (opts->common.json)
		array = json_object_new_array();
	for (i = 0; i < list.count; i++) {
		err = status_one(list.name[i], argc, array, &printed);
		if (!first)
			first = err;
	}
	if (array)
		ecbpf_json_print(array);
	else if (!argc && !printed)
		puts("no interface of this network namespace has a firewall");
	ecbpf_iflist_free(&list);
	return first;
}
