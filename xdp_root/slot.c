// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* slot IF N load FILE[:PROGRAM] | clear */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "libecbpf/cli.h"
#include "libecbpf/ecbpf.h"
#include "xdp_root/commands.h"

/* Split FILE:PROGRAM, unless a file has that whole name. */
static const char *split_program(const char *operand, char *file, size_t size)
{
	char *colon;

	snprintf(file, size, "%s", operand);
	colon = strrchr(file, ':');
	if (!colon || !access(operand, F_OK))
		return NULL;
	*colon = '\0';
	return operand + (colon - file) + 1;
}

static bool is_xdp(const struct bpf_program *prog)
{
	/* UNSPEC: a section that libbpf does not know, as older objects have ("prog") */
	return bpf_program__type(prog) == BPF_PROG_TYPE_XDP ||
	       bpf_program__type(prog) == BPF_PROG_TYPE_UNSPEC;
}

/* The program of that name, or the only XDP program; the others are not loaded. */
static struct bpf_program *choose(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog, *found = NULL;
	int count = 0;

	bpf_object__for_each_program(prog, obj) {
		if (name ? strcmp(bpf_program__name(prog), name) : !is_xdp(prog))
			continue;
		found = prog;
		count++;
	}
	if (!found && name)
		ecbpf_fail(-ENOENT, "the object has no program %s", name);
	else if (!found)
		ecbpf_fail(-ENOENT, "the object has no XDP program");
	else if (count > 1)
		ecbpf_fail(-EINVAL, "the object has %d XDP programs: say FILE:PROGRAM", count);
	if (count != 1)
		return NULL;
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, prog == found);
	return found;
}

static int load(const char *ifname, int slot, const char *operand)
{
	char path[PATH_MAX];
	const char *name = split_program(operand, path, sizeof(path));
	struct ecbpf_root *root = NULL;
	struct bpf_object *obj = NULL;
	struct bpf_program *prog;
	int err;

	err = ecbpf_root_open_running(ifname, &root);
	if (err)
		return ecbpf_report(err, ifname, "slot");
	err = ecbpf_object_open(path, &obj);
	if (!err) {
		prog = choose(obj, name);
		err = prog ? ecbpf_slot_load(root, slot, obj, prog, ECBPF_TAKE_ANY) : -EINVAL;
	}
	if (err < 0)
		ecbpf_report(err, ifname, path);
	bpf_object__close(obj);
	ecbpf_root_close(root);
	return err < 0 ? err : 0;
}

static int clear(const char *ifname, int slot)
{
	struct ecbpf_root *root = NULL;
	int err = ecbpf_root_open_running(ifname, &root);

	if (!err)
		err = ecbpf_slot_clear(root, slot, NULL);
	ecbpf_root_close(root);
	return err ? ecbpf_report(err, ifname, "slot") : 0;
}

int cmd_slot(const void *opts, int argc, char **argv)
{
	uint64_t slot;

	(void)opts;
	if (ecbpf_parse_number(argv[1], 0, ECBPF_SLOTS - 1, &slot))
		return ecbpf_report(ECBPF_EXIT_USAGE, argv[0], "slot");
	if (argc == 4 && !strcmp(argv[2], "load"))
		return load(argv[0], slot, argv[3]);
	if (argc == 3 && !strcmp(argv[2], "clear"))
		return clear(argv[0], slot);
	ecbpf_fail(-EINVAL, "it is load FILE[:PROGRAM], or clear");
	return ecbpf_report(ECBPF_EXIT_USAGE, argv[0], "slot");
}
