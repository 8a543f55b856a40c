// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#define _GNU_SOURCE /* asprintf */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/ecbpf.h"
#include "xdp_fw/slots.h"

/**
 * struct known - a rule by what it is known by
 * @key: kind, and name or text
 * @index: in its plan
 */
struct known {
	char *key;
	uint32_t index;
};

static char *key_of(const struct fw_entry *entry)
{
	char *text = entry->rule->name ? strdup(entry->rule->name) : fw_rule_print(entry->rule);
	char *key = NULL;

	if (text && asprintf(&key, "%d%c%s", entry->kind, entry->rule->name ? 'n' : 't', text) < 0)
		key = NULL;
	free(text);
	return key;
}

static int known_order(const void *a, const void *b)
{
	const struct known *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static void known_free(struct known *known, size_t count)
{
	size_t i;

	for (i = 0; known && i < count; i++)
		free(known[i].key);
	free(known);
}

/* known_make - all entries of a plan, sorted by key and then by place */
static struct known *known_make(const struct fw_plan *plan)
{
	struct known *known = calloc(plan->count + 1, sizeof(*known));
	size_t i;

	for (i = 0; known && i < plan->count; i++) {
		known[i].index = i;
		known[i].key = key_of(&plan->entry[i]);
		if (!known[i].key) {
			known_free(known, i);
			return NULL;
		}
	}
	if (known)
		qsort(known, plan->count, sizeof(*known), known_order);
	return known;
}

#define NO_SLOT FW_SLOTS

/* inherit - both lists are sorted: equal keys meet, the first with the first */
static void inherit(const struct known *now, size_t count, struct fw_verdict_rule *rule,
		    const struct known *then, const struct fw_live *before)
{
	size_t i = 0, j = 0;
	int order;

	while (i < count && j < before->plan.count) {
		order = strcmp(now[i].key, then[j].key);
		if (!order)
			rule[now[i].index].slot = before->rule[then[j].index].slot;
		i += order <= 0;
		j += order >= 0;
	}
}

bool fw_slot_is_new(const struct fw_live *before, uint32_t slot)
{
	size_t i;

	for (i = 0; i < before->plan.count; i++)
		if (before->rule[i].slot == slot)
			return false;
	return true;
}

/* fill - rules without a slot take free ones, going round; all slots of @before are in use */
static void fill(size_t count, struct fw_verdict_rule *rule, const struct fw_live *before,
		 uint32_t *next, bool *used)
{
	size_t i;

	for (i = 0; before && i < before->plan.count; i++)
		used[before->rule[i].slot % FW_SLOTS] = true;
	for (i = 0; i < count; i++) {
		if (rule[i].slot != NO_SLOT)
			continue;
		while (used[*next])
			*next = (*next + 1) % FW_SLOTS;
		rule[i].slot = *next;
		used[*next] = true;
	}
}

int fw_slots_assign(const struct fw_plan *plan, struct fw_verdict_rule *rule,
		    const struct fw_live *before, uint32_t *next)
{
	bool *used = calloc(FW_SLOTS, sizeof(*used));
	struct known *now = known_make(plan), *then = before ? known_make(&before->plan) : NULL;
	int err = 0;
	size_t i;

	for (i = 0; i < plan->count; i++)
		rule[i].slot = NO_SLOT;
	*next = before ? before->header.next_slot % FW_SLOTS : 0;
	if (!used || !now || (before && !then)) {
		err = ecbpf_fail(-ENOMEM, "out of memory");
	} else {
		if (before)
			inherit(now, plan->count, rule, then, before);
		fill(plan->count, rule, before, next, used);
	}
	known_free(now, plan->count);
	known_free(then, before ? before->plan.count : 0);
	free(used);
	return err;
}
