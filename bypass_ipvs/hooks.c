// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "bypass_ipvs/hooks.h"
#include "libecbpf/netlink/netlink.h"

/* Of linux/bpf.h from 6.6 on. */
#define TCX_EGRESS 47

#define PROGRAM "bpf_egress_syn_check"
#define NAME	32

const char *hook_kind_name(enum hook_kind kind)
{
	static const char *const names[] = { "none", "tcx", "clsact" };

	return names[kind];
}

static void pin_name(char *name, const char *what, unsigned int ifindex)
{
	snprintf(name, NAME, "%s:%u", what, ifindex);
}

/* --- TCX */

/* link_open - 0 and the pinned link, -ENOENT also if its interface is gone */
static int link_open(const struct ecbpf_instance *instance, unsigned int ifindex, int *link,
		     __u32 *prog_id)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char name[NAME];
	int err;

	pin_name(name, "egress", ifindex);
	*link = ecbpf_instance_get(instance, name);
	if (*link < 0)
		return *link;
	err = bpf_obj_get_info_by_fd(*link, &info, &len);
	/* of a TCX link the interface is told in the same place as of an XDP link */
	if (!err && info.xdp.ifindex == ifindex) {
		*prog_id = info.prog_id;
		return 0;
	}
	close(*link);
	return err ? ecbpf_fail(err, "%s: %s", name, strerror(-err)) : -ENOENT;
}

static int link_update(const struct ecbpf_instance *instance, unsigned int ifindex, int prog_fd)
{
	__u32 prog_id;
	int link, err = link_open(instance, ifindex, &link, &prog_id);

	if (err)
		return err;
	err = bpf_link_update(link, prog_fd, NULL);
	close(link);
	return err ? ecbpf_fail(err, "replacing the egress program: %s", strerror(-err)) : 0;
}

/* link_create - -EINVAL: this kernel has no TCX */
static int link_create(const struct ecbpf_instance *instance, unsigned int ifindex, int prog_fd)
{
	int link = bpf_link_create(prog_fd, ifindex, TCX_EGRESS, NULL), err;
	char name[NAME];

	if (link < 0)
		return ecbpf_fail(link, "attaching to TC egress: %s", strerror(-link));
	pin_name(name, "egress", ifindex);
	err = ecbpf_instance_unpin(instance, name); /* of an interface that was removed */
	if (!err)
		err = ecbpf_instance_pin(instance, name, link);
	close(link);
	return err;
}

/* --- clsact */

static struct bpf_tc_hook egress_of(unsigned int ifindex)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = ifindex,
		.attach_point = BPF_TC_EGRESS,
	};
}

static int foreign_fail(void)
{
	return ecbpf_fail(-EEXIST, "a filter of somebody else has preference %u", HOOK_PREFERENCE);
}

/* filter_get - 0 and its program; -ENOENT, also if it has none; -EEXIST it is of somebody else */
static int filter_get(unsigned int ifindex, __u32 *prog_id)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HOOK_HANDLE, .priority = HOOK_PREFERENCE);
	struct bpf_tc_hook egress = egress_of(ifindex);
	struct ecbpf_program program;

	if (bpf_tc_query(&egress, &opts))
		return -ENOENT; /* nor is there a qdisc, perhaps */
	if (ecbpf_program_get(opts.prog_id, &program) ||
	    strncmp(program.name, PROGRAM, ECBPF_NAME_SIZE - 1))
		return foreign_fail();
	*prog_id = opts.prog_id;
	return 0;
}

/* one_found - a message of a dump: there is something */
static int one_found(const struct nlmsghdr *message, void *arg)
{
	if (message->nlmsg_type == RTM_NEWTFILTER)
		*(bool *)arg = true;
	return MNL_CB_OK;
}

static void none_found(void *arg)
{
	*(bool *)arg = false;
}

/* has_filters - also if it cannot be known */
static bool has_filters(unsigned int ifindex, __u32 minor)
{
	const struct tcmsg tc = { .tcm_ifindex = ifindex,
				  .tcm_parent = TC_H_MAKE(TC_H_CLSACT, minor) };
	bool found;

	return ecbpf_rtnl_dump(RTM_GETTFILTER, &tc, sizeof(tc), one_found, none_found, &found) ||
	       found;
}

