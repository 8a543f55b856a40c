// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Who sends the packets: exact counts per source address. */
#include <errno.h>
#include <stddef.h>

#include <bpf/libbpf.h>

#include <libecbpf/cli.h>
#include <libecbpf/ecbpf.h>

#include "options.h"
#include "xdp_top.h"
#include "xdp_top.skel.h"

#define AT(member) offsetof(struct options, member)
#define NS_PER_S   1000000000ULL

/* slot_check - we are in no other slot already */
static int slot_check(const struct ecbpf_root *root, int slot)
{
	int own = ecbpf_slot_find(root, TOP_NAME);

	if (own >= 0 && own != slot)
		return ecbpf_fail(-EEXIST, "it is in slot %d already: xdp_top detach %s first", own,
				  ecbpf_root_ifname(root));
	return own == -ENOENT || own == slot ? 0 : own;
}

static int cmd_attach(const void *arg, int argc, char **argv)
{
	const struct options *opts = arg;
	struct ecbpf_root *root = NULL;
	struct xdp_top_bpf *skel = NULL;
	int err;

	(void)argc;
	err = ecbpf_root_open_running(argv[0], &root);
	if (!err)
		err = slot_check(root, opts->slot);
	if (!err) {
		skel = xdp_top_bpf__open();
		err = skel ? ecbpf_slot_load(root, opts->slot, skel->obj, skel->progs.xdp_top,
					     ECBPF_TAKE_OWN) :
			     ecbpf_fail(-errno, "the embedded object does not open");
	}
	xdp_top_bpf__destroy(skel);
	ecbpf_root_close(root);
	return err < 0 ? ecbpf_report(err, argv[0], "attach") : 0;
}

static int cmd_detach(const void *arg, int argc, char **argv)
{
	struct ecbpf_root *root = NULL;
	int err = ecbpf_root_open_running(argv[0], &root);

	(void)arg;
	(void)argc;
	if (!err)
		err = ecbpf_slot_find(root, TOP_NAME);
	if (err >= 0)
		err = ecbpf_slot_clear(root, err, TOP_NAME);
	ecbpf_root_close(root);
	return err ? ecbpf_report(err, argv[0], "detach") : 0;
}

static const struct ecbpf_option attach_options[] = {
	{ ECBPF_OPTION_NUMBER, 's', "slot", AT(slot), "N", "which slot (default 8)", 0,
	  ECBPF_SLOTS - 1 },
	{},
};

static const struct ecbpf_option watch_options[] = {
	{ ECBPF_OPTION_NUMBER, 'c', "count", AT(count), "N", "stop after N reports", 1,
	  UINT32_MAX },
	{ ECBPF_OPTION_DURATION, 'i', "interval", AT(interval_ns), "TIME",
	  "report every so often (default 1s)", NS_PER_S / 1000, 86400 * NS_PER_S },
	{ ECBPF_OPTION_NUMBER, 'r', "rows", AT(rows), "N", "list N sources (default 20; 0: all)", 0,
	  UINT32_MAX },
	{ ECBPF_OPTION_CHOICE, 0, "sort", AT(sort), "packets|bytes",
	  "what counts (default packets)", 0, 0 },
	{ ECBPF_OPTION_NUMBER, 0, "sources", AT(sources), "N",
	  "remember N sources, evict the smallest (default 65536)", 1, 1 << 24 },
	{ ECBPF_OPTION_NUMBER, 0, "entries", AT(entries), "N",
	  "sources of one interval, in the kernel (default 16384)", 1, 1 << 22 },
	{},
};

static const struct ecbpf_command commands[] = {
	{ "attach", "IF", "put the counting program into a slot", 1, 1, attach_options,
	  cmd_attach },
	{ "detach", "IF", "take it out", 1, 1, NULL, cmd_detach },
	{ "watch", "IF", "count from now on, and report", 1, 1, watch_options, cmd_watch },
	{},
};

int main(int argc, char **argv)
{
	struct options opts = {
		.slot = TOP_SLOT,
		.interval_ns = NS_PER_S,
		.rows = 20,
		.sources = 65536,
		.entries = 16384,
		.sort = SORT_PACKETS,
	};
	const struct ecbpf_tool tool = {
		TOP_NAME,
		TOP_VERSION,
		"Exact packet and byte counts per source address, as a program in a slot.",
		commands,
		&opts,
	};

	return ecbpf_main(&tool, argc, argv);
}
