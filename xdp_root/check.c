// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* check IF: everything that can be wrong with an interface, and what to do about it */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>

#include <bpf/bpf.h>

#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "libecbpf/json.h"
#include "xdp_root/commands.h"
#include "xdp_root/view.h"

/**
 * enum level - of a finding
 * @NOTE: works, but should be known
 * @FAULT: does not do what its owner thinks; makes the command fail
 */
enum level { NOTE, FAULT };

struct check {
	const char *ifname;
	struct view view;
	struct json_object *findings; /* NULL: text */
	int count[2];
};

__attribute__((format(printf, 4, 5))) static void find(struct check *check, enum level level,
						       const char *remedy, const char *format, ...)
{
	static const char *const names[] = { "note", "fault" };
	struct json_object *json;
	char what[256] = "";
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	check->count[level]++;
	if (!check->findings) {
		printf("%s: %s: %s%s%s\n", check->ifname, names[level], what, remedy ? ": " : "",
		       remedy ? remedy : "");
		return;
	}
	json = json_object_new_object();
	ecbpf_json_text(json, "level", names[level]);
	ecbpf_json_text(json, "what", what);
	if (remedy)
		ecbpf_json_text(json, "remedy", remedy);
	json_object_array_add(check->findings, json);
}

static void check_foreign(struct check *check)
{
	struct ecbpf_program program = {};
	char remedy[128];

	if (!check->view.info.nic_prog_id) {
		snprintf(remedy, sizeof(remedy), "xdp_root attach %s", check->ifname);
		find(check, FAULT, remedy, "no XDP program is attached");
		return;
	}
	ecbpf_program_get(check->view.info.nic_prog_id, &program);
	if (!strcmp(program.name, "xdp_root") && program.abi)
		find(check, FAULT, "rename the interface back, or detach under the old name",
		     "a root is attached whose pins are under another name");
	else
		find(check, FAULT,
		     "detach it with the tool that attached it (bpftool net, bpftool link)",
		     "XDP program %s (id %u) of somebody else is attached", program.name,
		     program.id);
}

static void check_link(struct check *check)
{
	const struct ecbpf_root_info *info = &check->view.info;
	char remedy[128];

	if (check->view.state == ECBPF_GONE) {
		snprintf(remedy, sizeof(remedy), "xdp_root %s %s",
			 info->ifindex ? "attach" : "detach", check->ifname);
		find(check, FAULT, remedy, "the interface of these pins was removed%s",
		     info->ifindex ? ", and a new one has its name" : "");
		return;
	}
	if (info->link_ifindex != info->ifindex)
		find(check, FAULT, "detach it under this name, attach under the new one",
		     "the pins' root holds interface index %u: renamed or moved",
		     info->link_ifindex);
	else if (info->nic_prog_id != info->link_prog_id)
		find(check, FAULT, "see bpftool net",
		     "the interface runs program %u, the pinned link %u", info->nic_prog_id,
		     info->link_prog_id);
	if (check->view.state == ECBPF_NOP)
		find(check, NOTE, NULL, "only a pass-through program is attached (detach --nop)");
	if (info->mode == ECBPF_MODE_SKB)
		find(check, NOTE, "attach with -m native where the driver can",
		     "generic mode: packets are copied into socket buffers first");
}

static void check_pins(struct check *check)
{
	char remedy[128];

	snprintf(remedy, sizeof(remedy), "xdp_root detach %s, then attach", check->ifname);
	if (check->view.health == ECBPF_PINS_MISSING)
		find(check, FAULT, remedy, "pins of the suite's maps are missing in %s",
		     check->view.dir);
	if (check->view.health == ECBPF_PINS_UNFINISHED)
		find(check, NOTE, "the next command that changes something tidies up",
		     "a killed command left pins half done in %s", check->view.dir);
	if (check->view.health == ECBPF_PINS_UNTRIED)
		find(check, FAULT, "load it by xdp_root",
		     "no packet comes to a program that was put into ecbpf_slots by hand");
}

static void check_root(struct check *check)
{
	const struct ecbpf_program *root = &check->view.info.program;
	char tag[17] = "", remedy[128];

	if (root->abi != ECBPF_ABI)
		find(check, FAULT, "use that version's tools, or detach and attach",
		     "the root has ABI %u, this tool %u", root->abi, ECBPF_ABI);
	snprintf(remedy, sizeof(remedy), "xdp_root upgrade %s", check->ifname);
	if (!root_tag(tag, sizeof(tag)) && strcmp(tag, root->tag))
		find(check, NOTE, remedy,
		     "the root is version %s (tag %s), this tool has %s (tag %s)", root->version,
		     root->tag, ECBPF_VERSION, tag);
}

