// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Roots on interfaces of the benchmark's own network namespace. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bench/bench.h"
#include "tests/bench/member.skel.h"
#include "xdp_root/xdp_root.skel.h"

extern char **environ;

int bench_filter(const char *const argv[], int in, int out)
{
	posix_spawn_file_actions_t actions;
	int err = posix_spawn_file_actions_init(&actions), status;
	pid_t pid;

	if (err)
		return bench_fail(-err, "%s: %s", argv[0], strerror(err));
	if (in >= 0)
		err = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (!err && out >= 0)
		err = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!err)
		err = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (err)
		return bench_fail(-err, "%s: %s", argv[0], strerror(err));
	if (waitpid(pid, &status, 0) < 0)
		return bench_fail(-errno, "%s: %s", argv[0], strerror(errno));
	return status ? bench_fail(-ECHILD, "%s %s: status %d", argv[0], argv[1], status) : 0;
}

int bench_command(const char *const argv[])
{
	return bench_filter(argv, -1, -1);
}

int bench_alone(const struct bpf_object *obj)
{
	const int cpus = libbpf_num_possible_cpus();
	const int fd = bpf_object__find_map_fd_by_name(obj, "ecbpf_stats");
	struct ecbpf_cpu *all = cpus > 0 ? calloc(cpus, sizeof(*all)) : NULL;
	__u32 zero = 0;
	int cpu, err = all ? 0 : -ENOMEM;

	for (cpu = 0; !err && cpu < cpus; cpu++)
		all[cpu].now.empty = (1U << ECBPF_SLOTS) - 1;
	if (!err)
		err = bpf_map_update_elem(fd, &zero, all, BPF_ANY);
	free(all);
	return err ? bench_fail(err, "ecbpf_stats: %s", strerror(-err)) : 0;
}

int bench_root_prog(const struct ecbpf_root *root)
{
	struct ecbpf_root_info info;
	int err = ecbpf_root_info(root, &info);

	return err ? err : bpf_prog_get_fd_by_id(info.program.id);
}

static int root_attach(const char *ifname, struct ecbpf_root **root)
{
	struct xdp_root *skel;
	int err = ecbpf_root_open(ifname, root);

	if (err)
		return err;
	skel = xdp_root__open();
	err = skel ? ecbpf_root_attach(*root, skel->obj, skel->progs.xdp_root, ECBPF_MODE_ANY) :
		     -ENOMEM;
	xdp_root__destroy(skel);
	if (!err)
		err = bench_root_prog(*root);
	if (err < 0)
		ecbpf_root_close(*root);
	return err;
}

int bench_root(struct bench *b, struct ecbpf_root **root)
{
	char name[IF_NAMESIZE], peer[IF_NAMESIZE];
	const char *const add[] = { "ip",   "link", "add",  name, "up",
				    "type", "veth", "peer", peer, NULL };
	int err;

	snprintf(name, sizeof(name), "bench%d", b->ifaces);
	snprintf(peer, sizeof(peer), "peer%d", b->ifaces++);
	err = bench_command(add);
	if (err)
		return err;
	err = root_attach(name, root);
	return err < 0 ? bench_fail(err, "root on %s: %s", name, ecbpf_error()) : err;
}

int bench_member(struct ecbpf_root *root, int slot, int action)
{
	struct member *skel = member__open();
	int err = skel ? 0 : -errno;

	if (skel) {
		skel->rodata->bench_action = action;
		err = ecbpf_slot_load(root, slot, skel->obj, skel->progs.bench_member,
				      ECBPF_TAKE_ANY);
	}
	member__destroy(skel);
	return err < 0 ? bench_fail(err, "member in slot %d: %s", slot, ecbpf_error()) : 0;
}
