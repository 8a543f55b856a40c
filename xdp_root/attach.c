// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* attach, detach, upgrade: the commands that hold the root's own object */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "xdp_root/commands.h"
#include "xdp_root/xdp_nop.skel.h"
#include "xdp_root/xdp_root.skel.h"

int each_interface(const struct options *opts, int argc, char **argv,
		   int (*one)(const struct options *opts, const char *ifname))
{
	struct ecbpf_iflist list;
	int err, first = 0;
	size_t i;

	err = ecbpf_iflist_args(&list, argc, argv);
	if (err)
		return ecbpf_report(ECBPF_EXIT_USAGE, argv[0], "interfaces");
	for (i = 0; i < list.count; i++) {
		err = one(opts, list.name[i]);
		if (!first)
			first = err;
	}
	ecbpf_iflist_free(&list);
	return first;
}

static struct xdp_root *root_object(void)
{
	struct xdp_root *skel = xdp_root__open();

	if (!skel)
		ecbpf_fail(-errno, "opening the root's object: %s", strerror(errno));
	return skel;
}

static int attach_one(const struct options *opts, const char *ifname)
{
	struct ecbpf_root *root = NULL;
	struct xdp_root *skel = NULL;
	int err;

	err = ecbpf_root_open(ifname, &root);
	if (err)
		goto out;
	skel = root_object();
	err = skel ? ecbpf_root_attach(root, skel->obj, skel->progs.xdp_root, opts->mode) : -EINVAL;
out:
	if (err)
		ecbpf_report(err, ifname, "attach");
	xdp_root__destroy(skel);
	ecbpf_root_close(root);
	return err;
}

static int upgrade_one(const struct options *opts, const char *ifname)
{
	struct ecbpf_root *root = NULL;
	struct xdp_root *skel = NULL;
	int err;

	(void)opts;
	err = ecbpf_root_open(ifname, &root);
	if (err)
		goto out;
	skel = root_object();
	err = skel ? ecbpf_root_upgrade(root, skel->obj, skel->progs.xdp_root) : -EINVAL;
out:
	if (err)
		ecbpf_report(err, ifname, "upgrade");
	xdp_root__destroy(skel);
	ecbpf_root_close(root);
	return err;
}

static int detach_one(const struct options *opts, const char *ifname)
{
	struct ecbpf_root *root = NULL;
	struct xdp_nop *nop = NULL;
	int err;

	err = ecbpf_root_open(ifname, &root);
	if (err)
		goto out;
	if (opts->nop) {
		nop = xdp_nop__open_and_load();
		err = nop ? 0 : ecbpf_fail(-errno, "pass-through program: %s", strerror(errno));
	}
	if (!err)
		err = ecbpf_root_detach(root, nop ? bpf_program__fd(nop->progs.xdp_root_nop) : -1);
out:
	if (err)
		ecbpf_report(err, ifname, "detach");
	xdp_nop__destroy(nop);
	ecbpf_root_close(root);
	return err;
}

int cmd_attach(const void *opts, int argc, char **argv)
{
	return each_interface(opts, argc, argv, attach_one);
}

int cmd_detach(const void *opts, int argc, char **argv)
{
	return each_interface(opts, argc, argv, detach_one);
}

int cmd_upgrade(const void *opts, int argc, char **argv)
{
	return each_interface(opts, argc, argv, upgrade_one);
}

int root_tag(char *tag, size_t size)
{
	struct xdp_root *skel = root_object();
	struct ecbpf_program program;
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	struct bpf_map *map;
	int err;

	if (!skel)
		return -EINVAL;
	bpf_object__for_each_map(map, skel->obj)
		bpf_map__set_pin_path(map, NULL);
	err = xdp_root__load(skel);
	if (!err)
		err = bpf_obj_get_info_by_fd(bpf_program__fd(skel->progs.xdp_root), &info, &len);
	if (!err)
		err = ecbpf_program_get(info.id, &program);
	if (!err)
		snprintf(tag, size, "%s", program.tag);
	xdp_root__destroy(skel);
	return err;
}
