// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * churn IFNAME SLOT FILE REPLACEMENTS UPGRADES: load FILE's program into the slot that often, and
 * upgrade the root that often in between. Says nothing if every one succeeds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "libecbpf/cli.h"
#include "libecbpf/log.h"
#include "xdp_root/xdp_root.skel.h"

static int replace(struct ecbpf_root *root, int slot, const char *file)
{
	struct bpf_object *obj = bpf_object__open_file(file, NULL);
	int err;

	if (!obj)
		return ecbpf_fail(-errno, "cannot open %s", file);
	err = ecbpf_slot_load(root, slot, obj, bpf_object__next_program(obj, NULL), ECBPF_TAKE_OWN);
	bpf_object__close(obj);
	return err < 0 ? err : 0;
}

static int upgrade(struct ecbpf_root *root)
{
	struct xdp_root *skel = xdp_root__open();
	int err;

	if (!skel)
		return ecbpf_fail(-errno, "cannot open the root");
	err = ecbpf_root_upgrade(root, skel->obj, skel->progs.xdp_root);
	xdp_root__destroy(skel);
	return err;
}

int main(int argc, char **argv)
{
	uint64_t slot, replacements, upgrades, i;
	struct ecbpf_root *root = NULL;
	int err;

	if (argc != 6 || ecbpf_parse_number(argv[2], 0, ECBPF_SLOTS - 1, &slot) ||
	    ecbpf_parse_number(argv[4], 0, 1000000, &replacements) ||
	    ecbpf_parse_number(argv[5], 0, 1000000, &upgrades))
		return 2;
	ecbpf_log_init("churn", 0);
	err = ecbpf_root_open_running(argv[1], &root);
	for (i = 0; i < replacements && !err; i++) {
		err = replace(root, slot, argv[3]);
		if (!err && upgrades && i % (replacements / upgrades) == 0)
			err = upgrade(root);
	}
	ecbpf_root_close(root);
	return err ? ecbpf_report(1, argv[1], "churn") : 0;
}
