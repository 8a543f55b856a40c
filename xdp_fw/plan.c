// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The order in which the parts of a ruleset are asked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/plan.h"

#define SWITCHES 3 /* of hygiene, each with a rule of its own */

static const struct {
	enum fw_do action;
	unsigned int code;
} by_action[] = {
	[FW_DROP] = { FW_DO_DROP, ECBPF_CODE_FW_RULE },
	[FW_PASS] = { FW_DO_PASS, ECBPF_CODE_FW_PASS },
	[FW_LIMIT] = { FW_DO_LIMIT, ECBPF_CODE_FW_LIMIT },
	[FW_COUNT] = { FW_DO_COUNT, ECBPF_CODE_FW_COUNT },
	[FW_PROTECT] = { FW_DO_NEXT, ECBPF_CODE_FW_PROTECTED },
};

static void append_list(struct fw_plan *plan, enum fw_rule_kind kind, const struct fw_rule *rule,
			size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		plan->entry[plan->count++] = (struct fw_entry){
			.rule = &rule[i],
			.kind = kind,
			.number = i + 1,
			.action = by_action[rule[i].action].action,
			.code = by_action[rule[i].action].code,
		};
}

static int exempt(struct fw_addrs *dst, const struct ecbpf_prefix *local, size_t locals)
{
	if (!locals)
		return 0;
	dst->prefix = calloc(locals, sizeof(*local));
	if (!dst->prefix)
		return -ENOMEM;
	memcpy(dst->prefix, local, locals * sizeof(*local));
	dst->prefixes = locals;
	dst->given = true;
	dst->negated = true;
	return 0;
}

static int append_hygiene(struct fw_plan *plan, const struct ecbpf_prefix *local, size_t locals)
{
	const struct fw_hygiene *hygiene = &plan->set->hygiene;
	const struct {
		bool on;
		unsigned int fragment;
		enum fw_has options, malformed;
		enum fw_do action;
		unsigned int code;
	} switches[SWITCHES] = {
		{ hygiene->fragments, FW_FRAGMENT_FIRST | FW_FRAGMENT_LATER, FW_ANY, FW_ANY,
		  FW_DO_FRAGMENT, ECBPF_CODE_FW_FRAGMENT },
		{ hygiene->options, FW_FRAGMENT_ALL, FW_YES, FW_ANY, FW_DO_DROP,
		  ECBPF_CODE_FW_OPTIONS },
		{ hygiene->malformed, FW_FRAGMENT_ALL, FW_ANY, FW_YES, FW_DO_DROP,
		  ECBPF_CODE_FW_MALFORMED },
	};
	size_t i;

	for (i = 0; i < SWITCHES; i++) {
		if (!switches[i].on)
			continue;
		plan->own[i].action = FW_DROP;
		plan->own[i].fragment = switches[i].fragment;
		plan->own[i].options = switches[i].options;
		plan->own[i].malformed = switches[i].malformed;
		if (hygiene->local && exempt(&plan->own[i].dst, local, locals))
			return -ENOMEM;
		plan->entry[plan->count++] = (struct fw_entry){
			.rule = &plan->own[i],
			.kind = FW_KIND_HYGIENE,
			.number = i + 1,
			.action = switches[i].action,
			.code = switches[i].code,
		};
	}
	return 0;
}

int fw_plan_make(const struct fw_ruleset *set, const struct ecbpf_prefix *local, size_t locals,
		 struct fw_plan *plan)
{
	const struct fw_hygiene *hygiene = &set->hygiene;
	size_t count = set->protects + set->rules + hygiene->fragments + hygiene->options +
		       hygiene->malformed;

	memset(plan, 0, sizeof(*plan));
	if (count > FW_RULES_MAX)
		return ecbpf_fail(-E2BIG,
				  "%zu rules, protections and hygiene switches; at most %d fit",
				  count, FW_RULES_MAX);
	plan->set = set;
	plan->entry = calloc(count + 1, sizeof(*plan->entry));
	if (!plan->entry)
		goto out_memory;
	append_list(plan, FW_KIND_PROTECT, set->protect, set->protects);
	if (append_hygiene(plan, local, locals))
		goto out_memory;
	append_list(plan, FW_KIND_RULE, set->rule, set->rules);
	return 0;

out_memory:
	fw_plan_free(plan);
	return ecbpf_fail(-ENOMEM, "no memory for %zu rules", count);
}

void fw_plan_free(struct fw_plan *plan)
{
	size_t i;

	for (i = 0; i < SWITCHES; i++)
		free(plan->own[i].dst.prefix);
	free(plan->entry);
	memset(plan, 0, sizeof(*plan));
}