static bool qdisc_used(unsigned int ifindex)
{
	return has_filters(ifindex, TC_H_MIN(TC_H_MIN_INGRESS)) ||
	       has_filters(ifindex, TC_H_MIN(TC_H_MIN_EGRESS));
}

/* qdisc_make - noted first, so that a killed command's is known to be ours */
static int qdisc_make(const struct ecbpf_instance *instance, unsigned int ifindex)
{
	struct bpf_tc_hook egress = egress_of(ifindex);
	bool noted;
	char name[NAME];
	int err;

	pin_name(name, "clsact", ifindex);
	noted = ecbpf_instance_has(instance, name);
	err = ecbpf_instance_note(instance, name);
	if (err)
		return err;
	err = bpf_tc_hook_create(&egress);
	if (err && !noted)
		ecbpf_instance_unpin(instance, name);
	if (err && err != -EEXIST)
		return ecbpf_fail(err, "making the clsact qdisc: %s", strerror(-err));
	return 0;
}

static int qdisc_clear(const struct ecbpf_instance *instance, unsigned int ifindex)
{
	struct bpf_tc_hook both = egress_of(ifindex);
	char name[NAME];

	pin_name(name, "clsact", ifindex);
	if (!ecbpf_instance_has(instance, name))
		return 0;
	both.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	if (!qdisc_used(ifindex))
		bpf_tc_hook_destroy(&both); /* it may be gone already, with its interface */
	return ecbpf_instance_unpin(instance, name);
}

static int filter_set(const struct ecbpf_instance *instance, unsigned int ifindex, int prog_fd)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HOOK_HANDLE, .priority = HOOK_PREFERENCE,
		    .prog_fd = prog_fd);
	struct bpf_tc_hook egress = egress_of(ifindex);
	__u32 prog_id;
	int err = filter_get(ifindex, &prog_id);

	if (err == -EEXIST)
		return err;
	if (!err)
		opts.flags = BPF_TC_F_REPLACE;
	else
		err = qdisc_make(instance, ifindex);
	if (err && err != -ENOENT)
		return err;
	err = bpf_tc_attach(&egress, &opts);
	if (err == -EEXIST)
		return foreign_fail();
	return err ? ecbpf_fail(err, "attaching to TC egress: %s", strerror(-err)) : 0;
}

static int filter_clear(unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HOOK_HANDLE, .priority = HOOK_PREFERENCE);
	struct bpf_tc_hook egress = egress_of(ifindex);
	__u32 prog_id;
	int err = filter_get(ifindex, &prog_id);

	if (err)
		return 0; /* not there, or not ours */
	err = bpf_tc_detach(&egress, &opts);
	return err ? ecbpf_fail(err, "detaching from TC egress: %s", strerror(-err)) : 0;
}

/* --- either */

int hook_get(const struct ecbpf_instance *instance, unsigned int ifindex, struct hook *hook)
{
	int link, err;

	*hook = (struct hook){};
	err = link_open(instance, ifindex, &link, &hook->prog_id);
	if (!err) {
		close(link);
		hook->kind = HOOK_TCX;
		return 0;
	}
	if (err != -ENOENT)
		return err;
	if (!filter_get(ifindex, &hook->prog_id))
		hook->kind = HOOK_CLSACT;
	return 0;
}

int hook_set(const struct ecbpf_instance *instance, unsigned int ifindex, int prog_fd)
{
	struct hook now;
	int err = hook_get(instance, ifindex, &now);

	if (err)
		return err;
	if (now.kind == HOOK_TCX)
		return link_update(instance, ifindex, prog_fd);
	if (now.kind == HOOK_NONE) {
		err = link_create(instance, ifindex, prog_fd);
		if (err != -EINVAL)
			return err;
	}
	return filter_set(instance, ifindex, prog_fd);
}

int hook_clear(const struct ecbpf_instance *instance, unsigned int ifindex)
{
	__u32 prog_id;
	char name[NAME];
	int link = -1, err, later;

	if (link_open(instance, ifindex, &link, &prog_id))
		link = -1;
	pin_name(name, "egress", ifindex);
	err = ecbpf_instance_unpin(instance, name);
	if (link >= 0) {
		bpf_link_detach(link); /* now, even if somebody is just looking at it */
		close(link);
	}
	later = filter_clear(ifindex);
	if (!err)
		err = later;
	later = qdisc_clear(instance, ifindex);
	return err ? err : later;
}
