/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Where the egress program runs: a TCX link, pinned as egress:IFINDEX, on kernels that have TCX
 * (6.6 and later); else a filter of the clsact qdisc's egress, with the preference and handle below.
 * Either way it comes behind all others that are there: it sees what really leaves. A qdisc that was
 * made for it is noted as clsact:IFINDEX.
 */
#ifndef BYPASS_IPVS_HOOKS_H
#define BYPASS_IPVS_HOOKS_H

#include <linux/types.h>

#include "libecbpf/instance.h"

/* Behind the preferences that the kernel chooses, which are 49152 and below. */
#define HOOK_PREFERENCE 60607
#define HOOK_HANDLE	0xecbf

enum hook_kind { HOOK_NONE, HOOK_TCX, HOOK_CLSACT };

/** struct hook - what the kernel says is there, whoever has put it there and is gone */
struct hook {
	enum hook_kind kind;
	__u32 prog_id;
};

/** hook_kind_name - "none", "tcx", "clsact" */
const char *hook_kind_name(enum hook_kind kind);

/** hook_get - of an interface */
int hook_get(const struct ecbpf_instance *instance, unsigned int ifindex, struct hook *hook);

/**
 * hook_set - run this program, in the place of our own that is there
 *
 * Packets meet the one or the other. The instance must be locked.
 * Return: 0; -EEXIST a filter of somebody else has this preference and handle.
 */
int hook_set(const struct ecbpf_instance *instance, unsigned int ifindex, int prog_fd);

/** hook_clear - and the qdisc, if it was made for this and nobody else uses it */
int hook_clear(const struct ecbpf_instance *instance, unsigned int ifindex);

#endif
