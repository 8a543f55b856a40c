/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Changes to a running firewall: each is a new generation, or an entry of a set. */
#ifndef XDP_FW_CHANGE_H
#define XDP_FW_CHANGE_H

#include "xdp_fw/document.h"
#include "xdp_fw/live.h"

struct fw_loaded;

/**
 * struct fw_change - what a command wants
 * @edit: changes a copy of the rules in force; returns 0 or -errno with ecbpf_error()
 * @arg: for @edit
 * @trial_s: as struct fw_load
 */
struct fw_change {
	int (*edit)(struct fw_ruleset *set, const struct fw_live *live, void *arg);
	void *arg;
	unsigned int trial_s;
};

/** fw_change - lock, edit, load; @loaded: or NULL. Either all of it is in force, or nothing changed */
int fw_change(const char *ifname, const struct fw_change *change, struct fw_loaded *loaded);

/**
 * fw_replace_all - load rules, and the sets whose contents are told with them, as one change
 * @live: opened for a change
 */
int fw_replace_all(struct fw_live *live, const struct fw_document *doc, unsigned int trial_s,
		   struct fw_loaded *loaded);

/** fw_replace_check - would fw_replace_all() do it? */
int fw_replace_check(struct fw_live *live, const struct fw_document *doc);

/**
 * fw_pool_grow - room for @more entries, and for @tags tags
 * @live: opened for a change; its pool is the larger one afterwards
 */
int fw_pool_grow(struct fw_live *live, uint64_t more, uint64_t tags);

#endif
