// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fw_subject.h"

void subject_parse(struct subject *subject, const char *text)
{
	memset(subject, 0, sizeof(*subject));
	if (fw_parse(text, strlen(text), &subject->set))
		fail_msg("%s: %s", text, ecbpf_error());
}

struct fw_rule *subject_rules(struct subject *subject, size_t count)
{
	size_t i;

	memset(subject, 0, sizeof(*subject));
	subject->set.rules = count;
	subject->set.rule = calloc(count, sizeof(struct fw_rule));
	assert_non_null(subject->set.rule);
	for (i = 0; i < count; i++)
		subject->set.rule[i].fragment = FW_FRAGMENT_ALL;
	return subject->set.rule;
}

void subject_free(struct subject *subject)
{
	fw_compiled_free(&subject->compiled);
	fw_plan_free(&subject->plan);
	fw_ruleset_free(&subject->set);
}