static void check_members(struct check *check)
{
	int slot, foreign = -1;

	for (slot = 0; slot < ECBPF_SLOTS; slot++) {
		const struct ecbpf_program *program = &check->view.program[slot];

		if (!program->id)
			continue;
		if (foreign >= 0)
			find(check, FAULT, "give the program that ends the chain a later slot",
			     "slot %d (%s) never runs: slot %d ends the chain", slot, program->name,
			     foreign);
		else if (!program->abi)
			find(check, NOTE, NULL,
			     "slot %d: %s does not use ecbpf_exit(): it ends the chain, and its verdicts "
			     "count as unreported",
			     slot, program->name);
		else if (program->abi != ECBPF_ABI)
			find(check, FAULT, "load a build for this ABI",
			     "slot %d: %s has ABI %u, the root %u", slot, program->name,
			     program->abi, check->view.info.program.abi);
		else if (program->slot != slot)
			find(check, FAULT, "load it through libecbpf",
			     "slot %d: %s was loaded for slot %d", slot, program->name,
			     program->slot);
		if (!program->abi && foreign < 0)
			foreign = slot;
	}
}

static void check_hook(struct check *check, const struct ecbpf_root *root)
{
	static const char *const actions[] = { "aborted", "drop", "pass", "tx", "redirect" };
	int fd = ecbpf_root_map(root, "xdpcap_hook");
	__u32 key, id;

	for (key = 0; fd >= 0 && key < 5; key++)
		if (!bpf_map_lookup_elem(fd, &key, &id))
			find(check, NOTE, NULL, "xdpcap_hook: program %u captures %s", id,
			     actions[key]);
	if (fd >= 0)
		close(fd);
}

/* sysctl - the number in a file, or -1 */
static int sysctl(const char *path)
{
	FILE *file = fopen(path, "re");
	int value = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%d", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

static void check_kernel(struct check *check)
{
	if (sysctl("/proc/sys/net/core/bpf_jit_enable") == 0)
		find(check, FAULT, "sysctl net.core.bpf_jit_enable=1",
		     "BPF programs are interpreted, not compiled");
	if (sysctl("/proc/sys/kernel/bpf_stats_enabled") == 1)
		find(check, NOTE, "sysctl kernel.bpf_stats_enabled=0",
		     "the kernel times every BPF program, which costs each packet two clock readings");
}

static bool rx_vlan_offload(const char *ifname)
{
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {};
	bool on;

	if (fd < 0)
		return false;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	request.ifr_data = (void *)&flags;
	on = !ioctl(fd, SIOCETHTOOL, &request) && (flags.data & ETH_FLAG_RXVLAN);
	close(fd);
	return on;
}

static void check_offloads(struct check *check)
{
	char remedy[128];

	snprintf(remedy, sizeof(remedy), "ethtool -K %s rxvlan off", check->ifname);
	if (rx_vlan_offload(check->ifname))
		find(check, NOTE, remedy,
		     "the device takes VLAN tags off, so that XDP programs do not see them");
}

static void check_all(struct check *check, const struct ecbpf_root *root)
{
	check_pins(check);
	check_kernel(check);
	if (check->view.state == ECBPF_NONE) {
		check_foreign(check);
		return;
	}
	check_link(check);
	if (check->view.info.ifindex)
		check_offloads(check);
	if (check->view.state != ECBPF_RUNNING && check->view.state != ECBPF_GONE)
		return;
	check_root(check);
	check_members(check);
	check_hook(check, root);
}

static void check_print(const struct check *check)
{
	struct json_object *json;

	if (!check->findings) {
		if (!check->count[NOTE] && !check->count[FAULT])
			printf("%s: ok\n", check->ifname);
		return;
	}
	json = json_object_new_object();
	ecbpf_json_text(json, "interface", check->ifname);
	json_object_object_add(json, "ok", json_object_new_boolean(!check->count[FAULT]));
	json_object_object_add(json, "findings", json_object_get(check->findings));
	ecbpf_json_print(json);
}

static int check_one(const struct options *opts, const char *ifname)
{
	struct check *check = calloc(1, sizeof(*check));
	struct ecbpf_root *root = NULL;
	int err;

	err = check ? ecbpf_root_open(ifname, &root) : ecbpf_fail(-ENOMEM, "out of memory");
	if (err)
		goto out;
	check->ifname = ifname;
	check->findings = opts->common.json ? json_object_new_array() : NULL;
	/* with pins missing there is no reading of counters, but there is something to say */
	err = view_gather(root, &check->view);
	if (err && check->view.health != ECBPF_PINS_MISSING)
		goto out;
	err = 0;
	check_all(check, root);
	check_print(check);
out:
	if (err)
		ecbpf_report(err, ifname, "check");
	else if (check->count[FAULT])
		err = -EUCLEAN;
	if (check)
		json_object_put(check->findings);
	free(check);
	ecbpf_root_close(root);
	return err;
}

int cmd_check(const void *opts, int argc, char **argv)
{
	return each_interface(opts, argc, argv, check_one);
}
