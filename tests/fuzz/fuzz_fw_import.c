// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* libFuzzer: iptables text that is taken becomes rules of one family that our own text can say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdp_fw/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s\n", what, ecbpf_error());
	abort();
}

static void check(const struct fw_ruleset *set, int family)
{
	struct fw_ruleset again = {};
	char *first = fw_ruleset_print(set), *second;
	size_t i;

	for (i = 0; i < set->rules; i++)
		must(set->rule[i].family == family, "another family");
	must(first, "print");
	must(!fw_parse(first, strlen(first), &again), first);
	second = fw_ruleset_print(&again);
	must(second && !strcmp(first, second), "another text");
	free(first);
	free(second);
	fw_ruleset_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int family;

	for (family = 4; family <= 6; family += 2) {
		struct fw_ruleset set = {};

		if (fw_import((const char *)data, size, family, &set)) {
			must(strspn(ecbpf_error(), "0123456789") > 0, "no line");
			must(!set.rule, "an error leaves something");
			continue;
		}
		check(&set, family);
		fw_ruleset_free(&set);
	}
	return 0;
}
