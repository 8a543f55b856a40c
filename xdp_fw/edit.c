// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libecbpf/ecbpf.h"
#include "xdp_fw/edit.h"

ssize_t fw_rule_find(const struct fw_rule *rule, size_t count, const char *which)
{
	ssize_t found = -ENOENT;
	uint64_t number;
	size_t i;

	if (!ecbpf_parse_number(which, 1, UINT32_MAX, &number))
		return number <= count ?
			       (ssize_t)number - 1 :
			       ecbpf_fail(-ENOENT, "number %s: there are %zu", which, count);
	for (i = 0; i < count; i++) {
		if (!rule[i].name || strcmp(rule[i].name, which))
			continue;
		if (found >= 0)
			return ecbpf_fail(-EINVAL, "several are named \"%s\": say which number",
					  which);
		found = i;
	}
	return found < 0 ? ecbpf_fail(-ENOENT, "none is named \"%s\"", which) : found;
}

int fw_protect_insert(struct fw_ruleset *set, struct fw_rule *rule)
{
	struct fw_rule *more = realloc(set->protect, (set->protects + 1) * sizeof(*more));

	if (!more)
		return ecbpf_fail(-ENOMEM, "out of memory");
	set->protect = more;
	more[set->protects++] = *rule;
	memset(rule, 0, sizeof(*rule));
	return 0;
}

void fw_protect_remove(struct fw_ruleset *set, size_t at)
{
	fw_rule_free(&set->protect[at]);
	set->protects--;
	memmove(&set->protect[at], &set->protect[at + 1],
		(set->protects - at) * sizeof(*set->protect));
}

/* has_protect - one of the same text */
static int has_protect(const struct fw_ruleset *set, const char *text)
{
	size_t i;

	for (i = 0; i < set->protects; i++) {
		char *have = fw_rule_print(&set->protect[i]);
		int same = have ? !strcmp(have, text) : -ENOMEM;

		free(have);
		if (same)
			return same;
	}
	return 0;
}

int fw_protects_keep(struct fw_ruleset *set, const struct fw_ruleset *from)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < from->protects; i++) {
		char *text = fw_rule_print(&from->protect[i]);
		struct fw_ruleset copy = {};

		err = text ? has_protect(set, text) : -ENOMEM;
		if (!err)
			err = fw_parse(text, strlen(text), &copy);
		if (!err)
			err = fw_protect_insert(set, &copy.protect[0]);
		fw_ruleset_free(&copy);
		free(text);
		if (err > 0)
			err = 0;
	}
	return err == -ENOMEM ? ecbpf_fail(err, "out of memory") : err;
}
