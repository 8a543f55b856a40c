// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* libFuzzer: a text that parses prints as one that parses to the same, and prints so again. */
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

/* "LINE:COLUMN: cause", on one line, printable */
static void check_error(const char *error)
{
	size_t line = strspn(error, "0123456789"), column;

	must(line && error[line] == ':', "no line");
	column = strspn(error + line + 1, "0123456789");
	must(column && !strncmp(error + line + 1 + column, ": ", 2), "no column");
	for (; *error; error++)
		must(*error >= ' ' && *error < 0x7f, "not printable");
}

static void check_ruleset(const struct fw_ruleset *set)
{
	struct fw_ruleset again = {};
	char *first = fw_ruleset_print(set), *second;

	must(first, "print");
	must(!fw_parse(first, strlen(first), &again), first);
	must(again.rules == set->rules && again.protects == set->protects, "another number");
	must(again.fallback == set->fallback, "another default");
	second = fw_ruleset_print(&again);
	must(second && !strcmp(first, second), "another text");
	free(first);
	free(second);
	fw_ruleset_free(&again);
}

/* Each rule alone is the same as in its text. */
static void check_rule(const struct fw_rule *rule)
{
	struct fw_rule again = {};
	char *first = fw_rule_print(rule), *second;

	must(first && !fw_parse_rule(first, &again), "one rule");
	second = fw_rule_print(&again);
	must(second && !strcmp(first, second), "another rule");
	free(first);
	free(second);
	fw_rule_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fw_ruleset set = {};
	size_t i;

	if (fw_parse((const char *)data, size, &set)) {
		check_error(ecbpf_error());
		must(!set.rule && !set.protect && !set.test, "an error leaves something");
		return 0;
	}
	check_ruleset(&set);
	for (i = 0; i < set.rules; i++)
		check_rule(&set.rule[i]);
	fw_ruleset_free(&set);
	return 0;
}
