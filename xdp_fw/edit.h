/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Edits of rulesets that several commands need. */
#ifndef XDP_FW_EDIT_H
#define XDP_FW_EDIT_H

#include <sys/types.h>

#include "xdp_fw/rule.h"

/**
 * fw_rule_find - index of a rule by its number (from 1) or its name
 * Return: -ENOENT; -EINVAL several have that name; ecbpf_error() says so.
 */
ssize_t fw_rule_find(const struct fw_rule *rule, size_t count, const char *which);

/** fw_protects_keep - put the protections of @from, which @set has not, before those of @set */
int fw_protects_keep(struct fw_ruleset *set, const struct fw_ruleset *from);

/** fw_protect_insert - takes @rule over; the last */
int fw_protect_insert(struct fw_ruleset *set, struct fw_rule *rule);

/** fw_protect_remove - and free */
void fw_protect_remove(struct fw_ruleset *set, size_t at);

#endif
