// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Memory of rules and rulesets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/rule.h"

static void upper_free(struct fw_upper *upper)
{
	free(upper->sport.range);
	free(upper->dport.range);
	free(upper->window.range);
	free(upper->type.range);
	free(upper->code.range);
}

static void addrs_free(struct fw_addrs *addrs)
{
	free(addrs->prefix);
	free(addrs->set);
}

void fw_rule_free(struct fw_rule *rule)
{
	int i;

	free(rule->length.range);
	free(rule->ttl.range);
	free(rule->dscp.range);
	free(rule->proto.range);
	free(rule->vlan.range);
	addrs_free(&rule->src);
	addrs_free(&rule->dst);
	for (i = 0; i < FW_UPPERS; i++)
		upper_free(&rule->upper[i]);
	free(rule->name);
	*rule = (struct fw_rule){};
}

static void rules_free(struct fw_rule *rule, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		fw_rule_free(&rule[i]);
	free(rule);
}

void fw_ruleset_free(struct fw_ruleset *set)
{
	rules_free(set->protect, set->protects);
	rules_free(set->rule, set->rules);
	free(set->test);
	*set = (struct fw_ruleset){};
}

int fw_ruleset_insert(struct fw_ruleset *set, size_t at, struct fw_rule *rule)
{
	struct fw_rule *grown = reallocarray(set->rule, set->rules + 1, sizeof(*grown));

	if (!grown)
		return ecbpf_fail(-ENOMEM, "out of memory");
	memmove(grown + at + 1, grown + at, (set->rules - at) * sizeof(*grown));
	grown[at] = *rule;
	*rule = (struct fw_rule){};
	set->rule = grown;
	set->rules++;
	return 0;
}

void fw_ruleset_remove(struct fw_ruleset *set, size_t at)
{
	fw_rule_free(&set->rule[at]);
	set->rules--;
	memmove(set->rule + at, set->rule + at + 1, (set->rules - at) * sizeof(*set->rule));
}
