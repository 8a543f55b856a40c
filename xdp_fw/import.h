/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the lines of iptables-save (import.c) and the conditions in them; private to both. */
#ifndef XDP_FW_IMPORT_H
#define XDP_FW_IMPORT_H

#include "xdp_fw/parse.h"

/**
 * struct fw_import - state of one run over a text
 * @kind: of the rule's -p: an enum fw_upper_kind, or -1
 * @seen: bits of enum fw_field and enum fw_once in this rule
 * @negated: "!" is before the option
 * @module: -m tcp or -m udp or -m icmp has been there
 * @limited: hashlimit has been there; @above, @by_source, @named: with its options
 * @names, @name: hashlimit tables, each a rule's own
 * @drops: the chain's policy is DROP
 */
struct fw_import {
	struct fw_ruleset *set;
	int family;

	struct fw_rule rule;
	int kind;
	uint64_t seen;
	bool negated, module, limited, above, by_source, named, target;

	size_t names;
	struct fw_token *name;
	bool drops;
};

/**
 * fw_import_option - one option of a rule
 * @token: it and what is left of the line; @count of them
 * Return: how many tokens it takes; -EINVAL.
 */
int fw_import_option(struct fw_import *im, const struct fw_token *token, size_t count);

/** fw_import_rule_end - what can be said of the whole rule only; -EINVAL; @first: its first token */
int fw_import_rule_end(struct fw_import *im, const struct fw_token *first);

/* What options do, by the files that have them. @arg is of the table of options. */
int fw_import_ports(struct fw_import *im, const struct fw_token *value, int arg);
int fw_import_multiport(struct fw_import *im, const struct fw_token *value, int arg);
int fw_import_icmp(struct fw_import *im, const struct fw_token *value, int kind);
int fw_import_hop(struct fw_import *im, const struct fw_token *value, int how);
int fw_import_dscp(struct fw_import *im, const struct fw_token *value, int class);
int fw_import_flags(struct fw_import *im, const struct fw_token *mask,
		    const struct fw_token *flags);

/** fw_import_once - refuse a second condition on one field */
int fw_import_once(struct fw_import *im, unsigned int bit, const struct fw_token *token);

/* fw_import_hop() */
enum fw_import_how { FW_HOP_EQ, FW_HOP_LT, FW_HOP_GT };

#endif
