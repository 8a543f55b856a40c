// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* attach, detach */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "xdp_fw/commands.h"
#include "xdp_fw/document.h"
#include "xdp_fw/load.h"

#define KIB 1024

/* attached_already - where it is, so that nobody loses rules to a second attach */
static int attached_already(const struct ecbpf_root *root)
{
	int slot = ecbpf_slot_find(root, FW_PROGRAM);

	if (slot >= 0)
		return ecbpf_fail(-EEXIST, "a firewall is in slot %d already", slot);
	return slot == -ENOENT ? 0 : slot;
}

static int attach_root(struct ecbpf_root *root, const struct options *opts,
		       const struct fw_document *doc)
{
	const int slot = opts->slot == UINT64_MAX ? -1 : (int)opts->slot;
	struct fw_maps maps;
	const struct fw_load load = { .set = &doc->rules, .maps = &maps };
	struct fw_loaded loaded = {};
	int err = attached_already(root);

	fw_maps_none(&maps);
	if (!err)
		err = fw_document_maps(doc, opts->set_entries, opts->sources, &maps);
	if (!err)
		err = fw_load_slot(root, slot, &load, &loaded);
	if (err >= 0)
		printf("%s: slot %d: %zu rules (%zu terms), memory: rules %llu KiB, sets and "
		       "sources %llu KiB\n",
		       ecbpf_root_ifname(root), err, loaded.rules, loaded.terms,
		       (unsigned long long)loaded.maps_bytes / KIB,
		       (unsigned long long)fw_maps_bytes(&maps) / KIB);
	fw_maps_close(&maps);
	return err < 0 ? err : 0;
}

static int attach_one(const struct options *opts, const struct fw_document *doc, const char *ifname)
{
	struct ecbpf_root *root = NULL;
	int err = ecbpf_root_open_running(ifname, &root);

	if (!err)
		err = attach_root(root, opts, doc);
	ecbpf_root_close(root);
	return err ? ecbpf_report(err, ifname, "attach") : 0;
}

static int detach_one(const char *ifname)
{
	struct ecbpf_root *root = NULL;
	int err = ecbpf_root_open_running(ifname, &root);
	int slot = err ? err : ecbpf_slot_find(root, FW_PROGRAM);

	if (slot == -ENOENT && !err)
		ecbpf_fail(slot, "no firewall is attached");
	if (slot >= 0)
		err = ecbpf_slot_clear(root, slot, FW_PROGRAM);
	else
		err = slot;
	ecbpf_root_close(root);
	return err ? ecbpf_report(err, ifname, "detach") : 0;
}

int cmd_attach(const void *opts, int argc, char **argv)
{
	const struct options *o = opts;
	struct fw_document doc = {};
	struct ecbpf_iflist list = {};
	int err = ecbpf_iflist_args(&list, argc, argv), first = 0;
	size_t i;

	if (err)
		return ecbpf_report(ECBPF_EXIT_USAGE, "attach", "interfaces");
	if (o->file)
		err = fw_document_read(o->file, &doc);
	if (err)
		ecbpf_report(err, "attach", o->file);
	for (i = 0; !err && i < list.count; i++) {
		int one = attach_one(o, &doc, list.name[i]);

		if (!first)
			first = one;
	}
	fw_document_free(&doc);
	ecbpf_iflist_free(&list);
	return err ? err : first;
}

int cmd_detach(const void *opts, int argc, char **argv)
{
	struct ecbpf_iflist list = {};
	int first = 0, one;
	size_t i;

	(void)opts;
	if (ecbpf_iflist_args(&list, argc, argv))
		return ecbpf_report(ECBPF_EXIT_USAGE, "detach", "interfaces");
	for (i = 0; i < list.count; i++) {
		one = detach_one(list.name[i]);
		if (!first)
			first = one;
	}
	ecbpf_iflist_free(&list);
	return first;
}
